// SPDX-License-Identifier: Apache-2.0
// The middle stage: takes batches, encodes them into pieces, passes them on in the batches' order.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/spsc_ring.h"
#include "change/batch.h"
#include "change/record.h"
#include "format/batch_encoder.h"
#include "pipeline/table_counts.h"
#include "runtime/clock.h"

namespace millrace {

/// What crosses between the stages of one worker. Each ring has one producer and one consumer.
struct WorkerRings {
  WorkerRings(std::size_t batches, std::size_t pieces) : in(batches), out(pieces), returned(pieces) {}
  SpscRing<Batch*> in;        ///< ingest -> worker
  SpscRing<Piece*> out;       ///< worker -> order stage
  SpscRing<Piece*> returned;  ///< order stage -> worker
};

/// Owner: its own thread (or the pipeline's one thread). Output memory is its own: pieces of a fixed number
/// of chunks, so that a batch stuck here waits only for batches before it, never for a later one on another
/// worker.
class Worker {
 public:
  /// @param piece_count  output credits; @param chunk_bytes  of each piece.
  Worker(std::uint32_t index, std::unique_ptr<BatchEncoder> encoder, WorkerRings& rings, const Clock& clock,
         std::size_t piece_count, std::size_t chunk_bytes);

  /// Encodes until the in ring is empty or the credits are spent. True when something was done.
  bool step();

  /// Why this worker stopped; OK while it works. After a failure it takes nothing more.
  const absl::Status& status() const noexcept { return status_; }

  const WorkerTableCounts& tables() const noexcept { return tables_; }

 private:
  Piece* take_piece();
  void hand_on(Piece* piece);
  void place_marks(Piece& piece);
  void grow(Piece& piece, std::size_t bytes);

  const std::uint32_t index_;
  std::unique_ptr<BatchEncoder> encoder_;
  WorkerRings& rings_;
  const Clock& clock_;
  const std::size_t piece_count_;
  const std::size_t chunk_bytes_;

  std::vector<std::unique_ptr<Piece>> pieces_;
  std::vector<Piece*> free_;
  std::size_t made_ = 0;

  Batch* batch_ = nullptr;     ///< Being encoded.
  std::size_t next_ = 0;       ///< First change of it that is not encoded.
  std::size_t next_mark_ = 0;  ///< First mark of it that is not placed.
  absl::Status status_;
  WorkerTableCounts tables_;
};

}  // namespace millrace
