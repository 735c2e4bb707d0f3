// SPDX-License-Identifier: Apache-2.0
#include "runtime/gather_policy.h"

#include <algorithm>
#include <utility>

namespace millrace {

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
  const std::int64_t promised = std::exchange(promised_bytes_, -1);
  add(bytes, read.at_us);
  if (mode_ == Mode::kOff || read.reply_requested) return 0;
  if (mode_ == Mode::kAlways) {
    promised_bytes_ = 0;
    return kPauseMaxUs;
  }
  // The pause brought clearly less than the rate promised: the burst is over. Half, because pieces come
  // unevenly.
  if (bytes * 2 < promised) {
    forget();
    return 0;
  }
  if (window_bytes_ < kBusyBytesPerMs && read.lag_us < kBacklogLagUs) return 0;
  const std::int64_t gathered_us = kGatherBytes * 1'000 / std::max<std::int64_t>(window_bytes_, 1);
  const std::int64_t most_us = std::clamp(gathered_us, kPauseMinUs, kPauseMaxUs);
  const std::int64_t pause_us = std::clamp(read.lag_us / 20, kPauseMinUs, most_us);
  promised_bytes_ = window_bytes_ * pause_us / 1'000;
  return pause_us;
}

}  // namespace millrace
