// SPDX-License-Identifier: Apache-2.0
// Asking a cluster about topics, and making them. Each question exists twice: asked with an answer that comes
// as an event on a queue, and waited for (for `check` and for starts, where nothing streams yet).
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/handles.h"

namespace millrace::kafka {

using Timeout = std::chrono::milliseconds;

/// What the cluster says of a topic.
struct TopicFacts {
  std::string name;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< UNKNOWN_TOPIC_OR_PART: there is none.
  std::string error_text;
  std::string id;  ///< Base64; another after the topic was made anew. Empty: too old a broker.
  std::int32_t partitions = 0;
  std::int32_t replicas_min = 0;                      ///< Of the partition that has the fewest.
  std::int32_t in_sync_min = 0;                       ///< The same for replicas in sync.
  std::int32_t leaderless = 0;                        ///< Partitions without a leader.
  std::vector<rd_kafka_AclOperation_t> operations{};  ///< What this client may do; when it was asked for.
  bool exists() const noexcept { return error == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0; }
};

/// A topic's settings by name, defaults included ("max.message.bytes", "min.insync.replicas",
/// "cleanup.policy").
struct TopicSettings {
  std::string name;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< TOPIC_AUTHORIZATION_FAILED: not to be seen.
  std::string error_text;
  std::map<std::string, std::string, std::less<>> values;
  /// The number under this name, or -1.
  std::int64_t number(std::string_view setting) const;
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;          ///< -1: the broker's num.partitions.
  std::int32_t replication_factor = -1;  ///< -1: the broker's default.replication.factor.
  std::vector<std::pair<std::string, std::string>> settings{};
};

struct CreatedTopic {
  std::string name;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< TOPIC_ALREADY_EXISTS is none for most.
  std::string error_text;
};

/// Where a partition ends.
struct PartitionEnd {
  std::string topic;
  std::int32_t partition = 0;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t offset = 0;
};

struct ClusterFacts {
  std::string id;
  std::int32_t brokers = 0;
  std::vector<rd_kafka_AclOperation_t> operations{};  ///< On the cluster; when asked for.
};

// --- asked: the answer comes as an event on `queue`, with `opaque` as rd_kafka_event_opaque()
// ---------------

void ask_topics(rd_kafka_t* client, std::span<const std::string> names, Timeout timeout,
                rd_kafka_queue_t* queue, void* opaque = nullptr, bool with_operations = false);
void ask_settings(rd_kafka_t* client, std::span<const std::string> topics, Timeout timeout,
                  rd_kafka_queue_t* queue, void* opaque = nullptr);
void ask_to_create(rd_kafka_t* client, std::span<const NewTopic> topics, Timeout timeout,
                   rd_kafka_queue_t* queue, void* opaque = nullptr);

enum class EndOf : std::uint8_t {
  kEverything,
  kCommitted
};  ///< kCommitted: before the first open transaction.
/// @param wanted  topics and partitions; the rest of each is ignored.
void ask_ends(rd_kafka_t* client, std::span<const PartitionEnd> wanted, EndOf what, Timeout timeout,
              rd_kafka_queue_t* queue, void* opaque = nullptr);

// --- what such an event says: the request's failure as a status, or a row per topic ------------------------

absl::StatusOr<std::vector<TopicFacts>> topics_in(rd_kafka_event_t* event);
absl::StatusOr<std::vector<TopicSettings>> settings_in(rd_kafka_event_t* event);
absl::StatusOr<std::vector<CreatedTopic>> created_in(rd_kafka_event_t* event);
absl::StatusOr<std::vector<PartitionEnd>> ends_in(rd_kafka_event_t* event);

// --- waited for, at most `timeout`; KAFKA_UNREACHABLE when nobody answers ----------------------------------

absl::StatusOr<std::vector<TopicFacts>> describe_topics(rd_kafka_t* client,
                                                        std::span<const std::string> names, Timeout timeout,
                                                        bool with_operations = false);
absl::StatusOr<std::vector<TopicSettings>> describe_settings(rd_kafka_t* client,
                                                             std::span<const std::string> topics,
                                                             Timeout timeout);
absl::StatusOr<std::vector<CreatedTopic>> create_topics(rd_kafka_t* client, std::span<const NewTopic> topics,
                                                        Timeout timeout);
absl::StatusOr<std::vector<PartitionEnd>> describe_ends(rd_kafka_t* client,
                                                        std::span<const PartitionEnd> wanted, EndOf what,
                                                        Timeout timeout);
absl::StatusOr<ClusterFacts> describe_cluster(rd_kafka_t* client, Timeout timeout,
                                              bool with_operations = false);

}  // namespace millrace::kafka
