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
#include <limits>
#include <utility>
#include <vector>

#include "sink/kafka/in_flight.h"

namespace millrace {

/// How a producer treats what it is handed.
enum class Way : std::uint8_t {
  kPrompt,  ///< Sends at once.
  kBulk,    ///< Gathers for a moment, or until a batch is full.
};
inline constexpr std::size_t kWays = 2;

/// By place: see PartitionOffsets. Owner: the order stage's thread.
class PartitionLanes {
 public:
  /// So long after an acknowledgement the broker knows the producer.
  static constexpr std::int64_t kKnownUs = 60'000'000;
  /// While fewer records of a partition are under way, one more goes at once. What comes then is gathered
  /// until all of them have arrived, and goes together. librdkafka would do the same with less care: it sends
  /// a partition's next request once fewer than five messages are under way, and spins until then. Source:
  /// RD_KAFKA_IDEMP_MAX_INFLIGHT, rd_kafka_toppar_producer_serve().
  static constexpr std::uint32_t kAtOnce = 5;
  /// What an acknowledgement's offset says of the records acknowledged before it.
  enum class Proof : std::uint8_t {
    kStands,     ///< All of them can stand in the partition.
    kNotThere,   ///< Some were reported as delivered and stand nowhere: the producer was wrong.
    kCutBehind,  ///< The partition's end went back: what stood there is gone.
  };

  /// @param batch_bytes  go together at most.
  /// @param busy_bytes  so much gathered goes by the bulk way: a prompt producer would begin with the first
  /// few of them. SIZE_MAX: everything goes by the prompt way.
  PartitionLanes(std::size_t batch_bytes, std::size_t busy_bytes)
      : batch_bytes_(batch_bytes), busy_bytes_(busy_bytes) {}

  /// A topic's partitions, from `first` on; its places follow those of the topic before.
  void add(std::uint32_t first, std::int32_t partitions) {
    lanes_.resize(first + static_cast<std::uint32_t>(partitions));
  }
  /// The partition ends at `next` or behind it.
  void ends_at(std::uint32_t place, std::int64_t next) noexcept { lanes_[place].offset = next - 1; }

  /// By which way records of the partition go now.
  Way way(std::uint32_t place) const noexcept { return lanes_[place].way; }

  /// Whether a record may go at once: none waits before it, and there is room for it.
  bool open(std::uint32_t place, std::int64_t now_us) noexcept {
    Lane& lane = lanes_[place];
    return lane.first == nullptr && has_room(lane, now_us);
  }
  /// One went.
  void sent(std::uint32_t place) noexcept { ++lanes_[place].in_flight; }
  /// One arrived.
  /// @return true when others wait that may go now.
  bool acknowledged(std::uint32_t place, std::int64_t now_us) noexcept {
    Lane& lane = lanes_[place];
    --lane.in_flight;
    lane.acknowledged_us[static_cast<std::size_t>(lane.way)] = now_us;
    lane.alone = false;
    return lane.first != nullptr && has_room(lane, now_us);
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
  void wait(std::uint32_t place, InFlightRecord* record) noexcept {
    Lane& lane = lanes_[place];
    record->behind = nullptr;
    (lane.first == nullptr ? lane.first : lane.last->behind) = record;
    lane.last = record;
    lane.waiting_bytes += record->bytes;
  }
  /// How many bytes of what waits may go now, in one go, by way(); more than 0: at least one record.
  std::size_t may_go_bytes(std::uint32_t place, std::int64_t now_us) noexcept {
    Lane& lane = lanes_[place];
    if (lane.first == nullptr || !has_room(lane, now_us)) return 0;
    return lane.alone ? 1 : batch_bytes_;
  }
  /// The next that waits; nullptr: none does.
  InFlightRecord* next(std::uint32_t place) const noexcept { return lanes_[place].first; }
  /// What next() gave waits no longer.
  void went(std::uint32_t place) noexcept {
    Lane& lane = lanes_[place];
    lane.waiting_bytes -= lane.first->bytes;
    lane.first = lane.first->behind;
  }

  std::size_t size() const noexcept { return lanes_.size(); }

 private:
  struct Lane {
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min() / 2;
    std::int64_t acknowledged_us[kWays] = {kNever, kNever};
    std::int64_t offset = -1;         ///< Of the last record that has one.
    InFlightRecord* first = nullptr;  ///< That waits.
    InFlightRecord* last = nullptr;   ///< While there is a first.
    std::size_t waiting_bytes = 0;
    std::uint32_t in_flight = 0;
    std::uint32_t without_offset = 0;  ///< Acknowledged since then.
    Way way = Way::kPrompt;
    bool alone = true;  ///< One record at a time.
  };

  bool has_room(Lane& lane, std::int64_t now_us) const noexcept {
    if (lane.in_flight == 0) {
      // Only now: two producers have no order between them.
      lane.way = lane.waiting_bytes >= busy_bytes_ ? Way::kBulk : Way::kPrompt;
      lane.alone = now_us - lane.acknowledged_us[static_cast<std::size_t>(lane.way)] > kKnownUs;
      return true;
    }
    return !lane.alone && lane.first == nullptr && lane.way == Way::kPrompt && lane.in_flight < kAtOnce;
  }

  const std::size_t batch_bytes_;
  const std::size_t busy_bytes_;
  std::vector<Lane> lanes_;
};

}  // namespace millrace
