// SPDX-License-Identifier: Apache-2.0
// What streams set on sockets that others made.
#pragma once
#include <cstddef>

namespace millrace {

/// Sets or clears O_NONBLOCK. @return whether it was set before.
bool set_nonblocking(int fd, bool on) noexcept;

/// SO_RCVLOWAT, on TCP alone: elsewhere it does not suppress wake-ups. One call per change of the mark.
class LowWaterMark {
 public:
  explicit LowWaterMark(int fd) noexcept;
  void set(std::size_t bytes) noexcept;

 private:
  const int fd_;
  const bool supported_;
  int mark_ = 1;
};

}  // namespace millrace
