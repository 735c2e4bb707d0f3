// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/forms.h"

#include <arpa/inet.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>

#include "input.h"

namespace millrace::fuzz {
namespace {

using postgres::Op;
using Input = std::span<const std::uint8_t>;

std::string counted_bytes(Input& input, std::size_t most) {
  const std::size_t size = take_byte(input) % (most + 1);
  std::string bytes;
  while (bytes.size() < size) bytes += static_cast<char>(take_byte(input));
  return bytes;
}

/// Text without the NUL that the server never has in it.
std::string counted_text(Input& input) {
  std::string text = counted_bytes(input, 40);
  for (char& c : text) {
    if (c == '\0') c = ' ';
  }
  return text;
}

std::string hex(const std::string& bytes, const std::string& between = {}) {
  std::string text;
  for (const char c : bytes) {
    if (!text.empty()) text += between;
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[c & 15];
  }
  return text;
}

template <class Int>
Forms integer(Input& input) {
  const auto value = static_cast<Int>(take_number(input, sizeof(Int)));
  return {std::to_string(value), big_endian(static_cast<std::uint64_t>(value), sizeof(Int))};
}

template <class Float>
std::string float_text(Float value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  std::array<char, 64> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

Forms float4(Input& input) {
  const auto bits = static_cast<std::uint32_t>(take_number(input, 4));
  return {float_text(std::bit_cast<float>(bits)), big_endian(bits, 4)};
}
Forms float8(Input& input) {
  const std::uint64_t bits = take_number(input, 8);
  return {float_text(std::bit_cast<double>(bits)), big_endian(bits, 8)};
}

Forms money(Input& input) {
  const auto cents = static_cast<std::int64_t>(take_number(input, 8));
  const auto bits = static_cast<std::uint64_t>(cents);
  const std::uint64_t magnitude = cents < 0 ? 0 - bits : bits;
  std::string whole = std::to_string(magnitude / 100);
  for (std::size_t at = whole.size(); at > 3; at -= 3) whole.insert(at - 3, ",");
  return {std::string(cents < 0 ? "-" : "") + "$" + whole + "." +
              static_cast<char>('0' + magnitude % 100 / 10) + static_cast<char>('0' + magnitude % 10),
          big_endian(static_cast<std::uint64_t>(cents), 8)};
}

Forms one_char(Input& input) {
  const unsigned byte = take_byte(input);
  std::string text(byte == 0 ? 0 : 1, static_cast<char>(byte));
  if (byte >= 0x80) {
    text = {'\\', static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8),
            static_cast<char>('0' + byte % 8)};
  }
  return {text, std::string(1, static_cast<char>(byte))};
}

Forms uuid(Input& input) {
  std::string bytes = big_endian(take_number(input, 8), 8);
  bytes += big_endian(take_number(input, 8), 8);
  std::string text = hex(bytes);
  for (const std::size_t at : {20U, 16U, 12U, 8U}) text.insert(at, "-");
  return {text, bytes};
}

Forms inet(Input& input) {
  const std::uint8_t options = take_byte(input);
  const bool v6 = (options & 1) != 0;
  const bool cidr = (options & 2) != 0;
  const unsigned bits_max = v6 ? 128 : 32;
  const unsigned bits = (options & 4) != 0 ? bits_max : take_byte(input) % (bits_max + 1);
  std::string address;
  while (address.size() < bits_max / 8) address += static_cast<char>(take_byte(input));
  std::array<char, 64> text;
  require(inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), text.data(), text.size()) != nullptr);
  Forms forms{text.data(),
              {static_cast<char>(v6 ? 3 : 2), static_cast<char>(bits), cidr ? '\1' : '\0',
               static_cast<char>(address.size())}};
  forms.binary += address;
  if (cidr || bits != bits_max) forms.text += "/" + std::to_string(bits);
  return forms;
}

/// Sessions ask for hex; a default may still be in the older form.
Forms bytea(Input& input, bool alone) {
  const bool escaped = (take_byte(input) & 1) != 0 && alone;
  const std::string bytes = counted_bytes(input, 60);
  if (!escaped) return {"\\x" + hex(bytes), bytes};
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      text += "\\\\";
    } else if (byte < 0x20 || byte > 0x7E) {
      text += {'\\', static_cast<char>('0' + byte / 64), static_cast<char>('0' + byte / 8 % 8),
               static_cast<char>('0' + byte % 8)};
    } else {
      text += c;
    }
  }
  return {text, bytes};
}

Forms bits(Input& input, bool one) {
  const unsigned count = one ? 1 : take_byte(input);
  std::string text;
  std::string bytes((count + 7) / 8, '\0');
  for (unsigned i = 0; i < count; ++i) {
    const bool set = (take_byte(input) & 1) != 0;
    text += set ? '1' : '0';
    if (set) bytes[i / 8] = static_cast<char>(bytes[i / 8] | 0x80 >> i % 8);
  }
  return {text, big_endian(count, 4) + bytes};
}

/// A date or timestamp that PostgreSQL can hold; its infinities now and then.
std::int64_t instant(Op op, Input& input) {
  const std::uint64_t wild = take_number(input, op == Op::kDate ? 4 : 8);
  if (op == Op::kDate) {
    constexpr std::int64_t kLeast = -2'451'545;   // 4714-11-24 BC
    constexpr std::int64_t kEnd = 2'145'031'949;  // 5874898-01-01
    if (wild == 0x7FFF'FFFF) return std::numeric_limits<std::int32_t>::max();
    if (wild == 0x8000'0000) return std::numeric_limits<std::int32_t>::min();
    return kLeast + static_cast<std::int64_t>(wild % (kEnd - kLeast));
  }
  constexpr std::int64_t kLeast = -211'813'488'000'000'000;  // 4714-11-24 BC
  constexpr std::int64_t kEnd = 9'223'371'331'200'000'000;   // 294277-01-01
  if (wild == 0x7FFF'FFFF'FFFF'FFFF) return std::numeric_limits<std::int64_t>::max();
  if (wild == 0x8000'0000'0000'0000) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(
      static_cast<std::uint64_t>(kLeast) +
      wild % (static_cast<std::uint64_t>(kEnd) - static_cast<std::uint64_t>(kLeast)));
}

Forms temporal(Op op, Input& input) {
  const std::int64_t value = instant(op, input);
  return {temporal_text(op, value), big_endian(static_cast<std::uint64_t>(value), op == Op::kDate ? 4 : 8)};
}

std::int64_t time_of_day(Input& input) {
  return static_cast<std::int64_t>(take_number(input, 8) % 86'400'000'001);
}

Forms time(Input& input) {
  const std::int64_t us = time_of_day(input);
  return {temporal_text(Op::kTimeMicros, us), big_endian(static_cast<std::uint64_t>(us), 8)};
}

Forms zoned_time(Input& input) {
  const std::int64_t us = time_of_day(input);
  constexpr int kZoneMax = 16 * 3600 - 1;
  const int west = static_cast<int>(take_number(input, 3) % (2 * kZoneMax + 1)) - kZoneMax;
  const auto two = [](int value) {
    return std::string{static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
  };
  const int zone = std::abs(west);
  std::string text = temporal_text(Op::kTimeMicros, us) + (west > 0 ? "-" : "+") + two(zone / 3600);
  if (zone % 3600 != 0) text += ":" + two(zone / 60 % 60);
  if (zone % 60 != 0) text += ":" + two(zone % 60);
  return {text,
          big_endian(static_cast<std::uint64_t>(us), 8) + big_endian(static_cast<std::uint32_t>(west), 4)};
}

/// interval_out with IntervalStyle postgres.
Forms interval(Input& input) {
  const auto time = static_cast<std::int64_t>(take_number(input, 8));
  const auto days = static_cast<std::int32_t>(take_number(input, 4));
  const auto months = static_cast<std::int32_t>(take_number(input, 4));
  std::string text;
  bool before = false;
  const auto part = [&](std::int32_t value, const std::string& unit) {
    if (value == 0) return;
    text += (text.empty() ? "" : " ") + std::string(before && value > 0 ? "+" : "") + std::to_string(value) +
            " " + unit + (value != 1 ? "s" : "");
    before = value < 0;
  };
  part(months / 12, "year");
  part(months % 12, "mon");
  part(days, "day");
  if (text.empty() || time != 0) {
    const std::uint64_t magnitude =
        time < 0 ? 0 - static_cast<std::uint64_t>(time) : static_cast<std::uint64_t>(time);
    const std::uint64_t hours = magnitude / 3'600'000'000;
    text += (text.empty() ? "" : " ") +
            std::string(time < 0 ? "-"
                        : before ? "+"
                                 : "") +
            (hours < 10 ? "0" : "") + std::to_string(hours) +
            temporal_text(Op::kTimeMicros, static_cast<std::int64_t>(magnitude % 3'600'000'000)).substr(2);
  }
  constexpr auto kTime = std::numeric_limits<std::int64_t>::max();
  constexpr auto kPart = std::numeric_limits<std::int32_t>::max();
  if (time == kTime && days == kPart && months == kPart) text = "infinity";
  if (time == -kTime - 1 && days == -kPart - 1 && months == -kPart - 1) text = "-infinity";
  return {text, big_endian(static_cast<std::uint64_t>(time), 8) +
                    big_endian(static_cast<std::uint32_t>(days), 4) +
                    big_endian(static_cast<std::uint32_t>(months), 4)};
}

Forms range(Op op, Input& input) {
  const auto bound = [&]() -> Forms {
    int scale = 0;
    switch (op) {
      case Op::kInt4Range:
        return integer<std::int32_t>(input);
      case Op::kInt8Range:
        return integer<std::int64_t>(input);
      case Op::kNumRange:
        return numeric_forms(input, scale);
      case Op::kDateRange:
        return temporal(Op::kDate, input);
      default:
        return temporal(op == Op::kTsRange ? Op::kTimestampMicros : Op::kZonedTimestamp, input);
    }
  };
  const unsigned flags = take_byte(input) & 0x1F;
  if ((flags & 1) != 0) return {"empty", std::string(1, '\1')};
  Forms forms{(flags & 2) != 0 ? "[" : "(", std::string(1, static_cast<char>(flags))};
  for (const unsigned infinite : {8U, 16U}) {
    if (infinite == 16) forms.text += ",";
    if ((flags & infinite) != 0) continue;
    const Forms one = bound();
    const bool quoted = one.text.find(' ') != std::string::npos;
    forms.text += quoted ? "\"" + one.text + "\"" : one.text;
    forms.binary += big_endian(one.binary.size(), 4) + one.binary;
  }
  forms.text += (flags & 4) != 0 ? "]" : ")";
  return forms;
}

Forms tsvector(Input& input) {
  const unsigned lexemes = take_byte(input) % 5;
  Forms forms{{}, big_endian(lexemes, 4)};
  for (unsigned i = 0; i < lexemes; ++i) {
    const std::string lexeme = counted_text(input);
    forms.text += i == 0 ? "'" : " '";
    for (const char c : lexeme) forms.text += (c == '\'' || c == '\\' ? std::string(1, c) : "") + c;
    forms.text += "'";
    const unsigned positions = take_byte(input) % 4;
    forms.binary += lexeme + std::string(1, '\0') + big_endian(positions, 2);
    for (unsigned k = 0; k < positions; ++k) {
      const auto entry = static_cast<unsigned>(take_number(input, 2));
      forms.binary += big_endian(entry, 2);
      forms.text += (k == 0 ? ":" : ",") + std::to_string(entry % 0x4000);
      if (entry >= 0x4000) forms.text += "DCBA"[entry / 0x4000];
    }
  }
  return forms;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
  return out + "\"";
}

Forms hstore(Input& input) {
  const unsigned pairs = take_byte(input) % 6;
  Forms forms{{}, big_endian(pairs, 4)};
  for (unsigned i = 0; i < pairs; ++i) {
    const std::string key = counted_text(input);
    const bool null = take_byte(input) % 4 == 0;
    const std::string value = null ? std::string() : counted_text(input);
    forms.text += (i == 0 ? "" : ", ") + quoted(key) + "=>" + (null ? "NULL" : quoted(value));
    forms.binary += big_endian(key.size(), 4) + key;
    forms.binary += null ? big_endian(0xFFFF'FFFF, 4) : big_endian(value.size(), 4) + value;
  }
  return forms;
}

Forms point(Input& input) {
  const Forms x = float8(input);
  const Forms y = float8(input);
  return {"(" + x.text + "," + y.text + ")", x.binary + y.binary};
}

Forms versioned_text(Input& input) {
  const std::string text = counted_text(input);
  return {text, "\1" + text};
}

Forms forms_of(Op op, Input& input, bool alone, std::int32_t& argument) {
  switch (op) {
    case Op::kBool: {
      const bool yes = (take_byte(input) & 1) != 0;
      return {yes ? "t" : "f", std::string(1, yes ? '\1' : '\0')};
    }
    case Op::kInt16:
      return integer<std::int16_t>(input);
    case Op::kInt32:
      return integer<std::int32_t>(input);
    case Op::kInt64:
      return integer<std::int64_t>(input);
    case Op::kOid:
      return integer<std::uint32_t>(input);
    case Op::kFloat32:
      return float4(input);
    case Op::kFloat64:
      return float8(input);
    case Op::kDecimal:
    case Op::kVariableDecimal:
      return numeric_forms(input, argument);
    case Op::kMoney:
      argument = take_byte(input) % 6;
      return money(input);
    case Op::kChar:
      return one_char(input);
    case Op::kJsonb:
    case Op::kLtree:
      return versioned_text(input);
    case Op::kUuid:
      return uuid(input);
    case Op::kInet:
      return inet(input);
    case Op::kMacaddr: {
      const std::uint64_t value = take_number(input, 6);
      const std::string bytes = big_endian(value, (take_byte(input) & 1) != 0 ? 8 : 6);
      return {hex(bytes, ":"), bytes};
    }
    case Op::kBytes:
      return bytea(input, alone);
    case Op::kBit1:
    case Op::kBits:
      return bits(input, op == Op::kBit1);
    case Op::kTimeMillis:
    case Op::kTimeMicros:
      return time(input);
    case Op::kZonedTimestamp:
      argument = take_byte(input) % 7;
      return temporal(op, input);
    case Op::kDate:
    case Op::kTimestampMillis:
    case Op::kTimestampMicros:
      return temporal(op, input);
    case Op::kZonedTime:
      return zoned_time(input);
    case Op::kInterval:
      return interval(input);
    case Op::kInt4Range:
    case Op::kInt8Range:
    case Op::kNumRange:
    case Op::kTsRange:
    case Op::kTstzRange:
    case Op::kDateRange:
      return range(op, input);
    case Op::kTsvector:
      return tsvector(input);
    case Op::kHstoreJson:
      return hstore(input);
    case Op::kPoint:
      return point(input);
    default: {
      const std::string text = counted_text(input);
      return {text, text};
    }
  }
}

Op with_two_forms(Op op) {
  return op == Op::kNone || op == Op::kServerText || op == Op::kArray ? Op::kText : op;
}

bool needs_quotes(const std::string& element) {
  std::string lower;
  for (const char c : element) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return element.empty() || lower == "null" ||
         element.find_first_of("\"\\{}, \t\n\r\v\f") != std::string::npos;
}

}  // namespace

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i));
  return out;
}

/// numeric_out of digits in base 10,000.
Forms numeric_forms(Input& input, int& scale) {
  const std::uint8_t head = take_byte(input);
  if (head % 16 == 15) {
    constexpr std::array<std::uint16_t, 3> kSigns = {0xC000, 0xD000, 0xF000};
    const std::size_t which = head / 16 % 3;
    constexpr std::array<const char*, 3> kWords = {"NaN", "Infinity", "-Infinity"};
    return {kWords[which], std::string(4, '\0') + big_endian(kSigns[which], 2) + std::string(2, '\0')};
  }
  std::string digits;  // four characters each
  const std::size_t count = take_byte(input) % 8 * (head / 64 == 3 ? 9 : 1);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string digit = std::to_string(take_number(input, 2) % 10'000);
    digits += std::string(4 - digit.size(), '0') + digit;
  }
  int weight = take_byte(input) % 12 - 4;
  const int more_scale = take_byte(input) % 5;
  while (digits.starts_with("0000")) {
    digits.erase(0, 4);
    --weight;
  }
  while (digits.ends_with("0000")) digits.erase(digits.size() - 4);
  if (digits.empty()) weight = 0;
  const int fraction_digits = static_cast<int>(digits.size()) - 4 * (weight + 1);
  scale = std::max(fraction_digits, 0) + more_scale;
  const bool negative = (head & 16) != 0 && !digits.empty();
  Forms forms{negative ? "-" : "",
              big_endian(digits.size() / 4, 2) + big_endian(static_cast<std::uint16_t>(weight), 2) +
                  big_endian(negative ? 0x4000 : 0, 2) + big_endian(static_cast<unsigned>(scale), 2)};
  for (std::size_t at = 0; at < digits.size(); at += 4) {
    forms.binary += big_endian(static_cast<std::uint64_t>(std::stoi(digits.substr(at, 4))), 2);
  }
  // Position 0 is the digit right of the point; digits has position -4 (weight + 1) first.
  const auto at = [&](int position) {
    const int index = position + 4 * (weight + 1);
    return index < 0 || index >= static_cast<int>(digits.size()) ? '0'
                                                                 : digits[static_cast<std::size_t>(index)];
  };
  std::string whole;
  for (int position = -4 * (weight + 1); position < 0; ++position) whole += at(position);
  whole.erase(0, whole.find_first_not_of('0'));
  forms.text += whole.empty() ? "0" : whole;
  if (scale > 0) forms.text += ".";
  for (int position = 0; position < scale; ++position) forms.text += at(position);
  return forms;
}

TypedForms make_forms(Op op, Input& input) {
  op = with_two_forms(op);
  std::int32_t argument = 0;
  Forms forms = forms_of(op, input, true, argument);
  return {postgres::make_conversion(op, argument), std::move(forms)};
}

TypedForms make_array_forms(Op op, Input& input) {
  op = with_two_forms(op);
  const unsigned count = take_byte(input) % 5;
  const bool has_bounds = (take_byte(input) & 7) == 0;
  std::int32_t argument = 0;
  std::string elements_text;
  std::string elements_binary;
  for (unsigned i = 0; i < count; ++i) {
    elements_text += i == 0 ? "" : ",";
    if (take_byte(input) % 8 == 0) {
      elements_text += "NULL";
      elements_binary += big_endian(0xFFFF'FFFF, 4);
      continue;
    }
    std::int32_t own = 0;
    const Forms element = forms_of(op, input, false, own);
    // A column has one scale: the text of others is not what the server would send.
    if (op == Op::kDecimal && i != 0 && own != argument) return make_forms(Op::kText, input);
    argument = own;
    elements_text += needs_quotes(element.text) ? quoted(element.text) : element.text;
    elements_binary += big_endian(element.binary.size(), 4) + element.binary;
  }
  TypedForms typed;
  typed.conversion = postgres::make_conversion(Op::kArray);
  typed.conversion.element = std::make_shared<const Conversion>(postgres::make_conversion(op, argument));
  const bool bounds = has_bounds && count != 0;
  typed.forms.text = (bounds ? "[2:" + std::to_string(count + 1) + "]={" : "{") + elements_text + "}";
  typed.forms.binary = big_endian(count == 0 ? 0 : 1, 4) + big_endian(0, 4) + big_endian(25, 4);
  if (count != 0)
    typed.forms.binary += big_endian(count, 4) + big_endian(bounds ? 2 : 1, 4) + elements_binary;
  return typed;
}

}  // namespace millrace::fuzz
