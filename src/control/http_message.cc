// SPDX-License-Identifier: Apache-2.0
#include "control/http_message.h"

#include <charconv>

namespace millrace::control {
namespace {

absl::Status bad(std::string_view text, const char* why) {
  return absl::InvalidArgumentError("address \"" + std::string(text) + "\": " + why);
}

}  // namespace

absl::StatusOr<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad(text, "no port; write host:port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[')) {
    if (!host.ends_with(']') || host.size() < 4)
      return bad(text, "an IPv6 address is written [address]:port");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad(text, "an IPv6 address is written [address]:port");
  }
  for (const char c : host) {
    if (c <= ' ' || c == '[' || c == ']' || c == '/' || c == 0x7f)
      return bad(text, "the host has a character no host has");
  }
  Endpoint endpoint;
  if (!host.empty()) endpoint.host = host;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size())
    return bad(text, "the port is not a number to 65535");
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

}  // namespace millrace::control
