// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/kafka_trouble.h"

#include <string>
#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"

namespace millrace {

namespace {

constexpr std::int64_t kIntervalUs = 10'000'000;

std::string why_stalled(const std::vector<kafka::TopicFacts>& topics) {
  if (topics.size() != 1) return "the cluster does not know the topic";
  const kafka::TopicFacts& topic = topics.front();
  if (topic.error != RD_KAFKA_RESP_ERR_NO_ERROR) return concat("topic ", topic.name, ": ", topic.error_text);
  if (topic.leaderless > 0) {
    return concat("topic ", topic.name, " has ", topic.leaderless, " partitions without a leader");
  }
  if (topic.in_sync_min < topic.replicas_min) {
    return concat("topic ", topic.name, " has ", topic.in_sync_min, " of ", topic.replicas_min,
                  " replicas in sync");
  }
  return concat("the cluster sees nothing wrong with topic ", topic.name,
                ", so a quota or a full disk may be the cause: the brokers' logs know");
}

}  // namespace

void KafkaTrouble::connection_met(absl::Status status, std::int64_t now_us, std::uint64_t records_in_flight) {
  const bool unreachable = reason_of(status) == ReasonCode::kKafkaUnreachable;
  away_ |= unreachable;
  if (!stall_told_ || !unreachable) met(std::move(status), now_us, records_in_flight);
}

void KafkaTrouble::oldest_moved(std::int64_t now_us) {
  if (stall_.stalled()) passed();
  stall_.moved(now_us);
}

void KafkaTrouble::met(absl::Status status, std::int64_t now_us, std::uint64_t records_in_flight) {
  const bool same = reason_of(status) == reason_of(status_);
  if (same && now_us - told_us_ < kIntervalUs) return;
  // "All brokers are down" says less than why the last one is.
  if (!status_.ok() && now_us - told_us_ < kIntervalUs &&
      reason_of(status) == ReasonCode::kKafkaUnreachable) {
    return;
  }
  told_us_ = now_us;
  status_ = std::move(status);
  tell_(status_);
  log_warn("kafka", "trouble that is being retried",
           {{"error", std::string(status_.message())}, {"records_in_flight", records_in_flight}});
}

void KafkaTrouble::passed() {
  stall_told_ = false;
  if (status_.ok()) return;
  status_ = absl::OkStatus();
  tell_(status_);
  log_info("kafka", "trouble has passed");
}

void KafkaTrouble::explain_stall(const absl::StatusOr<std::vector<kafka::TopicFacts>>& answer,
                                 std::int64_t now_us, std::uint64_t records_in_flight) {
  if (!stall_.stalled()) return;
  // What a connection has met stays, if nobody answers, or if it is not about connections.
  if (!status_.ok() && (!answer.ok() || reason_of(status_) != ReasonCode::kKafkaUnreachable)) return;
  stall_told_ = true;
  told_us_ = kLongAgo;
  met(reason_error(ReasonCode::kKafkaUnreachable,
                   concat("the oldest of ", records_in_flight, " records has not been acknowledged for ",
                          stall_.seconds(now_us), " s: ",
                          answer.ok() ? why_stalled(*answer) : std::string(answer.status().message()))),
      now_us, records_in_flight);
}

}  // namespace millrace
