// SPDX-License-Identifier: Apache-2.0
#include "source/troubles.h"

namespace millrace {

void Troubles::add(Of whom, const absl::Status& status, std::int64_t unix_us) {
  if (status.ok()) return;
  const std::lock_guard lock(mutex_);
  lasting_[static_cast<std::size_t>(whom)] = {status, unix_us, ++added_};
  ++counts_[reason_of(status)];
}

void Troubles::passed(Of whom) {
  const std::lock_guard lock(mutex_);
  lasting_[static_cast<std::size_t>(whom)] = {};
  if (whom == Of::kSource) lasting_[static_cast<std::size_t>(Of::kRun)] = {};
}

Troubles::View Troubles::view() const {
  const std::lock_guard lock(mutex_);
  const Lasting* newest = &lasting_.front();
  for (const Lasting& each : lasting_) {
    if (each.number > newest->number) newest = &each;
  }
  return {newest->status, newest->since_us, counts_};
}

}  // namespace millrace
