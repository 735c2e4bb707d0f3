// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/in_flight.h"

#include <algorithm>

namespace millrace {

InFlightPieces::Entry& InFlightPieces::add(Piece* piece, std::size_t memory_bytes) {
  if (free_.empty()) {
    entries_.push_back(std::make_unique<Entry>());
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Entry& entry = *entries_[index];
  const auto records = static_cast<std::uint32_t>(piece->records.size());
  entry.piece = piece;
  entry.outstanding = records;
  entry.memory_bytes = memory_bytes;
  entry.records.assign(records, InFlightRecord{.entry = index});
  order_.push_back(index);
  outstanding_ += records;
  memory_bytes_ += memory_bytes;
  return entry;
}

const Record* InFlightPieces::oldest() const noexcept {
  if (order_.empty()) return nullptr;
  const Entry& entry = *entries_[order_.front()];
  const auto waits =
      std::ranges::find_if(entry.records, [](const auto& record) { return record.offset < 0; });
  if (waits == entry.records.end()) return nullptr;
  return &entry.piece->records[static_cast<std::size_t>(waits - entry.records.begin())];
}

const InFlightPieces::Entry* InFlightPieces::take_delivered() {
  if (taken_ != kNone) {
    free_.push_back(taken_);
    taken_ = kNone;
  }
  if (order_.empty() || entries_[order_.front()]->outstanding != 0) return nullptr;
  taken_ = order_.front();
  order_.pop_front();
  memory_bytes_ -= entries_[taken_]->memory_bytes;
  return entries_[taken_].get();
}

}  // namespace millrace
