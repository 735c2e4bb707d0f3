// SPDX-License-Identifier: Apache-2.0
// Every metric family millrace has, declared once: /metrics, docs/metrics.md and the checks of the registry
// come from this table. To add a family: an enumerator here, a row in the .cc, and `millrace docs metrics >
// docs/metrics.md`.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::metrics {

enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };

/// One enumerator per row of the table, in the table's order.
enum class Family : std::uint16_t {
  // What passed through.
  kEvents,
  kReceivedBytes,
  kEmittedBytes,
  kRecords,
  kTransactions,
  kLastEventTimestamp,
  // Where each stage stands.
  kPosition,
  kLagBytes,
  kLagSeconds,
  // The server's slot.
  kSlotRestartPosition,
  kSlotConfirmedPosition,
  kSlotRetainedBytes,
  kSlotWalStatus,
  // Rings, pools, credits.
  kRingUsed,
  kRingCapacity,
  kPoolUsedBytes,
  kPoolLimitBytes,
  kCreditsAvailable,
  kCreditsLimit,
  kInFlightRecords,
  // Trouble.
  kErrors,
  kReconnects,
  // Snapshot.
  kSnapshotRunning,
  kSnapshotTables,
  kSnapshotTablesRemaining,
  kSnapshotRows,
  kSnapshotDuration,
  // Checkpoint and sink.
  kCheckpointAge,
  kCheckpointWrites,
  kCheckpointErrors,
  kSinkWriteSeconds,
  // The Kafka producer.
  kKafkaQueueRecords,
  kKafkaQueueBytes,
  kKafkaSentRecords,
  kKafkaBatches,
  kKafkaAckSeconds,
  kKafkaThrottleSeconds,
  kKafkaRetries,
  kKafkaErrors,
  kKafkaBrokerUp,
  // The pipeline and the process.
  kPhase,
  kHealthy,
  kUptime,
  kBuildInfo,
  kSeriesFolded,
  kProcessCpuSeconds,
  kProcessResidentBytes,
  kProcessVirtualBytes,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessStartTime,
  kCount,
};

/// A row of the table. Everything lives as long as the program.
struct Declaration {
  Family family = Family::kCount;
  Type type = Type::kGauge;
  std::string_view name = {};                     ///< As in /metrics; ends in the unit, counters in _total.
  std::string_view unit = {};                     ///< For people: docs only.
  std::string_view help = {};                     ///< One sentence.
  std::span<const std::string_view> labels = {};  ///< "pipeline" comes first where there is one.
  std::string_view debezium = {};                 ///< MBean attributes that say the same, or empty.
  double scale = 1;                               ///< Counters count whole units of this size.
  std::span<const double> buckets = {};           ///< Histograms: upper bounds, ascending, without +Inf.
};

/// All rows, in the order of Family.
std::span<const Declaration> declarations() noexcept;

const Declaration& declaration(Family family) noexcept;

/// "counter", "gauge", "histogram".
std::string_view to_string(Type type) noexcept;

}  // namespace millrace::metrics
