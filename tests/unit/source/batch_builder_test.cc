// SPDX-License-Identifier: Apache-2.0
// Batches hold what their changes need: relations, transactions, slabs, and arrivals that go on without a
// gap.
#include "source/batch_builder.h"

#include <gmock/gmock.h>

#include <deque>
#include <memory>
#include <vector>

namespace millrace {
namespace {

using testing::ElementsAre;

class Outlet final : public BatchOutlet {
 public:
  Batch* take() override {
    if (free == 0) return nullptr;
    --free;
    all.push_back(std::make_unique<Batch>());
    return all.back().get();
  }
  void push(Batch* batch) override { pushed.push_back(batch); }
  std::size_t free = 100;
  std::vector<std::unique_ptr<Batch>> all;
  std::deque<Batch*> pushed;
};

class BatchBuilderTest : public testing::Test {
 protected:
  BatchBuilderTest() : slabs_(1024, 1 << 20), builder_(outlet_, slabs_) {
    Relation relation;
    t_ = std::make_shared<const Relation>(relation);
    u_ = std::make_shared<const Relation>(relation);
  }
  void add(const RelationPtr& relation, Slab* slab, std::uint32_t size = 10) {
    ASSERT_TRUE(builder_.open());
    Change change;
    change.size = size;
    builder_.add(change, relation, transaction_, slab);
  }
  Batch& cut() {
    builder_.cut();
    Batch& batch = *outlet_.pushed.back();
    return batch;
  }

  Outlet outlet_;
  SlabPool slabs_;
  BatchBuilder builder_;
  RelationPtr t_;
  RelationPtr u_;
  TransactionContext transaction_;
};

TEST_F(BatchBuilderTest, RelationsAndSlabsStandOnce) {
  Slab* const a = slabs_.take();
  Slab* const b = slabs_.take();
  for (const RelationPtr& relation : {t_, t_, u_, t_}) add(relation, a);
  add(u_, b);
  add(nullptr, b);
  const Batch& batch = cut();
  EXPECT_THAT(batch.relations, ElementsAre(t_, u_));
  EXPECT_THAT(batch.slabs, ElementsAre(a, b));
  EXPECT_EQ(a->references, 2U) << "the batch's and ours";
  std::vector<std::uint16_t> relations;
  for (const Change& change : batch.changes) relations.push_back(change.relation);
  EXPECT_THAT(relations, ElementsAre(0, 0, 1, 0, 1, kNoRelation));
  EXPECT_EQ(batch.bytes, 60U);
}

TEST_F(BatchBuilderTest, ArrivalsGoOnFromBatchToBatch) {
  Slab* const slab = slabs_.take();
  for (int i = 0; i < 3; ++i) add(t_, slab);
  EXPECT_EQ(cut().first_arrival, 1U);
  for (int i = 0; i < 2; ++i) add(t_, slab);
  EXPECT_EQ(cut().first_arrival, 4U);
  EXPECT_EQ(builder_.last_arrival(), 5U);
}

TEST_F(BatchBuilderTest, TransactionsAreCopiedAtTheirFirstChangeInEachBatch) {
  Slab* const slab = slabs_.take();
  transaction_.id = 1;
  builder_.next_transaction();
  add(t_, slab);
  add(t_, slab);
  transaction_.id = 2;
  builder_.next_transaction();
  builder_.next_transaction();  // one without changes stands nowhere
  transaction_.id = 3;
  builder_.next_transaction();
  add(t_, slab);
  const Batch& first = cut();
  ASSERT_EQ(first.transactions.size(), 2U);
  EXPECT_EQ(first.transactions[0].id, 1U);
  EXPECT_EQ(first.transactions[1].id, 3U);
  EXPECT_EQ(first.changes[1].transaction, 0);
  EXPECT_EQ(first.changes[2].transaction, 1);
  add(t_, slab);  // the third one goes on
  const Batch& second = cut();
  ASSERT_EQ(second.transactions.size(), 1U);
  EXPECT_EQ(second.transactions[0].id, 3U);
  EXPECT_EQ(second.changes[0].transaction, 0);
}

TEST_F(BatchBuilderTest, FullBatchesAreCutByCountAndByBytes) {
  Slab* const slab = slabs_.take();
  for (int i = 0; i < 1500; ++i) add(t_, slab);
  EXPECT_EQ(outlet_.pushed.size(), 1U);
  EXPECT_LE(outlet_.pushed[0]->changes.size(), 1024U);
  builder_.cut();
  outlet_.pushed.clear();
  for (int i = 0; i < 3; ++i) add(t_, slab, 300'000);
  EXPECT_EQ(outlet_.pushed.size(), 3U) << "a large change fills a batch alone";
}

TEST_F(BatchBuilderTest, MarksStandBehindTheLastChange) {
  Slab* const slab = slabs_.take();
  add(t_, slab);
  PositionMark mark;
  mark.words[0] = 7;
  builder_.mark(mark, false);
  add(t_, slab);
  const Batch& first = cut();
  ASSERT_EQ(first.marks.size(), 1U);
  EXPECT_EQ(first.marks[0].arrival, 1U);
  EXPECT_EQ(first.marks[0].words[0], 7U);
  ASSERT_TRUE(builder_.open());
  builder_.mark(mark, false);
  const Batch& second = cut();
  EXPECT_TRUE(second.changes.empty());
  EXPECT_EQ(second.marks[0].arrival, 2U) << "idle log behind what the batch before held";
}

TEST_F(BatchBuilderTest, IdleMarksDoNotPileUpWithoutEnd) {
  ASSERT_TRUE(builder_.open());
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(builder_.open());
    builder_.mark({}, i == 2047);  // the one that fills its batch
  }
  ASSERT_GE(outlet_.pushed.size(), 2U);
  EXPECT_TRUE(outlet_.pushed[0]->checkpoint_now) << "a full batch keeps the wish";
  EXPECT_FALSE(outlet_.pushed[1]->checkpoint_now);
}

TEST_F(BatchBuilderTest, WithoutAFreeBatchItIsNotOpen) {
  outlet_.free = 1;
  Slab* const slab = slabs_.take();
  add(t_, slab);
  builder_.cut();
  EXPECT_FALSE(builder_.open());
  EXPECT_TRUE(builder_.empty());
  builder_.cut();
  EXPECT_EQ(outlet_.pushed.size(), 1U) << "nothing to cut";
  outlet_.free = 1;
  EXPECT_TRUE(builder_.open());
}

TEST_F(BatchBuilderTest, EmptyBatchGoesOnlyWithSomethingToSay) {
  ASSERT_TRUE(builder_.open());
  builder_.cut();
  EXPECT_TRUE(outlet_.pushed.empty());
  builder_.mark({}, true);
  builder_.cut();
  ASSERT_EQ(outlet_.pushed.size(), 1U);
  EXPECT_TRUE(outlet_.pushed[0]->checkpoint_now);
  ASSERT_TRUE(builder_.open());
  builder_.end_of_input();
  ASSERT_EQ(outlet_.pushed.size(), 2U);
  EXPECT_TRUE(outlet_.pushed[1]->end_of_input);
}

}  // namespace
}  // namespace millrace
