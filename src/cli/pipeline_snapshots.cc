// SPDX-License-Identifier: Apache-2.0
#include "cli/pipeline_snapshots.h"

#include "base/reason_code.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::cli {

namespace {

control::StagePosition position(std::uint64_t lsn, std::int64_t commit_us = 0) {
  control::StagePosition out;
  if (lsn == 0) return out;
  out.raw = lsn;
  out.text = postgres::to_string(postgres::Lsn{lsn});
  out.source_unix_ms = commit_us / 1000;
  return out;
}

std::string_view phase_name(SourcePhase phase) {
  return phase == SourcePhase::kSnapshot ? "snapshotting" : to_string(phase);
}

std::string_view sink_name(SinkKind sink) {
  switch (sink) {
    case SinkKind::kStdout:
      return "stdout";
    case SinkKind::kFile:
      return "file";
    case SinkKind::kNull:
      return "null";
    case SinkKind::kKafka:
      return "kafka";
  }
  return "";
}

control::PipelineSnapshot snapshot(const PipelineConfig& config, const PipelineView& view) {
  using control::Stage;
  control::PipelineSnapshot out;
  out.name = view.name;
  out.source = "postgres";
  out.sink = sink_name(config.sink);
  out.phase = phase_name(view.phase);
  if (!view.last_error.ok()) {
    out.last_error = std::string(view.last_error.message());
    out.last_error_code = reason_info(reason_of(view.last_error)).name;
    out.last_error_unix_ms = view.last_error_us / 1000;
  }
  out.at(Stage::kServerHead) = position(view.server_end_of_wal);
  out.at(Stage::kReceived) = position(view.received_lsn, view.pushed_commit_us);
  out.at(Stage::kEncoded) = position(view.pushed_lsn, view.pushed_commit_us);
  out.at(Stage::kAcknowledged) = position(view.acknowledged_lsn, view.acknowledged_commit_us);
  out.at(Stage::kCheckpointed) = position(view.checkpointed_lsn, view.checkpointed_commit_us);
  out.at(Stage::kTold) = position(view.told_lsn);
  out.slot.name = config.slot.name;
  out.slot.restart = position(view.restart_lsn);
  out.slot.confirmed = position(view.confirmed_flush_lsn);
  out.slot.wal_status = view.wal_status;
  if (view.restart_lsn != 0 && view.server_end_of_wal >= view.restart_lsn) {
    out.slot.retained_bytes = view.server_end_of_wal - view.restart_lsn;
  }
  out.events = view.changes + view.snapshot_rows;
  out.received_bytes = view.bytes_received;
  out.records = view.records;
  out.transactions = view.transactions;
  out.reconnects = view.reconnects;
  out.checkpoints = view.checkpoints;
  for (const auto& [reason, count] : view.errors) {
    out.errors.push_back({std::string(reason_info(reason).name), count});
    if (reason == ReasonCode::kCheckpointWriteFailed) out.checkpoint_errors = count;
  }
  out.in_flight_records = view.records_in_flight;
  out.last_event_unix_ms = view.last_receive_us / 1000;
  out.last_checkpoint_unix_ms = view.last_checkpoint_us / 1000;
  out.pools = {{"receive", view.receive_used, view.receive_limit},
               {"held", view.held_used, view.held_limit},
               {"output", view.output_used, view.output_limit}};
  out.credits_limit = view.output_limit;
  out.credits_available = view.output_limit - std::min(view.output_limit, view.output_used);
  if (view.snapshot_tables > 0) {
    control::TableCopySnapshot copy;
    copy.running = view.snapshot_running;
    copy.tables = view.snapshot_tables;
    copy.tables_remaining = view.snapshot_tables - view.snapshot_tables_done;
    copy.rows = view.snapshot_rows;
    copy.duration_ms = static_cast<std::uint64_t>(view.snapshot_duration_us / 1000);
    if (view.snapshot_rows_estimated >= 0)
      copy.rows_estimated = static_cast<std::uint64_t>(view.snapshot_rows_estimated);
    out.table_copy = copy;
  }
  if (view.kafka.known) {
    control::ProducerSnapshot& producer = out.producer.emplace();
    producer.queue_records = view.kafka.queue_records;
    producer.queue_bytes = view.kafka.queue_bytes;
    producer.sent_records = view.kafka.sent_records;
    for (const KafkaBrokerView& broker : view.kafka.brokers) {
      producer.brokers.push_back({broker.name, broker.up, broker.requests, broker.retries, broker.errors,
                                  broker.ack_p50_us, broker.ack_p99_us, broker.ack_max_us,
                                  broker.throttle_us});
    }
  }
  for (const PipelineView::Ring& ring : view.rings)
    out.rings.push_back({ring.name, ring.used, ring.capacity});
  for (const TableCount& table : view.tables) {
    out.tables.push_back({table.name, table.reads, table.creates, table.updates, table.deletes,
                          table.truncates, table.messages, table.bytes});
  }
  return out;
}

}  // namespace

std::vector<control::PipelineSnapshot> pipeline_snapshots(const ProcessConfig& config,
                                                          const std::vector<PipelineView>& views) {
  std::vector<control::PipelineSnapshot> out;
  for (std::size_t i = 0; i < views.size(); ++i) out.push_back(snapshot(config.pipelines[i], views[i]));
  return out;
}

}  // namespace millrace::cli
