// SPDX-License-Identifier: Apache-2.0
// One HTTP connection. Included by http_server.cc alone: it brings Beast with it.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>

#include "control/http_server.h"

namespace millrace::control {

/// Reads requests, hands them to the handler, writes answers, until the peer is done or too slow. Keeps
/// itself alive while an operation is under way. Owner: the server's thread.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  /// @param open  how many sessions there are; this one counts itself in and out. All three outlive the
  /// session.
  HttpSession(boost::asio::ip::tcp::socket socket, const HttpServerOptions& options,
              const HttpHandler& handler, std::size_t& open);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void read();

 private:
  using Error = boost::beast::error_code;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;

  void on_read(Error error);
  void write(HttpResponse answer);
  void on_write(Error error);
  void close_after_answer();
  void drain();

  const HttpServerOptions& options_;
  const HttpHandler& handler_;
  std::size_t& open_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::empty_body>> parser_;
  Response response_;
  bool head_only_ = false;
  bool keep_alive_ = false;
  std::optional<boost::beast::http::response_serializer<boost::beast::http::string_body>> serializer_;
  std::array<char, 4096> drained_{};
  std::size_t drained_bytes_ = 0;
};

}  // namespace millrace::control
