// SPDX-License-Identifier: Apache-2.0
// What the stream does while no batch, no slab or no memory is free: it waits, spills, and leaves others
// their turns.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/reason_code.h"
#include "support/hex.h"
#include "unit/source/postgres/stream/scripted_stream.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Result = ScriptedStream::Result;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Every message is offered until it is taken; while nothing is free, nothing may be lost or repeated.
TEST(ChangeStream, IsBlockedAnywhereAndGoesOn) {
  const Lines steps = {"begin 7 150",    "table t",         "table u",       "insert t 1",
                       "truncate t u",   "tmessage 140 a",  "message 145 b", "insert u 2",
                       "commit 150 158", "message 159 c",   "start 8 first", "table t x8",
                       "insert t 3 x8",  "truncate t u x8", "stop",          "scommit 8 160 168",
                       "idle 170"};
  ScriptedStream roomy;
  roomy.run(steps);
  const Lines expected = roomy.drain();
  ASSERT_EQ(roomy.failure(), "");
  for (const std::size_t batches : {1U, 2U, 3U}) {
    StreamSetup setup;
    setup.batches = batches;
    Lines wanted = expected;
    ScriptedStream tight(setup);
    tight.cut_every_change();
    tight.run(steps);
    Lines got = tight.drain();
    // A mark that finds no free batch is left to the next one, which says more.
    if (std::find(got.begin(), got.end(), "mark 159") == got.end()) std::erase(wanted, "mark 159");
    EXPECT_EQ(got, wanted) << batches;
    EXPECT_EQ(tight.failure(), "");
  }
}

TEST(ChangeStream, TruncateBlockedBetweenItsTablesSurvivesAReconnect) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"begin 7 150", "table t", "table u"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("truncate t u"), Result::kBlocked) << "the batch with the first table is out";
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("truncate t of 7/150"));
  stream.run(
      {"reconnect 100", "begin 7 150", "table t", "table u", "truncate t u", "insert t 1", "commit 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("truncate u of 7/150", "insert t 1 of 7/150", "mark 158"));
}

TEST(ChangeStream, ReplayedTruncateBlockedBetweenItsTablesSurvivesAReconnect) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "table u x8", "truncate t u x8", "stop"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("truncate t of 8/150"));
  stream.run({"reconnect 100", "start 8 first", "table t x8", "table u x8", "truncate t u x8", "stop",
              "scommit 8 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("truncate u of 8/150", "mark 158"));
}

TEST(ChangeStream, MarkOfAMessageThatFilledTheLastBatchFollows) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("message 140 hi"), Result::kOk);
  EXPECT_EQ(stream.once("idle 100"), Result::kBlocked) << "the mark is owed";
  stream.keep_batches(false);
  stream.run({"idle 100"});
  EXPECT_THAT(stream.drain(), ElementsAre("message hi of 0/140", "mark 140"));
}

TEST(ChangeStream, ALongReplayLeavesOthersTheirTurns) {
  StreamSetup setup;
  setup.slab_budget = 16 << 20;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table h x8"};
  for (int i = 0; i < 12; ++i) steps.push_back("insert h " + std::to_string(i) + " 1000000 x8");
  stream.run(steps);
  stream.run({"stop"});
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kReplaying) << "the server may wait for a status";
  EXPECT_EQ(stream.replay(), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kOk);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("mark 158"));
}

TEST(ChangeStream, ReplayWaitsForSlabs) {
  StreamSetup setup;
  setup.slab_budget = 4096;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop"});
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  Slab* const taken = stream.slabs().take();
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.slabs().release(taken);
  EXPECT_EQ(stream.replay(), Result::kOk);
  stream.keep_batches(false);
  EXPECT_THAT(stream.drain(), ElementsAre("insert t 1 of 8/150", "insert t 2 of 8/150", "mark 158"));
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
}

TEST(ChangeStream, ReplayedRowsMayStraddleSlabsAndExceedThem) {
  StreamSetup setup;
  setup.slab_bytes = 512;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table t x8"};
  Lines expected;
  for (int i = 0; i < 60; ++i) {
    steps.push_back("insert t " + std::to_string(i) + " " + std::to_string(i * 17) + " x8");
    expected.push_back("insert t " + std::to_string(i) + " of 8/150");
  }
  steps.insert(steps.end(), {"insert t 60 100000 x8", "stop", "scommit 8 150 158"});
  expected.insert(expected.end(), {"insert t 60 of 8/150", "mark 158"});
  stream.run(steps);
  EXPECT_EQ(stream.failure(), "");
  EXPECT_EQ(stream.drain(), expected);
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
  EXPECT_GT(stream.stream().counters().replay_chunks, 30U);
}

TEST(ChangeStream, LosingTheStreamInAReplayGivesItsSlabBack) {
  StreamSetup setup;
  setup.batches = 1;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop"});
  stream.cut_every_change();
  stream.keep_batches(true);
  EXPECT_EQ(stream.once("scommit 8 150 158"), Result::kReplaying);
  EXPECT_EQ(stream.replay(), Result::kBlocked);
  stream.keep_batches(false);
  stream.run({"reconnect 100", "start 8 first", "table t x8", "insert t 1 x8", "insert t 2 x8", "stop",
              "scommit 8 150 158"});
  EXPECT_THAT(stream.drain(), ElementsAre("insert t 1 of 8/150", "insert t 2 of 8/150", "mark 158"));
  EXPECT_EQ(stream.slabs().used_bytes(), 0U);
}

TEST(ChangeStream, SpilledTransactionComesBackWhole) {
  StreamSetup setup;
  setup.held_bytes = 1024;
  setup.held_block_bytes = 128;
  ScriptedStream stream(setup);
  Lines steps = {"start 8 first", "table t x8"};
  Lines expected;
  for (int i = 0; i < 200; ++i) {
    steps.push_back("insert t " + std::to_string(i) + " 40 x" + std::to_string(i % 10 == 9 ? 100 + i : 8));
    if (i % 10 != 9) expected.push_back("insert t " + std::to_string(i) + " of 8/150");
    if (i % 10 == 9) steps.insert(steps.end(), {"stop", "abort 8 " + std::to_string(100 + i), "start 8"});
  }
  steps.insert(steps.end(), {"stop", "scommit 8 150 158"});
  expected.push_back("mark 158");
  stream.run(steps);
  EXPECT_EQ(stream.drain(), expected);
  EXPECT_GT(stream.budget().spilled_total(), 10'000U);
  EXPECT_EQ(stream.budget().used_bytes(), 0U);
}

TEST(ChangeStream, MoreSubtransactionsThanMemoryHoldsAreLeftToTheServer) {
  StreamSetup setup;
  setup.held_bytes = 1 << 20;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8"});
  int subtransactions = 0;
  while (stream.once("insert t 1 x" + std::to_string(100 + subtransactions)) == Result::kOk) {
    ASSERT_LT(++subtransactions, 100'000);
  }
  EXPECT_GT(subtransactions, 10'000);
  EXPECT_TRUE(stream.stream().status().ok()) << "asked for as a whole, it passes";
  stream.run({"reconnect 0", "begin 8 150", "table t", "insert t 1", "commit 150 158"});
  EXPECT_EQ(stream.drain(), (Lines{"insert t 1 of 8/150", "mark 158"}));
  EXPECT_EQ(stream.budget().noted_bytes(), 0U);
}

TEST(ChangeStream, FailureToSpillStops) {
  StreamSetup setup;
  setup.held_bytes = 256;
  ScriptedStream stream(setup);
  stream.scratch().fails = true;
  stream.run({"start 8 first", "table t x8", "insert t 1 400 x8"});
  EXPECT_THAT(stream.failure(), HasSubstr("no space left on device"));
  EXPECT_EQ(reason_of(stream.stream().status()), ReasonCode::kMemoryLimit);
}

TEST(ChangeStream, FailureToReadBackStops) {
  StreamSetup setup;
  setup.held_bytes = 256;
  ScriptedStream stream(setup);
  stream.run({"start 8 first", "table t x8", "insert t 1 400 x8", "stop"});
  stream.scratch().fails = true;
  stream.run({"scommit 8 150 158"});
  EXPECT_THAT(stream.failure(), HasSubstr("cannot read"));
  EXPECT_THAT(stream.drain(), IsEmpty());
}

}  // namespace
}  // namespace millrace::test
