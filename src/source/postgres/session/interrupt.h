// SPDX-License-Identifier: Apache-2.0
// A switch that ends waits from another thread: every wait for the server also waits for this.
#pragma once
#include <atomic>

namespace millrace::postgres {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  void set() noexcept;    ///< Any thread. Sticky until clear().
  void clear() noexcept;  ///< The waiting thread.
  bool is_set() const noexcept { return set_.load(std::memory_order_acquire); }
  int fd() const noexcept { return fd_; }  ///< Readable while set.

 private:
  std::atomic<bool> set_{false};
  int fd_;
};

}  // namespace millrace::postgres
