// SPDX-License-Identifier: Apache-2.0
// JSON onto a raw pointer: what a converter or a row loop calls, value by value.
//
// Nothing is checked for room: whoever makes a writer has reserved the worst case
// (source/postgres/convert/reserve.h) plus kWriteSlack. Commas come by themselves: an item or a field puts
// one unless '[' or '{' stands before it. Every other writer (Avro, Protobuf) has the same calls, except
// raw() and the composed strings' escapes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "format/json/base64.h"
#include "format/json/escape.h"
#include "format/json/float_text.h"
#include "format/json/isa.h"
#include "format/json/number_text.h"
#include "format/json/utf8.h"

namespace millrace::format {

/// How far stores may reach behind the bytes that count.
inline constexpr std::size_t kWriteSlack = 64;

/// Text arguments need kPadding readable bytes behind them unless the call says otherwise; what is there does
/// not matter.
template <Isa isa>
class JsonWriter {
 public:
  static constexpr Isa kIsa = isa;

  explicit JsonWriter(char* out) noexcept : out_(out) {}

  /// Behind the last byte written.
  char* position() const noexcept { return out_; }
  /// Takes back what was written behind `position`.
  void rewind(char* position) noexcept { out_ = position; }

  /// Copies finished JSON, such as a plan's constants.
  void raw(std::string_view json) noexcept { copy(json); }
  void raw(char c) noexcept { *out_++ = c; }

  void null() noexcept { put_word<4>("null"); }
  void boolean(bool value) noexcept {
    // Without a branch: values of a column are as good as random.
    constexpr std::uint32_t kTrue = 0x6575'7274;   // "true", first letter lowest
    constexpr std::uint32_t kFalse = 0x736C'6166;  // "fals"
    const std::uint32_t word = kFalse ^ ((kTrue ^ kFalse) & (std::uint32_t{0} - value));
    std::memcpy(out_, &word, sizeof word);
    out_[4] = 'e';
    out_ += 5 - value;
  }
  [[gnu::always_inline]] void integer(std::int64_t value) noexcept { out_ = put_integer(out_, value); }
  [[gnu::always_inline]] void integer(const IntegerText& digits) noexcept { out_ = digits.put(out_); }
  /// Digits that the caller has checked to be a JSON integer.
  void integer_text(std::string_view digits) noexcept { copy(digits); }

  void float64(double value) noexcept { out_ = put_float64(out_, value); }
  void float32(float value) noexcept { out_ = put_float32(out_, value); }
  /// A number in shortest decimal text; false, and nothing written, when it is none. Needs 8 bytes of
  /// padding.
  [[nodiscard]] bool float64_text(std::string_view text) noexcept {
    return keep(put_float64_text(out_, text));
  }
  [[nodiscard]] bool float32_text(std::string_view text) noexcept {
    return keep(put_float32_text(out_, text));
  }

  /// False, and nothing written, when the text is not UTF-8; error_offset() then says where.
  [[nodiscard]] bool string(std::string_view text) noexcept {
    *out_ = '"';
    char* const end = escape_json<isa>(text, out_ + 1);
    if (end == nullptr) return false;
    *end = '"';
    out_ = end + 1;
    return true;
  }
  static std::size_t error_offset(std::string_view text) noexcept { return utf8_error_offset(text); }
  /// Text of which the caller knows that it is ASCII and has nothing to escape.
  void ascii(std::string_view text) noexcept {
    *out_++ = '"';
    copy(text);
    *out_++ = '"';
  }

  /// The same, rendered in its place: render(out) writes up to kWriteSlack bytes and returns where they end,
  /// or nullptr. False, and nothing written, when it does.
  template <class Render>
  bool ascii_of(Render render) noexcept {
    *out_ = '"';
    char* const end = render(out_ + 1);
    if (end == nullptr) return false;
    *end = '"';
    out_ = end + 1;
    return true;
  }

  /// A string in parts, split between characters: begin_string(), any number of parts, end_string().
  void begin_string() noexcept { *out_++ = '"'; }
  [[nodiscard]] bool string_part(std::string_view text) noexcept {
    return keep(escape_json<isa>(text, out_));
  }
  void ascii_part(std::string_view text) noexcept { copy(text); }
  void ascii_part(char c) noexcept { *out_++ = c; }
  void end_string() noexcept { *out_++ = '"'; }

  /// Reads no padding.
  void bytes(std::span<const std::byte> value) noexcept {
    *out_ = '"';
    out_ = put_base64(value.data(), value.size(), out_ + 1);
    *out_++ = '"';
  }
  /// Up to eight bytes: the low `size` bytes of `value`, highest first.
  void short_bytes(std::uint64_t value, std::size_t size) noexcept {
    *out_ = '"';
    out_ = put_base64_short(value, size, out_ + 1);
    *out_++ = '"';
  }
  /// The bytes that hex digits stand for. False, and nothing written, unless they are pairs of hex digits. No
  /// padding.
  [[nodiscard]] bool bytes_of_hex(std::string_view hex) noexcept {
    *out_ = '"';
    char* const end = put_base64_of_hex(hex, out_ + 1);
    if (end == nullptr) return false;
    *end = '"';
    out_ = end + 1;
    return true;
  }
  /// `size` bytes that byte_at(i) computes, called once for each i in ascending order.
  template <class ByteAt>
  void bytes_from(std::size_t size, ByteAt byte_at) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(byte_at(i)); };
    *out_++ = '"';
    std::size_t i = 0;
    for (; size - i >= 3; i += 3) {
      const std::uint32_t first = at(i);
      const std::uint32_t second = at(i + 1);
      out_ = internal::put_base64_group(out_, first << 16 | second << 8 | at(i + 2));
    }
    if (i != size) {
      const bool two = size - i == 2;
      const std::uint32_t first = at(i);
      out_ = internal::put_base64_tail(out_, first, two ? at(i + 1) : 0, two);
    }
    *out_++ = '"';
  }

  void begin_array() noexcept { *out_++ = '['; }
  /// Before each element.
  void item() noexcept { comma_unless('['); }
  void end_array() noexcept { *out_++ = ']'; }

  void begin_struct() noexcept { *out_++ = '{'; }
  /// Before each field's value. The name needs no escapes and no padding.
  void field(std::string_view name) noexcept {
    comma_unless('{');
    *out_++ = '"';
    std::memcpy(out_, name.data(), name.size());
    out_ += name.size();
    *out_++ = '"';
    *out_++ = ':';
  }
  void end_struct() noexcept { *out_++ = '}'; }

 private:
  // A value never ends in '[' or '{': strings end in a quote.
  void comma_unless(char open) noexcept {
    *out_ = ',';
    out_ += out_[-1] != open;
  }
  bool keep(char* end) noexcept {
    if (end == nullptr) return false;
    out_ = end;
    return true;
  }
  template <std::size_t size>
  void put_word(const char* text) noexcept {
    std::memcpy(out_, text, size);
    out_ += size;
  }
  // In whole steps: the last one reads and writes past the end, which is cheaper than a copy of exact length.
  // The first step is half of the others: nearly all texts end in it.
  [[gnu::always_inline]] void copy(std::string_view text) noexcept {
    const char* const from = text.data();
    char* const to = out_;
    internal::copy_32<isa>(from, to);
    for (std::size_t at = 32; at < text.size(); at += 64) [[unlikely]] {
      internal::copy_32<isa>(from + at, to + at);
      internal::copy_32<isa>(from + at + 32, to + at + 32);
    }
    out_ = to + text.size();
  }

  char* out_;
};

}  // namespace millrace::format
