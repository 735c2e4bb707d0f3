// SPDX-License-Identifier: Apache-2.0
// Records into Kafka: delivered means that every in-sync replica has them.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/clock.h"
#include "runtime/reactor.h"
#include "sink/kafka/kafka_port.h"
#include "sink/kafka/kafka_view.h"
#include "sink/record_sink.h"

namespace millrace {

struct KafkaSinkOptions {
  KafkaConfig kafka;
  std::string pipeline;
  std::vector<std::pair<std::string, std::string>> context_headers;
  /// What librdkafka may allocate for messages under way, beside the pieces that hold their values.
  std::size_t memory_bytes_max = 32U << 20;
  /// So much of one partition gathered while records are under way goes by a producer that lingers. Where the
  /// user sets linger.ms there is one producer for all.
  std::size_t busy_bytes = 32U << 10;
  /// How long open() waits for the cluster to answer.
  std::int64_t open_patience_us = 30'000'000;
  /// Asked while open() waits: true ends it with Cancelled.
  std::function<bool()> stop_requested = [] { return false; };
  /// Trouble that librdkafka is retrying (OK: it has passed), and its statistics. On the order stage's
  /// thread.
  std::function<void(const absl::Status&)> on_trouble = [](const absl::Status&) {};
  std::function<void(const KafkaView&)> on_statistics = [](const KafkaView&) {};
};

/// A record goes to its topic's partition murmur2(key) mod the number of partitions that the topic had when
/// this sink met it. Order per partition is the order of submission; a record that fails for good ends the
/// sink, and nothing behind it is acknowledged. What it does about each error: docs/kafka.md.
std::unique_ptr<RecordSink> make_kafka_sink(KafkaSinkOptions options, Reactor& reactor, const Clock& clock);

/// The same over another Kafka.
std::unique_ptr<RecordSink> make_kafka_sink(KafkaSinkOptions options, std::unique_ptr<KafkaPort> kafka,
                                            const Clock& clock);

}  // namespace millrace
