// SPDX-License-Identifier: Apache-2.0
// librdkafka sends again for as long as it takes and says nothing: too few replicas in sync and a full disk
// look like silence. So what is oldest is watched.
#pragma once
#include <cstdint>
#include <limits>

namespace millrace {

/// Whether the oldest piece in flight stands still. Told the time; owner: the order stage's thread.
class StallWatch {
 public:
  static constexpr std::int64_t kPatienceUs = 10'000'000;
  static constexpr std::int64_t kAgainUs = 30'000'000;

  /// Another piece is the oldest now, or there is one again.
  void moved(std::int64_t now_us) noexcept {
    since_us_ = now_us;
    next_us_ = now_us + kPatienceUs;
    stalled_ = false;
  }

  /// True when it is time to ask the cluster why, and to say so.
  bool due(std::int64_t now_us) noexcept {
    if (now_us < next_us_) return false;
    next_us_ = now_us + kAgainUs;
    return stalled_ = true;
  }

  bool stalled() const noexcept { return stalled_; }
  std::int64_t seconds(std::int64_t now_us) const noexcept { return (now_us - since_us_) / 1'000'000; }
  std::int64_t next_us() const noexcept { return next_us_; }

 private:
  std::int64_t since_us_ = 0;
  std::int64_t next_us_ = std::numeric_limits<std::int64_t>::max();
  bool stalled_ = false;
};

}  // namespace millrace
