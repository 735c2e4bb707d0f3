// SPDX-License-Identifier: Apache-2.0
// What HTTP server, client and pages say to each other; nothing of any library.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace millrace::control {

/// Views the server's buffer during the call. The method is GET or HEAD: others are refused before.
struct HttpRequest {
  std::string_view target;  ///< As it came: "/metrics?x=y".
  /// The target without its query.
  std::string_view path() const noexcept { return target.substr(0, target.find_first_of("?#")); }
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;
};

/// Answers a request. Called on the server's thread.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// Where the control server listens.
struct Endpoint {
  std::string host = "127.0.0.1";  ///< For listening an IP address or "localhost".
  std::uint16_t port = 0;          ///< 0 when listening: any free one.
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Reads "host:port", "[ipv6]:port" or ":port" (which is loopback). InvalidArgument says what is wrong.
absl::StatusOr<Endpoint> parse_endpoint(std::string_view text);

/// The other way; IPv6 addresses in brackets.
std::string to_string(const Endpoint& endpoint);

}  // namespace millrace::control
