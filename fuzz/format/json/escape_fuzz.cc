// SPDX-License-Identifier: Apache-2.0
// Input: what stands behind the text, then the text. Every instruction set escapes it the same, as much as
// was announced, and a parser reads the same text back; what is not UTF-8 is refused by all. The text of logs
// and reports is JSON whatever the bytes are.
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "base/json_text.h"
#include "format/json/json_writer.h"
#include "runtime/slab.h"
#include "strict_json.h"

namespace millrace::fuzz {
char* escape_with_avx2(std::string_view text, char* out) noexcept;  // escape_avx2.cc
}  // namespace millrace::fuzz

namespace {

using namespace millrace;
using fuzz::require;

using Escape = char* (*)(std::string_view, char*) noexcept;

std::optional<std::string> escaped(Escape escape, std::string_view text, std::size_t reserved) {
  const auto out = std::make_unique<char[]>(reserved + format::kWriteSlack);
  const char* const end = escape(text, out.get());
  if (end == nullptr) return std::nullopt;
  return std::string(out.get(), static_cast<std::size_t>(end - out.get()));
}

void check_base64(std::string_view text) {
  const auto out = std::make_unique<char[]>(text.size() * 2 + format::kWriteSlack);
  format::JsonWriter<format::Isa::kSse2> writer(out.get());
  writer.bytes(std::as_bytes(std::span(text)));
  const std::string json(out.get(), static_cast<std::size_t>(writer.position() - out.get()));
  require(fuzz::bytes_of_base64(fuzz::parse_strictly(json)) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t padding = fuzz::take_byte(input);
  const auto block = std::make_unique<char[]>(input.size() + kPadding);
  std::memset(block.get(), padding, input.size() + kPadding);
  if (!input.empty()) std::memcpy(block.get(), input.data(), input.size());
  const std::string_view text(block.get(), input.size());

  const std::size_t announced = format::escaped_bytes(text);
  const bool is_utf8 = format::utf8_error_offset(text) == text.size();
  // A text that is refused may have written more than was announced before the place was found.
  const std::size_t reserved = is_utf8 ? announced : 6 * text.size();
  const auto reference = escaped(format::escape_json<format::Isa::kScalar>, text, reserved);
  require(reference.has_value() == is_utf8);
  require(escaped(format::escape_json<format::Isa::kSse2>, text, reserved) == reference);
  if (format::best_isa() == format::Isa::kAvx2) {
    require(escaped(fuzz::escape_with_avx2, text, reserved) == reference);
  }
  if (reference) {
    require(reference->size() == announced);
    require(fuzz::string_of(fuzz::parse_strictly("\"" + *reference + "\"")) == text);
  }
  const std::string shown = fuzz::string_of(fuzz::parse_strictly(json_quoted(text)));
  require(!is_utf8 || shown == text);
  check_base64(text);
  return 0;
}
