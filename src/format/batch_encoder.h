// SPDX-License-Identifier: Apache-2.0
// The edge between workers and formats: a batch of changes in, encoded records out. One call per piece, not
// per row.
#pragma once
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>

#include "change/record.h"

namespace millrace {

/// What encode() ended with.
struct EncodeResult {
  enum class Kind : std::uint8_t {
    kDone,        ///< The batch is encoded to its end.
    kPieceFull,   ///< The next change does not fit what is left of the chunk; go on with a new piece.
    kNeedsBytes,  ///< The next change does not fit an empty chunk: give one of `bytes_needed`.
    kFailed,      ///< The change at `next` cannot be decoded or converted; `status` says what and where.
  };
  Kind kind = Kind::kDone;
  std::size_t bytes_needed = 0;
  absl::Status status;
};

/// Turns changes into records. One per worker; not thread-safe; keeps its plans from batch to batch.
class BatchEncoder {
 public:
  virtual ~BatchEncoder() = default;

  /// Encodes batch.changes[next...] into piece (records, bytes, arrival_end, changes) and moves `next` behind
  /// the last change whose records are all in the piece; the records of one change are never split over
  /// pieces. Marks are the caller's.
  /// @param now_us  processing time, Unix microseconds, for the envelope's ts_ms, ts_us and ts_ns.
  virtual EncodeResult encode(const Batch& batch, std::size_t& next, Piece& piece, std::int64_t now_us) = 0;
};

}  // namespace millrace
