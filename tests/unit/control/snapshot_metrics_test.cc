// SPDX-License-Identifier: Apache-2.0
#include "control/snapshot_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "control/metrics_text.h"
#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using metrics::Family;
using metrics::Registry;
using testing::HasSubstr;

void publish_to(Registry& registry, const PipelineSnapshot& pipeline) {
  PipelineHistory history;
  const Now now{.monotonic_ms = 10'000, .unix_ms = 1'700'000'001'000};
  history.observe(now, {&pipeline, 1});
  publish(registry, pipeline, history, true, now);
}

TEST(SnapshotMetrics, EveryFamilyOfAPipelineHasAWriter) {
  Registry registry;
  publish_to(registry, everything("orders"));
  std::set<std::string> shown;
  for (const metrics::FamilySamples& family : registry.read()) shown.emplace(family.declaration->name);
  // Written where they happen, not from a snapshot.
  const std::set<std::string_view> elsewhere{"millrace_sink_write_seconds", "millrace_series_folded_total"};
  for (const metrics::Declaration& declared : metrics::declarations()) {
    const bool of_a_pipeline = !declared.labels.empty() && declared.labels.front() == "pipeline";
    if (!of_a_pipeline || elsewhere.contains(declared.name)) continue;
    EXPECT_TRUE(shown.contains(std::string(declared.name)))
        << declared.name << " is declared and never shown";
  }
}

TEST(SnapshotMetrics, CountsComeByTableAndOperationAndErrorsByClass) {
  Registry registry;
  PipelineSnapshot pipeline = everything("orders");
  pipeline.tables = {{"public.t", 1, 2, 3, 4, 5, 0, 6}, {"", 0, 0, 0, 0, 0, 7, 8}};
  publish_to(registry, pipeline);
  publish_to(registry, pipeline);  // shown twice is not counted twice
  const std::string text = metrics_text(registry.read());
  for (const char* line :
       {R"(millrace_events_total{pipeline="orders",table="public.t",operation="read"} 1)",
        R"(millrace_events_total{pipeline="orders",table="public.t",operation="delete"} 4)",
        R"(millrace_events_total{pipeline="orders",table="",operation="message"} 7)",
        R"(millrace_emitted_bytes_total{pipeline="orders",table="public.t"} 6)",
        R"(millrace_errors_total{pipeline="orders",class="CONNECT_REFUSED"} 2)",
        R"(millrace_slot_wal_status{pipeline="orders",status="extended"} 1)",
        R"(millrace_ring_used_slots{pipeline="orders",ring="ingest-worker-0"} 3)",
        R"(millrace_checkpoint_writes_total{pipeline="orders"} 12)"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
}

TEST(SnapshotMetrics, TablesBeyondTheBoundAreSummed) {
  Registry registry(1);
  PipelineSnapshot pipeline = streaming_at(1'000);
  pipeline.tables = {{"public.a", 0, 1, 0, 0, 0, 0, 10},
                     {"public.b", 0, 2, 0, 0, 0, 0, 20},
                     {"public.c", 0, 4, 0, 0, 0, 0, 40}};
  publish_to(registry, pipeline);
  publish_to(registry, pipeline);
  const std::string text = metrics_text(registry.read());
  EXPECT_THAT(text,
              HasSubstr(R"(millrace_events_total{pipeline="orders",table="other",operation="create"} 6)"));
  EXPECT_THAT(text, HasSubstr(R"(millrace_emitted_bytes_total{pipeline="orders",table="other"} 60)"));
  EXPECT_THAT(text, HasSubstr(R"(millrace_series_folded_total{family="millrace_events_total"} 2)"));
}

}  // namespace
}  // namespace millrace::control
