// SPDX-License-Identifier: Apache-2.0
#include "runtime/plain_reactor.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>

namespace millrace {
namespace {

constexpr int kNotYet = INT_MIN;

int result_of(ssize_t n) noexcept {
  if (n >= 0) return static_cast<int>(n);
  return errno == EAGAIN || errno == EWOULDBLOCK ? kNotYet : -errno;
}

bool ready(int fd, short events) noexcept {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, 0) > 0;
}

// A pipe or terminal is often shared with other processes, so O_NONBLOCK cannot be set on it. Where a single
// call cannot be made nonblocking either, PIPE_BUF bytes go without waiting once poll says that there is
// room.
ssize_t write_some(const Operation& operation, std::size_t size) noexcept {
  if (operation.offset >= 0) return ::pwrite(operation.fd, operation.bytes, size, operation.offset);
  struct stat file{};
  if (::fstat(operation.fd, &file) != 0) return -1;
  if (S_ISREG(file.st_mode)) return ::write(operation.fd, operation.bytes, size);
  iovec part{operation.bytes, size};
  const ssize_t written = ::pwritev2(operation.fd, &part, 1, -1, RWF_NOWAIT);
  if (written >= 0 || errno != EOPNOTSUPP) return written;
  if (!ready(operation.fd, POLLOUT)) {
    errno = EAGAIN;
    return -1;
  }
  return ::write(operation.fd, operation.bytes, std::min<std::size_t>(size, PIPE_BUF));
}

int try_once(const Operation& operation) noexcept {
  const std::size_t size = std::min<std::size_t>(operation.size, std::size_t{1} << 30);
  switch (operation.kind) {
    case Operation::Kind::kReceive:
      return result_of(::recv(operation.fd, operation.bytes, size, MSG_DONTWAIT));
    case Operation::Kind::kSend:
      return result_of(::send(operation.fd, operation.bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    case Operation::Kind::kWrite:
      return result_of(write_some(operation, size));
    case Operation::Kind::kSync:
      return result_of(::fdatasync(operation.fd));
    case Operation::Kind::kPoll: {
      pollfd entry{operation.fd, operation.events, 0};
      const int n = ::poll(&entry, 1, 0);
      if (n < 0) return -errno;
      if ((entry.revents & POLLNVAL) != 0) return -EBADF;
      return n == 0 ? kNotYet : entry.revents;
    }
    case Operation::Kind::kCancel:
      break;  // never queued here
  }
  return kNotYet;
}

// The call's result, or kNotYet.
int attempt(const Operation& operation) noexcept {
  for (;;) {
    const int result = try_once(operation);
    if (result != -EINTR) return result;
  }
}

short wanted_events(const Operation& operation) noexcept {
  switch (operation.kind) {
    case Operation::Kind::kReceive:
      return POLLIN;
    case Operation::Kind::kPoll:
      return operation.events;
    default:
      return POLLOUT;
  }
}

}  // namespace

void PlainReactor::bind() {
  if (!bound_) {
    bound_ = true;
    owner_.adopt();
    ::prctl(PR_SET_TIMERSLACK, 1);
  }
  owner_.check();
}

void PlainReactor::start(const Operation& operation) {
  if (bound_) owner_.check();
  under_way_.push_back({operation, false});
}

void PlainReactor::receive(int fd, std::span<std::byte> into, Completion* done) {
  start(
      {.kind = Operation::Kind::kReceive, .fd = fd, .bytes = into.data(), .size = into.size(), .done = done});
}
void PlainReactor::send(int fd, std::span<const std::byte> bytes, Completion* done) {
  start({.kind = Operation::Kind::kSend,
         .fd = fd,
         .bytes = const_cast<std::byte*>(bytes.data()),
         .size = bytes.size(),
         .done = done});
}
void PlainReactor::write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) {
  start({.kind = Operation::Kind::kWrite,
         .fd = fd,
         .bytes = const_cast<std::byte*>(bytes.data()),
         .size = bytes.size(),
         .offset = offset,
         .done = done});
}
void PlainReactor::fdatasync(int fd, Completion* done) {
  start({.kind = Operation::Kind::kSync, .fd = fd, .done = done});
}
void PlainReactor::poll_fd(int fd, short events, Completion* done) {
  start({.kind = Operation::Kind::kPoll, .events = events, .fd = fd, .done = done});
}

void PlainReactor::cancel(Completion* done) {
  for (UnderWay& entry : under_way_) entry.cancelled |= entry.operation.done == done;
}

void PlainReactor::cancel_and_wait(Completion* done) {
  for (UnderWay& entry : under_way_) {
    if (entry.operation.done == done) entry.operation.done = nullptr;
  }
  done->complete(-ECANCELED);
}

bool PlainReactor::poll() {
  bind();
  bool ran = false;
  // complete() may start and cancel: what it starts waits for the next turn, and indices stay true until the
  // sweep.
  const std::size_t count = under_way_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const UnderWay entry = under_way_[i];
    if (entry.operation.done == nullptr) continue;
    const int result = entry.cancelled ? -ECANCELED : attempt(entry.operation);
    if (result == kNotYet) continue;
    under_way_[i].operation.done = nullptr;
    entry.operation.done->complete(result);
    ran = true;
  }
  std::erase_if(under_way_, [](const UnderWay& entry) { return entry.operation.done == nullptr; });
  return ran;
}

void PlainReactor::wait(std::int64_t deadline_us) {
  if (poll()) return;
  if (signal_.begin_sleep()) {
    poll_list_.clear();
    poll_list_.push_back({signal_.fd(), POLLIN, 0});
    bool cancelled = false;
    for (const UnderWay& entry : under_way_) {
      poll_list_.push_back({entry.operation.fd, wanted_events(entry.operation), 0});
      cancelled |= entry.cancelled;
    }
    timespec timeout{};
    if (deadline_us != std::numeric_limits<std::int64_t>::max()) {
      const std::int64_t left_us = std::max<std::int64_t>(deadline_us - monotonic_us(), 0);
      timeout.tv_sec = left_us / 1'000'000;
      timeout.tv_nsec = left_us % 1'000'000 * 1'000;
    }
    const bool forever = deadline_us == std::numeric_limits<std::int64_t>::max();
    if (!cancelled &&
        ::ppoll(poll_list_.data(), poll_list_.size(), forever ? nullptr : &timeout, nullptr) > 0 &&
        poll_list_[0].revents != 0) {
      signal_.drain();
    }
  }
  signal_.end_sleep();
  poll();
}

}  // namespace millrace
