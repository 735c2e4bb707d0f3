// SPDX-License-Identifier: Apache-2.0
#include "control/status_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>

#include "base/json_text.h"

namespace millrace::control {
namespace json = boost::json;
namespace {

// Boost.JSON writes bytes as they are; names and error texts may come from a server that does not speak
// UTF-8.
json::string utf8(std::string_view text) {
  json::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    out.append(n == 0 ? json::string_view("\xEF\xBF\xBD") : json::string_view(text.data(), n));
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

// Boost.JSON writes 250.5 as 2.505E2: true, and hard to read.
std::int64_t rounded(double per_second) { return std::llround(per_second); }

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

// How long ago, or null for never.
json::value age(std::int64_t unix_ms, Now now) {
  if (unix_ms == 0) return nullptr;
  return std::max<std::int64_t>(now.unix_ms - unix_ms, 0);
}

json::object positions_json(const PipelineSnapshot& pipeline, const PipelineHistory& history, Now now) {
  json::object out;
  for (std::size_t i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    json::object position{{"position", nullptr}};
    if (pipeline.at(stage).known()) position["position"] = utf8(pipeline.at(stage).text);
    if (stage != Stage::kServerHead) {
      position["lag_bytes"] = or_null(lag_bytes(pipeline, stage));
      position["lag_ms"] = or_null(history.behind_ms(pipeline, stage, now));
    }
    out[kStageNames[i]] = std::move(position);
  }
  return out;
}

json::object slot_json(const SlotSnapshot& slot) {
  json::object out{{"name", utf8(slot.name)}};
  out["restart"] = slot.restart.known() ? json::value(utf8(slot.restart.text)) : json::value(nullptr);
  out["confirmed"] = slot.confirmed.known() ? json::value(utf8(slot.confirmed.text)) : json::value(nullptr);
  out["wal_status"] = slot.wal_status.empty() ? json::value(nullptr) : json::value(utf8(slot.wal_status));
  out["retained_bytes"] = or_null(slot.retained_bytes);
  return out;
}

json::object copy_json(const TableCopySnapshot& copy) {
  return {{"running", copy.running},
          {"tables", copy.tables},
          {"tables_remaining", copy.tables_remaining},
          {"rows", copy.rows},
          {"rows_estimated", or_null(copy.rows_estimated)},
          {"duration_ms", copy.duration_ms}};
}

json::array tables_json(std::span<const TableSnapshot> tables) {
  json::array out;
  for (const TableSnapshot& table : tables) {
    out.push_back(json::object{{"name", utf8(table.name)},
                               {"read", table.reads},
                               {"create", table.creates},
                               {"update", table.updates},
                               {"delete", table.deletes},
                               {"truncate", table.truncates},
                               {"message", table.messages},
                               {"bytes", table.bytes}});
  }
  return out;
}

json::object memory_json(const PipelineSnapshot& pipeline) {
  json::object pools;
  for (const PoolSnapshot& pool : pipeline.pools) {
    pools[utf8(pool.name)] = {{"used_bytes", pool.used_bytes}, {"limit_bytes", pool.limit_bytes}};
  }
  json::object rings;
  for (const RingSnapshot& ring : pipeline.rings) {
    rings[utf8(ring.name)] = {{"used", ring.used}, {"capacity", ring.capacity}};
  }
  json::object credits{{"available", pipeline.credits_available}, {"limit", pipeline.credits_limit}};
  return {{"pools", std::move(pools)}, {"rings", std::move(rings)}, {"credits", std::move(credits)}};
}

json::value last_error_json(const PipelineSnapshot& pipeline, Now now) {
  if (pipeline.last_error.empty() && pipeline.last_error_code.empty()) return nullptr;
  return json::object{{"code", utf8(pipeline.last_error_code)},
                      {"message", utf8(pipeline.last_error)},
                      {"ms_ago", age(pipeline.last_error_unix_ms, now)}};
}

json::array reasons_json(const PipelineHealth& health) {
  json::array out;
  for (const std::string& reason : health.reasons) out.push_back(utf8(reason));
  return out;
}

json::object pipeline_json(const PipelineSnapshot& pipeline, const PipelineHealth& health,
                           const PipelineHistory& history, Now now) {
  const Rates rates = history.rates(pipeline.name);
  json::object out{{"name", utf8(pipeline.name)}, {"source", utf8(pipeline.source)},
                   {"sink", utf8(pipeline.sink)}, {"phase", utf8(pipeline.phase)},
                   {"healthy", health.healthy()}, {"reasons", reasons_json(health)}};
  out["positions"] = positions_json(pipeline, history, now);
  out["slot"] = pipeline.slot.name.empty() ? json::value(nullptr) : json::value(slot_json(pipeline.slot));
  out["rates"] = {{"events_per_second", rounded(rates.events)},
                  {"records_per_second", rounded(rates.records)},
                  {"received_bytes_per_second", rounded(rates.received_bytes)}};
  out["totals"] = {{"events", pipeline.events},
                   {"records", pipeline.records},
                   {"transactions", pipeline.transactions},
                   {"received_bytes", pipeline.received_bytes}};
  out["in_flight_records"] = pipeline.in_flight_records;
  out["last_event_ms_ago"] = age(pipeline.last_event_unix_ms, now);
  out["checkpoint_ms_ago"] = age(pipeline.last_checkpoint_unix_ms, now);
  out["snapshot"] = pipeline.table_copy ? json::value(copy_json(*pipeline.table_copy)) : json::value(nullptr);
  out["memory"] = memory_json(pipeline);
  out["tables"] = tables_json(pipeline.tables);
  out["last_error"] = last_error_json(pipeline, now);
  return out;
}

}  // namespace

std::string status_json(std::string_view version, std::int64_t uptime_ms,
                        std::span<const PipelineSnapshot> pipelines, std::span<const PipelineHealth> health,
                        const PipelineHistory& history, Now now) {
  json::array list;
  for (std::size_t i = 0; i < pipelines.size(); ++i) {
    list.push_back(pipeline_json(pipelines[i], health[i], history, now));
  }
  return json::serialize(
      json::object{{"version", utf8(version)}, {"uptime_ms", uptime_ms}, {"pipelines", std::move(list)}});
}

std::string health_json(std::span<const PipelineHealth> health) {
  json::array list;
  for (const PipelineHealth& pipeline : health) {
    list.push_back(json::object{{"name", utf8(pipeline.name)},
                                {"healthy", pipeline.healthy()},
                                {"phase", utf8(pipeline.phase)},
                                {"reasons", reasons_json(pipeline)}});
  }
  const bool healthy = std::ranges::all_of(health, &PipelineHealth::healthy);
  return json::serialize(json::object{{"healthy", healthy}, {"pipelines", std::move(list)}});
}

std::string ready_json(std::span<const PipelineHealth> health) {
  json::array list;
  for (const PipelineHealth& pipeline : health) {
    list.push_back(json::object{
        {"name", utf8(pipeline.name)}, {"ready", is_ready(pipeline.phase)}, {"phase", utf8(pipeline.phase)}});
  }
  return json::serialize(json::object{{"ready", is_ready(health)}, {"pipelines", std::move(list)}});
}

bool is_ready(std::string_view phase) noexcept { return phase == "streaming" || phase == "snapshotting"; }

bool is_ready(std::span<const PipelineHealth> health) noexcept {
  return !health.empty() &&
         std::ranges::all_of(health, [](const PipelineHealth& pipeline) { return is_ready(pipeline.phase); });
}

}  // namespace millrace::control
