// SPDX-License-Identifier: Apache-2.0
// The way of records to a producer, by partition: in order, and alone where the broker knows nothing of the
// producer yet.
//
// A broker that has no record of a producer in a partition takes any sequence number as its first. So when
// batch 1 is refused for a moment (the topic is so new that its leader is not ready) and batch 2, under way
// behind it, is not, batch 2 is appended, and librdkafka concludes from that that batch 1 is, too: it reports
// it as delivered and never sends it again. Once something of the producer is in the partition, the broker
// refuses what does not follow on it. It may forget a producer that is silent for long (a day, by default).
// The offsets that come back are compared all the same: they are the proof.
// Source: Apache Kafka, ProducerAppendInfo.checkSequence; librdkafka, rd_kafka_dr_implicit_ack().
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sink/kafka/in_flight.h"

namespace millrace {

/// By place: see PartitionOffsets. Owner: the order stage's thread.
class PartitionLanes {
 public:
  /// So long after an acknowledgement the broker knows the producer.
  static constexpr std::int64_t kKnownUs = 60'000'000;

  /// What an acknowledgement's offset says of the records acknowledged before it.
  enum class Proof : std::uint8_t {
    kStands,     ///< All of them can stand in the partition.
    kNotThere,   ///< Some were reported as delivered and stand nowhere: the producer was wrong.
    kCutBehind,  ///< The partition's end went back: what stood there is gone.
  };

  /// A topic's partitions, from `first` on; its places follow those of the topic before.
  void add(std::uint32_t first, std::int32_t partitions) {
    lanes_.resize(first + static_cast<std::uint32_t>(partitions));
  }
  /// The partition ends at `next` or behind it.
  void ends_at(std::uint32_t place, std::int64_t next) noexcept { lanes_[place].offset = next - 1; }

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

  /// Of each that arrived, in the order of arrival. `offset` < 0: the broker did not say where it stands, or
  /// librdkafka concluded from a later one that it does; the next offset shows whether there was room for it.
  Proof prove(std::uint32_t place, std::int64_t offset) noexcept {
    Lane& lane = lanes_[place];
    if (offset < 0) {
      ++lane.without_offset;
      return Proof::kStands;
    }
    const std::int64_t between = offset - lane.offset - 1;
    const std::uint32_t needed = std::exchange(lane.without_offset, 0);
    lane.offset = offset;
    if (between < 0) return Proof::kCutBehind;
    return between < needed ? Proof::kNotThere : Proof::kStands;
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
    std::int64_t offset = -1;  ///< Of the last record that has one.
    std::uint32_t in_flight = 0;
    std::uint32_t waiting = 0;
    std::uint32_t without_offset = 0;  ///< Acknowledged since then.
    bool alone = true;                 ///< One record at a time.
  };
  std::vector<Lane> lanes_;
  std::unordered_map<std::uint32_t, std::deque<InFlightRecord*>> waiting_;  ///< Where `waiting` is not 0.
};

}  // namespace millrace
