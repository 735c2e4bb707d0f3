// SPDX-License-Identifier: Apache-2.0
// The last stage: puts pieces back into source order, hands them to the sink, moves the watermark, has
// checkpoints written, and says how far the server may be told.
#pragma once
#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/spsc_ring.h"
#include "change/record.h"
#include "checkpoint/checkpoint_store.h"
#include "pipeline/feedback.h"
#include "pipeline/worker.h"
#include "runtime/clock.h"
#include "sink/record_sink.h"
#include "source/source.h"

namespace millrace {

/// What the order stage counts, for metrics and tests. Written by its thread only.
struct OrderStageCounters {
  std::uint64_t records = 0;  ///< Handed to the sink.
  std::uint64_t changes = 0;  ///< Whose records are durable.
  std::uint64_t bytes = 0;
  std::uint64_t delivered_records = 0;
  std::uint64_t checkpoints = 0;  ///< Durable.
};

/// Owner: its own thread (or the pipeline's one thread).
class OrderStage {
 public:
  struct Options {
    std::string pipeline;
    std::uint64_t options_hash = 0;
    std::int64_t checkpoint_interval_us = 1'000'000;
    std::size_t pieces_per_worker = 2;           ///< That exist.
    metrics::Histogram* sink_seconds = nullptr;  ///< From a piece's submission to its delivery; may be null.
  };

  OrderStage(Options options, std::span<WorkerRings* const> workers, SpscRing<Batch*>& batches_back,
             RecordSink& sink, CheckpointStore& store, Feedback& feedback, const Clock& clock);

  /// Before the first step: the fold begins at the resumed position; `stored` is what the store holds.
  void start(std::unique_ptr<PositionFold> fold, const StoredCheckpoints& stored);

  /// The source's name for itself, once it is known; goes into checkpoints. Thread-safe.
  void set_source_identity(std::string identity);

  /// One turn. True when something was done.
  bool step();
  std::int64_t next_deadline_us() const;

  /// OK while it works or after the drain; else the first failure, after which nothing is acknowledged any
  /// more.
  const absl::Status& status() const noexcept { return status_; }
  /// end_of_input has been delivered and checkpointed.
  bool drained() const noexcept { return drained_; }

  const OrderStageCounters& counters() const noexcept { return counters_; }
  std::size_t in_flight() const noexcept { return in_flight_.size(); }
  Arrival watermark() const noexcept { return watermark_; }
  Position position() const { return fold_->position(); }
  /// Of the newest durable checkpoint.
  const Position& durable() const noexcept { return durable_; }
  const Position& told() const noexcept { return told_; }
  std::int64_t last_checkpoint_us() const noexcept { return last_checkpoint_us_; }

 private:
  /// A piece at the sink. Pieces come back in any order; the watermark follows the front.
  struct InFlight {
    Piece* piece;
    std::int64_t submitted_us;
    bool delivered;
  };

  bool submit_next(std::int64_t now_us);
  bool drain_deliveries(std::int64_t now_us);
  bool move_checkpoint(std::int64_t now_us);
  void pass(Piece& piece);
  void write_checkpoint(std::int64_t now_us);
  bool fail(absl::Status status);

  const Options options_;
  const std::vector<WorkerRings*> workers_;
  SpscRing<Batch*>& batches_back_;
  RecordSink& sink_;
  CheckpointStore& store_;
  Feedback& feedback_;
  const Clock& clock_;

  std::unique_ptr<PositionFold> fold_;
  std::uint64_t next_batch_ = 1;
  std::deque<InFlight> in_flight_;
  Arrival watermark_ = 0;

  // Checkpoints. The position in `durable_` is on disk; told_ is the one before it, which is on disk as well.
  bool writing_ = false;
  std::uint64_t generation_ = 0;
  Position writing_position_;
  Position durable_;
  Position told_;
  bool nothing_durable_ = true;  ///< No checkpoint exists yet: the first one comes before the first record.
  bool checkpoint_now_ = false;
  std::int64_t last_checkpoint_us_ = 0;

  bool end_of_input_ = false;
  bool drained_ = false;
  absl::Status status_;
  OrderStageCounters counters_;

  std::mutex identity_mutex_;
  std::string identity_;
};

}  // namespace millrace
