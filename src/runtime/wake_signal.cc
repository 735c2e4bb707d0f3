// SPDX-License-Identifier: Apache-2.0
#include "runtime/wake_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/check.h"

namespace millrace {

WakeSignal::WakeSignal() : fd_(::eventfd(0, EFD_CLOEXEC)) {
  MILLRACE_CHECK(fd_ >= 0, "an eventfd can be made (open files limit?)");
}

WakeSignal::~WakeSignal() { ::close(fd_); }

void WakeSignal::wake() noexcept {
  if (pending_.exchange(true, std::memory_order_seq_cst)) return;
  if (!sleeping_.load(std::memory_order_seq_cst)) return;
  const std::uint64_t one = 1;
  while (::write(fd_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void WakeSignal::drain() noexcept {
  std::uint64_t count = 0;
  while (::read(fd_, &count, sizeof(count)) < 0 && errno == EINTR) {
  }
}

}  // namespace millrace
