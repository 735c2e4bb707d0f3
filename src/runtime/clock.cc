// SPDX-License-Identifier: Apache-2.0
#include "runtime/clock.h"

#include <time.h>

namespace millrace {
namespace {

std::int64_t read_us(clockid_t id) noexcept {
  timespec now{};
  ::clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

class SystemClock final : public Clock {
 public:
  std::int64_t monotonic_us() const noexcept override { return read_us(CLOCK_MONOTONIC); }
  std::int64_t realtime_us() const noexcept override { return read_us(CLOCK_REALTIME); }
};

}  // namespace

const Clock& system_clock() noexcept {
  static const SystemClock clock;
  return clock;
}

std::int64_t monotonic_us() noexcept { return read_us(CLOCK_MONOTONIC); }

}  // namespace millrace
