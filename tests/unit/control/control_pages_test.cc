// SPDX-License-Identifier: Apache-2.0
#include "control/control_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ControlPagesTest : public testing::Test {
 protected:
  HttpResponse get(std::string_view target) { return pages_.answer({target}); }
  void pass_seconds(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_.monotonic_ms += 1'000;
      now_.unix_ms += 1'000;
      pages_.tick();
    }
  }

  metrics::Registry registry_;
  std::vector<PipelineSnapshot> pipelines_{streaming_at(100)};
  Now now_{1'000'000, 1'700'000'000'000};
  ControlPages pages_{{"1.2.3", "abc", {.stall_ms = 5'000}},
                      registry_,
                      [this] { return pipelines_; },
                      [this] { return now_; }};
};

TEST_F(ControlPagesTest, FrontPageLinksTheOthers) {
  const HttpResponse page = get("/");
  EXPECT_EQ(page.status, 200U);
  EXPECT_THAT(page.content_type, HasSubstr("text/html"));
  for (const char* link : {"/status", "/healthz", "/readyz", "/metrics"})
    EXPECT_THAT(page.body, HasSubstr(link));
}

TEST_F(ControlPagesTest, UnknownPathsAreNotFound) {
  for (const char* target :
       {"/metricsx", "/metrics/", "", "*", "//metrics", "http://h/metrics", "/%6detrics"}) {
    EXPECT_EQ(get(target).status, 404U) << target;
  }
}

TEST_F(ControlPagesTest, QueriesAreIgnored) { EXPECT_EQ(get("/healthz?verbose=1").status, 200U); }

TEST_F(ControlPagesTest, HealthTurnsRedByTicksAloneAndGreenAgain) {
  EXPECT_EQ(get("/healthz").status, 200U);
  pipelines_[0].in_flight_records = 3;
  pass_seconds(6);
  const HttpResponse red = get("/healthz");
  EXPECT_EQ(red.status, 503U);
  EXPECT_EQ(red.content_type, "application/json");
  EXPECT_THAT(red.body, AllOf(HasSubstr("\"healthy\":false"), HasSubstr("3 records in flight")));
  EXPECT_THAT(get("/metrics").body, HasSubstr("millrace_pipeline_healthy{pipeline=\"orders\"} 0\n"));
  pipelines_[0].in_flight_records = 0;
  EXPECT_EQ(get("/healthz").status, 200U);
}

TEST_F(ControlPagesTest, ReadinessFollowsThePhase) {
  EXPECT_EQ(get("/readyz").status, 200U);
  pipelines_[0].phase = "reconnecting";
  const HttpResponse page = get("/readyz");
  EXPECT_EQ(page.status, 503U);
  EXPECT_THAT(page.body, HasSubstr("\"phase\":\"reconnecting\""));
}

TEST_F(ControlPagesTest, StatusHasRates) {
  pass_seconds(1);
  pipelines_[0].events += 500;
  pass_seconds(1);
  EXPECT_THAT(get("/status").body, HasSubstr("\"events_per_second\":500,"));
}

TEST_F(ControlPagesTest, MetricsShowPositionsLagAndPhase) {
  pipelines_[0] = everything("orders");
  const HttpResponse page = get("/metrics");
  EXPECT_EQ(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {
           "millrace_position{pipeline=\"orders\",stage=\"server_head\"} 5000\n",
           "millrace_position{pipeline=\"orders\",stage=\"told\"} 1000\n",
           "millrace_lag_bytes{pipeline=\"orders\",stage=\"acknowledged\"} 4000\n",
           "millrace_slot_retained_wal_bytes{pipeline=\"orders\"} 4500\n",
           "millrace_slot_wal_status{pipeline=\"orders\",status=\"extended\"} 1\n",
           "millrace_slot_wal_status{pipeline=\"orders\",status=\"lost\"} 0\n",
           "millrace_ring_used_slots{pipeline=\"orders\",ring=\"ingest-worker-0\"} 3\n",
           "millrace_pool_limit_bytes{pipeline=\"orders\",pool=\"held\"} 4\n",
           "millrace_credits_available{pipeline=\"orders\"} 7\n",
           "millrace_in_flight_records{pipeline=\"orders\"} 4\n",
           "millrace_snapshot_rows{pipeline=\"orders\"} 1000000\n",
           "millrace_pipeline_phase{pipeline=\"orders\",phase=\"streaming\"} 1\n",
           "millrace_pipeline_phase{pipeline=\"orders\",phase=\"failed\"} 0\n",
           "millrace_build_info{version=\"1.2.3\",revision=\"abc\"} 1\n",
       }) {
    EXPECT_THAT(page.body, HasSubstr(line));
  }
  EXPECT_THAT(page.body, Not(HasSubstr("millrace_lag_bytes{pipeline=\"orders\",stage=\"server_head\"}")));
}

TEST_F(ControlPagesTest, ProcessMetricsAreThisProcess) {
  const std::string body = get("/metrics").body;
  for (const char* name : {"process_cpu_seconds_total ", "process_open_fds ", "process_max_fds ",
                           "process_resident_memory_bytes ", "process_start_time_seconds "}) {
    const std::size_t at = body.find(std::string("\n") + name);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GT(std::stod(body.substr(at + 1 + std::string_view(name).size())), 0) << name;
  }
}

TEST_F(ControlPagesTest, SeriesOfAPipelineThatIsGoneGoToo) {
  registry_.counter(metrics::Family::kRecords, {"orders"}).add(5);
  EXPECT_THAT(get("/metrics").body, HasSubstr("pipeline=\"orders\""));
  pipelines_.clear();
  EXPECT_THAT(get("/metrics").body, Not(HasSubstr("pipeline=\"orders\"")));
}

}  // namespace
}  // namespace millrace::control
