// SPDX-License-Identifier: Apache-2.0
// All stages together: what a start hands to sink and source, and every stage on a thread of its own.
#include "pipeline/pipeline_core.h"

#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>

#include "source/batch_builder.h"
#include "unit/pipeline/stages.h"

namespace millrace::test {
namespace {

/// Pushes numbered changes as fast as it may, a mark behind every tenth; stops behind the last.
class NumberSource final : public Source {
 public:
  NumberSource(BatchOutlet& outlet, SlabPool& slabs, std::uint64_t last)
      : slabs_(slabs), builder_(outlet, slabs), last_(last) {
    Relation relation;
    relation.schema = "public";
    relation.table = "t";
    relation.topic = &number_topic();
    relation_ = std::make_shared<const Relation>(relation);
  }

  void start(const std::optional<SourceResume>& resume, const Position& told) override {
    started = resume ? resume->position.text + (resume->snapshot_unfinished ? " unfinished" : "") : "fresh";
    started += " told " + told.text + (resume ? " " + resume->identity : "");
  }
  bool step(std::int64_t) override {
    if (ended_) return false;
    bool worked = false;
    for (int i = 0; i < 100; ++i) {
      if (!builder_.open()) return worked;
      worked = true;
      if (next_ > last_) {
        builder_.end_of_input();
        ended_ = true;
        return true;
      }
      Slab* const slab = slabs_.take();
      if (slab == nullptr) {
        builder_.cut();
        return worked;
      }
      Change change;
      change.body = slab->memory.get();
      change.size = static_cast<std::uint32_t>(1 + next_ % 50);
      builder_.add(change, relation_, transaction_, slab);
      slabs_.release(slab);
      if (next_ % 10 == 0 && builder_.open()) {
        PositionMark mark;
        mark.words[0] = next_;
        builder_.mark(mark);
      }
      ++next_;
    }
    builder_.cut();
    return worked;
  }
  std::int64_t next_deadline_us() const override { return 0; }
  void durable(const Position& told) override { told_.push_back(told.text); }
  void request_stop(std::int64_t) override { last_ = next_ - 1; }
  void finish(const Position& told) override {
    told_.push_back(told.text);
    finished_ = true;
  }
  bool finished() const override { return finished_; }
  absl::Status status() const override { return {}; }
  SourcePhase phase() const override { return SourcePhase::kStreaming; }
  std::unique_ptr<PositionFold> make_fold(const Position& from) const override {
    return std::make_unique<NumberFold>(from);
  }
  std::string identity() const override { return "\"numbers\""; }

  const std::vector<std::string>& told() const { return told_; }
  std::string started;

 private:
  SlabPool& slabs_;
  BatchBuilder builder_;
  std::uint64_t last_;
  std::uint64_t next_ = 1;
  RelationPtr relation_;
  TransactionContext transaction_;
  std::vector<std::string> told_;
  bool ended_ = false;
  bool finished_ = false;
};

PipelineCore::Options options(std::size_t workers) {
  PipelineCore::Options made;
  made.order.pipeline = "numbers";
  made.order.checkpoint_interval_us = 500;
  made.memory.slab_bytes = 256;
  made.memory.receive_bytes = 256 * 400;
  made.memory.chunk_bytes = 512;
  made.memory.output_bytes = 512 * 4 * workers;
  made.worker_count = workers;
  made.batch_count = 8;
  return made;
}

std::unique_ptr<BatchEncoder> number_encoder(std::uint32_t) { return std::make_unique<NumberEncoder>(); }

class ThreadedCore : public testing::TestWithParam<std::size_t> {};
TEST_P(ThreadedCore, KeepsOrderAndEndsWithEverythingTold) {
  constexpr std::uint64_t kLast = 20'000;
  NotingSink sink;
  sink.delivers_at_once = true;
  NotingStore store;
  store.answers_at_once = true;
  PipelineCore core(options(GetParam()), number_encoder, sink, store, system_clock());
  NumberSource source(core.outlet(), core.slabs(), kLast);
  ASSERT_TRUE(core.start(source).ok());

  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < GetParam(); ++i) {
    threads.emplace_back([&core, &stop, i] {
      while (!stop) {
        if (!core.worker_step(i)) std::this_thread::yield();
      }
    });
  }
  threads.emplace_back([&core, &stop] {
    while (!stop) {
      if (!core.order_step()) std::this_thread::yield();
    }
  });
  while (!core.finished()) {
    if (!core.ingest_step(0)) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();

  ASSERT_EQ(sink.arrivals.size(), kLast);
  for (std::uint64_t i = 0; i < kLast; ++i) ASSERT_EQ(sink.arrivals[i], i + 1);
  EXPECT_EQ(core.order().watermark(), kLast);
  EXPECT_EQ(source.told().back(), std::to_string(kLast));
  EXPECT_EQ(store.written.back().position.text, std::to_string(kLast));
  EXPECT_EQ(store.written.back().source_identity, "\"numbers\"");
  std::uint64_t last_told = 0;
  for (const std::string& told : source.told()) {
    const std::uint64_t now = told.empty() ? 0 : std::stoull(told);
    EXPECT_GE(now, last_told) << "told never goes back";
    last_told = now;
  }
  while (core.ingest_step(0)) {
  }
  EXPECT_EQ(core.slabs().used_bytes(), 0U) << "receive memory came back";
  EXPECT_EQ(core.batches_under_way(), 0U);
}
INSTANTIATE_TEST_SUITE_P(Workers, ThreadedCore, testing::Values(1, 3));

// --- the start
// -----------------------------------------------------------------------------

struct Start {
  const char* name;
  const char* newest;  ///< Position of the newest checkpoint; nullptr: none.
  const char* previous;
  const char* sink;
  const char* source;
};
class CoreStart : public testing::TestWithParam<Start> {};
TEST_P(CoreStart, HandsTheCheckpointOn) {
  NotingSink sink;
  NotingStore store;
  const auto checkpoint = [](const char* position) {
    Checkpoint made;
    made.position.text = position;
    made.sink_state = "sink";
    made.source_identity = "identity";
    return made;
  };
  if (GetParam().newest != nullptr) store.stored.newest = checkpoint(GetParam().newest);
  if (GetParam().previous != nullptr) store.stored.previous = checkpoint(GetParam().previous);
  PipelineCore core(options(1), number_encoder, sink, store, system_clock());
  NumberSource source(core.outlet(), core.slabs(), 1);
  ASSERT_TRUE(core.start(source).ok());
  EXPECT_EQ(sink.opened_with, GetParam().sink);
  EXPECT_EQ(source.started, GetParam().source);
}
INSTANTIATE_TEST_SUITE_P(Checkpoints, CoreStart,
                         testing::Values(Start{"fresh", nullptr, nullptr, "", "fresh told "},
                                         Start{"two", "20", "10", "sink", "20 told 10 identity"},
                                         Start{"one", "20", nullptr, "sink", "20 told  identity"},
                                         Start{"snapshot_cut_off", "", nullptr, "sink discard",
                                               " unfinished told  identity"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(CoreStartFailure, OfTheSinkStartsNoSource) {
  NotingSink sink;
  sink.open_status = absl::InternalError("no file");
  NotingStore store;
  PipelineCore core(options(1), number_encoder, sink, store, system_clock());
  NumberSource source(core.outlet(), core.slabs(), 1);
  EXPECT_EQ(core.start(source).message(), "no file");
  EXPECT_EQ(source.started, "");
}

TEST(MemoryPlan, CutsTheLimitIntoPartsThatDoNotExceedIt) {
  for (const std::uint64_t limit :
       {std::uint64_t{32} << 20, std::uint64_t{64} << 20, std::uint64_t{1} << 30}) {
    for (const int held : {0, 30, 90}) {
      const MemoryPlan plan = MemoryPlan::cut(limit, held);
      EXPECT_LE(plan.held_bytes, limit / 100 * static_cast<std::uint64_t>(held));
      EXPECT_GE(plan.receive_bytes, 4 * plan.slab_bytes);
      EXPECT_GE(plan.output_bytes, 4 * plan.chunk_bytes);
      EXPECT_LE(plan.receive_bytes + plan.output_bytes + plan.held_bytes, limit + 8 * plan.chunk_bytes);
    }
  }
}

}  // namespace
}  // namespace millrace::test
