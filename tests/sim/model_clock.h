// SPDX-License-Identifier: Apache-2.0
// Time as the scheduler makes it pass.
#pragma once
#include <cstdint>
#include <limits>

#include "runtime/clock.h"

namespace millrace::sim {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class ModelClock final : public Clock {
 public:
  std::int64_t monotonic_us() const noexcept override { return now_us_; }
  std::int64_t realtime_us() const noexcept override { return kStartOfTimeUs + now_us_; }
  void advance_to(std::int64_t now_us) noexcept {
    if (now_us > now_us_) now_us_ = now_us;
  }
  /// What people's clocks show when a run begins: Unix microseconds.
  static constexpr std::int64_t kStartOfTimeUs = 1'750'000'000'000'000;

 private:
  std::int64_t now_us_ = 1'000'000;
};

}  // namespace millrace::sim
