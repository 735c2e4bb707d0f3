// SPDX-License-Identifier: Apache-2.0
// What targets ask of JSON that the product wrote: that a strict parser takes it, and what it says.
#pragma once
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

#include "input.h"

namespace millrace::fuzz {

/// The value; the text must be exactly one, in UTF-8.
inline boost::json::value parse_strictly(std::string_view json) {
  boost::json::error_code error;
  boost::json::value value = boost::json::parse({json.data(), json.size()}, error);
  require(!error);
  return value;
}

/// The characters of what must be a string.
inline std::string string_of(const boost::json::value& value) {
  require(value.is_string());
  return std::string(value.get_string().data(), value.get_string().size());
}

/// The bytes of what must be a string of base64 with padding.
inline std::string bytes_of_base64(const boost::json::value& value) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = string_of(value);
  require(text.size() % 4 == 0);
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.resize(text.size() - padding);
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t digit = kAlphabet.find(c);
    require(digit != std::string_view::npos);
    bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xFFFF;
    count += 6;
    if (count >= 8) bytes += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  require((bits & ((1U << count) - 1)) == 0);  // nothing is hidden in the last digit
  return bytes;
}

}  // namespace millrace::fuzz
