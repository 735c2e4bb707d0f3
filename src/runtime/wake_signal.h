// SPDX-License-Identifier: Apache-2.0
// How a sleeping loop is woken: an eventfd, written only when somebody sleeps.
#pragma once
#include <atomic>

namespace millrace {

/// The loop announces its sleep and then looks for a wake; a waker announces the wake and then looks for a
/// sleeper. With both in one total order (seq_cst) at least one of them sees the other, so no wake is lost
/// and an awake loop costs the waker no system call.
class WakeSignal {
 public:
  WakeSignal();
  ~WakeSignal();
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;

  /// Readable while a wake waits that was sent to a sleeper.
  int fd() const noexcept { return fd_; }
  /// Any thread.
  void wake() noexcept;
  /// Loop thread. False: a wake came since end_sleep(), so do not sleep. end_sleep() follows in either case.
  bool begin_sleep() noexcept {
    sleeping_.store(true, std::memory_order_seq_cst);
    return !pending_.load(std::memory_order_seq_cst);
  }
  /// Loop thread. Forgets the wakes that came so far; the loop is about to look at what they were for.
  void end_sleep() noexcept {
    sleeping_.store(false, std::memory_order_seq_cst);
    pending_.exchange(false, std::memory_order_seq_cst);
  }
  /// Loop thread: takes what fd() holds. Only when it is readable.
  void drain() noexcept;

 private:
  const int fd_;
  // Set by any waker, cleared by the loop.
  std::atomic<bool> pending_{false};
  // Written by the loop, read by wakers.
  std::atomic<bool> sleeping_{false};
};

}  // namespace millrace
