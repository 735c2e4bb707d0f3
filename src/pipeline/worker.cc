// SPDX-License-Identifier: Apache-2.0
#include "pipeline/worker.h"

#include "base/check.h"
#include "base/failpoint.h"
#include "runtime/slab.h"

namespace millrace {

Worker::Worker(std::uint32_t index, std::unique_ptr<BatchEncoder> encoder, WorkerRings& rings,
               const Clock& clock, std::size_t piece_count, std::size_t chunk_bytes)
    : index_(index),
      encoder_(std::move(encoder)),
      rings_(rings),
      clock_(clock),
      piece_count_(piece_count),
      chunk_bytes_(chunk_bytes) {}

void Worker::grow(Piece& piece, std::size_t bytes) {
  // Not value-initialised: pages are touched when they are used.
  piece.storage.reset(new std::byte[bytes + kPadding]);
  piece.chunk = piece.storage.get();
  piece.chunk_size = bytes;
}

Piece* Worker::take_piece() {
  Piece* returned = nullptr;
  while (rings_.returned.try_pop(returned)) {
    returned->clear();
    // A chunk made for one large row does not stay.
    if (returned->chunk_size > chunk_bytes_) grow(*returned, chunk_bytes_);
    free_.push_back(returned);
  }
  if (free_.empty()) {
    if (made_ == piece_count_) return nullptr;
    pieces_.push_back(std::make_unique<Piece>());
    pieces_.back()->worker = index_;
    grow(*pieces_.back(), chunk_bytes_);
    ++made_;
    return pieces_.back().get();
  }
  Piece* piece = free_.back();  // last in, first out: its memory is still warm
  free_.pop_back();
  return piece;
}

void Worker::place_marks(Piece& piece) {
  const bool batch_done = piece.last;
  std::size_t record = 0;
  while (next_mark_ < batch_->marks.size()) {
    const PositionMark& mark = batch_->marks[next_mark_];
    if (!batch_done && mark.arrival > piece.arrival_end) return;
    while (record < piece.records.size() && piece.records[record].arrival <= mark.arrival) ++record;
    piece.marks.push_back({mark, static_cast<std::uint32_t>(record), {}});
    ++next_mark_;
  }
}

void Worker::hand_on(Piece* piece) {
  piece->batch_number = batch_->number;
  place_marks(*piece);
  if (piece->last) {
    piece->batch = batch_;
    piece->checkpoint_now = batch_->checkpoint_now;
    piece->end_of_input = batch_->end_of_input;
    batch_ = nullptr;
  }
  const bool pushed = rings_.out.try_push(piece);
  MILLRACE_CHECK(pushed, "the out ring has a place for every piece");
}

bool Worker::step() {
  if (!status_.ok()) return false;
  bool worked = false;
  for (;;) {
    if (batch_ == nullptr) {
      if (!rings_.in.try_pop(batch_)) return worked;
      next_ = 0;
      next_mark_ = 0;
    }
    Piece* piece = take_piece();
    if (piece == nullptr) return worked;
    worked = true;
    const std::int64_t now_us = clock_.realtime_us();
    const std::size_t first = next_;
    EncodeResult result = encoder_->encode(*batch_, next_, *piece, now_us);
    if (result.kind == EncodeResult::Kind::kNeedsBytes) {
      // A row larger than a chunk passes alone, in a chunk of its own size.
      grow(*piece, result.bytes_needed);
      result = encoder_->encode(*batch_, next_, *piece, now_us);
      MILLRACE_CHECK(result.kind != EncodeResult::Kind::kNeedsBytes,
                     "a change needs no more than it asked for");
    }
    MILLRACE_FAILPOINT(kPieceEncoded, result.kind = EncodeResult::Kind::kFailed; result.status = injected);
    tables_.count(*batch_, first, next_, *piece);
    if (result.kind == EncodeResult::Kind::kFailed) {
      status_ = std::move(result.status);
      // What was encoded before the failure still goes out; the batch stays here and is never finished.
      if (next_ > 0 && piece->changes > 0) {
        piece->last = false;
        hand_on(piece);
      } else {
        free_.push_back(piece);
      }
      return true;
    }
    piece->last = result.kind == EncodeResult::Kind::kDone;
    hand_on(piece);
  }
}

}  // namespace millrace
