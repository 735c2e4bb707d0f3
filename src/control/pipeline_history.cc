// SPDX-License-Identifier: Apache-2.0
#include "control/pipeline_history.h"

#include <algorithm>

namespace millrace::control {

std::vector<std::string> PipelineHistory::observe(Now now, std::span<const PipelineSnapshot> pipelines) {
  for (const PipelineSnapshot& pipeline : pipelines) {
    Past& past = past_[pipeline.name];
    // A request may come right after a tick: one point per millisecond is enough for a rate.
    if (past.points.empty() || past.points.back().monotonic_ms < now.monotonic_ms) {
      past.points.push_back({now.monotonic_ms, pipeline.events, pipeline.records, pipeline.received_bytes});
    }
    while (past.points.size() > 2 && past.points[1].monotonic_ms <= now.monotonic_ms - kWindowMs) {
      past.points.pop_front();
    }
    for (std::size_t i = 0; i < kStages; ++i) {
      if (lag_bytes(pipeline, static_cast<Stage>(i)) == 0U) past.at_head_ms[i] = now.monotonic_ms;
    }
  }
  std::vector<std::string> gone;
  std::erase_if(past_, [&](const auto& entry) {
    const bool listed = std::ranges::find(pipelines, entry.first, &PipelineSnapshot::name) != pipelines.end();
    if (!listed) gone.push_back(entry.first);
    return !listed;
  });
  return gone;
}

Rates PipelineHistory::rates(const std::string& pipeline) const {
  const auto found = past_.find(pipeline);
  if (found == past_.end() || found->second.points.size() < 2) return {};
  const Point& first = found->second.points.front();
  const Point& last = found->second.points.back();
  const double seconds = static_cast<double>(last.monotonic_ms - first.monotonic_ms) / 1000;
  const auto per_second = [&](std::uint64_t from, std::uint64_t to) {
    return to > from ? static_cast<double>(to - from) / seconds : 0.0;  // less: the pipeline was made anew
  };
  return {per_second(first.events, last.events), per_second(first.records, last.records),
          per_second(first.received_bytes, last.received_bytes)};
}

std::optional<std::int64_t> PipelineHistory::behind_ms(const PipelineSnapshot& pipeline, Stage stage,
                                                       Now now) const {
  const std::optional<std::uint64_t> bytes = lag_bytes(pipeline, stage);
  if (!bytes) return std::nullopt;
  if (*bytes == 0) return 0;
  std::optional<std::int64_t> behind;
  if (const std::int64_t event_ms = pipeline.at(stage).source_unix_ms; event_ms != 0)
    behind = now.unix_ms - event_ms;
  if (const auto found = past_.find(pipeline.name); found != past_.end()) {
    if (const auto at_head_ms = found->second.at_head_ms[static_cast<std::size_t>(stage)]) {
      const std::int64_t since_ms = now.monotonic_ms - *at_head_ms;
      behind = behind ? std::min(*behind, since_ms) : since_ms;
    }
  }
  if (behind) behind = std::max<std::int64_t>(*behind, 0);  // the server's clock may be ahead of ours
  return behind;
}

}  // namespace millrace::control
