// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::cli {
namespace {

struct Shown {
  const char* name;
  std::vector<ProgressSnapshot> pipelines;
  std::size_t columns;
  const char* line;
};
class ProgressLine : public testing::TestWithParam<Shown> {};
TEST_P(ProgressLine, Shows) {
  EXPECT_EQ(format_progress_line(GetParam().pipelines, GetParam().columns), GetParam().line);
}

const ProgressSnapshot kStreaming{"orders", "streaming", 1'200'000, 182'000, 12'897'485, 1'400, {}};
const ProgressSnapshot kCopying{"orders", "snapshotting", 3'400'000, 182'000, {}, {}, 10'000'000};

INSTANTIATE_TEST_SUITE_P(
    Table, ProgressLine,
    testing::Values(
        Shown{"streaming", {kStreaming}, 200, "orders  streaming  1.2M rows  182k/s  12.3 MiB behind  1.4 s"},
        Shown{"snapshot", {kCopying}, 200, "orders  snapshotting  34%  3.4M of 10.0M rows  182k/s  ETA 36 s"},
        Shown{"snapshot_slower",
              {{"o", "snapshotting", 0, 1000, {}, {}, 10'000'000}},
              200,
              "o  snapshotting  0%  0 of 10.0M rows  1.0k/s  ETA 2:46:40"},
        Shown{"snapshot_without_rate",
              {{"o", "snapshotting", 5, 0, {}, {}, 10}},
              200,
              "o  snapshotting  50%  5 of 10 rows  0/s"},
        Shown{"estimate_too_low",
              {{"o", "snapshotting", 20, 2, {}, {}, 10}},
              200,
              "o  snapshotting  100%  20 of 20 rows  2/s  ETA 0 s"},
        Shown{"estimate_of_nothing",
              {{"o", "snapshotting", 20, 2, {}, {}, 0}},
              200,
              "o  snapshotting  20 rows  2/s"},
        Shown{
            "caught_up", {{"o", "streaming", 7, 0, 0, 20, {}}}, 200, "o  streaming  7 rows  0/s  caught up"},
        Shown{"lag_unknown", {{"o", "reconnecting", 7, 0, {}, {}, {}}}, 200, "o  reconnecting  7 rows  0/s"},
        Shown{"busiest_of_three",
              {{"a", "streaming", 1, 1, {}, {}, {}},
               {"b", "streaming", 2, 5, {}, {}, {}},
               {"c", "streaming", 3, 4, {}, {}, {}}},
              200,
              "b  streaming  2 rows  5/s  +2 pipelines"},
        Shown{"one_more",
              {{"a", "streaming", 1, 1, {}, {}, {}}, {"b", "streaming", 2, 0, {}, {}, {}}},
              200,
              "a  streaming  1 rows  1/s  +1 pipeline"},
        Shown{"none", {}, 200, ""}, Shown{"no_columns", {kStreaming}, 0, ""},
        Shown{"fits_exactly", {kStreaming}, 36, "orders  streaming  1.2M rows  182k/s"},
        Shown{"one_column_less", {kStreaming}, 35, "orders  streaming  1.2M rows"},
        Shown{"name_only", {kStreaming}, 6, "orders"}, Shown{"name_cut", {kStreaming}, 3, "ord"},
        Shown{"name_cut_at_a_code_point",
              {{"\xC3\xA9\xC3\xA9\xC3\xA9", "s", 0, 0, {}, {}, {}}},
              2,
              "\xC3\xA9\xC3\xA9"},
        Shown{"control_characters_are_escaped",
              {{"a\x1b[2J\n", "s", 0, 0, {}, {}, {}}},
              200,
              "a\\u001b[2J\\n  s  0 rows  0/s"},
        Shown{"absurd_rate", {{"o", "s", 0, 1e300, {}, {}, {}}}, 200, "o  s  0 rows  0/s"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ProgressLines, AreNeverWiderThanAsked) {
  for (std::size_t columns = 0; columns < 90; ++columns) {
    EXPECT_LE(format_progress_line(std::vector{kStreaming, kCopying}, columns).size(), columns);
  }
}

}  // namespace
}  // namespace millrace::cli
