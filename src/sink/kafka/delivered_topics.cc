// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/delivered_topics.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "base/concat.h"
#include "base/reason_code.h"
#include "kafka/errors.h"

namespace millrace {

namespace {

constexpr int kLooksMax = 6;
constexpr kafka::Timeout kLookAgain{500};
constexpr std::size_t kTopicsAtOnce = 500;
/// librdkafka compares each answered partition with all that were asked for: 50,000 at once take longer than
/// an answer may.
constexpr std::size_t kPartitionsAtOnce = 1'000;

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

/// Hands `all` to `look`, at most `at_once` at a time, while it returns OK.
template <class Item, class Look>
absl::Status in_parts(std::span<const Item> all, std::size_t at_once,
                      const std::function<bool()>& stop_requested, const Look& look) {
  while (!all.empty()) {
    if (stop_requested()) return absl::CancelledError("stopped while topics were looked at");
    const std::span<const Item> part = all.first(std::min(at_once, all.size()));
    if (absl::Status status = look(part); !status.ok()) return status;
    all = all.subspan(part.size());
  }
  return absl::OkStatus();
}

/// @param wanted  gets the partitions of those that are what they were.
absl::Status look_at_topics(KafkaPort& kafka, std::span<const std::string> names,
                            const PartitionOffsets::Topics& topics,
                            std::vector<kafka::PartitionEnd>& wanted) {
  const auto facts = kafka.describe_topics(names);
  if (!facts.ok()) return facts.status();
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
  return absl::OkStatus();
}

absl::Status look_once(KafkaPort& kafka, const PartitionOffsets::Topics& topics,
                       const std::function<bool()>& stop_requested) {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics) {
    // Nothing was delivered to some: whatever became of them, nothing is lost.
    if (!topic.next.empty()) names.push_back(name);
  }
  std::vector<kafka::PartitionEnd> wanted;
  absl::Status status = in_parts<std::string>(
      names, kTopicsAtOnce, stop_requested,
      [&](std::span<const std::string> part) { return look_at_topics(kafka, part, topics, wanted); });
  if (!status.ok()) return status;
  return in_parts<kafka::PartitionEnd>(wanted, kPartitionsAtOnce, stop_requested,
                                       [&](std::span<const kafka::PartitionEnd> part) {
                                         const auto ends = kafka.describe_ends(part);
                                         absl::Status seen = ends.status();
                                         for (std::size_t i = 0; seen.ok() && i < ends->size(); ++i)
                                           seen = look_at_end((*ends)[i], topics);
                                         return seen;
                                       });
}

}  // namespace

absl::Status look_at_delivered(KafkaPort& kafka, const PartitionOffsets::Topics& topics,
                               const std::function<bool()>& stop_requested) {
  for (int looks = 1;; ++looks) {
    absl::Status status = look_once(kafka, topics, stop_requested);
    if (reason_of(status) != ReasonCode::kTopicLostData || looks == kLooksMax) return status;
    if (stop_requested()) return absl::CancelledError("stopped while topics were looked at");
    kafka.pause(kLookAgain);
  }
}

}  // namespace millrace
