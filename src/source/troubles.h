// SPDX-License-Identifier: Apache-2.0
// What went wrong so far: how often by reason, and what is being retried. For people and metrics.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "base/reason_code.h"

namespace millrace {

/// Any thread. Cold path: an entry per failure, not per row.
class Troubles {
 public:
  struct View {
    absl::Status current;         ///< The last failure, while it lasts; OK: none.
    std::int64_t current_us = 0;  ///< When it happened, Unix.
    std::map<ReasonCode, std::uint64_t> counts;
  };

  void add(const absl::Status& status, std::int64_t unix_us);
  /// The last failure has passed; it stays counted.
  void passed();
  /// The same, if it was of this kind.
  void passed(ReasonCode reason);
  View view() const;

 private:
  mutable std::mutex mutex_;  // guards view_
  View view_;
};

}  // namespace millrace
