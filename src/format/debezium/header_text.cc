// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/header_text.h"
#include "base/concat.h"

#include <absl/strings/escaping.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <vector>

namespace millrace::debezium {
namespace {

/// Reads JSON that the encoder wrote: no blanks, no mistakes.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) {}

  char peek() const { return at_ < json_.size() ? json_[at_] : '\0'; }
  void skip() { ++at_; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  /// A number, true, false or null.
  std::string_view word() {
    const std::size_t end = std::min(json_.find_first_of(",]}", at_), json_.size());
    const std::string_view out = json_.substr(at_, end - at_);
    at_ = end;
    return out;
  }
  /// The inside of a string, escapes and all.
  std::string_view string() {
    const std::size_t begin = ++at_;
    while (at_ < json_.size() && json_[at_] != '"') at_ += json_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, json_.size());
    return json_.substr(begin, at_++ - begin);
  }

 private:
  std::string_view json_;
  std::size_t at_ = 0;
};

std::uint32_t hex4(std::string_view digits) {
  std::uint32_t value = 0;
  for (const char c : digits) {
    value = value << 4 | static_cast<std::uint32_t>(c <= '9' ? c - '0' : (c & 0xDF) - 'A' + 10);
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x1'0000) return put(0xFFFD);  // the encoder escapes no others below the surrogates
  put(0xF0 | point >> 18);
  put(0x80 | (point >> 12 & 0x3F));
  put(0x80 | (point >> 6 & 0x3F));
  put(0x80 | (point & 0x3F));
}

/// A JSON string's inside, with its escapes undone and only " and \ escaped again.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'b':
        out += '\b';
        break;
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'f':
        out += '\f';
        break;
      case 'r':
        out += '\r';
        break;
      case 'u': {
        std::uint32_t unit = hex4(text.substr(i + 1, 4));
        i += 4;
        if (unit >= 0xD800 && unit < 0xDC00) {  // the low surrogate follows as \uXXXX
          unit = 0x1'0000 + ((unit - 0xD800) << 10) + (hex4(text.substr(i + 3, 4)) - 0xDC00);
          i += 6;
        }
        append_utf8(out, unit);
        break;
      }
      default:  // " or backslash
        out += '\\';
        out += text[i];
    }
  }
  out += '"';
}

/// The decimal digits of a big-endian two's complement number, without sign.
std::string digits_of(std::string bytes, bool negative) {
  if (negative) {  // negate
    unsigned carry = 1;
    for (auto at = bytes.rbegin(); at != bytes.rend(); ++at) {
      carry += static_cast<unsigned char>(~*at);
      *at = static_cast<char>(static_cast<unsigned char>(carry));
      carry >>= 8;
    }
  }
  // Nine digits at a time, least first.
  std::vector<std::uint32_t> words;
  for (const char c : bytes) {
    std::uint64_t carry = static_cast<unsigned char>(c);
    for (std::uint32_t& word : words) {
      carry += std::uint64_t{word} << 8;
      word = static_cast<std::uint32_t>(carry % 1'000'000'000);
      carry /= 1'000'000'000;
    }
    if (carry != 0) words.push_back(static_cast<std::uint32_t>(carry));
  }
  if (words.empty()) return "0";
  std::string out = concat(words.back());
  for (auto word = words.rbegin() + 1; word != words.rend(); ++word) {
    absl::StrAppend(&out, absl::Dec(*word, absl::kZeroPad9));
  }
  return out;
}

/// java.math.BigDecimal.toString(): plain, or scientific for negative scales and below 1E-6.
void append_decimal(std::string& out, std::string_view base64, const Schema& schema) {
  std::string bytes;
  std::int64_t scale = 0;
  for (const auto& [name, value] : schema.parameters) {
    if (name == "scale") (void)absl::SimpleAtoi(value, &scale);
  }
  if (!absl::Base64Unescape({base64.data(), base64.size()}, &bytes) || bytes.empty()) return;
  const bool negative = (static_cast<unsigned char>(bytes.front()) & 0x80) != 0;
  std::string digits = digits_of(std::move(bytes), negative);
  const auto count = static_cast<std::int64_t>(digits.size());
  const std::int64_t exponent = count - 1 - scale;
  if (negative) out += '-';
  if (scale >= 0 && exponent >= -6) {
    if (count <= scale) digits.insert(0, static_cast<std::size_t>(scale - count + 1), '0');
    if (scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(scale), 1, '.');
    out += digits;
    return;
  }
  if (count > 1) digits.insert(1, 1, '.');
  append(out, digits, exponent == 0 ? "" : exponent > 0 ? "E+" : "E");
  if (exponent != 0) append(out, exponent);
}

void append_value(std::string& out, Scanner& in, const Schema& schema);

void append_struct(std::string& out, Scanner& in, const Schema& schema) {
  out += '{';
  in.skip();
  for (std::size_t i = 0; i < schema.fields.size() && in.peek() == '"'; ++i) {
    if (i != 0) out += ',';
    append_string(out, in.string());
    out += ':';
    in.skip();
    append_value(out, in, schema.fields[i].schema);
    in.take(',');
  }
  in.take('}');
  out += '}';
}

void append_array(std::string& out, Scanner& in, const Schema& items) {
  out += '[';
  in.skip();
  while (in.peek() != ']' && in.peek() != '\0') {
    append_value(out, in, items);
    if (in.take(',')) out += ',';
  }
  in.take(']');
  out += ']';
}

void append_value(std::string& out, Scanner& in, const Schema& schema) {
  if (in.peek() == '{') return append_struct(out, in, schema);
  if (in.peek() == '[' && schema.element != nullptr) return append_array(out, in, *schema.element);
  if (in.peek() != '"') {
    out += in.word();
    return;
  }
  const std::string_view text = in.string();
  switch (schema.type) {
    case SchemaType::kFloat32:
    case SchemaType::kFloat64:
      out += text;
      break;  // NaN and the infinities are quoted in JSON alone
    case SchemaType::kBytes:
      if (schema.name == "org.apache.kafka.connect.data.Decimal") {
        append_decimal(out, text, schema);
        break;
      }
      [[fallthrough]];
    default:
      append_string(out, text);
  }
}

}  // namespace

void append_header_text(std::string& out, std::string_view payload, const Schema& key) {
  Scanner in(payload);
  append_value(out, in, key);
}

}  // namespace millrace::debezium
