// SPDX-License-Identifier: Apache-2.0
// What a pipeline tells the control thread about itself: plain values, copied, so that health, metrics and
// status are functions of snapshots and hold nothing of the pipeline.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::control {

/// The stages of a change's path whose positions are shown, in the order a change meets them.
enum class Stage : std::uint8_t { kServerHead, kReceived, kEncoded, kAcknowledged, kCheckpointed, kTold };
inline constexpr std::size_t kStages = 6;
inline constexpr std::array<std::string_view, kStages> kStageNames{"server_head",  "received",     "encoded",
                                                                   "acknowledged", "checkpointed", "told"};

/// What a pipeline may be doing.
inline constexpr std::array<std::string_view, 9> kPhases{"starting",  "connecting",   "snapshotting",
                                                         "streaming", "reconnecting", "paused",
                                                         "draining",  "stopped",      "failed"};

/// wal_status of pg_replication_slots.
inline constexpr std::array<std::string_view, 4> kWalStatuses{"reserved", "extended", "unreserved", "lost"};

struct StagePosition {
  std::uint64_t raw = 0;            ///< The position as a number (an LSN); compares as positions do.
  std::string text;                 ///< As the source writes it, "0/16B3748"; empty while unknown.
  std::int64_t source_unix_ms = 0;  ///< Commit time of the last event that passed the stage; 0: none yet.
  bool known() const noexcept { return !text.empty(); }
};

struct RingSnapshot {
  std::string name;  ///< "ingest-worker-0"
  std::uint64_t used = 0;
  std::uint64_t capacity = 0;
};

struct PoolSnapshot {
  std::string name;  ///< receive, held, output
  std::uint64_t used_bytes = 0;
  std::uint64_t limit_bytes = 0;
};

struct SlotSnapshot {
  std::string name;
  StagePosition restart;
  StagePosition confirmed;
  std::string wal_status;  ///< Empty while unknown.
  std::optional<std::uint64_t> retained_bytes = {};
};

struct TableSnapshot {
  std::string name;         ///< schema.table; empty: logical messages, which have none
  std::uint64_t reads = 0;  ///< Snapshot rows.
  std::uint64_t creates = 0;
  std::uint64_t updates = 0;
  std::uint64_t deletes = 0;
  std::uint64_t truncates = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< Emitted.
};

/// The initial snapshot of tables.
struct TableCopySnapshot {
  bool running = false;
  std::uint64_t tables = 0;
  std::uint64_t tables_remaining = 0;
  std::uint64_t rows = 0;
  std::optional<std::uint64_t> rows_estimated =
      {};  ///< By the server's statistics; for the time that is left.
  std::uint64_t duration_ms = 0;
};

struct ErrorSnapshot {
  std::string name;  ///< The reason code.
  std::uint64_t count = 0;
};

/// A broker as a Kafka producer sees it.
struct BrokerSnapshot {
  std::string name;  ///< "broker1:9092/1"
  bool up = false;
  std::uint64_t requests = 0;  ///< Since the pipeline was made, as the two that follow.
  std::uint64_t retries = 0;
  std::uint64_t errors = 0;
  std::int64_t ack_p50_us = 0;  ///< Over the last interval; 0: none.
  std::int64_t ack_p99_us = 0;
  std::int64_t ack_max_us = 0;
  std::int64_t throttle_us = 0;
};

/// A Kafka producer by its own statistics.
struct ProducerSnapshot {
  std::uint64_t queue_records = 0;
  std::uint64_t queue_bytes = 0;
  std::uint64_t sent_records = 0;
  std::vector<BrokerSnapshot> brokers;
};

struct PipelineSnapshot {
  std::string name;
  std::string source;              ///< "postgres"
  std::string sink;                ///< "file"
  std::string phase = "starting";  ///< One of kPhases.
  std::string last_error;          ///< Words; no secrets. Empty: none.
  std::string last_error_code;     ///< The reason code.
  std::int64_t last_error_unix_ms = 0;

  std::array<StagePosition, kStages> positions;
  SlotSnapshot slot;

  std::uint64_t events = 0;  ///< Since the pipeline was made; never goes back. So too the counts that follow.
  std::uint64_t received_bytes = 0;
  std::uint64_t records = 0;  ///< Acknowledged by the sink.
  std::uint64_t transactions = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t checkpoints = 0;  ///< Durable.
  std::uint64_t checkpoint_errors = 0;
  std::vector<ErrorSnapshot> errors;
  std::uint64_t in_flight_records = 0;
  std::int64_t last_event_unix_ms = 0;       ///< When it arrived here; 0: none yet.
  std::int64_t last_checkpoint_unix_ms = 0;  ///< When it was durable; 0: none yet.

  std::vector<RingSnapshot> rings;
  std::vector<PoolSnapshot> pools;
  std::uint64_t credits_available = 0;
  std::uint64_t credits_limit = 0;
  std::optional<TableCopySnapshot> table_copy;
  std::optional<ProducerSnapshot> producer;
  std::vector<TableSnapshot> tables;

  const StagePosition& at(Stage stage) const noexcept { return positions[static_cast<std::size_t>(stage)]; }
  StagePosition& at(Stage stage) noexcept { return positions[static_cast<std::size_t>(stage)]; }
};

/// Called on the control thread, once a second and per request. Must not block.
using SnapshotFunction = std::function<std::vector<PipelineSnapshot>()>;

/// The time, read once per request or tick and handed down.
struct Now {
  std::int64_t monotonic_ms = 0;
  std::int64_t unix_ms = 0;
};

/// Bytes of log between the server's head and the stage; nothing while either is unknown.
inline std::optional<std::uint64_t> lag_bytes(const PipelineSnapshot& pipeline, Stage stage) noexcept {
  const StagePosition& head = pipeline.at(Stage::kServerHead);
  const StagePosition& position = pipeline.at(stage);
  if (!head.known() || !position.known()) return std::nullopt;
  return head.raw > position.raw ? head.raw - position.raw : 0;
}

}  // namespace millrace::control
