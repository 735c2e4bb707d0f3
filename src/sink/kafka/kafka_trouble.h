// SPDX-License-Identifier: Apache-2.0
// What people are told while librdkafka sends again: what its connections met, and why the oldest records
// stand still. Nothing here ends a sink.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "kafka/admin.h"
#include "sink/kafka/stall_watch.h"

namespace millrace {

/// Told the time. Owner: the order stage's thread.
class KafkaTrouble {
 public:
  /// @param tell  hears each trouble that is new, and OK when it has passed.
  explicit KafkaTrouble(std::function<void(const absl::Status&)> tell) : tell_(std::move(tell)) {}

  /// What is told now; OK: nothing.
  const absl::Status& status() const noexcept { return status_; }
  /// A connection was lost, and none has been seen since.
  bool away() const noexcept { return away_; }

  void connection_met(absl::Status status, std::int64_t now_us, std::uint64_t records_in_flight);
  void connection_seen() noexcept { away_ = false; }
  void met(absl::Status status, std::int64_t now_us, std::uint64_t records_in_flight);
  void passed();

  /// Another piece is the oldest in flight now, or there is one again.
  void oldest_moved(std::int64_t now_us);
  bool stalled() const noexcept { return stall_.stalled(); }
  std::int64_t next_us() const noexcept { return stall_.next_us(); }
  /// True when it is time to ask the cluster why the oldest piece stands still.
  bool stall_is_due(std::int64_t now_us) noexcept { return stall_.due(now_us); }
  /// The cluster's answer about the oldest record's topic.
  void explain_stall(const absl::StatusOr<std::vector<kafka::TopicFacts>>& answer, std::int64_t now_us,
                     std::uint64_t records_in_flight);

 private:
  static constexpr std::int64_t kLongAgo = INT64_MIN / 2;

  const std::function<void(const absl::Status&)> tell_;
  absl::Status status_;
  std::int64_t told_us_ = kLongAgo;
  bool away_ = false;
  StallWatch stall_;
  bool stall_told_ = false;  ///< What is told is that.
};

}  // namespace millrace
