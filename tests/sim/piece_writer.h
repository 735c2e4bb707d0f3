// SPDX-License-Identifier: Apache-2.0
// Puts the records of one change into a piece, as encoders must: all or none, within the chunk.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "format/batch_encoder.h"
#include "sim/ledger.h"

namespace millrace::sim {

inline EncodeResult write_change(Piece& piece, const std::vector<std::string>& texts, std::uint32_t hash,
                                 Arrival arrival, const Ledger& ledger) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  if (piece.bytes + bytes > piece.chunk_size) {
    EncodeResult full;
    full.kind = piece.bytes == 0 ? EncodeResult::Kind::kNeedsBytes : EncodeResult::Kind::kPieceFull;
    full.bytes_needed = bytes;
    return full;
  }
  for (const std::string& text : texts) {
    std::byte* const at = piece.chunk + piece.bytes;
    std::memcpy(at, text.data(), text.size());
    Record record;
    record.topic = &ledger.topic_of(hash);
    record.value = at;
    record.value_size = static_cast<std::uint32_t>(text.size());
    record.partition_hash = hash;
    record.arrival = arrival;
    piece.records.push_back(record);
    piece.bytes += text.size();
  }
  piece.arrival_end = arrival;
  ++piece.changes;
  return {};
}

}  // namespace millrace::sim
