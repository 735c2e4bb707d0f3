// SPDX-License-Identifier: Apache-2.0
#include "pipeline/order_stage.h"

#include <limits>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"

namespace millrace {

OrderStage::OrderStage(Options options, std::span<WorkerRings* const> workers, SpscRing<Batch*>& batches_back,
                       RecordSink& sink, CheckpointStore& store, Feedback& feedback, const Clock& clock)
    : options_(std::move(options)),
      workers_(workers.begin(), workers.end()),
      batches_back_(batches_back),
      sink_(sink),
      store_(store),
      feedback_(feedback),
      clock_(clock) {}

void OrderStage::start(std::unique_ptr<PositionFold> fold, const StoredCheckpoints& stored) {
  fold_ = std::move(fold);
  if (stored.newest) {
    nothing_durable_ = false;
    generation_ = stored.newest->generation;
    durable_ = stored.newest->position;
    identity_ = stored.newest->source_identity;
  }
  if (stored.previous) told_ = stored.previous->position;
  last_checkpoint_us_ = clock_.monotonic_us();
}

void OrderStage::set_source_identity(std::string identity) {
  const std::lock_guard lock(identity_mutex_);
  identity_ = std::move(identity);
}

bool OrderStage::fail(absl::Status status) {
  status_ = std::move(status);
  return true;
}

bool OrderStage::step() {
  if (!status_.ok() || drained_) return false;
  const std::int64_t now_us = clock_.monotonic_us();
  bool worked = false;
  while (submit_next(now_us)) worked = true;
  worked |= drain_deliveries(now_us);
  if (!status_.ok()) return true;
  worked |= move_checkpoint(now_us);
  return worked;
}

bool OrderStage::submit_next(std::int64_t now_us) {
  // The first checkpoint says where the output stood before the first record: without it a crash could not
  // tell the pipeline's records from what was there before.
  if (nothing_durable_ || !sink_.ready()) return false;
  WorkerRings& rings = *workers_[(next_batch_ - 1) % workers_.size()];
  Piece* piece = nullptr;
  if (!rings.out.try_pop(piece)) return false;
  MILLRACE_CHECK(piece->batch_number == next_batch_, "pieces of a worker come in batch order");
  MILLRACE_FAILPOINT(kPieceTaken, return !fail(injected));
  if (piece->last) {
    ++next_batch_;
    // Every value has been copied into a chunk: the receive memory may go back.
    const bool pushed = batches_back_.try_push(std::exchange(piece->batch, nullptr));
    MILLRACE_CHECK(pushed, "the return ring has a place for every batch");
  }
  counters_.records += piece->records.size();
  counters_.bytes += piece->bytes;
  in_flight_.push_back({piece, now_us, false});
  // A sink that waits for more before it makes pieces durable may hold all that a worker has: then no more
  // will come.
  const bool many = in_flight_.size() >= (options_.pieces_per_worker + 1) / 2;
  const bool hurry = many || piece->end_of_input || piece->checkpoint_now;
  sink_.submit(piece);
  if (hurry) sink_.flush();
  MILLRACE_FAILPOINT(kPieceSubmitted, return !fail(injected));
  return true;
}

void OrderStage::pass(Piece& piece) {
  for (std::size_t i = 0; i < piece.marks.size(); ++i) {
    fold_->apply(piece.marks[i].mark);
    sink_.pass(piece, i);
  }
  if (piece.arrival_end > watermark_) watermark_ = piece.arrival_end;
  counters_.changes += piece.changes;
  counters_.delivered_records += piece.records.size();
  checkpoint_now_ |= piece.checkpoint_now;
  end_of_input_ |= piece.end_of_input;
}

bool OrderStage::drain_deliveries(std::int64_t now_us) {
  bool worked = false;
  while (Piece* done = sink_.poll(now_us)) {
    worked = true;
    for (InFlight& entry : in_flight_) {
      if (entry.piece != done) continue;
      entry.delivered = true;
      if (options_.sink_seconds != nullptr) {
        options_.sink_seconds->observe(static_cast<double>(now_us - entry.submitted_us) * 1e-6);
      }
      break;
    }
    // The watermark is the end of a contiguous prefix, never the newest delivery.
    while (!in_flight_.empty() && in_flight_.front().delivered) {
      Piece* piece = in_flight_.front().piece;
      in_flight_.pop_front();
      pass(*piece);
      MILLRACE_FAILPOINT(kMarkPassed, return fail(injected));
      const bool pushed = workers_[piece->worker]->returned.try_push(piece);
      MILLRACE_CHECK(pushed, "the return ring has a place for every piece");
    }
  }
  if (!sink_.status().ok()) return fail(sink_.status());
  return worked;
}

void OrderStage::write_checkpoint(std::int64_t now_us) {
  Checkpoint checkpoint;
  checkpoint.generation = generation_ + 1;
  checkpoint.pipeline = options_.pipeline;
  {
    const std::lock_guard lock(identity_mutex_);
    checkpoint.source_identity = identity_;
  }
  checkpoint.position = fold_->position();
  checkpoint.phase = checkpoint.position.text.empty() ? "snapshot" : "streaming";
  checkpoint.sink_state = sink_.state();
  checkpoint.options_hash = options_.options_hash;
  writing_position_ = checkpoint.position;
  writing_ = true;
  checkpoint_now_ = false;
  last_checkpoint_us_ = now_us;
  store_.write(std::move(checkpoint));
}

bool OrderStage::move_checkpoint(std::int64_t now_us) {
  bool worked = false;
  const auto outcome = store_.poll();
  // Also with nothing to write: another instance may have taken over.
  if (outcome && !outcome->ok()) return fail(outcome->status());
  if (writing_) {
    if (!outcome) return false;
    MILLRACE_FAILPOINT(kCheckpointConfirmed, return fail(injected));
    writing_ = false;
    generation_ = **outcome;
    ++counters_.checkpoints;
    // Two checkpoints are kept and the server is told no more than the older one holds: should the newer be
    // lost, the server still has everything behind the older.
    told_ = std::exchange(durable_, writing_position_);
    nothing_durable_ = false;
    worked = true;
    const bool quiet = in_flight_.empty() && fold_->position() == durable_;
    if (end_of_input_ && quiet && told_ == durable_) drained_ = true;
    feedback_.publish(told_, drained_);
    // Nothing came since: write the same once more, so that the server may be told all of it.
    if (quiet && told_ != durable_) checkpoint_now_ = true;
  }
  if (drained_) return worked;
  const Position position = fold_->position();
  const bool behind = position != durable_ || told_ != durable_;
  const bool due = now_us - last_checkpoint_us_ >= options_.checkpoint_interval_us;
  const bool ending = end_of_input_ && in_flight_.empty();
  if (nothing_durable_ || checkpoint_now_ || (behind && due) || ending) {
    MILLRACE_FAILPOINT(kCheckpointBegun, return fail(injected));
    write_checkpoint(now_us);
    worked = true;
  }
  return worked;
}

std::int64_t OrderStage::next_deadline_us() const {
  if (!status_.ok() || drained_) return std::numeric_limits<std::int64_t>::max();
  std::int64_t deadline = sink_.next_deadline_us();
  if (!writing_ && (fold_->position() != durable_ || told_ != durable_)) {
    deadline = std::min(deadline, last_checkpoint_us_ + options_.checkpoint_interval_us);
  }
  return deadline;
}

}  // namespace millrace
