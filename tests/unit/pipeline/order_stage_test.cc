// SPDX-License-Identifier: Apache-2.0
// Pieces back into source order, the watermark, and what may be told: never ahead of what is durable.
#include "pipeline/order_stage.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "unit/pipeline/stages.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class OrderStageTest : public testing::Test {
 protected:
  static constexpr std::size_t kPieces = 8;

  OrderStageTest() : batches_back_(16) {
    for (std::size_t i = 0; i < 3; ++i) {
      rings_.push_back(std::make_unique<WorkerRings>(16, kPieces));
      pointers_.push_back(rings_.back().get());
    }
  }

  void start(const StoredCheckpoints& stored = {}) {
    OrderStage::Options options;
    options.pipeline = "orders";
    options.options_hash = 99;
    options.checkpoint_interval_us = 1000;
    options.pieces_per_worker = kPieces;
    stage_ =
        std::make_unique<OrderStage>(options, pointers_, batches_back_, sink_, store_, feedback_, clock_);
    stage_->start(std::make_unique<NumberFold>(stored.newest ? stored.newest->position : Position{}), stored);
  }
  /// Begins with a checkpoint at "0", so that nothing is owed.
  void start_settled() {
    StoredCheckpoints stored;
    stored.newest = stored.previous = at("0");
    stored.newest->generation = 5;
    start(stored);
  }
  static Checkpoint at(const char* position) {
    Checkpoint checkpoint;
    checkpoint.position.text = position;
    checkpoint.source_identity = "id";
    return checkpoint;
  }

  /// A piece of batch `number` with one record and a mark at `place` (0: none), as its worker hands it on.
  Piece* piece(std::uint64_t number, std::uint64_t place = 0, bool last = true) {
    pieces_.push_back(std::make_unique<Piece>());
    Piece* const made = pieces_.back().get();
    made->batch_number = number;
    made->worker = static_cast<std::uint32_t>((number - 1) % 3);
    made->last = last;
    made->changes = 1;
    made->bytes = 10;
    made->arrival_end = ++arrival_;
    Record record;
    record.topic = &number_topic();
    record.arrival = arrival_;
    made->records.push_back(record);
    if (place != 0) {
      PieceMark mark;
      mark.mark.words[0] = place;
      mark.record_end = 1;
      made->marks.push_back(mark);
    }
    if (last) {
      batches_.push_back(std::make_unique<Batch>());
      made->batch = batches_.back().get();
    }
    return made;
  }
  void push(Piece* made) { ASSERT_TRUE(rings_[made->worker]->out.try_push(made)); }
  void settle() {
    while (stage_->step()) {
    }
  }
  std::string news() {
    const auto taken = feedback_.take();
    return taken ? taken->told.text + (taken->drained ? " drained" : "") : "-";
  }

  ManualClock clock_;
  NotingSink sink_;
  NotingStore store_;
  Feedback feedback_;
  SpscRing<Batch*> batches_back_;
  std::vector<std::unique_ptr<WorkerRings>> rings_;
  std::vector<WorkerRings*> pointers_;
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::unique_ptr<OrderStage> stage_;
  Arrival arrival_ = 0;
};

TEST_F(OrderStageTest, PiecesGoInTheOrderOfBatches) {
  start_settled();
  Piece* const first = piece(1, 0, false);
  Piece* const first_end = piece(1);
  Piece* const second = piece(2);
  Piece* const third = piece(3);
  Piece* const fourth = piece(4);
  push(third);
  push(second);
  settle();
  EXPECT_THAT(sink_.submitted, IsEmpty()) << "batch 1 is not there yet";
  push(first);
  settle();
  EXPECT_THAT(sink_.submitted, ElementsAre(first));
  push(first_end);
  settle();
  EXPECT_THAT(sink_.submitted, ElementsAre(first, first_end, second, third));
  push(fourth);
  settle();
  EXPECT_EQ(sink_.submitted.back(), fourth);
  EXPECT_EQ(stage_->counters().records, 5U);
}

TEST_F(OrderStageTest, NothingIsSubmittedWhileTheSinkIsNotReady) {
  start_settled();
  sink_.is_ready = false;
  push(piece(1));
  settle();
  EXPECT_THAT(sink_.submitted, IsEmpty());
  sink_.is_ready = true;
  settle();
  EXPECT_EQ(sink_.submitted.size(), 1U);
}

TEST_F(OrderStageTest, BatchesGoBackWhenSubmittedPiecesWhenDelivered) {
  start_settled();
  Piece* const only = piece(1);
  Batch* const batch = only->batch;
  push(only);
  settle();
  Batch* back = nullptr;
  ASSERT_TRUE(batches_back_.try_pop(back));
  EXPECT_EQ(back, batch);
  Piece* returned = nullptr;
  EXPECT_FALSE(rings_[0]->returned.try_pop(returned));
  sink_.delivered.push_back(only);
  settle();
  ASSERT_TRUE(rings_[0]->returned.try_pop(returned));
  EXPECT_EQ(returned, only);
}

TEST_F(OrderStageTest, WatermarkIsTheEndOfAContiguousPrefix) {
  start_settled();
  Piece* const first = piece(1, 10);
  Piece* const second = piece(2, 20);
  Piece* const third = piece(3, 30);
  for (Piece* each : {first, second, third}) push(each);
  settle();
  EXPECT_EQ(stage_->in_flight(), 3U);
  sink_.delivered = {third, second};
  settle();
  EXPECT_EQ(stage_->watermark(), 0U);
  EXPECT_EQ(stage_->position().text, "0");
  EXPECT_THAT(sink_.passed, IsEmpty());
  EXPECT_EQ(stage_->counters().delivered_records, 0U);
  sink_.delivered = {first};
  settle();
  EXPECT_EQ(stage_->watermark(), 3U);
  EXPECT_EQ(stage_->position().text, "30");
  EXPECT_THAT(sink_.passed, ElementsAre(10, 20, 30));
  EXPECT_EQ(stage_->counters().delivered_records, 3U);
}

// --- checkpoints
// -----------------------------------------------------------------------------

TEST_F(OrderStageTest, TheFirstCheckpointComesBeforeTheFirstRecord) {
  start();
  push(piece(1, 10));
  settle();
  EXPECT_THAT(sink_.submitted, IsEmpty());
  ASSERT_EQ(store_.written.size(), 1U);
  EXPECT_EQ(store_.written[0].generation, 1U);
  EXPECT_EQ(store_.written[0].phase, "snapshot");
  EXPECT_EQ(store_.written[0].sink_state, "passed 0") << "where the output stood before";
  settle();
  EXPECT_THAT(sink_.submitted, IsEmpty()) << "not before it is durable";
  store_.finish();
  settle();
  EXPECT_EQ(sink_.submitted.size(), 1U);
}

TEST_F(OrderStageTest, CheckpointHoldsWhatARestartNeeds) {
  start_settled();
  stage_->set_source_identity("server");
  Piece* const only = piece(1, 10);
  push(only);
  sink_.delivers_at_once = true;
  clock_.now_us += 1000;
  settle();
  ASSERT_EQ(store_.written.size(), 1U);
  const Checkpoint& checkpoint = store_.written[0];
  EXPECT_EQ(checkpoint.generation, 6U) << "behind the stored one";
  EXPECT_EQ(checkpoint.pipeline, "orders");
  EXPECT_EQ(checkpoint.source_identity, "server");
  EXPECT_EQ(checkpoint.position.text, "10");
  EXPECT_EQ(checkpoint.phase, "streaming");
  EXPECT_EQ(checkpoint.sink_state, "passed 1");
  EXPECT_EQ(checkpoint.options_hash, 99U);
}

TEST_F(OrderStageTest, TheServerIsToldTheOlderOfTwoDurableCheckpoints) {
  start_settled();
  sink_.delivers_at_once = true;
  push(piece(1, 10));
  clock_.now_us += 1000;
  settle();
  EXPECT_EQ(news(), "-") << "the write is under way";
  push(piece(2, 20));
  settle();
  EXPECT_EQ(store_.written.size(), 1U) << "one write at a time";
  store_.finish();
  settle();
  EXPECT_EQ(stage_->durable().text, "10");
  EXPECT_EQ(news(), "0");
  clock_.now_us += 1000;
  settle();
  ASSERT_EQ(store_.written.size(), 2U);
  EXPECT_EQ(store_.written[1].position.text, "20");
  store_.finish();
  settle();
  EXPECT_EQ(news(), "10");
  EXPECT_EQ(stage_->told().text, "10");
}

TEST_F(OrderStageTest, WhenNothingComesTheSameIsWrittenTwiceAndToldWhole) {
  start_settled();
  sink_.delivers_at_once = true;
  store_.answers_at_once = true;
  push(piece(1, 10));
  clock_.now_us += 1000;
  settle();
  EXPECT_EQ(store_.written.size(), 2U);
  EXPECT_EQ(stage_->told().text, "10");
  clock_.now_us += 100'000;
  settle();
  EXPECT_EQ(store_.written.size(), 2U) << "then there is nothing to write";
  EXPECT_EQ(stage_->next_deadline_us(), std::numeric_limits<std::int64_t>::max());
}

TEST_F(OrderStageTest, ChecksInWithTheIntervalAndOnDemand) {
  start_settled();
  sink_.delivers_at_once = true;
  const std::int64_t began = clock_.now_us;
  push(piece(1, 10));
  settle();
  EXPECT_THAT(store_.written, IsEmpty());
  EXPECT_EQ(stage_->next_deadline_us(), began + 1000);
  clock_.now_us = began + 999;
  settle();
  EXPECT_THAT(store_.written, IsEmpty());
  Piece* const urgent = piece(2, 20);
  urgent->checkpoint_now = true;
  push(urgent);
  settle();
  ASSERT_EQ(store_.written.size(), 1U) << "asked for";
  EXPECT_EQ(store_.written[0].position.text, "20");
  EXPECT_EQ(sink_.flushes, 1U);
}

TEST_F(OrderStageTest, SinkIsHurriedBeforeItHoldsAllPiecesOfAWorker) {
  start_settled();
  for (std::uint64_t n = 1; n < kPieces / 2; ++n) push(piece(n));
  settle();
  EXPECT_EQ(sink_.flushes, 0U);
  push(piece(kPieces / 2));
  settle();
  EXPECT_EQ(sink_.flushes, 1U) << "else a sink that syncs by the clock holds up the pipeline";
}

TEST_F(OrderStageTest, SinksDeadlineCounts) {
  start_settled();
  sink_.deadline_us = 77;
  EXPECT_EQ(stage_->next_deadline_us(), 77);
}

TEST_F(OrderStageTest, EndOfInputDrainsThenCheckpointsThenSaysSo) {
  start_settled();
  Piece* const first = piece(1, 10);
  Piece* const end = piece(2, 20);
  end->end_of_input = true;
  push(first);
  push(end);
  settle();
  EXPECT_EQ(sink_.flushes, 1U);
  EXPECT_THAT(store_.written, IsEmpty()) << "nothing is delivered yet";
  sink_.delivered = {first, end};
  settle();
  ASSERT_EQ(store_.written.size(), 1U) << "without waiting for the interval";
  EXPECT_EQ(store_.written[0].position.text, "20");
  store_.finish();
  settle();
  EXPECT_FALSE(stage_->drained());
  EXPECT_EQ(news(), "0");
  ASSERT_EQ(store_.written.size(), 2U);
  store_.finish();
  settle();
  EXPECT_TRUE(stage_->drained());
  EXPECT_EQ(news(), "20 drained");
  EXPECT_FALSE(stage_->step());
}

TEST_F(OrderStageTest, EndOfInputOfAnEmptyRun) {
  start();
  store_.answers_at_once = true;
  Piece* const end = piece(1);
  end->records.clear();
  end->end_of_input = true;
  push(end);
  sink_.delivers_at_once = true;
  settle();
  EXPECT_TRUE(stage_->drained());
  EXPECT_EQ(news(), " drained");
}

// --- failures
// -----------------------------------------------------------------------------

TEST_F(OrderStageTest, AFailedSinkIsTheEndOfAcknowledgement) {
  start_settled();
  Piece* const first = piece(1, 10);
  push(first);
  settle();
  sink_.failure = absl::DataLossError("disk full");
  sink_.delivered = {first};
  clock_.now_us += 10'000;
  settle();
  EXPECT_EQ(stage_->status().message(), "disk full");
  EXPECT_EQ(stage_->watermark(), 0U);
  EXPECT_THAT(store_.written, IsEmpty());
  EXPECT_EQ(news(), "-");
  EXPECT_FALSE(stage_->step());
  EXPECT_EQ(stage_->next_deadline_us(), std::numeric_limits<std::int64_t>::max());
}

TEST_F(OrderStageTest, AFailedCheckpointTellsTheServerNothing) {
  start_settled();
  sink_.delivers_at_once = true;
  push(piece(1, 10));
  clock_.now_us += 1000;
  settle();
  store_.fail(absl::InternalError("no space"));
  settle();
  EXPECT_EQ(stage_->status().message(), "no space");
  EXPECT_EQ(stage_->durable().text, "0");
  EXPECT_EQ(news(), "-");
}

TEST_F(OrderStageTest, AStoreMayFailWithNothingBeingWritten) {
  start_settled();
  settle();
  ASSERT_FALSE(store_.under_way);
  const std::size_t written = store_.written.size();
  store_.fail(absl::FailedPreconditionError("another instance has taken over"));
  EXPECT_TRUE(stage_->step());
  EXPECT_EQ(stage_->status().message(), "another instance has taken over");
  sink_.delivers_at_once = true;
  push(piece(1, 10));
  settle();
  EXPECT_EQ(store_.written.size(), written);
  EXPECT_EQ(news(), "-");
}

}  // namespace
}  // namespace millrace::test
