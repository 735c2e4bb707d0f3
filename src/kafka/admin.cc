// SPDX-License-Identifier: Apache-2.0
#include "kafka/admin.h"

#include <algorithm>
#include <charconv>

#include "base/concat.h"
#include "kafka/errors.h"

namespace millrace::kafka {

namespace {

int milliseconds(Timeout timeout) { return static_cast<int>(std::max<Timeout::rep>(1, timeout.count())); }

AdminOptionsPtr make_options(rd_kafka_t* client, rd_kafka_admin_op_t operation, Timeout timeout, void* opaque,
                             bool with_operations = false) {
  AdminOptionsPtr options(rd_kafka_AdminOptions_new(client, operation));
  char words[256];
  rd_kafka_AdminOptions_set_request_timeout(options.get(), milliseconds(timeout), words, sizeof words);
  if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS) {
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), milliseconds(timeout), words, sizeof words);
  }
  if (with_operations) {
    const ErrorPtr ignored(rd_kafka_AdminOptions_set_include_authorized_operations(options.get(), 1));
  }
  rd_kafka_AdminOptions_set_opaque(options.get(), opaque);
  return options;
}

std::string text(const char* words) { return words == nullptr ? std::string() : std::string(words); }

absl::Status failure(rd_kafka_event_t* event, std::string_view what) {
  return error_status(rd_kafka_event_error(event), what, text(rd_kafka_event_error_string(event)));
}

template <class Operation>
std::vector<rd_kafka_AclOperation_t> to_vector(const Operation* operations, std::size_t count) {
  return operations == nullptr ? std::vector<rd_kafka_AclOperation_t>()
                               : std::vector<rd_kafka_AclOperation_t>(operations, operations + count);
}

TopicFacts facts_of(const rd_kafka_TopicDescription_t* description) {
  TopicFacts facts;
  facts.name = text(rd_kafka_TopicDescription_name(description));
  if (const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(description);
      error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    facts.error = rd_kafka_error_code(error);
    facts.error_text = text(rd_kafka_error_string(error));
    return facts;
  }
  const rd_kafka_Uuid_t* const id = rd_kafka_TopicDescription_topic_id(description);
  // All zeros: the broker has no ids.
  if (id != nullptr &&
      (rd_kafka_Uuid_most_significant_bits(id) | rd_kafka_Uuid_least_significant_bits(id)) != 0) {
    facts.id = text(rd_kafka_Uuid_base64str(id));
  }
  std::size_t count = 0;
  const auto* const* partitions = rd_kafka_TopicDescription_partitions(description, &count);
  facts.partitions = static_cast<std::int32_t>(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t replicas = 0;
    std::size_t in_sync = 0;
    rd_kafka_TopicPartitionInfo_replicas(partitions[i], &replicas);
    rd_kafka_TopicPartitionInfo_isr(partitions[i], &in_sync);
    const auto least = [i](std::int32_t so_far, std::size_t here) {
      return i == 0 ? static_cast<std::int32_t>(here) : std::min(so_far, static_cast<std::int32_t>(here));
    };
    facts.replicas_min = least(facts.replicas_min, replicas);
    facts.in_sync_min = least(facts.in_sync_min, in_sync);
    if (rd_kafka_TopicPartitionInfo_leader(partitions[i]) == nullptr) ++facts.leaderless;
  }
  std::size_t operations = 0;
  const rd_kafka_AclOperation_t* list =
      rd_kafka_TopicDescription_authorized_operations(description, &operations);
  facts.operations = to_vector(list, operations);
  return facts;
}

TopicSettings settings_of(const rd_kafka_ConfigResource_t* resource) {
  TopicSettings settings;
  settings.name = text(rd_kafka_ConfigResource_name(resource));
  settings.error = rd_kafka_ConfigResource_error(resource);
  if (settings.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    settings.error_text = text(rd_kafka_ConfigResource_error_string(resource));
    return settings;
  }
  std::size_t count = 0;
  const auto* const* entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (std::size_t i = 0; i < count; ++i) {
    settings.values.emplace(text(rd_kafka_ConfigEntry_name(entries[i])),
                            text(rd_kafka_ConfigEntry_value(entries[i])));
  }
  return settings;
}

/// Asks with a queue of its own and waits for the one answer.
template <class Ask>
EventPtr wait_for(rd_kafka_t* client, Timeout timeout, const Ask& ask) {
  const QueuePtr queue(rd_kafka_queue_new(client));
  ask(queue.get());
  // librdkafka answers at its timeout at the latest; a second more for its own sake.
  return EventPtr(rd_kafka_queue_poll(queue.get(), milliseconds(timeout) + 1'000));
}

absl::Status nobody(std::string_view what) {
  return reason_error(ReasonCode::kKafkaUnreachable, concat(what, ": no answer in time"));
}

constexpr std::string_view kAskingTopics = "asking for topics";
constexpr std::string_view kAskingSettings = "asking for topic settings";
constexpr std::string_view kCreating = "creating topics";
constexpr std::string_view kAskingEnds = "asking where partitions end";
constexpr std::string_view kAskingCluster = "asking for the cluster";

}  // namespace

std::int64_t TopicSettings::number(std::string_view setting) const {
  const auto found = values.find(setting);
  if (found == values.end()) return -1;
  const std::string& digits = found->second;
  std::int64_t value = -1;
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return wrong == std::errc() && end == digits.data() + digits.size() ? value : -1;
}

void ask_topics(rd_kafka_t* client, std::span<const std::string> names, Timeout timeout,
                rd_kafka_queue_t* queue, void* opaque, bool with_operations) {
  std::vector<const char*> list;
  for (const std::string& name : names) list.push_back(name.c_str());
  const TopicCollectionPtr topics(rd_kafka_TopicCollection_of_topic_names(list.data(), list.size()));
  const AdminOptionsPtr options =
      make_options(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout, opaque, with_operations);
  rd_kafka_DescribeTopics(client, topics.get(), options.get(), queue);
}

void ask_settings(rd_kafka_t* client, std::span<const std::string> topics, Timeout timeout,
                  rd_kafka_queue_t* queue, void* opaque) {
  std::vector<ConfigResourcePtr> resources;
  std::vector<rd_kafka_ConfigResource_t*> list;
  for (const std::string& topic : topics) {
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    list.push_back(resources.back().get());
  }
  const AdminOptionsPtr options = make_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout, opaque);
  rd_kafka_DescribeConfigs(client, list.data(), list.size(), options.get(), queue);
}

void ask_to_create(rd_kafka_t* client, std::span<const NewTopic> topics, Timeout timeout,
                   rd_kafka_queue_t* queue, void* opaque) {
  std::vector<NewTopicPtr> made;
  std::vector<rd_kafka_NewTopic_t*> list;
  for (const NewTopic& topic : topics) {
    char words[256];
    made.emplace_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication_factor,
                                            words, sizeof words));
    // Only an empty name or a count below -1 is refused here, and configurations have none.
    if (made.back() == nullptr) continue;
    for (const auto& [name, value] : topic.settings) {
      rd_kafka_NewTopic_set_config(made.back().get(), name.c_str(), value.c_str());
    }
    list.push_back(made.back().get());
  }
  const AdminOptionsPtr options = make_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout, opaque);
  rd_kafka_CreateTopics(client, list.data(), list.size(), options.get(), queue);
}

void ask_ends(rd_kafka_t* client, std::span<const PartitionEnd> wanted, EndOf what, Timeout timeout,
              rd_kafka_queue_t* queue, void* opaque) {
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(wanted.size())));
  for (const PartitionEnd& one : wanted) {
    rd_kafka_topic_partition_list_add(list.get(), one.topic.c_str(), one.partition)->offset =
        RD_KAFKA_OFFSET_SPEC_LATEST;
  }
  const AdminOptionsPtr options = make_options(client, RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout, opaque);
  const ErrorPtr ignored(rd_kafka_AdminOptions_set_isolation_level(
      options.get(), what == EndOf::kCommitted ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                               : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
  rd_kafka_ListOffsets(client, list.get(), options.get(), queue);
}

absl::StatusOr<std::vector<TopicFacts>> topics_in(rd_kafka_event_t* event) {
  if (absl::Status status = failure(event, kAskingTopics); !status.ok()) return status;
  std::size_t count = 0;
  const auto* const* topics =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
  std::vector<TopicFacts> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(facts_of(topics[i]));
  return out;
}

absl::StatusOr<std::vector<TopicSettings>> settings_in(rd_kafka_event_t* event) {
  if (absl::Status status = failure(event, kAskingSettings); !status.ok()) return status;
  std::size_t count = 0;
  const auto* const* resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
  std::vector<TopicSettings> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(settings_of(resources[i]));
  return out;
}

absl::StatusOr<std::vector<CreatedTopic>> created_in(rd_kafka_event_t* event) {
  if (absl::Status status = failure(event, kCreating); !status.ok()) return status;
  std::size_t count = 0;
  const auto* const* topics =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  std::vector<CreatedTopic> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back({text(rd_kafka_topic_result_name(topics[i])), rd_kafka_topic_result_error(topics[i]),
                   text(rd_kafka_topic_result_error_string(topics[i]))});
  }
  return out;
}

absl::StatusOr<std::vector<PartitionEnd>> ends_in(rd_kafka_event_t* event) {
  if (absl::Status status = failure(event, kAskingEnds); !status.ok()) return status;
  std::size_t count = 0;
  const auto* const* infos =
      rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
  std::vector<PartitionEnd> ends;
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_topic_partition_t* const end = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
    ends.push_back({text(end->topic), end->partition, end->err, end->offset});
    // When the request to a leader fails, librdkafka leaves the partition without an offset and without an
    // error.
    if (end->err == RD_KAFKA_RESP_ERR_NO_ERROR && end->offset < 0) {
      ends.back().error = RD_KAFKA_RESP_ERR__TRANSPORT;
    }
  }
  return ends;
}

absl::StatusOr<std::vector<TopicFacts>> describe_topics(rd_kafka_t* client,
                                                        std::span<const std::string> names, Timeout timeout,
                                                        bool with_operations) {
  const EventPtr event = wait_for(client, timeout, [&](rd_kafka_queue_t* queue) {
    ask_topics(client, names, timeout, queue, nullptr, with_operations);
  });
  if (event == nullptr) return nobody(kAskingTopics);
  return topics_in(event.get());
}

absl::StatusOr<std::vector<TopicSettings>> describe_settings(rd_kafka_t* client,
                                                             std::span<const std::string> topics,
                                                             Timeout timeout) {
  const EventPtr event = wait_for(
      client, timeout, [&](rd_kafka_queue_t* queue) { ask_settings(client, topics, timeout, queue); });
  if (event == nullptr) return nobody(kAskingSettings);
  return settings_in(event.get());
}

absl::StatusOr<std::vector<CreatedTopic>> create_topics(rd_kafka_t* client, std::span<const NewTopic> topics,
                                                        Timeout timeout) {
  const EventPtr event = wait_for(
      client, timeout, [&](rd_kafka_queue_t* queue) { ask_to_create(client, topics, timeout, queue); });
  if (event == nullptr) return nobody(kCreating);
  return created_in(event.get());
}

absl::StatusOr<std::vector<PartitionEnd>> describe_ends(rd_kafka_t* client,
                                                        std::span<const PartitionEnd> wanted, EndOf what,
                                                        Timeout timeout) {
  if (wanted.empty()) return std::vector<PartitionEnd>();
  const EventPtr event = wait_for(
      client, timeout, [&](rd_kafka_queue_t* queue) { ask_ends(client, wanted, what, timeout, queue); });
  if (event == nullptr) return nobody(kAskingEnds);
  return ends_in(event.get());
}

absl::StatusOr<ClusterFacts> describe_cluster(rd_kafka_t* client, Timeout timeout, bool with_operations) {
  const EventPtr event = wait_for(client, timeout, [&](rd_kafka_queue_t* queue) {
    const AdminOptionsPtr options =
        make_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, timeout, nullptr, with_operations);
    rd_kafka_DescribeCluster(client, options.get(), queue);
  });
  if (event == nullptr) return nobody(kAskingCluster);
  if (absl::Status status = failure(event.get(), kAskingCluster); !status.ok()) return status;
  const rd_kafka_DescribeCluster_result_t* result = rd_kafka_event_DescribeCluster_result(event.get());
  ClusterFacts facts;
  facts.id = text(rd_kafka_DescribeCluster_result_cluster_id(result));
  std::size_t nodes = 0;
  rd_kafka_DescribeCluster_result_nodes(result, &nodes);
  facts.brokers = static_cast<std::int32_t>(nodes);
  std::size_t operations = 0;
  const rd_kafka_AclOperation_t* list =
      rd_kafka_DescribeCluster_result_authorized_operations(result, &operations);
  facts.operations = to_vector(list, operations);
  return facts;
}

}  // namespace millrace::kafka
