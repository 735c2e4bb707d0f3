// SPDX-License-Identifier: Apache-2.0
// A small HTTP server for people, probes and scrapers: GET and HEAD, on a thread of its own, with narrow
// limits.
#pragma once
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "control/http_message.h"

namespace millrace::control {

struct HttpServerOptions {
  Endpoint endpoint;
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t connections_max = 64;  ///< One more is told 503 and closed.
  std::chrono::milliseconds timeout{
      10'000};  ///< For a whole request to arrive, and for a whole answer to be taken.
  std::chrono::milliseconds tick_interval{1'000};
};

/// Listens from start() until it is destroyed. Requests with a body are refused (413), other methods too
/// (405).
class HttpServer {
 public:
  /// @param handler  answers requests. @param tick  called every tick_interval; both on the server's thread,
  /// one at a time. @return InvalidArgument for an address that is none, AlreadyExists for a port in use,
  /// else Unavailable.
  static absl::StatusOr<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler,
                                                           std::function<void()> tick);
  /// Stops at once and joins the thread. Requests in progress are cut.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Where it listens, with the port it got.
  const Endpoint& endpoint() const noexcept;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
