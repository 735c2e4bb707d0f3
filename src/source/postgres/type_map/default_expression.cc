// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/type_map/default_expression.h"

#include <absl/strings/ascii.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/concat.h"
#include "source/postgres/type_map/type_oids.h"

namespace millrace::postgres {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != kNone; }

bool consume_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_space(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return out;
}

/// True for what Java's '.' does not match in a pattern.
bool has_line_end(std::string_view text) {
  return text.find_first_of("\n\r") != kNone || contains(text, "\xC2\x85") ||
         contains(text, "\xE2\x80\xA8") || contains(text, "\xE2\x80\xA9");
}

/// A function call at the start, optionally behind one parenthesis: ^[(]?[A-Za-z0-9_.]+\(...\)
bool starts_with_call(std::string_view expression) {
  (void)consume_prefix(expression, "(");
  const std::size_t name = static_cast<std::size_t>(
      std::find_if_not(
          expression.begin(), expression.end(),
          [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }) -
      expression.begin());
  if (name == 0 || name == expression.size() || expression[name] != '(') return false;
  std::string_view arguments = expression.substr(name + 1);
  if (arguments.starts_with(")")) return true;
  const std::size_t close = arguments.find(')', 1);
  return close != kNone && !has_line_end(arguments.substr(0, close));
}

bool is_generated(std::string_view expression) {
  const std::string lower = lower_case(expression);
  constexpr std::array<std::string_view, 5> kKeywords = {"current_timestamp", "current_time", "current_date",
                                                         "localtime", "localtimestamp"};
  return starts_with_call(expression) ||
         std::find(kKeywords.begin(), kKeywords.end(), lower) != kKeywords.end();
}

/// The text between the first pair of single quotes with no line end between; the whole expression when it
/// holds no quote. A doubled quote ends the text, as it does in Debezium 3.6.
std::optional<std::string> literal(std::string_view expression) {
  if (!contains(expression, "'")) {
    if (expression.starts_with("NULL::")) return std::nullopt;
    return std::string(expression);
  }
  for (std::size_t open = expression.find('\''); open != kNone; open = expression.find('\'', open + 1)) {
    const std::size_t close = expression.find('\'', open + 1);
    if (close == kNone) return std::nullopt;
    const std::string_view text = expression.substr(open + 1, close - open - 1);
    if (!has_line_end(text)) return std::string(text);
  }
  return std::nullopt;
}

/// The literal, or the placeholder where a function makes the value.
std::optional<std::string> literal_or(std::string_view expression, std::string_view placeholder) {
  return is_generated(expression) ? std::string(placeholder) : literal(expression);
}

template <class Int>
std::optional<std::string> integer(std::string_view expression) {
  const std::optional<std::string> text = literal_or(expression, "0");
  if (!text) return std::nullopt;
  std::string_view digits = *text;
  if (!digits.starts_with("+-")) (void)consume_prefix(digits, "+");
  Int value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  return concat(value);
}

template <class Float>
std::optional<std::string> floating(std::string_view expression) {
  const std::optional<std::string> text = literal_or(expression, "0.0");
  if (!text) return std::nullopt;
  if (*text == "NaN" || *text == "Infinity" || *text == "-Infinity") return text;
  Float value{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || !std::isfinite(value))
    return std::nullopt;
  std::array<char, 64> shortest;
  const auto written = std::to_chars(shortest.data(), shortest.data() + shortest.size(), value);
  return std::string(shortest.data(), written.ptr);
}

/// numeric(p,s): a plain decimal number. Its scale is raised to the column's by the conversion.
std::optional<std::string> decimal(std::string_view expression) {
  std::optional<std::string> text = literal_or(expression, "0.0");
  if (!text) return std::nullopt;
  std::string_view digits = *text;
  if (!consume_prefix(digits, "-")) (void)consume_prefix(digits, "+");
  const std::size_t points = static_cast<std::size_t>(std::count(digits.begin(), digits.end(), '.'));
  if (points > 1 || digits.size() == points || digits.find_first_not_of("0123456789.") != kNone)
    return std::nullopt;
  if (text->front() == '+') text->erase(0, 1);
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

/// bit and varbit.
std::optional<std::string> bits(std::string_view expression, std::string_view placeholder, bool one_bit) {
  std::optional<std::string> text = literal_or(expression, placeholder);
  if (!text || text->find_first_not_of("01") != kNone || text->empty()) return std::nullopt;
  if (one_bit && text->size() != 1) return std::nullopt;  // a generated bit(1): the placeholder is no boolean
  return text;
}

/// A type's name in a cast: [schema.]name, either part in double quotes or not.
struct TypeName {
  std::string schema;
  std::string name;
};

std::optional<std::string> take_identifier(std::string_view& text) {
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find('.'), text.size());
    std::string out(text.substr(0, end));
    text.remove_prefix(end);
    return out.empty() ? std::nullopt : std::optional(std::move(out));
  }
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != '"') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '"') {
      out += text[i++];
    } else {
      text.remove_prefix(i + 1);
      return out;
    }
  }
  return std::nullopt;
}

std::optional<TypeName> parse_type_name(std::string_view text) {
  std::optional<std::string> first = take_identifier(text);
  if (!first) return std::nullopt;
  if (text.empty()) return TypeName{"", std::move(*first)};
  if (!consume_prefix(text, ".")) return std::nullopt;
  std::optional<std::string> second = take_identifier(text);
  if (!second || !text.empty()) return std::nullopt;
  return TypeName{std::move(*first), std::move(*second)};
}

/// An enum's literal label, when the cast names the enum. The label is taken as it stands between the quotes.
std::optional<std::string> enum_label(const TypeDescription& type, std::string_view expression) {
  const std::size_t cast = expression.rfind("::");
  if (cast == kNone) return std::nullopt;
  const std::optional<TypeName> name = parse_type_name(expression.substr(cast + 2));
  if (!name || name->name != type.name || (!name->schema.empty() && name->schema != type.schema))
    return std::nullopt;
  std::string_view label = expression.substr(0, cast);
  if (label.size() < 2 || label.front() != '\'' || label.back() != '\'') return std::nullopt;
  return std::string(label.substr(1, label.size() - 2));
}

/// nullopt where the type has no mapper at all.
std::optional<std::optional<std::string>> mapped(std::uint32_t oid, std::int32_t modifier,
                                                 const TypeDescription* type, std::string_view expression) {
  using Text = std::optional<std::string>;
  const std::string_view trimmed = stripped(expression);
  switch (oid) {
    case oid::kBool: {
      const Text text = literal_or(trimmed, "false");
      return text ? Text(lower_case(*text) == "true" ? "t" : "f") : std::nullopt;
    }
    case oid::kInt2:
      return integer<std::int16_t>(trimmed);
    case oid::kInt4:
      return integer<std::int32_t>(trimmed);
    case oid::kInt8:
      return integer<std::int64_t>(trimmed);
    case oid::kFloat4:
      return floating<float>(trimmed);
    case oid::kFloat8:
      return floating<double>(trimmed);
    case oid::kNumeric:
      if (modifier < 4) return Text();  // the value is a struct, and those cannot be defaults
      return decimal(trimmed);
    case oid::kText:
    case oid::kVarchar:
    case oid::kBpchar:
    case oid::kXml:
      return literal_or(expression, "");
    case oid::kJson:
    case oid::kJsonb:
      return literal_or(expression, "{}");
    case oid::kUuid: {
      Text text = literal_or(trimmed, "00000000-0000-0000-0000-000000000000");
      return text && is_uuid(*text) ? text : std::nullopt;
    }
    case oid::kDate:
      return literal_or(trimmed, "1970-01-01");
    case oid::kTime:
      return literal_or(trimmed, "00:00:00");
    case oid::kTimestamp:
      return literal_or(trimmed, "1970-01-01 00:00:00");
    case oid::kTimestamptz:
      return literal_or(trimmed, "1970-01-01 00:00:00+00");
    case oid::kInterval:
      return literal_or(trimmed, "00:00:00");
    case oid::kBit:
      return bits(trimmed, "00", modifier <= 1);
    case oid::kVarbit:
      return bits(trimmed, "0", modifier == 1);
    default:
      break;
  }
  if (type != nullptr && type->kind == 'e') return enum_label(*type, expression);
  return std::nullopt;
}

}  // namespace

DefaultText default_text(std::uint32_t oid, std::int32_t modifier, const TypeDescription* type,
                         std::string_view expression) {
  const auto text = mapped(oid, modifier, type, expression);
  if (!text) return {};  // the type carries no defaults: by contract, nothing to warn of
  const bool is_null = stripped(expression).starts_with("NULL::");
  return {*text, text->has_value() || is_null || (oid == oid::kNumeric && modifier < 4)};
}

}  // namespace millrace::postgres
