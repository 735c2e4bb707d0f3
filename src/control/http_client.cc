// SPDX-License-Identifier: Apache-2.0
#include "control/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace millrace::control {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
namespace {

absl::Status failure(const Endpoint& endpoint, std::string_view doing, const beast::error_code& error) {
  const std::string text = to_string(endpoint) + ": " + std::string(doing) + ": " + error.message();
  if (error == beast::error::timeout) return absl::DeadlineExceededError(text);
  if (error.category() == http::make_error_code(http::error::bad_version).category())
    return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

// A request step by step; each step starts the next. The stream's timer, set once, ends whichever is under
// way.
class Exchange {
 public:
  Exchange(asio::io_context& io, const Endpoint& endpoint, std::string_view target)
      : endpoint_(endpoint), stream_(io), request_(http::verb::get, {target.data(), target.size()}, 11) {
    request_.set(http::field::host, to_string(endpoint));
    request_.set(http::field::user_agent, "millrace");
    request_.keep_alive(false);
    parser_.body_limit(kHttpBodyMax);
  }

  void start(const tcp::resolver::results_type& addresses, std::chrono::milliseconds timeout) {
    stream_.expires_after(timeout);
    stream_.async_connect(addresses, [this](beast::error_code error, const tcp::endpoint&) {
      if (error) return fail("connecting", error);
      http::async_write(stream_, request_, [this](beast::error_code written, std::size_t) {
        if (written) return fail("asking", written);
        http::async_read(stream_, buffer_, parser_, [this](beast::error_code read, std::size_t) {
          if (read) return fail("reading the answer", read);
          status_ = absl::OkStatus();
        });
      });
    });
  }

  absl::StatusOr<HttpResponse> result() {
    if (!status_.ok()) return status_;
    auto& answer = parser_.get();
    const auto type = answer[http::field::content_type];
    return HttpResponse{answer.result_int(), {type.data(), type.size()}, std::move(answer.body())};
  }

 private:
  void fail(std::string_view doing, const beast::error_code& error) {
    status_ = failure(endpoint_, doing, error);
  }

  const Endpoint& endpoint_;
  beast::tcp_stream stream_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  absl::Status status_ = absl::InternalError("the exchange did not end");
};

}  // namespace

absl::StatusOr<HttpResponse> http_get(const Endpoint& endpoint, std::string_view target,
                                      std::chrono::milliseconds timeout) {
  try {
    asio::io_context io{1};
    beast::error_code error;
    const auto addresses = tcp::resolver(io).resolve(endpoint.host, std::to_string(endpoint.port), error);
    if (error) return failure(endpoint, "resolving", error);
    Exchange exchange(io, endpoint, target);
    exchange.start(addresses, timeout);
    io.run();
    return exchange.result();
  } catch (const std::exception& e) {
    return absl::UnavailableError(to_string(endpoint) + ": " + e.what());
  }
}

}  // namespace millrace::control
