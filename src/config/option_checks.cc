// SPDX-License-Identifier: Apache-2.0
#include "config/option_checks.h"

#include "base/json_text.h"
#include "config/scalars.h"

#include <algorithm>

namespace millrace::config {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) noexcept { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_topic_character(char c) noexcept {
  return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-';
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

bool is_pipeline_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && text != "." && text != ".." &&
         std::ranges::all_of(text, is_topic_character);
}

bool is_topic_prefix(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 249 && std::ranges::all_of(text, is_topic_character);
}

bool is_slot_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 63 &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 63 && text.find('\0') == std::string_view::npos && is_utf8(text);
}

bool is_path(std::string_view text) noexcept {
  return !text.empty() && text.find('\0') == std::string_view::npos;
}

bool is_placeholder(std::string_view text) noexcept {
  if (!is_utf8(text)) return false;
  if (!text.starts_with("hex:")) return true;
  text.remove_prefix(4);
  return text.size() % 2 == 0 && std::ranges::all_of(text, is_hex);
}

bool split_listen_address(std::string_view text, std::string_view& host, std::string_view& port) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of("[]:") != std::string_view::npos) {
    return false;
  }
  const std::optional<std::int64_t> number = parse_integer(port);
  return !host.empty() && !port.empty() && is_digit(port.front()) && is_digit(port.back()) &&
         number.has_value() && *number <= 65'535;
}

bool is_listen_address(std::string_view text) noexcept {
  std::string_view host;
  std::string_view port;
  return text == "off" || split_listen_address(text, host, port);
}

bool is_broker_list(std::string_view text) noexcept {
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view broker = trimmed(text.substr(0, comma));
    if (broker.empty() || !std::ranges::all_of(broker, [](char c) { return c > ' ' && c != 0x7f; })) {
      return false;
    }
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace millrace::config
