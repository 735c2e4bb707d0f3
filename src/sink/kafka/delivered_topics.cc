// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/delivered_topics.h"

#include <string>
#include <vector>

#include "base/concat.h"
#include "base/reason_code.h"
#include "kafka/errors.h"

namespace millrace {

namespace {

constexpr int kLooksMax = 6;
constexpr kafka::Timeout kLookAgain{500};

absl::Status lost(std::string_view what) { return reason_error(ReasonCode::kTopicLostData, what); }

absl::Status look_at_end(const kafka::PartitionEnd& end, const PartitionOffsets::Topics& topics) {
  if (end.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // The right to see it is nothing that a producer needs.
    if (kafka::classify(end.error).reason == ReasonCode::kKafkaPermissionDenied) return absl::OkStatus();
    return kafka::error_status(end.error,
                               concat("asking for the end of topic ", end.topic, "[", end.partition, "]"));
  }
  const std::int64_t next = topics.find(end.topic)->second.next.at(end.partition);
  if (end.offset >= next) return absl::OkStatus();
  return lost(concat("topic ", end.topic, " partition ", end.partition, " ends at offset ", end.offset,
                     ", and ", next, " was reached: records are gone"));
}

absl::Status look_once(KafkaPort& kafka, const PartitionOffsets::Topics& topics) {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics) {
    // Nothing was delivered to some: whatever became of them, nothing is lost.
    if (!topic.next.empty()) names.push_back(name);
  }
  if (names.empty()) return absl::OkStatus();
  const auto facts = kafka.describe_topics(names);
  if (!facts.ok()) return facts.status();
  std::vector<kafka::PartitionEnd> wanted;
  for (const kafka::TopicFacts& topic : *facts) {
    const auto found = topics.find(topic.name);
    if (found == topics.end()) continue;
    if (topic.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        topic.error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
      return lost(concat("topic ", topic.name, " was deleted, and with it what was delivered to it"));
    }
    if (!topic.exists()) continue;  // in trouble: the first record will tell
    const std::string& known_id = found->second.id;
    if (!known_id.empty() && !topic.id.empty() && known_id != topic.id) {
      return lost(concat("topic ", topic.name, " was deleted and made again since: its id was ", known_id,
                         " and is ", topic.id));
    }
    for (const auto& [partition, next] : found->second.next) wanted.push_back({topic.name, partition});
  }
  const auto ends = kafka.describe_ends(wanted);
  if (!ends.ok()) return ends.status();
  for (const kafka::PartitionEnd& end : *ends) {
    if (absl::Status status = look_at_end(end, topics); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status look_at_delivered(KafkaPort& kafka, const PartitionOffsets::Topics& topics,
                               const std::function<bool()>& stop_requested) {
  for (int looks = 1;; ++looks) {
    absl::Status status = look_once(kafka, topics);
    if (reason_of(status) != ReasonCode::kTopicLostData || looks == kLooksMax) return status;
    if (stop_requested()) return absl::CancelledError("stopped while topics were looked at");
    kafka.pause(kLookAgain);
  }
}

}  // namespace millrace
