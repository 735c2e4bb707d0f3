// SPDX-License-Identifier: Apache-2.0
// Pipelines' snapshots for tests.
#pragma once
#include <string>

#include "control/pipeline_snapshot.h"

namespace millrace::control {

inline StagePosition position(std::uint64_t raw, std::int64_t source_unix_ms = 0) {
  return {raw, "0/" + std::to_string(raw), source_unix_ms};
}

/// A streaming pipeline at rest: every stage at `raw`, the server's head too.
inline PipelineSnapshot streaming_at(std::uint64_t raw, std::string name = "orders") {
  PipelineSnapshot pipeline;
  pipeline.name = std::move(name);
  pipeline.source = "postgres";
  pipeline.sink = "file";
  pipeline.phase = "streaming";
  pipeline.positions.fill(position(raw));
  return pipeline;
}

/// Every field filled, and names with everything that wants escaping.
inline PipelineSnapshot everything(std::string name) {
  PipelineSnapshot pipeline = streaming_at(1'000, std::move(name));
  pipeline.at(Stage::kServerHead) = position(5'000);
  for (std::size_t i = 1; i < kStages; ++i) pipeline.positions[i].source_unix_ms = 1'700'000'000'000;
  pipeline.slot = {"slot", position(500), position(900), "extended", 4'500};
  pipeline.events = 10;
  pipeline.received_bytes = 2'000;
  pipeline.records = 11;
  pipeline.transactions = 3;
  pipeline.reconnects = 2;
  pipeline.checkpoints = 12;
  pipeline.checkpoint_errors = 1;
  pipeline.errors = {{"CONNECT_REFUSED", 2}, {"CHECKPOINT_WRITE_FAILED", 1}};
  pipeline.in_flight_records = 4;
  pipeline.last_event_unix_ms = 1'700'000'000'123;
  pipeline.last_checkpoint_unix_ms = 1'700'000'000'000;
  pipeline.rings = {{"ingest-worker-0", 3, 64}};
  pipeline.pools = {{"receive", 1, 2}, {"held", 3, 4}, {"output", 5, 6}};
  pipeline.credits_available = 7;
  pipeline.credits_limit = 8;
  pipeline.table_copy = TableCopySnapshot{true, 9, 2, 1'000'000, 2'000'000, 12'500};
  pipeline.producer = ProducerSnapshot{14, 15, 16, {{"k:1/1", true, 17, 18, 19, 20, 21, 22, 23}}};
  pipeline.tables = {{"public.\"odd\\\n\xff", 1, 2, 3, 4, 5, 0, 6}, {"", 0, 0, 0, 0, 0, 7, 8}};
  pipeline.last_error = "server closed the connection";
  pipeline.last_error_code = "CONNECTION_LOST";
  pipeline.last_error_unix_ms = 1'700'000'000'000;
  return pipeline;
}

}  // namespace millrace::control
