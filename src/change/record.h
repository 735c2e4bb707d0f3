// SPDX-License-Identifier: Apache-2.0
// What formats make and sinks take: encoded records, in pieces that go back to their worker through a return
// ring.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "change/batch.h"
#include "millrace/change/position.h"
#include "millrace/change/relation.h"

namespace millrace {

/// How encoding or delivery of a record ended. One type from decoder to broker, so that dead letters need no
/// second path.
enum class Outcome : std::uint8_t { kOk, kFiltered, kPoison };

/// A message ready for a sink. Pointers lie in the piece's chunk, or in memory that lives as long as the
/// pipeline.
struct Record {
  const Topic* topic = nullptr;
  const std::byte* key = nullptr;    ///< nullptr: null key.
  const std::byte* value = nullptr;  ///< nullptr: null value (a tombstone).
  /// Serialised headers of this record alone (the key-change header), as HeaderView pairs; see
  /// record_headers.h.
  const std::byte* own_header = nullptr;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t own_header_size = 0;
  std::uint32_t partition_hash =
      0;  ///< murmur2 of the key; for keyless records a hash of relation and position.
  std::uint32_t volatile_at = 0;  ///< Bytes of the value that differ when it is made again (processing time).
  std::uint32_t volatile_size = 0;
  Arrival arrival = 0;
  bool context_headers = true;         ///< Carries the pipeline's context headers.
  bool own_header_is_new_key = false;  ///< own_header is __debezium.newkey, else __debezium.oldkey.
};

/// A position mark on its way out, and where it lies among the piece's records.
struct PieceMark {
  PositionMark mark;
  std::uint32_t record_end = 0;             ///< Records of the piece before the mark.
  std::uint64_t sink_words[3] = {0, 0, 0};  ///< The sink's own: where its output stood at the mark.
};

/// Encoded records of (part of) one batch. Owner: a worker until pushed, then the order stage and through it
/// the sink, then by the return ring the worker again. Memory: one chunk, which is the worker's credit.
struct Piece {
  std::uint64_t batch_number = 0;
  bool last = false;  ///< The batch ends with this piece.
  std::uint32_t worker = 0;
  std::vector<Record> records;
  std::vector<PieceMark> marks;
  Arrival arrival_end = 0;    ///< The last change whose records are all in this or an earlier piece.
  std::uint64_t changes = 0;  ///< Changes encoded here, for the metrics.
  std::size_t bytes = 0;      ///< Used in the chunk.
  std::byte* chunk = nullptr;
  std::size_t chunk_size = 0;
  std::unique_ptr<std::byte[]> storage;  ///< Of the chunk.
  Batch* batch = nullptr;                ///< Set on the last piece: returned to the ingest once encoded.
  bool checkpoint_now = false;           ///< As in Batch; on the last piece.
  bool end_of_input = false;

  void clear() noexcept {
    records.clear();
    marks.clear();
    bytes = 0;
    changes = 0;
    last = false;
    batch = nullptr;
    arrival_end = 0;
    checkpoint_now = false;
    end_of_input = false;
  }
};

}  // namespace millrace
