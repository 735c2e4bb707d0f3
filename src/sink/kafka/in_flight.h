// SPDX-License-Identifier: Apache-2.0
// Which records of which pieces a broker has acknowledged, and where they stand there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "change/record.h"

namespace millrace {

/// A record under way; its address is the message's opaque.
struct InFlightRecord {
  std::int64_t offset = -1;          ///< In its partition, once delivered; negative: the broker did not say.
  std::uint32_t place = 0;           ///< Its partition: see PartitionOffsets.
  std::uint32_t entry = 0;           ///< Its piece: see InFlightPieces.
  std::uint32_t bytes = 0;           ///< In a batch, about.
  InFlightRecord* behind = nullptr;  ///< Waits in the same lane: see PartitionLanes.
};

/// Pieces at a Kafka producer, in source order. Owner: the order stage's thread. Bound: `memory_bytes()`, by
/// whoever submits.
class InFlightPieces {
 public:
  struct Entry {
    Piece* piece = nullptr;
    std::uint32_t outstanding = 0;        ///< Records that are not delivered.
    std::size_t memory_bytes = 0;         ///< Of librdkafka, for all its records.
    std::vector<InFlightRecord> records;  ///< One per record of the piece; their addresses stay until taken.
  };

  /// Takes a piece in; all of its records are outstanding.
  /// @param memory_bytes  charged until the piece is taken.
  Entry& add(Piece* piece, std::size_t memory_bytes);

  void delivered(InFlightRecord& record, std::int64_t offset) noexcept {
    record.offset = offset;
    --entries_[record.entry]->outstanding;
    --outstanding_;
  }

  /// The oldest piece if it is all delivered, else nullptr. Its entry may be read until the next call.
  const Entry* take_delivered();

  /// The first record of the oldest piece of which no offset is known; nullptr: none.
  const Record* oldest() const noexcept;

  Entry& entry(std::uint32_t index) noexcept { return *entries_[index]; }
  bool empty() const noexcept { return order_.empty(); }
  std::size_t pieces() const noexcept { return order_.size(); }
  std::uint64_t outstanding() const noexcept { return outstanding_; }
  std::size_t memory_bytes() const noexcept { return memory_bytes_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::uint32_t> free_;
  std::deque<std::uint32_t> order_;
  std::uint32_t taken_ = kNone;  ///< Free again at the next take_delivered().
  std::uint64_t outstanding_ = 0;
  std::size_t memory_bytes_ = 0;
};

}  // namespace millrace
