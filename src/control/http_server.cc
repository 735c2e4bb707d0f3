// SPDX-License-Identifier: Apache-2.0
#include "control/http_server.h"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "control/http_session.h"

namespace millrace::control {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {

constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 21\r\n\r\ntoo many "
    "connections\n";

absl::Status unusable(const Endpoint& endpoint, const boost::system::error_code& error) {
  const std::string text = "control: cannot listen on " + to_string(endpoint) + ": " + error.message();
  if (error == asio::error::address_in_use) return absl::AlreadyExistsError(text);
  return absl::UnavailableError(text);
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler handler, std::function<void()> tick)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        tick_(std::move(tick)),
        acceptor_(io_),
        timer_(io_),
        retry_(io_) {}

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status listen() {
    boost::system::error_code error;
    const std::string& host = options_.endpoint.host;
    const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
    if (error)
      return absl::InvalidArgumentError("control: \"" + host + "\" is not an IP address to listen on");
    const tcp::endpoint local(address, options_.endpoint.port);
    acceptor_.open(local.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(local, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return unusable(options_.endpoint, error);
    options_.endpoint.port = acceptor_.local_endpoint(error).port();
    return absl::OkStatus();
  }

  void run() {
    accept();
    arm_tick();
    // Signals belong to the thread that waits for them; a thread inherits its maker's mask.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { loop(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(thread_.native_handle(), "control");
  }

  const Endpoint& endpoint() const noexcept { return options_.endpoint; }

 private:
  void loop() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (
          const std::exception& e) {  // out of memory in a handler: that connection is gone, the next may do
        log_error("control", "request failed", {{"error", e.what()}});
      }
    }
  }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) {
        // Out of descriptors, most likely. At once it would fail again.
        retry_.expires_after(kAcceptRetry);
        retry_.async_wait([this](boost::system::error_code stopped) {
          if (!stopped) accept();
        });
        return;
      }
      if (open_ < options_.connections_max) {
        std::make_shared<HttpSession>(std::move(socket), options_, handler_, open_)->read();
      } else {
        socket.non_blocking(true, error);
        socket.send(asio::buffer(kTooMany), 0, error);
      }
      accept();
    });
  }

  void arm_tick() {
    timer_.expires_after(options_.tick_interval);
    timer_.async_wait([this](boost::system::error_code stopped) {
      if (stopped) return;
      arm_tick();
      tick_();
    });
  }

  HttpServerOptions options_;
  HttpHandler handler_;
  std::function<void()> tick_;
  std::size_t open_ = 0;  // sessions; they live in io_'s queue, so this outlives them
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  asio::steady_timer retry_;
  std::thread thread_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler,
                                                              std::function<void()> tick) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler), std::move(tick));
  if (absl::Status listening = impl->listen(); !listening.ok()) return listening;
  impl->run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

const Endpoint& HttpServer::endpoint() const noexcept { return impl_->endpoint(); }

}  // namespace millrace::control
