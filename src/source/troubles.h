// SPDX-License-Identifier: Apache-2.0
// What went wrong so far: how often by reason, and what is being retried. For people and metrics.
#pragma once
#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>

#include "base/reason_code.h"

namespace millrace {

/// Any thread. Cold path: an entry per failure, not per row.
class Troubles {
 public:
  /// Whose trouble it is: it passes for each by itself.
  enum class Of : std::uint8_t { kSource, kSink, kCheckpoint, kRun };
  struct View {
    absl::Status current;         ///< The newest failure of those that last; OK: none.
    std::int64_t current_us = 0;  ///< When it happened, Unix.
    std::map<ReasonCode, std::uint64_t> counts;
  };

  void add(Of whom, const absl::Status& status, std::int64_t unix_us);
  /// What lasted has passed; it stays counted. A source that streams also ends what the run before failed by.
  void passed(Of whom);
  View view() const;

 private:
  struct Lasting {
    absl::Status status;
    std::int64_t since_us = 0;
    std::uint64_t number = 0;  ///< The highest is the newest: clocks jump.
  };

  mutable std::mutex mutex_;        // guards what follows
  std::array<Lasting, 4> lasting_;  ///< By Of.
  std::uint64_t added_ = 0;
  std::map<ReasonCode, std::uint64_t> counts_;
};

}  // namespace millrace
