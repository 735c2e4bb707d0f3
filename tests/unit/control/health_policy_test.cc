// SPDX-License-Identifier: Apache-2.0
#include "control/health_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr HealthOptions kOptions{.stall_ms = 30'000};

// A situation, told as how the snapshot changes from second to second; at the end of it the verdict is looked
// at.
struct Situation {
  const char* name;
  PipelineSnapshot at_start;
  std::function<void(PipelineSnapshot&, int second)> each_second;
  int seconds;
  std::vector<const char*> reasons;  // a part of each
};

PipelineSnapshot start(const char* phase) {
  PipelineSnapshot pipeline = streaming_at(100);
  pipeline.phase = phase;
  return pipeline;
}
PipelineSnapshot in_flight() {
  PipelineSnapshot pipeline = streaming_at(100);
  pipeline.in_flight_records = 12;
  return pipeline;
}
PipelineSnapshot behind_the_head() {
  PipelineSnapshot pipeline = streaming_at(100);
  pipeline.at(Stage::kServerHead) = position(4'196);
  return pipeline;
}
PipelineSnapshot failed() {
  PipelineSnapshot pipeline = start("failed");
  pipeline.last_error_code = "SLOT_LOST";
  pipeline.last_error = "slot \"s\" is gone";
  return pipeline;
}
PipelineSnapshot away() {
  PipelineSnapshot pipeline = start("reconnecting");
  pipeline.last_error = "connection refused";
  return pipeline;
}
PipelineSnapshot copying() {
  PipelineSnapshot pipeline = start("snapshotting");
  pipeline.table_copy = TableCopySnapshot{.running = true};
  return pipeline;
}

void nothing(PipelineSnapshot&, int) {}
void move_all_to(PipelineSnapshot& pipeline, std::uint64_t raw) { pipeline.positions.fill(position(raw)); }

const std::vector<Situation> kSituations{
    {"idle_for_an_hour", streaming_at(100), nothing, 3'600, {}},
    {"in_flight_just_below_the_limit", in_flight(), nothing, 29, {}},
    {"in_flight_and_nothing_moves",
     in_flight(),
     nothing,
     30,
     {"no progress for 30 s: streaming, 12 records in flight"}},
    {"behind_the_head_and_nothing_moves", behind_the_head(), nothing, 31, {"received 4096 bytes behind"}},
    {"the_head_alone_moving_is_no_progress",
     behind_the_head(),
     [](PipelineSnapshot& p, int s) {
       p.at(Stage::kServerHead) = position(5'000 + static_cast<std::uint64_t>(s));
     },
     30,
     {"no progress"}},
    {"in_flight_and_positions_move",
     in_flight(),
     [](PipelineSnapshot& p, int s) { move_all_to(p, 200 + static_cast<std::uint64_t>(s)); },
     300,
     {}},
    {"inside_a_large_transaction_records_move",
     in_flight(),
     [](PipelineSnapshot& p, int) {
       p.records += 1'000;
       p.at(Stage::kEncoded) = position(p.at(Stage::kEncoded).raw + 10);
     },
     300,
     {}},
    {"a_large_transaction_is_received_and_not_yet_encoded",
     in_flight(),
     [](PipelineSnapshot& p, int) { p.at(Stage::kReceived) = position(p.at(Stage::kReceived).raw + 10); },
     300,
     {}},
    {"work_that_arrives_after_a_quiet_hour_has_its_time",
     streaming_at(100),
     [](PipelineSnapshot& p, int s) {
       if (s == 3'600) p.in_flight_records = 1;
     },
     3'620,
     {}},
    {"failed_is_red_at_once", failed(), nothing, 0, {"failed: SLOT_LOST: slot \"s\" is gone"}},
    {"paused_with_work_waiting_is_wanted",
     start("paused"),
     [](PipelineSnapshot& p, int) { p.in_flight_records = 5; },
     3'600,
     {}},
    {"stopped_is_wanted", start("stopped"), nothing, 3'600, {}},
    {"starting_for_too_long", start("starting"), nothing, 30, {"no progress for 30 s: starting"}},
    {"server_away_says_the_last_error",
     away(),
     nothing,
     45,
     {"reconnecting, last error: connection refused"}},
    {"phases_that_alternate_are_no_progress",
     behind_the_head(),
     [](PipelineSnapshot& p, int s) {
       const char* const phases[] = {"reconnecting", "connecting", "streaming"};
       p.phase = phases[s % 3];
     },
     30,
     {"no progress"}},
    {"snapshot_rows_are_progress",
     copying(),
     [](PipelineSnapshot& p, int) { ++p.table_copy->rows; },
     300,
     {}},
    {"a_snapshot_without_rows_stalls", copying(), nothing, 30, {"no progress for 30 s: snapshotting"}},
    {"draining_that_hangs", start("draining"), nothing, 30, {"draining"}},
    {"checkpoints_fail_while_the_stream_goes_on",
     streaming_at(100),
     [](PipelineSnapshot& p, int s) {
       const PipelineSnapshot before = p;
       move_all_to(p, 200 + static_cast<std::uint64_t>(s));
       p.at(Stage::kCheckpointed) = before.at(Stage::kCheckpointed);
       p.at(Stage::kTold) = before.at(Stage::kTold);
     },
     31,
     {"checkpointed has stood still for 30 s while acknowledged went on"}},
    {"the_source_is_not_told_while_checkpoints_go_on",
     streaming_at(100),
     [](PipelineSnapshot& p, int s) {
       const PipelineSnapshot before = p;
       move_all_to(p, 200 + static_cast<std::uint64_t>(s));
       p.at(Stage::kTold) = before.at(Stage::kTold);
     },
     32,
     {"told has stood still for 30 s while checkpointed went on"}},
    {"told_one_checkpoint_behind_is_as_it_should_be",
     streaming_at(100),
     [](PipelineSnapshot& p, int s) {
       if (s != 5) return;
       const PipelineSnapshot before = p;
       move_all_to(p, 200);
       p.at(Stage::kTold) = before.at(Stage::kTold);
     },
     3'600,
     {}},
    {"acknowledged_stands_while_encoding_goes_on",
     in_flight(),
     [](PipelineSnapshot& p, int s) {
       p.at(Stage::kReceived) = p.at(Stage::kEncoded) = position(200 + static_cast<std::uint64_t>(s));
     },
     31,
     {"acknowledged has stood still for 30 s while encoded went on"}},
    {"no_checkpoint_yet_is_not_standing_still",
     streaming_at(100),
     [](PipelineSnapshot& p, int s) {
       move_all_to(p, 200 + static_cast<std::uint64_t>(s));
       p.at(Stage::kCheckpointed) = p.at(Stage::kTold) = {};
     },
     300,
     {}},
};

class HealthOf : public testing::TestWithParam<Situation> {};
TEST_P(HealthOf, IsRedForTheseReasons) {
  const Situation& situation = GetParam();
  HealthPolicy policy(kOptions);
  PipelineSnapshot pipeline = situation.at_start;
  std::vector<PipelineHealth> verdict = policy.judge({5'000'000, 0}, {&pipeline, 1});
  for (int second = 1; second <= situation.seconds; ++second) {
    situation.each_second(pipeline, second);
    verdict = policy.judge({5'000'000 + second * 1'000, 0}, {&pipeline, 1});
  }
  ASSERT_EQ(verdict.size(), 1U);
  ASSERT_EQ(verdict[0].reasons.size(), situation.reasons.size())
      << testing::PrintToString(verdict[0].reasons);
  for (std::size_t i = 0; i < situation.reasons.size(); ++i) {
    EXPECT_THAT(verdict[0].reasons[i], HasSubstr(situation.reasons[i]));
  }
}
INSTANTIATE_TEST_SUITE_P(Table, HealthOf, testing::ValuesIn(kSituations),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(HealthPolicy, TurnsGreenAgainOnceSomethingMoves) {
  HealthPolicy policy(kOptions);
  PipelineSnapshot pipeline = in_flight();
  policy.judge({0, 0}, {&pipeline, 1});
  EXPECT_FALSE(policy.judge({30'000, 0}, {&pipeline, 1})[0].healthy());
  ++pipeline.records;
  EXPECT_TRUE(policy.judge({31'000, 0}, {&pipeline, 1})[0].healthy());
}

TEST(HealthPolicy, JudgesEachPipelineByItself) {
  HealthPolicy policy(kOptions);
  std::vector<PipelineSnapshot> pipelines{in_flight(), streaming_at(7, "invoices")};
  policy.judge({0, 0}, pipelines);
  const auto verdict = policy.judge({40'000, 0}, pipelines);
  EXPECT_EQ(verdict[0].name, "orders");
  EXPECT_FALSE(verdict[0].healthy());
  EXPECT_EQ(verdict[1].name, "invoices");
  EXPECT_TRUE(verdict[1].healthy());
}

TEST(HealthPolicy, ForgetsPipelinesThatAreGone) {
  HealthPolicy policy(kOptions);
  const PipelineSnapshot pipeline = in_flight();
  policy.judge({0, 0}, {&pipeline, 1});
  EXPECT_THAT(policy.judge({10'000, 0}, {}), IsEmpty());
  policy.judge({20'000, 0}, {&pipeline, 1});
  EXPECT_TRUE(policy.judge({40'000, 0}, {&pipeline, 1})[0].healthy());
}

}  // namespace
}  // namespace millrace::control
