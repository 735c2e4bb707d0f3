// SPDX-License-Identifier: Apache-2.0
// What a Kafka producer tells of itself, from librdkafka's statistics: plain values for metrics and status.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Counts are since the producer was made.
struct KafkaBrokerView {
  std::string name;  ///< "broker1:9092/1"
  bool up = false;
  std::uint64_t requests = 0;   ///< Produce requests sent.
  std::uint64_t retries = 0;    ///< Requests sent again.
  std::uint64_t errors = 0;     ///< Transmission and receive errors, requests that timed out.
  std::int64_t ack_p50_us = 0;  ///< From a request to its answer, over the last interval; 0: none.
  std::int64_t ack_p99_us = 0;
  std::int64_t ack_max_us = 0;
  std::int64_t throttle_us = 0;  ///< By quota, average over the last interval.
};

struct KafkaView {
  bool known = false;  ///< Statistics have come.
  std::uint64_t queue_records = 0;
  std::uint64_t queue_bytes = 0;
  std::uint64_t sent_records = 0;
  std::uint64_t sent_bytes = 0;
  std::vector<KafkaBrokerView> brokers;
};

/// Reads a statistics event. Topics, which may be thousands, are not looked at.
/// @return a view with `known` false when the text is not what librdkafka writes.
/// Source: librdkafka, STATISTICS.md.
KafkaView parse_statistics(std::string_view json);

/// Adds `other`, of another producer of the same pipeline, to `view`.
void add(KafkaView& view, const KafkaView& other);

}  // namespace millrace
