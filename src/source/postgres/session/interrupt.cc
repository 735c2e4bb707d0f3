// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace millrace::postgres {

Interrupt::Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Interrupt::~Interrupt() {
  if (fd_ >= 0) close(fd_);
}

void Interrupt::set() noexcept {
  set_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  if (write(fd_, &one, sizeof one) < 0) return;  // full: it is readable already
}

void Interrupt::clear() noexcept {
  std::uint64_t count = 0;
  if (read(fd_, &count, sizeof count) < 0) count = 0;  // was not set
  set_.store(false, std::memory_order_release);
}

}  // namespace millrace::postgres
