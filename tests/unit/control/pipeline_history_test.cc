// SPDX-License-Identifier: Apache-2.0
#include "control/pipeline_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(PipelineHistory, RatesAreOverTheLastTenSeconds) {
  PipelineHistory history;
  PipelineSnapshot pipeline = streaming_at(1);
  for (int second = 0; second <= 60; ++second) {
    pipeline.events += second < 40 ? 1'000 : 50;
    pipeline.records += 2;
    history.observe({second * 1'000, 0}, {&pipeline, 1});
  }
  EXPECT_DOUBLE_EQ(history.rates("orders").events, 50);
  EXPECT_DOUBLE_EQ(history.rates("orders").records, 2);
  EXPECT_DOUBLE_EQ(history.rates("orders").received_bytes, 0);
}

TEST(PipelineHistory, NoRateBeforeTheSecondLookNorForStrangers) {
  PipelineHistory history;
  PipelineSnapshot pipeline = streaming_at(1);
  pipeline.events = 5;
  history.observe({1'000, 0}, {&pipeline, 1});
  history.observe({1'000, 0}, {&pipeline, 1});
  EXPECT_EQ(history.rates("orders").events, 0);
  EXPECT_EQ(history.rates("other").events, 0);
}

TEST(PipelineHistory, CountsThatStartAnewGiveNoRate) {
  PipelineHistory history;
  PipelineSnapshot pipeline = streaming_at(1);
  pipeline.events = 1'000;
  history.observe({0, 0}, {&pipeline, 1});
  pipeline.events = 10;
  history.observe({1'000, 0}, {&pipeline, 1});
  EXPECT_EQ(history.rates("orders").events, 0);
}

TEST(PipelineHistory, NamesWhoIsGone) {
  PipelineHistory history;
  const std::vector<PipelineSnapshot> both{streaming_at(1, "a"), streaming_at(1, "b")};
  EXPECT_THAT(history.observe({0, 0}, both), ElementsAre());
  EXPECT_THAT(history.observe({1, 0}, {both.data(), 1}), ElementsAre("b"));
  EXPECT_THAT(history.observe({2, 0}, {both.data(), 1}), ElementsAre());
}

struct Behind {
  const char* name;
  bool seen_at_head_before;        // ten seconds ago
  std::uint64_t head;              // the stage is at 100
  std::int64_t event_seconds_ago;  // 0: none passed yet
  std::optional<std::int64_t> behind_ms;
};
class BehindSource : public testing::TestWithParam<Behind> {};
TEST_P(BehindSource, InMilliseconds) {
  const Behind& row = GetParam();
  constexpr std::int64_t kUnixMs = 1'700'000'000'000;
  PipelineHistory history;
  PipelineSnapshot pipeline = streaming_at(100);
  if (row.seen_at_head_before) history.observe({90'000, kUnixMs - 10'000}, {&pipeline, 1});
  pipeline.at(Stage::kServerHead) = row.head == 0 ? StagePosition{} : position(row.head);
  if (row.event_seconds_ago != 0) {
    pipeline.at(Stage::kAcknowledged).source_unix_ms = kUnixMs - row.event_seconds_ago * 1'000;
  }
  history.observe({100'000, kUnixMs}, {&pipeline, 1});
  EXPECT_EQ(history.behind_ms(pipeline, Stage::kAcknowledged, {100'000, kUnixMs}), row.behind_ms);
}
INSTANTIATE_TEST_SUITE_P(
    Table, BehindSource,
    testing::Values(Behind{"at_the_head_whatever_the_event", true, 100, 3'600, 0},
                    Behind{"head_unknown", true, 0, 5, std::nullopt},
                    Behind{"backlog_is_as_old_as_its_last_event", false, 200, 3'600, 3'600'000},
                    Behind{"first_change_after_a_quiet_night_is_not_a_night_late", true, 200, 3'600, 10'000},
                    Behind{"event_younger_than_the_lag", true, 200, 2, 2'000},
                    Behind{"no_event_yet_but_known_since_when", true, 200, 0, 10'000},
                    Behind{"no_event_yet", false, 200, 0, std::nullopt},
                    Behind{"server_clock_ahead_of_ours", false, 200, -5, 0}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::control
