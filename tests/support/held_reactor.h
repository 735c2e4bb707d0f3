// SPDX-License-Identifier: Apache-2.0
// A reactor that carries out writes and syncs of files only when a test says so, and as the test says.
#pragma once
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <stdexcept>

#include "runtime/reactor.h"

namespace millrace::test {

class HeldReactor final : public Reactor {
 public:
  std::size_t write_bytes_max = std::numeric_limits<std::size_t>::max();
  int next_error = 0;      ///< The next operation fails with it.
  std::size_t writes = 0;  ///< Carried out.
  std::size_t syncs = 0;

  void write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) override {
    held_.push_back({Operation::kWrite, fd, bytes, offset, done});
  }
  void fdatasync(int fd, Completion* done) override { held_.push_back({Operation::kSync, fd, {}, -1, done}); }
  void poll_fd(int fd, short, Completion* done) override {
    held_.push_back({Operation::kPoll, fd, {}, -1, done});
  }

  bool idle() const { return held_.empty(); }
  bool syncing() const { return is_at(Operation::kSync); }
  bool polling() const { return is_at(Operation::kPoll); }

  /// Carries out the oldest operation.
  void step() {
    const Held held = held_.front();
    held_.pop_front();
    held.done->complete(result_of(held));
  }
  bool poll() override {
    const bool any = !held_.empty();
    while (!held_.empty()) step();
    return any;
  }

  void cancel_and_wait(Completion* done) override {
    const auto at =
        std::find_if(held_.begin(), held_.end(), [done](const Held& held) { return held.done == done; });
    if (at == held_.end()) throw std::logic_error("nothing of it is under way");
    held_.erase(at);
  }

  void receive(int, std::span<std::byte>, Completion*) override { refuse(); }
  void send(int, std::span<const std::byte>, Completion*) override { refuse(); }
  void cancel(Completion*) override { refuse(); }
  void wait(std::int64_t) override { refuse(); }
  void wake() noexcept override {}
  Kind kind() const noexcept override { return Kind::kPlain; }

 private:
  enum class Operation : std::uint8_t { kWrite, kSync, kPoll };
  struct Held {
    Operation operation;
    int fd;
    std::span<const std::byte> bytes;
    std::int64_t offset;
    Completion* done;
  };

  bool is_at(Operation operation) const { return !held_.empty() && held_.front().operation == operation; }

  int result_of(const Held& held) {
    if (next_error != 0) return -std::exchange(next_error, 0);
    if (held.operation == Operation::kPoll) return POLLOUT;
    if (held.operation == Operation::kSync) {
      ++syncs;
      return 0;
    }
    ++writes;
    const std::size_t n = std::min(held.bytes.size(), write_bytes_max);
    const ssize_t wrote = held.offset < 0 ? ::write(held.fd, held.bytes.data(), n)
                                          : ::pwrite(held.fd, held.bytes.data(), n, held.offset);
    return wrote < 0 ? -errno : static_cast<int>(wrote);
  }
  [[noreturn]] static void refuse() { throw std::logic_error("files ask for nothing else"); }

  std::deque<Held> held_;
};

}  // namespace millrace::test
