// SPDX-License-Identifier: Apache-2.0
#include "config/properties.h"

#include <charconv>
#include <cstdint>

namespace millrace::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }

std::string_view without_leading_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

std::string_view take_natural_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// A backslash continues the line unless it is itself escaped: an odd number of them at the end.
bool continues(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  const std::size_t backslashes = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return backslashes % 2 == 1;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// The escape after a backslash at the front of `text`; takes it off.
void append_escape(std::string& out, std::string_view& text) {
  const char c = text.front();
  text.remove_prefix(1);
  switch (c) {
    case 't':
      out += '\t';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 'f':
      out += '\f';
      return;
    case 'u': {
      std::uint32_t code = 0;
      const std::size_t digits = text.size() < 4 ? text.size() : 4;
      const auto [end, error] = std::from_chars(text.data(), text.data() + digits, code, 16);
      if (digits == 4 && error == std::errc{} && end == text.data() + 4) {
        append_utf8(out, code);
        text.remove_prefix(4);
        return;
      }
      out += c;
      return;
    }
    default:
      out += c;
      return;
  }
}

/// Reads up to an unescaped end character, or to the end when there is none to stop at.
std::string take_token(std::string_view& line, bool is_key) {
  std::string out;
  while (!line.empty()) {
    const char c = line.front();
    if (is_key && (is_blank(c) || c == '=' || c == ':')) break;
    line.remove_prefix(1);
    if (c == '\\' && !line.empty()) {
      append_escape(out, line);
    } else if (c != '\\') {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> find_property(std::string_view text, std::string_view key) {
  std::optional<std::string> found;
  while (!text.empty()) {
    const std::string_view first = without_leading_blanks(take_natural_line(text));
    if (first.empty() || first.front() == '#' || first.front() == '!') continue;
    std::string logical(first);
    while (continues(logical) && !text.empty()) {
      logical.pop_back();
      if (text.front() == '\n') text.remove_prefix(1);  // of a CR LF
      logical += without_leading_blanks(take_natural_line(text));
    }
    std::string_view line = logical;
    const std::string name = take_token(line, true);
    line = without_leading_blanks(line);
    if (!line.empty() && (line.front() == '=' || line.front() == ':'))
      line = without_leading_blanks(line.substr(1));
    if (name == key) found = take_token(line, false);
  }
  return found;
}

}  // namespace millrace::config
