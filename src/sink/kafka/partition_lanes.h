// SPDX-License-Identifier: Apache-2.0
// The way of records to a producer, by partition: in order, and alone where the broker knows nothing of the
// producer yet.
//
// A broker that has no record of a producer in a partition takes any sequence number as its first. So when
// batch 1 is refused for a moment (the topic is so new that its leader is not ready) and batch 2, under way
// behind it, is not, batch 2 is appended, and librdkafka concludes from that that batch 1 is, too: it reports
// it as delivered and never sends it again. Once something of the producer is in the partition, the broker
// refuses what does not follow on it. It may forget a producer that is silent for long (a day, by default).
// Source: Apache Kafka, ProducerAppendInfo.checkSequence; librdkafka, rd_kafka_dr_implicit_ack().
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <unordered_map>
#include <vector>

#include "sink/kafka/in_flight.h"

namespace millrace {

/// By place: see PartitionOffsets. Owner: the order stage's thread.
class PartitionLanes {
 public:
  /// So long after an acknowledgement the broker knows the producer.
  static constexpr std::int64_t kKnownUs = 60'000'000;

  /// A topic's partitions, from `first` on; its places follow those of the topic before.
  void add(std::uint32_t first, std::int32_t partitions) {
    lanes_.resize(first + static_cast<std::uint32_t>(partitions));
  }

  /// Whether a record may go now: nothing waits before it, and no other is on its way alone.
  bool open(std::uint32_t place, std::int64_t now_us) noexcept {
    Lane& lane = lanes_[place];
    if (lane.in_flight == 0) lane.alone = now_us - lane.acknowledged_us > kKnownUs;
    return lane.waiting == 0 && (!lane.alone || lane.in_flight == 0);
  }
  /// One went.
  void sent(std::uint32_t place) noexcept { ++lanes_[place].in_flight; }
  /// One arrived.
  /// @return true when others wait that may go now.
  bool acknowledged(std::uint32_t place, std::int64_t now_us) noexcept {
    Lane& lane = lanes_[place];
    --lane.in_flight;
    lane.acknowledged_us = now_us;
    lane.alone = false;
    return lane.waiting != 0;
  }

  /// Takes a record's turn: every later one of the partition waits behind it.
  void wait(std::uint32_t place, InFlightRecord* record) {
    waiting_[place].push_back(record);
    ++lanes_[place].waiting;
  }
  /// The next that waits and may go, or nullptr.
  InFlightRecord* next(std::uint32_t place, std::int64_t now_us) noexcept;
  /// What next() gave waits no longer.
  void went(std::uint32_t place);

  std::size_t size() const noexcept { return lanes_.size(); }

 private:
  struct Lane {
    std::int64_t acknowledged_us = std::numeric_limits<std::int64_t>::min() / 2;
    std::uint32_t in_flight = 0;
    std::uint32_t waiting = 0;
    bool alone = true;  ///< One record at a time.
  };
  std::vector<Lane> lanes_;
  std::unordered_map<std::uint32_t, std::deque<InFlightRecord*>> waiting_;  ///< Where `waiting` is not 0.
};

}  // namespace millrace
