// SPDX-License-Identifier: Apache-2.0
#include "runtime/tls_stream.h"

#include <absl/strings/str_cat.h>
#include <openssl/err.h>
#include <poll.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "runtime/send_queue.h"
#include "runtime/socket_options.h"

namespace millrace {
namespace {

// Several records a kernel read. A record is at most 16 KiB, and the walsender makes one a row.
constexpr std::size_t kReadAheadBytes = 128 * 1024;

struct TlsFailure {
  int error_number = 0;
  std::string detail;
};

// Why the last call failed, out of OpenSSL's queue, which is empty afterwards.
TlsFailure failure_of(int ssl_error, int saved_errno) {
  TlsFailure failure{ssl_error == SSL_ERROR_SYSCALL ? saved_errno : EPROTO, {}};
  for (unsigned long code = 0; (code = ERR_get_error()) != 0;) {
    const bool eof =
        ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (eof) failure.error_number = ECONNRESET;
    const char* const reason = ERR_reason_error_string(code);
    absl::StrAppend(&failure.detail, failure.detail.empty() ? "" : "; ",
                    reason != nullptr ? std::string(reason) : absl::StrCat("OpenSSL error ", code));
  }
  if (failure.error_number == 0) failure.error_number = ECONNRESET;
  if (failure.detail.empty() && ssl_error == SSL_ERROR_SYSCALL && saved_errno == 0) {
    failure.detail = "the connection ended without a TLS goodbye";
  }
  return failure;
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(Reactor& reactor, int fd, SSL* ssl, std::function<void()> on_close)
      : reactor_(reactor),
        fd_(fd),
        ssl_(ssl),
        on_close_(std::move(on_close)),
        was_nonblocking_(set_nonblocking(fd, true)) {
    SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(ssl_, 1);
    SSL_set_default_read_buffer_len(ssl_, kReadAheadBytes);
    // The buffer was made for the handshake; freed while empty, it comes back in the new size. When it is not
    // empty the old size goes on, which is correct, only slower.
    SSL_free_buffers(ssl_);
    if (SSL_get_rbio(ssl_) == nullptr) SSL_set_fd(ssl_, fd_);
  }
  ~TlsStream() override { close(); }

  void arm(std::span<std::byte> into) override {
    MILLRACE_CHECK(!armed_ && !into.empty(), "one receive at a time, into some room");
    armed_ = true;
    into_ = into;
    outcome_ = {};
    if (closed_) outcome_.kind = ReadOutcome::Kind::kClosed;
    // OpenSSL may hold bytes for which the socket will never become readable: ask it before waiting.
    move_on();
  }
  bool armed() const noexcept override { return armed_; }

  ReadOutcome take() override {
    if (!armed_ || outcome_.kind == ReadOutcome::Kind::kPending) return {};
    armed_ = false;
    return std::exchange(outcome_, {});
  }

  bool send(std::span<const std::byte> bytes) override {
    if (closed_ || send_error_ != 0) return true;
    const bool idle = queue_.empty();
    if (!queue_.push(bytes)) return false;
    if (idle) move_on();
    return true;
  }
  bool sending() const noexcept override { return !closed_ && !queue_.empty(); }
  int send_error() const noexcept override { return send_error_; }

  bool prepare_for_pauses() noexcept override { return !closed_ && fix_window_within_host(fd_); }

  void close() override {
    if (std::exchange(closed_, true)) return;
    for (Wait* wait : {&read_wait_, &write_wait_}) {
      if (wait->events != 0) reactor_.cancel_and_wait(wait);
    }
    armed_ = false;
    outcome_ = {};
    queue_.clear();
    set_nonblocking(fd_, was_nonblocking_);
    if (on_close_) std::exchange(on_close_, nullptr)();
  }

 private:
  // A wait for the socket on behalf of one direction. Either direction may need either event: a key update is
  // answered while reading, a renegotiation read while writing.
  struct Wait final : Completion {
    explicit Wait(TlsStream& owner) : stream(owner) {}
    void complete(int result) override {
      events = 0;
      if (!stream.closed_) stream.waited(result);
    }
    TlsStream& stream;
    short events = 0;  // waited for; 0: not waiting
  };

  void wait_for(Wait& wait, short events) {
    if (wait.events == events) return;
    if (wait.events != 0) {
      reactor_.cancel(&wait);  // it completes as cancelled, and move_on() asks again
      return;
    }
    wait.events = events;
    reactor_.poll_fd(fd_, events, &wait);
  }

  void waited(int result) {
    if (result < 0 && result != -ECANCELED) read_failure_ = {-result, {}};
    move_on();
  }

  // Both directions as far as they go. What one does may be what the other waited for.
  void move_on() {
    if (closed_) return;
    if (!queue_.empty()) write();
    if (armed_ && outcome_.kind == ReadOutcome::Kind::kPending) read();
    if (!queue_.empty() && write_wait_.events != POLLOUT) write();
  }

  void read() {
    std::size_t filled = 0;
    while (filled < into_.size() && read_failure_.error_number == 0 && !ended_) {
      ERR_clear_error();
      errno = 0;
      std::size_t n = 0;
      const int ok = SSL_read_ex(ssl_, into_.data() + filled, into_.size() - filled, &n);
      const int saved_errno = errno;
      if (ok == 1) {
        filled += n;
        continue;
      }
      const int error = SSL_get_error(ssl_, ok);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        if (filled == 0 && send_error_ == 0) {
          wait_for(read_wait_, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
          return;
        }
        if (filled == 0) read_failure_ = {send_error_, send_detail_};
        break;
      }
      if (error == SSL_ERROR_ZERO_RETURN) {
        ended_ = true;
      } else {
        read_failure_ = failure_of(error, saved_errno);
      }
    }
    if (filled > 0) {
      outcome_.kind = ReadOutcome::Kind::kBytes;
      outcome_.bytes = filled;
    } else if (ended_) {
      outcome_.kind = ReadOutcome::Kind::kClosed;
    } else {
      outcome_.kind = ReadOutcome::Kind::kError;
      outcome_.error_number = read_failure_.error_number;
      outcome_.detail = read_failure_.detail;
    }
  }

  void write() {
    while (!queue_.empty()) {
      ERR_clear_error();
      errno = 0;
      const std::span<const std::byte> bytes = queue_.front();
      std::size_t n = 0;
      const int ok = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &n);
      const int saved_errno = errno;
      if (ok == 1) {
        queue_.consume(n);
        continue;
      }
      const int error = SSL_get_error(ssl_, ok);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        wait_for(write_wait_, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
        return;
      }
      const TlsFailure failure = failure_of(error, saved_errno);
      send_error_ = failure.error_number;
      send_detail_ = failure.detail;
      queue_.clear();
      // The receive is tried once more, for the server's last words, and then reports this.
      if (read_wait_.events != 0) reactor_.cancel(&read_wait_);
    }
  }

  Reactor& reactor_;
  const int fd_;
  SSL* const ssl_;
  std::function<void()> on_close_;
  const bool was_nonblocking_;
  bool closed_ = false;

  bool armed_ = false;
  std::span<std::byte> into_;
  ReadOutcome outcome_;
  bool ended_ = false;       // close_notify has come
  TlsFailure read_failure_;  // a TLS session does not recover: every later read fails alike
  Wait read_wait_{*this};

  SendQueue queue_;
  int send_error_ = 0;
  std::string send_detail_;
  Wait write_wait_{*this};
};

}  // namespace

std::unique_ptr<ByteStream> make_tls_stream(Reactor& reactor, int fd, SSL* ssl,
                                            std::function<void()> on_close) {
  return std::make_unique<TlsStream>(reactor, fd, ssl, std::move(on_close));
}

}  // namespace millrace
