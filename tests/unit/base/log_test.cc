// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace millrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

std::string json_line(LogFields fields, std::string_view message = "m", std::string_view pipeline = {}) {
  return format_log_line(LogFormat::kJson, system_clock::time_point(milliseconds(1'767'225'599'007)),
                         LogLevel::kWarn, pipeline, "c", message, fields);
}

TEST(LogLine, IsJsonWithTimeInMilliseconds) {
  EXPECT_EQ(json_line({}),
            "{\"ts\":\"2025-12-31T23:59:59.007Z\",\"level\":\"warn\",\"component\":\"c\",\"msg\":\"m\"}\n");
}

TEST(LogLine, CarriesFieldsByType) {
  EXPECT_THAT(
      json_line(
          {{"s", "x"}, {"b", true}, {"i", -1}, {"u", std::numeric_limits<std::uint64_t>::max()}, {"d", 1.5}}),
      testing::HasSubstr(",\"s\":\"x\",\"b\":true,\"i\":-1,\"u\":18446744073709551615,\"d\":1.5}"));
}

TEST(LogLine, StaysJsonWhateverTheText) {
  EXPECT_THAT(
      json_line({{"k", std::string("\"\\\n\x01\xFF\xC3\xA9", 7)}}, "a\nb", "p"),
      testing::AllOf(testing::HasSubstr("\"k\":\"\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA9\""),
                     testing::HasSubstr("\"msg\":\"a\\nb\""), testing::HasSubstr("\"pipeline\":\"p\"")));
  EXPECT_THAT(json_line({{"d", std::numeric_limits<double>::infinity()}}), testing::HasSubstr("\"d\":null"));
}

TEST(LogLine, IsWordsForAPerson) {
  EXPECT_EQ(
      format_log_line(LogFormat::kText, system_clock::time_point(milliseconds(3'723'004)), LogLevel::kInfo,
                      "orders", "slot", "made", {{"name", "a"}, {"words", "b c"}, {"empty", ""}}),
      "01:02:03.004 info  [orders] slot: made name=a words=\"b c\" empty=\"\"\n");
}

TEST(LogLine, TimesBefore1970AreTimesToo) {
  EXPECT_THAT(format_log_line(LogFormat::kJson, system_clock::time_point(milliseconds(-1)), LogLevel::kInfo,
                              "", "c", "m", {}),
              testing::HasSubstr("1969-12-31T23:59:59.999Z"));
}

/// Reads what is logged while it lives.
class Captured {
 public:
  Captured() {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    set_log_descriptor(ends_[1]);
  }
  ~Captured() {
    set_log_descriptor(STDERR_FILENO);
    configure_log(LogLevel::kInfo, LogFormat::kAuto);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  /// What has been written; blocks until there is something.
  std::string text() {
    std::array<char, 1 << 16> buffer{};
    const ssize_t got = ::read(ends_[0], buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
  }

 private:
  std::array<int, 2> ends_{};
};

TEST(Log, LevelDecidesWhatIsWritten) {
  Captured captured;
  configure_log(LogLevel::kWarn, LogFormat::kJson);
  EXPECT_FALSE(log_enabled(LogLevel::kInfo));
  EXPECT_TRUE(log_enabled(LogLevel::kError));
  log_debug("c", "no");
  log_info("c", "no");
  log_warn("c", "yes");
  const std::string text = captured.text();
  EXPECT_THAT(text, testing::HasSubstr("yes"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\"no\"")));
  configure_log(LogLevel::kOff, LogFormat::kJson);
  EXPECT_FALSE(log_enabled(LogLevel::kError));
  EXPECT_FALSE(log_enabled(LogLevel::kOff));
}

TEST(Log, LinesOfAThreadCarryItsPipeline) {
  Captured captured;
  configure_log(LogLevel::kInfo, LogFormat::kJson);
  {
    const LogPipelineScope outer("a");
    const LogPipelineScope inner("b");
    log_info("c", "m");
  }
  EXPECT_THAT(captured.text(), testing::HasSubstr("\"pipeline\":\"b\""));
  log_info("c", "m");
  EXPECT_THAT(captured.text(), testing::Not(testing::HasSubstr("pipeline")));
}

TEST(Log, LinesOfThreadsDoNotMix) {
  Captured captured;
  configure_log(LogLevel::kInfo, LogFormat::kJson);
  constexpr int kThreads = 4;
  constexpr int kLines = 50;
  std::vector<std::jthread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int line = 0; line < kLines; ++line) log_info("c", "message", {{"text", "0123456789"}});
    });
  }
  std::string all;
  while (std::ranges::count(all, '\n') < kThreads * kLines) all += captured.text();
  threads.clear();
  for (std::string_view rest = all; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    EXPECT_TRUE(rest.starts_with("{\"ts\":"));
    EXPECT_TRUE(rest.substr(0, rest.find('\n')).ends_with("\"text\":\"0123456789\"}"));
  }
}

TEST(Log, StatusLineIsRedrawnBelowEachLine) {
  Captured captured;
  configure_log(LogLevel::kInfo, LogFormat::kText);
  set_log_status_line("12 rows");
  EXPECT_EQ(captured.text(), "\r\x1b[K12 rows");
  log_info("c", "m");
  EXPECT_THAT(captured.text(),
              testing::AllOf(testing::StartsWith("\r\x1b[K"), testing::EndsWith("c: m\n12 rows")));
  set_log_status_line("");
  EXPECT_EQ(captured.text(), "\r\x1b[K");
}

TEST(LogRateLimit, LetsOneThroughAndCountsTheRest) {
  LogRateLimit limit(milliseconds(100));
  const LogRateLimit::Clock::time_point start{std::chrono::hours(1)};
  EXPECT_EQ(limit.admit(start), 0U);
  EXPECT_EQ(limit.admit(start), std::nullopt);
  EXPECT_EQ(limit.admit(start + milliseconds(99)), std::nullopt);
  EXPECT_EQ(limit.admit(start + milliseconds(100)), 2U);
  EXPECT_EQ(limit.admit(start + milliseconds(250)), 0U);
}

}  // namespace
}  // namespace millrace
