// SPDX-License-Identifier: Apache-2.0
#include "runtime/gather_policy.h"

#include <algorithm>
#include <utility>

namespace millrace {

void GatherPolicy::begin(const Limits& limits) noexcept {
  limits_ = limits;
  forget();
  promised_bytes_ = -1;
  gathered_bytes_ = 0;
}

void GatherPolicy::forget() noexcept {
  steps_.fill(0);
  window_bytes_ = 0;
}

void GatherPolicy::add(std::int64_t bytes, std::int64_t at_us) noexcept {
  const std::int64_t step = std::max(at_us / kStepUs, step_);
  if (step - step_ >= kSteps) {
    forget();
  } else {
    for (std::int64_t old = step_ + 1; old <= step; ++old) {
      window_bytes_ -= std::exchange(steps_[static_cast<std::size_t>(old % kSteps)], 0);
    }
  }
  step_ = step;
  steps_[static_cast<std::size_t>(step % kSteps)] += bytes;
  window_bytes_ += bytes;
}

std::int64_t GatherPolicy::pause_after(const Read& read) noexcept {
  const auto bytes = static_cast<std::int64_t>(read.bytes);
  add(bytes, read.at_us);
  gathered_bytes_ += bytes;
  // One read may not take all that a pause brought.
  const bool paused = promised_bytes_ >= 0;
  if (paused && bytes >= limits_.again_bytes && !read.reply_requested) return 0;
  const std::int64_t promised = std::exchange(promised_bytes_, -1);
  const std::int64_t gathered = std::exchange(gathered_bytes_, 0);
  if (mode_ == Mode::kOff || read.reply_requested) return 0;
  if (mode_ == Mode::kAlways) {
    promised_bytes_ = 0;
    return kAcross.pause_max_us;
  }
  // The pause brought clearly less than the rate promised: the burst is over. Half, because pieces come
  // unevenly.
  if (gathered * 2 < promised) {
    forget();
    return 0;
  }
  const std::int64_t bytes_per_ms =
      paused ? gathered * 1'000 / std::max(read.at_us - paused_at_us_, pause_us_) : window_bytes_;
  if (bytes_per_ms < kBusyBytesPerMs && read.lag_us < kBacklogLagUs) return 0;
  const std::int64_t gather_us = limits_.gather_bytes * 1'000 / std::max<std::int64_t>(bytes_per_ms, 1);
  const std::int64_t most_us = std::clamp(gather_us, kPauseMinUs, limits_.pause_max_us);
  pause_us_ = std::clamp(read.lag_us / 20, kPauseMinUs, most_us);
  paused_at_us_ = read.at_us;
  promised_bytes_ = bytes_per_ms * pause_us_ / 1'000;
  return pause_us_;
}

}  // namespace millrace
