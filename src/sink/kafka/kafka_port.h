// SPDX-License-Identifier: Apache-2.0
// What the Kafka sink needs of Kafka: producers, and questions about topics. Behind it is librdkafka
// (rdkafka_port.h), or a model in simulation. One virtual call per record.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "change/record.h"
#include "kafka/admin.h"
#include "sink/kafka/in_flight.h"
#include "sink/kafka/kafka_view.h"
#include "sink/kafka/partition_lanes.h"
#include "sink/kafka/topic_book.h"

namespace millrace {

/// What became of a record.
struct Delivery {
  InFlightRecord* record = nullptr;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t offset = -1;  ///< Negative: the broker has it, and did not say where.
};

struct ProducerEvent {
  enum class Kind : std::uint8_t { kDeliveries, kTrouble, kFatal, kStatistics };
  Kind kind = Kind::kDeliveries;
  std::vector<Delivery> deliveries;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< kTrouble: being retried; kFatal: the cause.
  std::string words;
  KafkaView view;
};

/// An idempotent producer without gaps: records of a partition arrive in the order they were handed over, and
/// once one cannot, none behind it does.
class ProducerPort {
 public:
  virtual ~ProducerPort() = default;

  /// @return what produce() calls the topic.
  virtual std::uint32_t open_topic(const std::string& name) = 0;

  /// Hands a record over. Its value must stay until its delivery was reported.
  /// @param timestamp_ms  Unix milliseconds, the record's in its topic.
  /// @return NO_ERROR, or why it was not taken.
  virtual rd_kafka_resp_err_t produce(std::uint32_t topic, std::int32_t partition, const Record& record,
                                      std::int64_t timestamp_ms, InFlightRecord* under_way) = 0;

  /// False: nothing has happened. Else `event` says what; its memory is used again.
  virtual bool next_event(ProducerEvent& event) = 0;
};

/// Owner: the order stage's thread.
class KafkaPort {
 public:
  virtual ~KafkaPort() = default;

  /// @param batch_bytes_max  of a batch; 0: as configured. The port's until close().
  /// The first one comes before any question.
  virtual absl::StatusOr<ProducerPort*> make_producer(Way way, std::int64_t batch_bytes_max) = 0;

  // Waited for, while nothing streams yet.
  virtual absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout timeout) = 0;
  virtual absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(
      std::span<const std::string> names) = 0;
  virtual absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd> wanted) = 0;
  virtual void pause(kafka::Timeout time) = 0;

  // Asked, and answered later.
  virtual void ask(const TopicBook::Questions& questions) = 0;
  /// Of one topic, while its records stand still.
  virtual void ask_about(const std::string& topic) = 0;
  /// Gives `book` its answers.
  /// @return the answer to ask_about(), when it has come.
  virtual std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook& book,
                                                                                     std::int64_t now_us) = 0;

  /// Has the loop woken when there is an event or an answer. Again after each time.
  virtual void arm() = 0;

  /// The end of all producers: from now on no record's memory is touched.
  virtual void close() = 0;
};

}  // namespace millrace
