// SPDX-License-Identifier: Apache-2.0
// Input: op (128: an array of it), form (1: binary), argument (two bytes), then the bytes of one value.
// Whatever the bytes are, test::convert() finds all instruction sets and paddings of one mind and the output
// within what was reserved; the output is JSON of the op's kind, and what the wire says plainly comes back.
#include <limits>
#include <memory>
#include <string>

#include "source/postgres/convert/op.h"
#include "source/postgres/convert/reserve.h"
#include "strict_json.h"
#include "support/values/values.h"

namespace {

using namespace millrace;
using fuzz::require;
using postgres::Op;

/// Arguments as a type map can choose them, from whatever modifier the server sent.
std::int32_t argument_of(Op op, std::int32_t wild) {
  switch (op) {
    case Op::kDecimal:
      return wild % 1025;  // an 11-bit signed scale
    case Op::kMoney:
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(wild) % 19);
    case Op::kZonedTimestamp:
      return wild * 65'535;
    default:
      return 0;
  }
}

void check_number_between(const boost::json::value& json, std::int64_t least, std::int64_t most) {
  require(json.is_int64() && json.get_int64() >= least && json.get_int64() <= most);
}

template <class Int>
void check_integer(const boost::json::value& json) {
  check_number_between(json, std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max());
}

void check_float(const boost::json::value& json) {
  if (json.is_double()) return;
  const std::string word = fuzz::string_of(json);
  require(word == "NaN" || word == "Infinity" || word == "-Infinity");
}

void check_value(Op op, bool binary, std::string_view wire, const boost::json::value& json) {
  switch (op) {
    case Op::kBool:
    case Op::kBit1:
      return require(json.is_bool());
    case Op::kInt16:
      return check_integer<std::int16_t>(json);
    case Op::kInt32:
    case Op::kDate:
      return check_integer<std::int32_t>(json);
    case Op::kInt64:
    case Op::kTimestampMillis:
    case Op::kTimestampMicros:
    case Op::kInterval:
      return check_integer<std::int64_t>(json);
    case Op::kOid:
      return check_integer<std::uint32_t>(json);
    case Op::kTimeMillis:
      return check_number_between(json, 0, 86'400'000);
    case Op::kTimeMicros:
      return check_number_between(json, 0, 86'400'000'000);
    case Op::kFloat32:
    case Op::kFloat64:
      return check_float(json);
    case Op::kDecimal:
    case Op::kMoney:
      return require(!fuzz::bytes_of_base64(json).empty());
    case Op::kVariableDecimal:
      require(json.as_object().size() == 2 && json.at("scale").is_int64());
      return require(!fuzz::bytes_of_base64(json.at("value")).empty());
    case Op::kBytes:
      if (binary) return require(fuzz::bytes_of_base64(json) == wire);
      (void)fuzz::bytes_of_base64(json);
      return;
    case Op::kBits:
      return require(!fuzz::bytes_of_base64(json).ends_with('\0'));
    case Op::kPoint:
      require(json.as_object().size() == 4 && json.at("srid").is_null());
      check_float(json.at("x"));
      check_float(json.at("y"));
      return require(fuzz::bytes_of_base64(json.at("wkb")).size() == 21);
    case Op::kHstoreJson:
      return require(fuzz::parse_strictly(fuzz::string_of(json)).is_object());
    case Op::kText:
      return require(fuzz::string_of(json) == wire);
    case Op::kJsonb:
    case Op::kLtree:
      return require(fuzz::string_of(json) == wire.substr(binary ? 1 : 0));
    default: {
      const std::string text = fuzz::string_of(json);
      return require(binary || !postgres::writes_text(op) || text == wire);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t chosen = fuzz::take_byte(input);
  const auto op = static_cast<Op>((chosen & 127) % (static_cast<unsigned>(Op::kArray) + 1));
  const bool binary = (fuzz::take_byte(input) & 1) != 0;
  const auto wild = static_cast<std::int16_t>(fuzz::take_number(input, 2));
  Conversion conversion = postgres::make_conversion(op, argument_of(op, wild));
  const bool array = (chosen & 128) != 0;
  if (array) {
    auto element = std::make_shared<const Conversion>(std::move(conversion));
    conversion = postgres::make_conversion(Op::kArray);
    conversion.element = std::move(element);
  }
  const FieldView field{reinterpret_cast<const std::byte*>(data + (size - input.size())),
                        static_cast<std::uint32_t>(input.size()),
                        binary ? FieldKind::kBinary : FieldKind::kText};
  // A few bytes can be a number of 131,072 digits, which takes long and finds nothing that shorter ones do
  // not.
  constexpr std::size_t kExpandedMax = 16'384;
  if (postgres::worst_case_bytes(field, conversion) > kExpandedMax + 8 * input.size()) return 0;
  const test::Converted converted = test::convert(conversion, field.kind, field.bytes());
  if (converted.error) {
    require(converted.error.byte_offset <= input.size());
    return 0;
  }
  require(!binary || postgres::binary_supported(conversion));
  const boost::json::value json = fuzz::parse_strictly(converted.json);
  if (array) {
    require(json.is_array());
  } else {
    check_value(op, binary, fuzz::text_of(input), json);
  }
  return 0;
}
