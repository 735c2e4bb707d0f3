// SPDX-License-Identifier: Apache-2.0
#include "format/topic_naming.h"

#include <absl/strings/ascii.h>

#include <algorithm>

namespace millrace {
namespace {

bool is_legal(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

/// Bytes of the UTF-8 character at the front of `text`; 1 where none begins.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  std::size_t length = 1;
  if (first >= 0xF0) {
    length = 4;
  } else if (first >= 0xE0) {
    length = 3;
  } else if (first >= 0xC0) {
    length = 2;
  }
  if (length > text.size()) return 1;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return length;
}

bool is_blank(std::string_view part) {
  return std::all_of(part.begin(), part.end(),
                     [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); });
}

}  // namespace

std::string sanitized_topic_name(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (std::size_t at = 0; at < name.size();) {
    const char c = name[at];
    if (is_legal(c)) {
      out += c;
      ++at;
      continue;
    }
    const std::size_t length = utf8_length(name.substr(at));
    out += length == 4 ? "__" : "_";  // four bytes of UTF-8 are two UTF-16 units
    at += length;
  }
  if (out.size() > kTopicNameMax) {
    out.resize(kTopicNameMax);
  } else if (out == ".") {
    out = "_";
  } else if (out == "..") {
    out = "__";
  }
  return out;
}

std::string TopicNaming::data_topic(std::string_view schema, std::string_view table) const {
  std::string joined;
  for (const std::string_view part : {std::string_view(prefix), schema, table}) {
    if (is_blank(part)) continue;
    if (!joined.empty()) joined += delimiter;
    joined += part;
  }
  return sanitized_topic_name(joined);
}

}  // namespace millrace
