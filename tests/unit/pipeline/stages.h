// SPDX-License-Identifier: Apache-2.0
// What stands around a stage in tests: a clock, an encoder of numbers, a sink, a store.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/reason_code.h"
#include "checkpoint/checkpoint_store.h"
#include "format/batch_encoder.h"
#include "runtime/clock.h"
#include "sink/record_sink.h"
#include "source/source.h"

namespace millrace::test {

class ManualClock final : public Clock {
 public:
  std::int64_t monotonic_us() const noexcept override { return now_us; }
  std::int64_t realtime_us() const noexcept override { return 1'000'000'000 + now_us; }
  std::int64_t now_us = 1000;
};

inline const Topic& number_topic() {
  static const Topic topic{"t", 0};
  return topic;
}

/// A record of change.size bytes for each change; a change of size 0 makes none, one of kBadSize fails.
class NumberEncoder final : public BatchEncoder {
 public:
  static constexpr std::uint32_t kBadSize = 0xFFFFFFFF;

  EncodeResult encode(const Batch& batch, std::size_t& next, Piece& piece, std::int64_t) override {
    for (; next < batch.changes.size(); ++next) {
      const Change& change = batch.changes[next];
      if (change.size == kBadSize) {
        return {EncodeResult::Kind::kFailed, 0,
                reason_error(ReasonCode::kValueUndecodable, "cannot be read")};
      }
      if (change.size > piece.chunk_size - piece.bytes) {
        if (piece.bytes != 0) return {EncodeResult::Kind::kPieceFull, 0, {}};
        return {EncodeResult::Kind::kNeedsBytes, change.size, {}};
      }
      if (change.size != 0) {
        Record record;
        record.topic = &number_topic();
        record.value = piece.chunk + piece.bytes;
        record.value_size = change.size;
        record.arrival = batch.first_arrival + next;
        std::memset(piece.chunk + piece.bytes, static_cast<int>(record.arrival & 0xFF), change.size);
        piece.bytes += change.size;
        piece.records.push_back(record);
      }
      piece.arrival_end = batch.first_arrival + next;
      ++piece.changes;
    }
    return {};
  }
};

/// Batches that count arrivals on.
class NumberedBatches {
 public:
  /// A batch of changes of these sizes.
  Batch* make(const std::vector<std::uint32_t>& sizes) {
    batches_.push_back(std::make_unique<Batch>());
    Batch* const batch = batches_.back().get();
    batch->number = batches_.size();
    batch->first_arrival = arrival_ + 1;
    if (relation_ == nullptr) {
      Relation relation;
      relation.schema = "public";
      relation.table = "t";
      relation.topic = &number_topic();
      relation_ = std::make_shared<const Relation>(relation);
    }
    batch->relations.push_back(relation_);
    for (const std::uint32_t size : sizes) {
      Change change;
      change.size = size;
      batch->changes.push_back(change);
      ++arrival_;
    }
    return batch;
  }
  /// A mark behind `arrival`; its position reads as `place`.
  static void mark(Batch& batch, Arrival arrival, std::uint64_t place) {
    PositionMark made;
    made.arrival = arrival;
    made.words[0] = place;
    batch.marks.push_back(made);
  }

 private:
  std::vector<std::unique_ptr<Batch>> batches_;
  RelationPtr relation_;
  Arrival arrival_ = 0;
};

/// Position: the first word of the last mark, as text.
class NumberFold final : public PositionFold {
 public:
  explicit NumberFold(Position from = {}) : position_(std::move(from)) {}
  void apply(const PositionMark& mark) override { position_.text = std::to_string(mark.words[0]); }
  Position position() const override { return position_; }

 private:
  Position position_;
};

/// Keeps pieces until the test delivers them; notes everything it is told.
class NotingSink final : public RecordSink {
 public:
  absl::StatusOr<SinkResume> open(std::string_view state, bool discard_tail) override {
    opened_with = std::string(state);
    opened_with += discard_tail ? " discard" : "";
    if (!open_status.ok()) return open_status;
    return SinkResume{};
  }
  bool ready() const noexcept override { return is_ready; }
  void submit(Piece* piece) override {
    submitted.push_back(piece);
    for (const Record& record : piece->records) arrivals.push_back(record.arrival);
    if (delivers_at_once) delivered.push_back(piece);
  }
  Piece* poll(std::int64_t) override {
    if (delivered.empty() || !failure.ok()) return nullptr;
    Piece* const piece = delivered.front();
    delivered.pop_front();
    return piece;
  }
  absl::Status status() const override { return failure; }
  void pass(const Piece& piece, std::size_t mark) override {
    passed.push_back(piece.marks[mark].mark.words[0]);
  }
  std::string state() const override { return "passed " + std::to_string(passed.size()); }
  void flush() override { ++flushes; }
  std::int64_t next_deadline_us() const noexcept override { return deadline_us; }

  bool is_ready = true;
  bool delivers_at_once = false;
  absl::Status failure;
  absl::Status open_status;
  std::string opened_with;
  std::deque<Piece*> delivered;
  std::vector<Piece*> submitted;
  std::vector<Arrival> arrivals;
  std::vector<std::uint64_t> passed;
  std::size_t flushes = 0;
  std::int64_t deadline_us = std::numeric_limits<std::int64_t>::max();
};

/// Keeps what it is given; answers when the test says so, or at once.
class NotingStore final : public CheckpointStore {
 public:
  absl::StatusOr<StoredCheckpoints> open() override { return stored; }
  void write(Checkpoint checkpoint) override {
    if (under_way) throw std::logic_error("a write is under way already");
    under_way = true;
    written.push_back(std::move(checkpoint));
    if (answers_at_once) finish();
  }
  std::optional<absl::StatusOr<std::uint64_t>> poll() override {
    return std::exchange(outcome_, std::nullopt);
  }

  void finish() {
    under_way = false;
    outcome_ = written.back().generation;
  }
  void fail(absl::Status status) {
    under_way = false;
    outcome_ = std::move(status);
  }

  bool answers_at_once = false;
  bool under_way = false;
  StoredCheckpoints stored;
  std::vector<Checkpoint> written;

 private:
  std::optional<absl::StatusOr<std::uint64_t>> outcome_;
};

}  // namespace millrace::test
