// SPDX-License-Identifier: Apache-2.0
// Time comes in through here, so that simulation can bring its own.
#pragma once
#include <cstdint>

namespace millrace {

/// Any thread may ask.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Microseconds of CLOCK_MONOTONIC: for durations and deadlines; never goes back.
  virtual std::int64_t monotonic_us() const noexcept = 0;
  /// Unix microseconds of CLOCK_REALTIME: for what people and messages read; may jump.
  virtual std::int64_t realtime_us() const noexcept = 0;
};

/// The kernel's clocks. Lives as long as the program.
const Clock& system_clock() noexcept;

/// system_clock().monotonic_us(), without the indirection.
std::int64_t monotonic_us() noexcept;

}  // namespace millrace
