// SPDX-License-Identifier: Apache-2.0
// Input: op (128: an array of it), then what chooses the value. A value that a server could send becomes the
// same JSON from its text and from its binary form.
#include "input.h"
#include "source/postgres/convert/forms.h"
#include "strict_json.h"
#include "support/values/values.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  using postgres::Op;
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t chosen = fuzz::take_byte(input);
  const auto op = static_cast<Op>((chosen & 127) % static_cast<unsigned>(Op::kArray));
  const fuzz::TypedForms value =
      (chosen & 128) != 0 ? fuzz::make_array_forms(op, input) : fuzz::make_forms(op, input);
  const auto convert = [&](FieldKind kind, const std::string& wire) {
    return test::convert(value.conversion, kind, std::as_bytes(std::span(wire)));
  };
  const test::Converted from_text = convert(FieldKind::kText, value.forms.text);
  const test::Converted from_binary = convert(FieldKind::kBinary, value.forms.binary);
  fuzz::require(from_text.error.reason == from_binary.error.reason);
  // What a server sends is a value: only text that is not UTF-8 and what events have no form for may fail.
  const Reason reason = from_text.error.reason;
  fuzz::require(reason == Reason::kOk || reason == Reason::kBadUtf8 || reason == Reason::kUnrepresentable);
  fuzz::require(from_text.json == from_binary.json);
  if (reason == Reason::kOk) (void)fuzz::parse_strictly(from_text.json);
  return 0;
}
