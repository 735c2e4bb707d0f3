// SPDX-License-Identifier: Apache-2.0
#include "control/http_session.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace millrace::control {
namespace http = boost::beast::http;
namespace {

// What a refused request still has on its way is read and thrown away up to here: closing a socket with
// unread bytes resets the connection, and the answer that says why would be lost with it.
constexpr std::size_t kDrainBytesMax = 256 * 1024;
constexpr std::chrono::seconds kDrainTimeout{1};

HttpResponse plain(unsigned status, std::string_view text) {
  return {status, "text/plain; charset=utf-8", std::string(text) + "\n"};
}

HttpResponse refusal(const boost::beast::error_code& error) {
  if (error == http::error::header_limit) return plain(431, "the request's header is too large");
  if (error == http::error::unexpected_body || error == http::error::body_limit) {
    return plain(413, "requests have no body here");
  }
  if (error == http::error::bad_version) return plain(505, "HTTP/1.0 and HTTP/1.1 are spoken here");
  return plain(400, "not an HTTP request: " + error.message());
}

// Errors of the parser, as opposed to those of the connection, deserve an answer.
bool is_bad_request(const boost::beast::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_version).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, const HttpServerOptions& options,
                         const HttpHandler& handler, std::size_t& open)
    : options_(options),
      handler_(handler),
      open_(open),
      stream_(std::move(socket)),
      buffer_(options.header_bytes_max) {
  ++open_;
}

HttpSession::~HttpSession() { --open_; }

void HttpSession::read() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(options_.header_bytes_max));
  parser_->body_limit(0);
  stream_.expires_after(options_.timeout);  // for the whole request, however slowly it comes
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](Error error, std::size_t) { self->on_read(error); });
}

void HttpSession::on_read(Error error) {
  if (error) {
    if (!is_bad_request(error)) return;  // closed, or too slow
    keep_alive_ = false;
    head_only_ = false;
    return write(refusal(error));
  }
  const auto& request = parser_->get();
  keep_alive_ = request.keep_alive();
  head_only_ = request.method() == http::verb::head;
  if (request.method() != http::verb::get && !head_only_) {
    keep_alive_ = false;
    return write(plain(405, "only GET and HEAD"));
  }
  const auto target = request.target();
  write(handler_(HttpRequest{{target.data(), target.size()}}));
}

void HttpSession::write(HttpResponse answer) {
  response_ = Response(static_cast<http::status>(answer.status), 11);
  response_.set(http::field::server, "millrace");
  response_.set(http::field::content_type, answer.content_type);
  response_.set(http::field::cache_control, "no-store");
  response_.set("X-Content-Type-Options", "nosniff");
  if (answer.status == 405) response_.set(http::field::allow, "GET, HEAD");
  response_.keep_alive(keep_alive_);
  response_.body() = std::move(answer.body);
  response_.prepare_payload();
  serializer_.emplace(response_);
  stream_.expires_after(options_.timeout);
  const auto done = [self = shared_from_this()](Error error, std::size_t) { self->on_write(error); };
  if (head_only_) {
    http::async_write_header(stream_, *serializer_, done);
  } else {
    http::async_write(stream_, *serializer_, done);
  }
}

void HttpSession::on_write(Error error) {
  if (error) return;
  if (keep_alive_) return read();
  close_after_answer();
}

void HttpSession::close_after_answer() {
  Error ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kDrainTimeout);
  drain();
}

void HttpSession::drain() {
  stream_.async_read_some(boost::asio::buffer(drained_),
                          [self = shared_from_this()](Error error, std::size_t bytes) {
                            self->drained_bytes_ += bytes;
                            if (!error && self->drained_bytes_ < kDrainBytesMax) self->drain();
                          });
}

}  // namespace millrace::control
