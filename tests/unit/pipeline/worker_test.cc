// SPDX-License-Identifier: Apache-2.0
// Batches in, pieces out: cut by chunks, marks where they belong, credits, and the end of a failed batch.
#include "pipeline/worker.h"

#include <gmock/gmock.h>

#include <string>

#include "unit/pipeline/stages.h"

namespace millrace::test {
namespace {

using testing::ElementsAre;

class WorkerTest : public testing::Test {
 protected:
  static constexpr std::size_t kChunk = 100;

  void make(std::size_t pieces) {
    rings_ = std::make_unique<WorkerRings>(64, pieces);
    worker_ = std::make_unique<Worker>(3, std::make_unique<NumberEncoder>(), *rings_, clock_, pieces, kChunk);
  }
  void push(Batch* batch) { ASSERT_TRUE(rings_->in.try_push(batch)); }
  Piece* pop() {
    Piece* piece = nullptr;
    return rings_->out.try_pop(piece) ? piece : nullptr;
  }
  /// "1: 1 2 |7@1 last": batch, arrivals of records, marks with their record_end.
  static std::string told(const Piece& piece) {
    std::string out = std::to_string(piece.batch_number) + ":";
    for (const Record& record : piece.records) out += " " + std::to_string(record.arrival);
    for (const PieceMark& mark : piece.marks) {
      out += " |" + std::to_string(mark.mark.words[0]) + "@" + std::to_string(mark.record_end);
    }
    if (piece.last) out += " last";
    return out;
  }
  /// Everything that comes out, each piece given back at once.
  std::vector<std::string> all() {
    std::vector<std::string> out;
    do {
      while (Piece* piece = pop()) {
        out.push_back(told(*piece));
        EXPECT_TRUE(rings_->returned.try_push(piece));
      }
    } while (worker_->step());
    return out;
  }

  ManualClock clock_;
  NumberedBatches batches_;
  std::unique_ptr<WorkerRings> rings_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, ABatchThatFitsIsOnePiece) {
  make(2);
  Batch* const batch = batches_.make({10, 0, 20});
  batch->checkpoint_now = true;
  push(batch);
  EXPECT_TRUE(worker_->step());
  Piece* const piece = pop();
  ASSERT_NE(piece, nullptr);
  EXPECT_EQ(told(*piece), "1: 1 3 last");
  EXPECT_EQ(piece->batch, batch);
  EXPECT_EQ(piece->worker, 3U);
  EXPECT_EQ(piece->changes, 3U);
  EXPECT_EQ(piece->arrival_end, 3U);
  EXPECT_TRUE(piece->checkpoint_now);
  EXPECT_FALSE(worker_->step()) << "nothing more to do";
}

TEST_F(WorkerTest, ALargerBatchIsCut) {
  make(8);
  push(batches_.make({60, 60, 30, 10, 50}));
  EXPECT_THAT(all(), ElementsAre("1: 1", "1: 2 3 4", "1: 5 last"));
}

TEST_F(WorkerTest, BatchGoesWithItsLastPieceOnly) {
  make(8);
  Batch* const batch = batches_.make({60, 60});
  batch->end_of_input = true;
  batch->checkpoint_now = true;
  push(batch);
  worker_->step();
  Piece* const first = pop();
  Piece* const second = pop();
  EXPECT_EQ(first->batch, nullptr);
  EXPECT_FALSE(first->end_of_input);
  EXPECT_FALSE(first->checkpoint_now);
  EXPECT_EQ(second->batch, batch);
  EXPECT_TRUE(second->end_of_input);
  EXPECT_TRUE(second->checkpoint_now);
}

TEST_F(WorkerTest, MarksLieBehindTheirLastRecord) {
  make(8);
  Batch* const batch = batches_.make({60, 0, 60, 10, 60});
  NumberedBatches::mark(*batch, 0, 70);  // before the first change
  NumberedBatches::mark(*batch, 1, 71);
  NumberedBatches::mark(*batch, 2, 72);  // behind a change without records
  NumberedBatches::mark(*batch, 3, 73);
  NumberedBatches::mark(*batch, 5, 75);
  NumberedBatches::mark(*batch, 5, 76);  // idle log behind the last change
  push(batch);
  EXPECT_THAT(all(), ElementsAre("1: 1 |70@0 |71@1 |72@1", "1: 3 4 |73@1", "1: 5 |75@1 |76@1 last"));
}

TEST_F(WorkerTest, MarksWithoutChanges) {
  make(2);
  Batch* const batch = batches_.make({});
  NumberedBatches::mark(*batch, 0, 7);
  push(batch);
  push(batches_.make({}));
  EXPECT_THAT(all(), ElementsAre("1: |7@0 last", "2: last"));
}

TEST_F(WorkerTest, ARowLargerThanAChunkPassesInItsOwn) {
  make(3);
  push(batches_.make({10, 5000, 20}));
  EXPECT_TRUE(worker_->step());
  Piece* const first = pop();
  Piece* const large = pop();
  Piece* const last = pop();
  EXPECT_EQ(told(*first), "1: 1");
  EXPECT_EQ(told(*large), "1: 2");
  EXPECT_EQ(large->chunk_size, 5000U);
  EXPECT_EQ(std::to_integer<int>(large->records[0].value[4999]), 2);
  EXPECT_EQ(told(*last), "1: 3 last");
  // Its memory does not stay.
  ASSERT_TRUE(rings_->returned.try_push(large));
  push(batches_.make({10}));
  EXPECT_TRUE(worker_->step());
  Piece* const again = pop();
  EXPECT_EQ(again, large);
  EXPECT_EQ(again->chunk_size, kChunk);
}

TEST_F(WorkerTest, WithoutCreditsItWaits) {
  make(2);
  push(batches_.make({60, 60, 60}));
  EXPECT_TRUE(worker_->step());
  Piece* const first = pop();
  Piece* const second = pop();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(pop(), nullptr);
  EXPECT_FALSE(worker_->step()) << "both pieces are out";
  ASSERT_TRUE(rings_->returned.try_push(first));
  EXPECT_TRUE(worker_->step());
  Piece* const third = pop();
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(told(*third), "1: 3 last");
  EXPECT_EQ(third, first) << "memory goes round";
}

TEST_F(WorkerTest, FailureKeepsWhatPrecedesItAndEndsTheWork) {
  make(4);
  Batch* const batch = batches_.make({10, NumberEncoder::kBadSize, 10});
  NumberedBatches::mark(*batch, 1, 71);
  NumberedBatches::mark(*batch, 3, 73);
  push(batch);
  push(batches_.make({10}));
  EXPECT_TRUE(worker_->step());
  Piece* const piece = pop();
  ASSERT_NE(piece, nullptr);
  EXPECT_EQ(told(*piece), "1: 1 |71@1");
  EXPECT_EQ(piece->batch, nullptr) << "the batch is not finished";
  EXPECT_EQ(worker_->status().message(), "cannot be read");
  EXPECT_FALSE(worker_->step());
  EXPECT_EQ(pop(), nullptr) << "nothing behind the failure";
}

TEST_F(WorkerTest, FailureOfTheFirstChangeGivesNoPiece) {
  make(1);
  push(batches_.make({NumberEncoder::kBadSize}));
  EXPECT_TRUE(worker_->step());
  EXPECT_EQ(pop(), nullptr);
  EXPECT_FALSE(worker_->status().ok());
}

TEST_F(WorkerTest, CountsTables) {
  make(8);
  push(batches_.make({60, 60, 0}));
  all();
  std::map<std::string, TableCount> sums;
  worker_->tables().add_to(sums);
  EXPECT_EQ(sums["public.t"].creates, 3U);
  EXPECT_EQ(sums["public.t"].bytes, 120U);
}

}  // namespace
}  // namespace millrace::test
