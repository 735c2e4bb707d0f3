// SPDX-License-Identifier: Apache-2.0
// What tests of reactors and streams share: completions that remember, descriptors that close, a loop that
// runs until.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/reactor.h"
#include "runtime/uring_reactor.h"

namespace millrace {

struct Remember : Completion {
  std::optional<int> result;
  int times = 0;
  std::function<void(int)> then;
  void complete(int r) override {
    result = r;
    ++times;
    if (then) then(r);
  }
};

struct Fd {
  int fd = -1;
  explicit Fd(int value = -1) : fd(value) {}
  Fd(Fd&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  operator int() const { return fd; }
};

struct SocketPair {
  Fd ours, theirs;
  SocketPair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
      ours = Fd(fds[0]);
      theirs = Fd(fds[1]);
    }
  }
};

struct Pipe {
  Fd read_end, write_end;
  Pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) == 0) {
      read_end = Fd(fds[0]);
      write_end = Fd(fds[1]);
    }
  }
};

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Implementation {
  const char* name;
  Reactor::Kind kind;
  std::size_t first_flag_set = 0;  // io_uring as older kernels have it
};

/// A test per implementation; skipped with the reason where the kernel has no io_uring.
class EachReactor : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    if (GetParam().first_flag_set > 0) {
      absl::StatusOr<std::unique_ptr<UringReactor>> made = UringReactor::make(GetParam().first_flag_set);
      if (!made.ok()) GTEST_SKIP() << made.status();
      reactor = std::move(*made);
    } else {
      absl::StatusOr<std::unique_ptr<Reactor>> made = Reactor::create(GetParam().kind);
      if (!made.ok()) GTEST_SKIP() << made.status();
      reactor = std::move(*made);
    }
    EXPECT_EQ(reactor->kind(), GetParam().kind);
  }

  /// Turns the loop until `done()`; false when that takes longer than any test should.
  bool run_until(const std::function<bool()>& done, std::int64_t limit_us = 20'000'000) {
    const std::int64_t end_us = monotonic_us() + limit_us;
    while (!done()) {
      if (monotonic_us() > end_us) return false;
      reactor->wait(std::min(end_us, monotonic_us() + 100'000));
    }
    return true;
  }
  bool run_until_complete(const Remember& completion) {
    return run_until([&] { return completion.result.has_value(); });
  }
  /// Turns that show that something does not happen.
  void run_for(std::int64_t us) {
    for (const std::int64_t end_us = monotonic_us() + us; monotonic_us() < end_us;) reactor->wait(end_us);
  }

  std::unique_ptr<Reactor> reactor;
};

inline std::string reactor_name(const testing::TestParamInfo<Implementation>& row) { return row.param.name; }
inline auto each_reactor() {
  return testing::Values(Implementation{"io_uring", Reactor::Kind::kIoUring},
                         Implementation{"io_uring_cooperative", Reactor::Kind::kIoUring, 2},
                         Implementation{"io_uring_bare", Reactor::Kind::kIoUring, 4},
                         Implementation{"plain", Reactor::Kind::kPlain});
}

}  // namespace millrace
