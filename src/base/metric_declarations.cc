// SPDX-License-Identifier: Apache-2.0
#include "base/metric_declarations.h"

#include <array>
#include <cstddef>

namespace millrace::metrics {
namespace {

using Labels = std::span<const std::string_view>;
constexpr std::array<std::string_view, 0> kNoLabels{};
constexpr std::array<std::string_view, 1> kPipeline{"pipeline"};
constexpr std::array<std::string_view, 2> kPipelineTable{"pipeline", "table"};
constexpr std::array<std::string_view, 3> kPipelineTableOperation{"pipeline", "table", "operation"};
constexpr std::array<std::string_view, 2> kPipelineStage{"pipeline", "stage"};
constexpr std::array<std::string_view, 2> kPipelineStatus{"pipeline", "status"};
constexpr std::array<std::string_view, 2> kPipelineRing{"pipeline", "ring"};
constexpr std::array<std::string_view, 2> kPipelinePool{"pipeline", "pool"};
constexpr std::array<std::string_view, 2> kPipelineClass{"pipeline", "class"};
constexpr std::array<std::string_view, 2> kPipelinePhase{"pipeline", "phase"};
constexpr std::array<std::string_view, 2> kPipelineBroker{"pipeline", "broker"};
constexpr std::array<std::string_view, 3> kPipelineBrokerShare{"pipeline", "broker", "share"};
constexpr std::array<std::string_view, 2> kVersionRevision{"version", "revision"};
constexpr std::array<std::string_view, 1> kFamily{"family"};

// From a page-cache write (tens of microseconds) to a disk or broker in trouble.
constexpr std::array kLatencyBuckets{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                     0.05,    0.1,    0.25,    0.5,    1.0,   2.5,    5.0,   10.0, 30.0};

constexpr Declaration counter(Family family, std::string_view name, std::string_view unit, Labels labels,
                              std::string_view help, std::string_view debezium = {}, double scale = 1) {
  return {.family = family,
          .type = Type::kCounter,
          .name = name,
          .unit = unit,
          .help = help,
          .labels = labels,
          .debezium = debezium,
          .scale = scale};
}

constexpr Declaration gauge(Family family, std::string_view name, std::string_view unit, Labels labels,
                            std::string_view help, std::string_view debezium = {}) {
  return {.family = family,
          .type = Type::kGauge,
          .name = name,
          .unit = unit,
          .help = help,
          .labels = labels,
          .debezium = debezium};
}

constexpr Declaration histogram(Family family, std::string_view name, std::string_view unit, Labels labels,
                                std::string_view help, std::span<const double> buckets) {
  return {.family = family,
          .type = Type::kHistogram,
          .name = name,
          .unit = unit,
          .help = help,
          .labels = labels,
          .buckets = buckets};
}

constexpr std::array kTable{
    counter(Family::kEvents, "millrace_events_total", "events", kPipelineTableOperation,
            "Change events by table and operation: read, create, update, delete, truncate, message.",
            "TotalNumberOfEventsSeen, TotalNumberOfCreateEventsSeen, TotalNumberOfUpdateEventsSeen, "
            "TotalNumberOfDeleteEventsSeen"),
    counter(Family::kReceivedBytes, "millrace_received_bytes_total", "bytes", kPipeline,
            "Bytes received from the source, replication stream and snapshot."),
    counter(Family::kEmittedBytes, "millrace_emitted_bytes_total", "bytes", kPipelineTable,
            "Bytes of keys and values handed to the sink, by table."),
    counter(Family::kRecords, "millrace_records_total", "records", kPipeline,
            "Records the sink has acknowledged; a change may be any number of records."),
    counter(Family::kTransactions, "millrace_transactions_total", "transactions", kPipeline,
            "Transactions committed at the source that went through.", "NumberOfCommittedTransactions"),
    gauge(Family::kLastEventTimestamp, "millrace_last_event_timestamp_seconds", "Unix time", kPipeline,
          "When the last change event arrived; absent before the first.", "MilliSecondsSinceLastEvent"),

    gauge(Family::kPosition, "millrace_position", "log position", kPipelineStage,
          "Log position of each stage as a number (PostgreSQL: the LSN): server_head, received, encoded, "
          "acknowledged, "
          "checkpointed, told.",
          "SourceEventPosition"),
    gauge(Family::kLagBytes, "millrace_lag_bytes", "bytes", kPipelineStage,
          "Bytes of log between the server's head and the stage."),
    gauge(Family::kLagSeconds, "millrace_lag_seconds", "seconds", kPipelineStage,
          "How far the stage is behind the source in time; 0 once it has reached the server's head.",
          "MilliSecondsBehindSource"),

    gauge(Family::kSlotRestartPosition, "millrace_slot_restart_position", "log position", kPipeline,
          "Where the server would start reading again for this slot (PostgreSQL: restart_lsn)."),
    gauge(Family::kSlotConfirmedPosition, "millrace_slot_confirmed_position", "log position", kPipeline,
          "What the server has recorded as told (PostgreSQL: confirmed_flush_lsn)."),
    gauge(Family::kSlotRetainedBytes, "millrace_slot_retained_wal_bytes", "bytes", kPipeline,
          "Log that the server keeps because of this slot: its head minus restart_lsn."),
    gauge(Family::kSlotWalStatus, "millrace_slot_wal_status", "0 or 1", kPipelineStatus,
          "1 for the slot's wal_status as the server says it: reserved, extended, unreserved, lost."),

    gauge(Family::kRingUsed, "millrace_ring_used_slots", "slots", kPipelineRing,
          "Entries waiting in a ring between two threads."),
    gauge(Family::kRingCapacity, "millrace_ring_capacity_slots", "slots", kPipelineRing,
          "Entries the ring has room for.", "QueueTotalCapacity, QueueRemainingCapacity"),
    gauge(Family::kPoolUsedBytes, "millrace_pool_used_bytes", "bytes", kPipelinePool,
          "Memory in use by pool: receive, held (open transactions), output.", "CurrentQueueSizeInBytes"),
    gauge(Family::kPoolLimitBytes, "millrace_pool_limit_bytes", "bytes", kPipelinePool,
          "The pool's share of memory_limit.", "MaxQueueSizeInBytes"),
    gauge(Family::kCreditsAvailable, "millrace_credits_available", "credits", kPipeline,
          "Credits left; with none the source goes unread until the sink acknowledges."),
    gauge(Family::kCreditsLimit, "millrace_credits_limit", "credits", kPipeline, "Credits there are in all."),
    gauge(Family::kInFlightRecords, "millrace_in_flight_records", "records", kPipeline,
          "Records handed to the sink and not yet acknowledged."),

    counter(Family::kErrors, "millrace_errors_total", "errors", kPipelineClass,
            "Errors by class, those that were retried included.", "NumberOfErroneousEvents"),
    counter(Family::kReconnects, "millrace_reconnects_total", "reconnects", kPipeline,
            "Times the connection to the source was made again.", "NumberOfDisconnects"),

    gauge(Family::kSnapshotRunning, "millrace_snapshot_running", "0 or 1", kPipeline,
          "1 while a snapshot is being read.", "SnapshotRunning, SnapshotCompleted"),
    gauge(Family::kSnapshotTables, "millrace_snapshot_tables", "tables", kPipeline,
          "Tables in the current or last snapshot.", "TotalTableCount"),
    gauge(Family::kSnapshotTablesRemaining, "millrace_snapshot_remaining_tables", "tables", kPipeline,
          "Tables that snapshot has yet to finish.", "RemainingTableCount"),
    gauge(Family::kSnapshotRows, "millrace_snapshot_rows", "rows", kPipeline,
          "Rows read by that snapshot so far.", "RowsScanned"),
    gauge(Family::kSnapshotDuration, "millrace_snapshot_duration_seconds", "seconds", kPipeline,
          "How long that snapshot has taken so far, or took.", "SnapshotDurationInSeconds"),

    gauge(Family::kCheckpointAge, "millrace_checkpoint_age_seconds", "seconds", kPipeline,
          "Time since the last durable checkpoint; absent before the first."),
    counter(Family::kCheckpointWrites, "millrace_checkpoint_writes_total", "writes", kPipeline,
            "Checkpoints made durable."),
    counter(Family::kCheckpointErrors, "millrace_checkpoint_errors_total", "errors", kPipeline,
            "Writes of a checkpoint that failed; into Kafka they are tried again."),
    histogram(Family::kSinkWriteSeconds, "millrace_sink_write_seconds", "seconds", kPipeline,
              "From handing a batch to the sink until the sink had it all.", kLatencyBuckets),
    gauge(
        Family::kKafkaQueueRecords, "millrace_kafka_queue_records", "records", kPipeline,
        "Records in the Kafka producer: waiting, sent, or sent again; by librdkafka's statistics, as all of "
        "these."),
    gauge(Family::kKafkaQueueBytes, "millrace_kafka_queue_bytes", "bytes", kPipeline,
          "Keys and values of those records."),
    counter(Family::kKafkaSentRecords, "millrace_kafka_sent_records_total", "records", kPipeline,
            "Records sent to brokers, each time they were sent."),
    counter(Family::kKafkaBatches, "millrace_kafka_produce_requests_total", "requests", kPipelineBroker,
            "Produce requests sent, by broker: a batch of records each."),
    gauge(Family::kKafkaAckSeconds, "millrace_kafka_acknowledge_seconds", "seconds", kPipelineBrokerShare,
          "From a request to the broker's answer over the last statistics interval: 0.5, 0.99, 1."),
    gauge(Family::kKafkaThrottleSeconds, "millrace_kafka_throttle_seconds", "seconds", kPipelineBroker,
          "How long the broker made the producer wait by quota, average over the last interval."),
    counter(Family::kKafkaRetries, "millrace_kafka_retries_total", "requests", kPipelineBroker,
            "Requests sent again, by broker."),
    counter(Family::kKafkaErrors, "millrace_kafka_errors_total", "errors", kPipelineBroker,
            "Connections broken in sending or receiving and requests that timed out, by broker."),
    gauge(Family::kKafkaBrokerUp, "millrace_kafka_broker_up", "0 or 1", kPipelineBroker,
          "1 while the producer is connected to the broker."),

    gauge(Family::kPhase, "millrace_pipeline_phase", "0 or 1", kPipelinePhase,
          "1 for the phase the pipeline is in: starting, connecting, snapshotting, streaming, reconnecting, "
          "paused, "
          "draining, stopped, failed.",
          "Connected"),
    gauge(Family::kHealthy, "millrace_pipeline_healthy", "0 or 1", kPipeline,
          "1 when /healthz is green for it."),
    gauge(Family::kUptime, "millrace_uptime_seconds", "seconds", kNoLabels,
          "Time since the process started."),
    gauge(Family::kBuildInfo, "millrace_build_info", "always 1", kVersionRevision, "The program's version."),
    counter(Family::kSeriesFolded, "millrace_series_folded_total", "series", kFamily,
            "Label sets counted under \"other\" because the family had reached its limit of series."),
    counter(Family::kProcessCpuSeconds, "process_cpu_seconds_total", "seconds", kNoLabels,
            "User and system CPU time of all threads.", "", 1e-6),
    gauge(Family::kProcessResidentBytes, "process_resident_memory_bytes", "bytes", kNoLabels,
          "Resident memory."),
    gauge(Family::kProcessVirtualBytes, "process_virtual_memory_bytes", "bytes", kNoLabels,
          "Virtual memory."),
    gauge(Family::kProcessOpenFds, "process_open_fds", "descriptors", kNoLabels, "Open file descriptors."),
    gauge(Family::kProcessMaxFds, "process_max_fds", "descriptors", kNoLabels,
          "Limit of open file descriptors."),
    gauge(Family::kProcessStartTime, "process_start_time_seconds", "Unix time", kNoLabels,
          "When the process started."),
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].family != static_cast<Family>(i)) return false;
  }
  return kTable.size() == static_cast<std::size_t>(Family::kCount);
}
static_assert(in_order(), "a row per enumerator, in the same order");

}  // namespace

std::span<const Declaration> declarations() noexcept { return kTable; }

const Declaration& declaration(Family family) noexcept { return kTable[static_cast<std::size_t>(family)]; }

std::string_view to_string(Type type) noexcept {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace millrace::metrics
