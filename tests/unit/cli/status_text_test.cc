// SPDX-License-Identifier: Apache-2.0
// /status for people: what the control server really answers, and whatever else may listen there.
#include "cli/status_text.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "control/status_json.h"
#include "unit/control/snapshots.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;

std::string answer(const std::vector<control::PipelineSnapshot>& pipelines) {
  constexpr control::Now kNow{100'000, 1'700'000'010'000};
  control::PipelineHistory history;
  control::HealthPolicy policy;
  history.observe(kNow, pipelines);
  return control::status_json("1.2.3", 77'000, pipelines, policy.judge(kNow, pipelines), history, kNow);
}

TEST(StatusText, ShowsWhatTheServerAnswers) {
  const auto status =
      status_text(answer({control::everything("orders"), control::streaming_at(700, "idle")}));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(status->text, testing::StartsWith("millrace 1.2.3, up 1:17\n\norders: streaming\n"));
  EXPECT_THAT(status->text, HasSubstr("\n  server        0/5000"));
  EXPECT_THAT(status->text, HasSubstr("\n  checkpointed  0/1000              3.9 KiB behind"));
  EXPECT_THAT(status->text, HasSubstr("\n  events        10, 0/s\n"));
  EXPECT_THAT(status->text, HasSubstr("\n  slot          slot keeps 4.4 KiB of WAL (extended)\n"));
  EXPECT_THAT(status->text, HasSubstr("\nidle: streaming\n"));
}

TEST(StatusText, SaysWhatIsUnhealthy) {
  control::PipelineSnapshot failed = control::streaming_at(700, "orders");
  failed.phase = "failed";
  failed.last_error = "the slot is gone\x1b[2J";
  failed.last_error_code = "SLOT_MISSING";
  const auto status = status_text(answer({control::streaming_at(700, "fine"), failed}));
  ASSERT_TRUE(status.ok());
  EXPECT_FALSE(status->healthy);
  EXPECT_THAT(status->text, HasSubstr("\n  unhealthy     "));
  EXPECT_THAT(status->text, HasSubstr("\n  last error    SLOT_MISSING: the slot is gone\\u001b[2J\n"))
      << "a terminal is not steered by a server's words";
  EXPECT_TRUE(status_text(answer({control::streaming_at(700, "fine")}))->healthy);
}

TEST(StatusText, OfSomethingElseIsRefused) {
  for (const char* other : {"", "<html>", "[]", "{}", "{\"pipelines\":{}}", "null", "{\"pipelines\":[}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(status_text(other).status())) << other;
  }
}

TEST(StatusText, OfAnotherVersionShowsWhatItUnderstands) {
  const auto status = status_text(
      R"({"pipelines":[{"name":7,"phase":null,"positions":[],"totals":{"events":-5},"slot":"x","reasons":3,"last_error":1},
          5,{}],"uptime_ms":"long"})");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_FALSE(status->healthy) << "who does not say so is not";
  EXPECT_EQ(status->text, "millrace -, up 0 ms\n\n7: -\n  events        0, 0/s\n\n-: -\n\n-: -\n");
}

}  // namespace
}  // namespace millrace::cli
