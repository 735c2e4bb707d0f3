// SPDX-License-Identifier: Apache-2.0
#include "control/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {
namespace json = boost::json;

constexpr Now kNow{100'000, 1'700'000'010'000};

json::value status_of(const std::vector<PipelineSnapshot>& pipelines, PipelineHistory& history) {
  HealthPolicy policy;
  history.observe(kNow, pipelines);
  return json::parse(status_json("1.2.3", 77, pipelines, policy.judge(kNow, pipelines), history, kNow));
}

TEST(StatusJson, SaysEverythingASnapshotSays) {
  PipelineHistory history;
  const json::value status = status_of({everything("orders")}, history);
  EXPECT_EQ(status.at("version"), "1.2.3");
  EXPECT_EQ(status.at("uptime_ms"), 77);
  const json::value& pipeline = status.at("pipelines").at(0);
  EXPECT_EQ(pipeline.at("name"), "orders");
  EXPECT_EQ(pipeline.at("phase"), "streaming");
  EXPECT_EQ(pipeline.at("healthy"), true);
  EXPECT_EQ(pipeline.at("positions").at("server_head"), json::parse(R"({"position":"0/5000"})"));
  EXPECT_EQ(pipeline.at("positions").at("told"),
            json::parse(R"({"position":"0/1000","lag_bytes":4000,"lag_ms":10000})"));
  EXPECT_EQ(pipeline.at("slot"), json::parse(R"({"name":"slot","restart":"0/500","confirmed":"0/900",
                                               "wal_status":"extended","retained_bytes":4500})"));
  EXPECT_EQ(pipeline.at("totals"),
            json::parse(R"({"events":10,"records":11,"transactions":3,"received_bytes":2000})"));
  EXPECT_EQ(pipeline.at("in_flight_records"), 4);
  EXPECT_EQ(pipeline.at("checkpoint_ms_ago"), 10'000);
  EXPECT_EQ(pipeline.at("last_event_ms_ago"), 9'877);
  EXPECT_EQ(
      pipeline.at("snapshot"),
      json::parse(R"({"running":true,"tables":9,"tables_remaining":2,"rows":1000000,"rows_estimated":2000000,
                            "duration_ms":12500})"));
  EXPECT_EQ(pipeline.at("memory").at("pools").at("held"), json::parse(R"({"used_bytes":3,"limit_bytes":4})"));
  EXPECT_EQ(pipeline.at("memory").at("rings").at("ingest-worker-0"),
            json::parse(R"({"used":3,"capacity":64})"));
  EXPECT_EQ(pipeline.at("memory").at("credits"), json::parse(R"({"available":7,"limit":8})"));
  EXPECT_EQ(pipeline.at("tables").at(0).at("name"), "public.\"odd\\\n\xEF\xBF\xBD");
  EXPECT_EQ(pipeline.at("tables").at(0).at("delete"), 4);
  EXPECT_EQ(
      pipeline.at("last_error"),
      json::parse(R"({"code":"CONNECTION_LOST","message":"server closed the connection","ms_ago":10000})"));
}

TEST(StatusJson, WhatIsUnknownIsNull) {
  PipelineHistory history;
  PipelineSnapshot fresh;
  fresh.name = "fresh";
  const json::value status = status_of({fresh}, history);
  const json::value& pipeline = status.at("pipelines").at(0);
  EXPECT_EQ(pipeline.at("phase"), "starting");
  EXPECT_EQ(pipeline.at("positions").at("acknowledged"),
            json::parse(R"({"position":null,"lag_bytes":null,"lag_ms":null})"));
  for (const char* field : {"slot", "snapshot", "last_error", "last_event_ms_ago", "checkpoint_ms_ago"}) {
    EXPECT_TRUE(pipeline.at(field).is_null()) << field;
  }
}

TEST(StatusJson, IsUtf8WhateverThingsAreCalled) {
  PipelineHistory history;
  PipelineSnapshot pipeline = everything("p\xff");
  pipeline.pools = {{"\xff", 1, 2}};
  pipeline.rings = {{"\xff", 1, 2}};
  pipeline.slot.wal_status = pipeline.phase = pipeline.source = pipeline.sink = "\xff";
  pipeline.last_error = pipeline.last_error_code = "\xff";
  const json::value status = status_of({pipeline}, history);
  const json::value& shown = status.at("pipelines").at(0);
  EXPECT_TRUE(shown.at("memory").at("pools").as_object().contains("\xEF\xBF\xBD"));
}

TEST(StatusJson, NoPipelinesIsAnEmptyList) {
  PipelineHistory history;
  EXPECT_EQ(status_of({}, history).at("pipelines"), json::array{});
}

TEST(HealthJson, ListsReasonsByPipeline) {
  const std::vector<PipelineHealth> health{{"a", "streaming", {}},
                                           {"b", "failed", {"failed: X", "and \xff"}}};
  EXPECT_EQ(health_json(health),
            R"({"healthy":false,"pipelines":[{"name":"a","healthy":true,"phase":"streaming","reasons":[]},)"
            R"({"name":"b","healthy":false,"phase":"failed","reasons":["failed: X","and )"
            "\xEF\xBF\xBD\"]}]}");
}

struct Readiness {
  const char* name;
  std::vector<std::string> phases;
  bool ready;
};
class Ready : public testing::TestWithParam<Readiness> {};
TEST_P(Ready, WhenEveryPipelineReadsChanges) {
  std::vector<PipelineHealth> health;
  for (const std::string& phase : GetParam().phases) health.push_back({"p", phase, {}});
  EXPECT_EQ(is_ready(health), GetParam().ready);
}
INSTANTIATE_TEST_SUITE_P(Table, Ready,
                         testing::Values(Readiness{"none", {}, false},
                                         Readiness{"streaming", {"streaming"}, true},
                                         Readiness{"snapshotting", {"streaming", "snapshotting"}, true},
                                         Readiness{"one_connecting", {"streaming", "connecting"}, false},
                                         Readiness{"one_failed", {"failed", "streaming"}, false},
                                         Readiness{"paused", {"paused"}, false}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReadyJson, ShowsPhases) {
  const std::vector<PipelineHealth> health{{"a", "connecting", {}}};
  EXPECT_EQ(ready_json(health),
            R"({"ready":false,"pipelines":[{"name":"a","ready":false,"phase":"connecting"}]})");
}

}  // namespace
}  // namespace millrace::control
