// SPDX-License-Identifier: Apache-2.0
#include "runtime/gather_policy.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace {
namespace {

constexpr std::int64_t kMin = GatherPolicy::kPauseMinUs;
constexpr std::int64_t kMax = GatherPolicy::kAcross.pause_max_us;

struct Step {
  std::int64_t at_us;
  std::size_t bytes;
  std::int64_t lag_us;
  std::int64_t pause_us;
  bool reply_requested = false;
};
struct Script {
  const char* name;
  GatherPolicy::Mode mode;
  std::vector<Step> steps;
  GatherPolicy::Limits limits = GatherPolicy::kAcross;
};
class Gathers : public testing::TestWithParam<Script> {};
TEST_P(Gathers, AsScripted) {
  GatherPolicy policy(GetParam().mode);
  policy.begin(GetParam().limits);
  for (const Step& step : GetParam().steps) {
    EXPECT_EQ(policy.pause_after({step.bytes, step.at_us, step.lag_us, step.reply_requested}), step.pause_us)
        << "at " << step.at_us;
  }
}

constexpr auto kAdaptive = GatherPolicy::Mode::kAdaptive;
INSTANTIATE_TEST_SUITE_P(
    Table, Gathers,
    testing::Values(
        Script{
            "quiet_reads_at_once", kAdaptive, {{1'000, 200, 0, 0}, {2'000, 200, 0, 0}, {3'000, 8'191, 0, 0}}},
        Script{"busy_by_rate_in_one_read", kAdaptive, {{1'000, 8'192, 0, kMin}}},
        Script{"busy_by_rate_in_small_reads",
               kAdaptive,
               {{1'000, 3'000, 0, 0}, {1'300, 3'000, 0, 0}, {1'600, 3'000, 0, kMin}}},
        // 12 KB in 3 ms is 4 KB/ms: what is older than a millisecond does not count.
        Script{"rate_forgets_after_a_millisecond",
               kAdaptive,
               {{10'000, 4'000, 0, 0}, {11'000, 4'000, 0, 0}, {12'000, 4'000, 0, 0}, {13'000, 4'000, 0, 0}}},
        Script{
            "idle_for_hours_then_little", kAdaptive, {{1'000, 60'000, 0, kMin}, {9'000'000'000, 500, 0, 0}}},
        Script{"lag_alone_is_busy", kAdaptive, {{1'000, 10, 1'999, 0}, {2'000, 10, 2'000, 100}}},
        Script{"pause_is_a_twentieth_of_the_lag",
               kAdaptive,
               {{1'000, 9'000, 100, kMin},
                {1'100, 9'000, 500, 25},
                {1'200, 9'000, 520, 26},
                {1'300, 9'000, 1'600, 80},
                {1'400, 9'000, 2'000, 100},
                {1'500, 9'000, 60'000'000, 364}}},
        Script{"negative_lag_is_no_lag",
               kAdaptive,
               {{1'000, 9'000, -5'000'000, kMin}, {9'000, 100, -5'000'000, 0}}},
        Script{"reply_requested_is_answered_first",
               kAdaptive,
               {{1'000, 9'000, 0, 0, true}, {1'100, 9'000, 0, kMin}, {1'200, 9'000, 5'000, 0, true}}},
        // 20,000 bytes in the window promise 500 in 25 us; 249 are less than half.
        Script{"leaves_when_a_pause_brings_too_little",
               kAdaptive,
               {{1'000, 20'000, 0, kMin}, {1'030, 249, 0, 0}}},
        Script{
            "stays_when_a_pause_brings_half", kAdaptive, {{1'000, 20'000, 0, kMin}, {1'030, 250, 0, kMin}}},
        Script{"comes_back_only_with_a_new_rate",
               kAdaptive,
               {{1'000, 20'000, 0, kMin}, {1'030, 100, 0, 0}, {1'040, 4'000, 0, 0}, {1'050, 8'000, 0, kMin}}},
        Script{"backlog_comes_back_at_the_next_read",
               kAdaptive,
               {{1'000, 20'000, 4'000, 200}, {1'100, 10, 4'000, 0}, {1'110, 10, 4'000, 200}}},
        // 32 KiB come in 327 us, then in 65.
        Script{"no_longer_than_the_receive_window_fills",
               kAdaptive,
               {{1'000, 100'000, 60'000'000, 327}, {1'400, 200'000, 60'000'000, 65}}},
        // 40 KB a millisecond: 10 ms bring 400 KB, in reads of at most 128.
        Script{"long_pauses_within_the_host_are_read_to_the_end",
               kAdaptive,
               {{1'000, 40'000, 60'000'000, 10'000},
                {11'000, 131'072, 60'000'000, 0},
                {11'050, 131'072, 60'000'000, 0},
                {11'100, 131'072, 60'000'000, 0},
                {11'150, 6'784, 60'000'000, 10'000}},
               GatherPolicy::kWithinHost},
        // 512 KiB come in 2 ms.
        Script{"no_longer_than_the_senders_buffer_fills",
               kAdaptive,
               {{1'000, 256 * 1024, 60'000'000, 2'000}},
               GatherPolicy::kWithinHost},
        Script{"a_long_pause_is_a_twentieth_of_the_lag_too",
               kAdaptive,
               {{1'000, 40'000, 20'000, 1'000}, {2'000, 100'000, 0, 0}, {2'010, 1'000, 10'000, 500}},
               GatherPolicy::kWithinHost},
        Script{"leaves_when_all_reads_after_a_pause_bring_too_little",
               kAdaptive,
               {{1'000, 40'000, 60'000'000, 10'000}, {11'000, 131'072, 60'000'000, 0}, {11'100, 10, 0, 0}},
               GatherPolicy::kWithinHost},
        Script{"time_that_stands_still_or_goes_back",
               kAdaptive,
               {{5'000, 5'000, 0, 0}, {5'000, 5'000, 0, kMin}, {4'000, 5'000, 0, kMin}}},
        Script{"off_never_pauses",
               GatherPolicy::Mode::kOff,
               {{1'000, 1'000'000, 0, 0}, {1'010, 1'000'000, 9'000'000, 0}}},
        Script{"always_pauses_but_for_replies",
               GatherPolicy::Mode::kAlways,
               {{1'000, 1, 0, kMax},
                {9'000'000, 1, 0, kMax},
                {9'000'100, 1, 0, 0, true},
                {9'000'200, 1, 0, kMax}}}),
    [](const auto& row) { return std::string(row.param.name); });

// What the constants are for (performance figures of a walsender over loopback): a saturated stream of
// 124-byte rows gathers nearly always; 10,000 small transactions a second never do.
TEST(GatherPolicy, SaturatedStreamGathersAndAModerateOneDoesNot) {
  const auto share_of_pauses = [](double bytes_per_us, std::int64_t piece_bytes) {
    GatherPolicy policy(GatherPolicy::Mode::kAdaptive);
    int reads = 0, pauses = 0;
    double unread = 0;
    std::int64_t now_us = 0;
    for (; now_us < 1'000'000; ++reads) {
      std::int64_t sleep_us = 0;  // until a piece is there
      while (unread + static_cast<double>(sleep_us) * bytes_per_us < static_cast<double>(piece_bytes))
        ++sleep_us;
      now_us += sleep_us;
      unread += static_cast<double>(sleep_us) * bytes_per_us;
      const auto pieces = static_cast<std::int64_t>(unread) / piece_bytes;
      const std::int64_t pause_us =
          policy.pause_after({static_cast<std::size_t>(pieces * piece_bytes), now_us, 0, false});
      unread -= static_cast<double>(pieces * piece_bytes);
      pauses += pause_us > 0 ? 1 : 0;
      now_us += pause_us;
      unread += static_cast<double>(pause_us) * bytes_per_us;
    }
    return static_cast<double>(pauses) / reads;
  };
  EXPECT_GT(share_of_pauses(23.0, 124), 0.95);
  EXPECT_GT(share_of_pauses(13.0, 250), 0.8);
  EXPECT_EQ(share_of_pauses(2.3, 250), 0.0);
  EXPECT_EQ(share_of_pauses(0.01, 250), 0.0);
}

}  // namespace
}  // namespace millrace
