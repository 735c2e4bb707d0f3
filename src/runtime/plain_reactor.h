// SPDX-License-Identifier: Apache-2.0
// The reactor on poll(2) and nonblocking calls, for machines that forbid io_uring.
#pragma once
#include <poll.h>

#include <vector>

#include "base/check.h"
#include "runtime/operation.h"
#include "runtime/reactor.h"
#include "runtime/wake_signal.h"

namespace millrace {

/// Tries what is under way in every turn and sleeps in poll(2). File writes and syncs are done inline and
/// block.
class PlainReactor final : public Reactor {
 public:
  void receive(int fd, std::span<std::byte> into, Completion* done) override;
  void send(int fd, std::span<const std::byte> bytes, Completion* done) override;
  void write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) override;
  void fdatasync(int fd, Completion* done) override;
  void poll_fd(int fd, short events, Completion* done) override;
  void cancel(Completion* done) override;
  void cancel_and_wait(Completion* done) override;
  bool poll() override;
  void wait(std::int64_t deadline_us) override;
  void wake() noexcept override { signal_.wake(); }
  Kind kind() const noexcept override { return Kind::kPlain; }

 private:
  struct UnderWay {
    Operation operation;  // done == nullptr: ended, the place is swept at the end of the turn
    bool cancelled = false;
  };
  void bind();
  void start(const Operation& operation);

  WakeSignal signal_;
  bool bound_ = false;
  std::vector<UnderWay> under_way_;  // in the order they were started
  std::vector<pollfd> poll_list_;
  [[no_unique_address]] OwnerCheck owner_;
};

}  // namespace millrace
