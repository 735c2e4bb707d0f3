// SPDX-License-Identifier: Apache-2.0
#include "source/troubles.h"

namespace millrace {

void Troubles::add(const absl::Status& status, std::int64_t unix_us) {
  if (status.ok()) return;
  const std::lock_guard lock(mutex_);
  view_.current = status;
  view_.current_us = unix_us;
  ++view_.counts[reason_of(status)];
}

void Troubles::passed() {
  const std::lock_guard lock(mutex_);
  view_.current = absl::OkStatus();
}

void Troubles::passed(ReasonCode reason) {
  const std::lock_guard lock(mutex_);
  if (reason_of(view_.current) == reason) view_.current = absl::OkStatus();
}

Troubles::View Troubles::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

}  // namespace millrace
