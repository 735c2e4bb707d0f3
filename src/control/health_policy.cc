// SPDX-License-Identifier: Apache-2.0
#include "control/health_policy.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace millrace::control {
namespace {

std::size_t index(Stage stage) { return static_cast<std::size_t>(stage); }

bool is_behind(const PipelineSnapshot& pipeline, Stage stage) {
  return lag_bytes(pipeline, stage).value_or(0) > 0;
}

// A phase that ends by itself must end; streaming owes progress only while there is something to do.
bool progress_is_due(const PipelineSnapshot& pipeline) {
  if (pipeline.phase == "paused" || pipeline.phase == "stopped" || pipeline.phase == "failed") return false;
  if (pipeline.phase != "streaming") return true;
  return pipeline.in_flight_records > 0 || is_behind(pipeline, Stage::kReceived) ||
         is_behind(pipeline, Stage::kAcknowledged);
}

struct Pair {
  Stage stage;
  // The source is told the older of two checkpoints, so one checkpoint ahead is as it should be.
  std::uint32_t moves_missed_max;
};
// Encoded is not among them: a large transaction is received for minutes before its commit lets it be
// encoded.
constexpr std::array kFollowers{Pair{Stage::kAcknowledged, 0}, Pair{Stage::kCheckpointed, 0},
                                Pair{Stage::kTold, 1}};

std::string seconds(std::int64_t ms) { return std::to_string(ms / 1000) + " s"; }

void append_fact(std::string& text, const std::string& fact) {
  text.append(text.ends_with(": ") ? "" : ", ").append(fact);
}

std::string describe_stall(const PipelineSnapshot& pipeline, std::int64_t stalled_ms) {
  std::string text = "no progress for " + seconds(stalled_ms) + ": ";
  append_fact(text, pipeline.phase);
  if (pipeline.in_flight_records > 0) {
    append_fact(text, std::to_string(pipeline.in_flight_records) + " records in flight");
  }
  for (const Stage stage : {Stage::kReceived, Stage::kAcknowledged}) {
    const std::uint64_t bytes = lag_bytes(pipeline, stage).value_or(0);
    if (bytes == 0) continue;
    append_fact(text, std::string(kStageNames[index(stage)]) + " " + std::to_string(bytes) +
                          " bytes behind the server's head");
  }
  if (!pipeline.last_error.empty()) append_fact(text, "last error: " + pipeline.last_error);
  return text;
}

std::string describe_failure(const PipelineSnapshot& pipeline) {
  std::string text = "failed";
  if (!pipeline.last_error_code.empty()) text += ": " + pipeline.last_error_code;
  if (!pipeline.last_error.empty()) text += ": " + pipeline.last_error;
  return text;
}

}  // namespace

std::vector<PipelineHealth> HealthPolicy::judge(Now now, std::span<const PipelineSnapshot> pipelines) {
  ++round_;
  std::vector<PipelineHealth> out;
  out.reserve(pipelines.size());
  for (const PipelineSnapshot& pipeline : pipelines) {
    Seen& seen = seen_[pipeline.name];
    observe(seen, now, pipeline);
    seen.round = round_;
    PipelineHealth& health = out.emplace_back();
    health.name = pipeline.name;
    health.phase = pipeline.phase;
    add_reasons(seen, now, pipeline, health.reasons);
  }
  std::erase_if(seen_, [&](const auto& entry) { return entry.second.round != round_; });
  return out;
}

void HealthPolicy::observe(Seen& seen, Now now, const PipelineSnapshot& pipeline) const {
  const std::uint64_t rows = pipeline.table_copy ? pipeline.table_copy->rows : 0;
  std::array<bool, kStages> moved{};
  for (std::size_t i = index(Stage::kReceived); i < kStages; ++i) {
    moved[i] = pipeline.positions[i].raw != seen.raw[i];
    seen.raw[i] = pipeline.positions[i].raw;
  }
  // Inside a large transaction no position moves, but its records do.
  if (pipeline.records != seen.records) moved[index(Stage::kAcknowledged)] = true;
  const bool anything = std::ranges::find(moved, true) != moved.end() || rows != seen.rows || !seen.before;
  seen.records = pipeline.records;
  seen.rows = rows;
  if (anything || !progress_is_due(pipeline)) seen.moved_at_ms = now.monotonic_ms;

  for (const Pair follower : kFollowers) {
    const std::size_t stage = index(follower.stage);
    const bool ahead = pipeline.positions[stage - 1].raw > pipeline.positions[stage].raw;
    if (moved[stage] || !ahead || !pipeline.positions[stage].known() || pipeline.phase != seen.phase) {
      seen.moves_missed[stage] = 0;
    } else if (seen.before && moved[stage - 1]) {
      if (seen.moves_missed[stage] == follower.moves_missed_max)
        seen.missed_since_ms[stage] = now.monotonic_ms;
      ++seen.moves_missed[stage];
    }
  }
  seen.phase = pipeline.phase;
  seen.before = true;
}

void HealthPolicy::add_reasons(const Seen& seen, Now now, const PipelineSnapshot& pipeline,
                               std::vector<std::string>& reasons) const {
  if (pipeline.phase == "failed") reasons.push_back(describe_failure(pipeline));
  if (progress_is_due(pipeline)) {
    const std::int64_t stalled_ms = now.monotonic_ms - seen.moved_at_ms;
    if (stalled_ms >= options_.stall_ms) reasons.push_back(describe_stall(pipeline, stalled_ms));
  }
  if (pipeline.phase != "streaming") return;
  for (const Pair follower : kFollowers) {
    const std::size_t stage = index(follower.stage);
    if (seen.moves_missed[stage] <= follower.moves_missed_max) continue;
    const std::int64_t stalled_ms = now.monotonic_ms - seen.missed_since_ms[stage];
    if (stalled_ms < options_.stall_ms) continue;
    reasons.push_back(std::string(kStageNames[stage]) + " has stood still for " + seconds(stalled_ms) +
                      " while " + std::string(kStageNames[stage - 1]) + " went on");
  }
}

}  // namespace millrace::control
