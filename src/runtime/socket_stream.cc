// SPDX-License-Identifier: Apache-2.0
#include "runtime/socket_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "runtime/send_queue.h"
#include "runtime/socket_options.h"

namespace millrace {
namespace {

bool try_again(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

class SocketStream final : public ByteStream {
 public:
  SocketStream(Reactor& reactor, int fd, std::function<void()> on_close)
      : reactor_(reactor),
        fd_(fd),
        on_close_(std::move(on_close)),
        // A reactor waits on blocking descriptors; libpq's are not.
        was_nonblocking_(set_nonblocking(fd, false)) {}
  ~SocketStream() override { close(); }

  void arm(std::span<std::byte> into) override {
    MILLRACE_CHECK(!armed_ && !into.empty(), "one receive at a time, into some room");
    armed_ = true;
    into_ = into;
    outcome_ = {};
    if (closed_) {
      outcome_.kind = ReadOutcome::Kind::kClosed;
    } else if (send_error_ != 0) {
      read_last_words();
    } else {
      receive();
    }
  }
  bool armed() const noexcept override { return armed_; }

  ReadOutcome take() override {
    if (!armed_ || outcome_.kind == ReadOutcome::Kind::kPending) return {};
    armed_ = false;
    return std::exchange(outcome_, {});
  }

  bool send(std::span<const std::byte> bytes) override {
    if (closed_ || send_error_ != 0) return true;
    if (!queue_.empty()) return queue_.push(bytes);
    // Nearly always there is room, and then the bytes are gone before this returns: a goodbye may be followed
    // by close().
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && !try_again(errno)) {
      fail_send(errno);
      return true;
    }
    queue_.push(bytes.subspan(n < 0 ? 0 : static_cast<std::size_t>(n)));
    send_next();
    return true;
  }
  bool sending() const noexcept override { return !closed_ && !queue_.empty(); }
  int send_error() const noexcept override { return send_error_; }

  bool prepare_for_pauses() noexcept override { return !closed_ && fix_window_within_host(fd_); }

  void close() override {
    if (std::exchange(closed_, true)) return;
    if (receiving_) reactor_.cancel_and_wait(&on_received_);
    if (sending_) reactor_.cancel_and_wait(&on_sent_);
    armed_ = false;
    outcome_ = {};
    queue_.clear();
    set_nonblocking(fd_, was_nonblocking_);
    if (on_close_) std::exchange(on_close_, nullptr)();
  }

 private:
  struct OnReceived final : Completion {
    explicit OnReceived(SocketStream& owner) : stream(owner) {}
    void complete(int result) override { stream.received(result); }
    SocketStream& stream;
  };
  struct OnSent final : Completion {
    explicit OnSent(SocketStream& owner) : stream(owner) {}
    void complete(int result) override { stream.sent(result); }
    SocketStream& stream;
  };

  void receive() {
    receiving_ = true;
    reactor_.receive(fd_, into_, &on_received_);
  }

  void received(int result) {
    receiving_ = false;
    if (closed_) return;
    if (result == -ECANCELED && send_error_ != 0) return read_last_words();
    if (result < 0 && try_again(-result)) return receive();
    set_outcome(result);
  }

  void set_outcome(int result) {
    if (result > 0) {
      outcome_.kind = ReadOutcome::Kind::kBytes;
      outcome_.bytes = static_cast<std::size_t>(result);
    } else if (result == 0) {
      outcome_.kind = ReadOutcome::Kind::kClosed;
    } else {
      outcome_.kind = ReadOutcome::Kind::kError;
      outcome_.error_number = -result;
    }
  }

  // After a failed send: what the server wrote before it went away says why it went.
  void read_last_words() {
    const ssize_t n = ::recv(fd_, into_.data(), into_.size(), MSG_DONTWAIT);
    set_outcome(n > 0 ? static_cast<int>(n) : -send_error_);
  }

  void send_next() {
    if (queue_.empty()) return;
    sending_ = true;
    reactor_.send(fd_, queue_.front(), &on_sent_);
  }

  void sent(int result) {
    sending_ = false;
    if (closed_) return;
    if (result < 0 && !try_again(-result)) return fail_send(-result);
    if (result > 0) queue_.consume(static_cast<std::size_t>(result));
    send_next();
  }

  void fail_send(int error) {
    send_error_ = error;
    queue_.clear();
    // The receive ends by itself when the connection is gone; when only the sending side is, it must be
    // ended.
    if (receiving_) reactor_.cancel(&on_received_);
  }

  Reactor& reactor_;
  const int fd_;
  std::function<void()> on_close_;
  const bool was_nonblocking_;
  bool closed_ = false;

  bool armed_ = false;
  bool receiving_ = false;  // the reactor has the span
  std::span<std::byte> into_;
  ReadOutcome outcome_;
  OnReceived on_received_{*this};

  bool sending_ = false;  // the reactor has the queue's front
  int send_error_ = 0;
  SendQueue queue_;
  OnSent on_sent_{*this};
};

}  // namespace

std::unique_ptr<ByteStream> make_socket_stream(Reactor& reactor, int fd, std::function<void()> on_close) {
  return std::make_unique<SocketStream>(reactor, fd, std::move(on_close));
}

}  // namespace millrace
