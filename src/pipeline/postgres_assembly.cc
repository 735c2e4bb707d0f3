// SPDX-License-Identifier: Apache-2.0
#include "pipeline/postgres_assembly.h"

#include <sys/random.h>

#include <array>

#include "base/check.h"
#include "format/debezium/context_headers.h"
#include "format/debezium/envelope_options.h"
#include "pipeline/encoders/encoders.h"
#include "pipeline/postgres_relations.h"
#include "runtime/clock.h"
#include "runtime/scratch_store.h"
#include "runtime/socket_stream.h"
#include "runtime/tls_stream.h"
#include "sink/file/file_sink.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/null_sink.h"
#include "source/postgres/session/errors.h"
#include "source/postgres/session/session_thread.h"
#include "source/postgres/stream/postgres_source.h"

namespace millrace {

namespace {

debezium::EnvelopeOptions envelope_options(const PipelineConfig& config, Topics& topics) {
  debezium::EnvelopeOptions options;
  options.topic_prefix = config.topic_prefix;
  options.database = config.database.dbname;
  options.key_schemas = config.key_schemas_enable;
  options.value_schemas = config.value_schemas_enable;
  options.tombstones_on_delete = config.tombstones_on_delete;
  options.context_headers = config.extended_headers_enabled;
  options.skipped = {config.skipped_operations.create, config.skipped_operations.update,
                     config.skipped_operations.remove, config.skipped_operations.truncate};
  options.unavailable_placeholder = config.unavailable_value_placeholder;
  options.message_topic = topics.find(TopicNaming{config.topic_prefix, "."}.message_topic());
  if (!config.message_prefixes.empty()) {
    options.publishes_message = [filter = config.message_prefixes](std::string_view prefix) {
      return filter.accepts(prefix);
    };
  }
  return options;
}

postgres::SnapshotWish snapshot_wish(SnapshotMode mode) {
  switch (mode) {
    case SnapshotMode::kInitialOnly:
      return postgres::SnapshotWish::kInitialOnly;
    case SnapshotMode::kNoData:
      return postgres::SnapshotWish::kNoData;
    case SnapshotMode::kInitial:
      break;
  }
  return postgres::SnapshotWish::kInitial;
}

postgres::PostgresSourceOptions source_options(const PipelineConfig& config) {
  postgres::PostgresSourceOptions options;
  options.pipeline = config.name;
  options.slot_name = config.slot.name;
  options.publication_name = config.publication.name;
  options.snapshot = snapshot_wish(config.snapshot_mode);
  options.drop_slot_on_stop = config.slot.drop_on_stop;
  using Streaming = postgres::PostgresSourceOptions::Streaming;
  options.streaming = config.streaming == StreamingMode::kOff        ? Streaming::kOff
                      : config.streaming == StreamingMode::kParallel ? Streaming::kParallel
                                                                     : Streaming::kOn;
  options.binary = config.binary == BinaryMode::kTrue;
  options.row_bytes_max = static_cast<std::uint32_t>(config.row_bytes_max);
  options.status_interval_us = config.status_update_interval_ms * 1000;
  options.retry_wait_us = config.retriable_restart_wait_ms * 1000;
  options.retries_max = config.errors_max_retries;
  options.slot_retry_wait_us = config.slot.retry_delay_ms * 1000;
  options.slot_retries_max = config.slot.max_retries;
  options.gather = config.gather == GatherMode::kOff      ? GatherPolicy::Mode::kOff
                   : config.gather == GatherMode::kAlways ? GatherPolicy::Mode::kAlways
                                                          : GatherPolicy::Mode::kAdaptive;
  return options;
}

std::string new_run_id() {
  std::array<std::byte, 10> random{};
  const ssize_t got = ::getrandom(random.data(), random.size(), 0);
  MILLRACE_CHECK(got == static_cast<ssize_t>(random.size()), "the kernel gives random bytes");
  return debezium::uuid_v7(system_clock().realtime_us() / 1000, random);
}

std::unique_ptr<ByteStream> make_stream(Reactor& reactor, postgres::TakenSocket socket) {
  auto release = [owner = std::move(socket.owner)]() mutable { owner.reset(); };
  if (socket.ssl != nullptr) return make_tls_stream(reactor, socket.fd, socket.ssl, std::move(release));
  return make_socket_stream(reactor, socket.fd, std::move(release));
}

}  // namespace

struct PostgresAssembly::Parts {
  Parts(const PipelineConfig& pipeline, const MemoryPlan& memory, Troubles& noted)
      : config(pipeline),
        troubles(noted),
        scratch(make_scratch_folder(pipeline.spill_dir)),
        held(memory.held_bytes, memory.slab_bytes),
        relations({pipeline.name,
                   pipeline.schemas,
                   pipeline.tables,
                   {pipeline.topic_prefix, "."},
                   {.database = pipeline.database.dbname}},
                  topics) {}

  const PipelineConfig& config;
  Troubles& troubles;
  std::unique_ptr<ScratchStore> scratch;
  postgres::HeldBudget held;
  Topics topics;
  PostgresRelations relations;
  std::unique_ptr<postgres::SessionThread> edge;
  std::unique_ptr<postgres::PostgresSource> source;
};

PostgresAssembly::PostgresAssembly(const PipelineConfig& config, const MemoryPlan& memory, Troubles& troubles)
    : parts_(std::make_unique<Parts>(config, memory, troubles)) {}

PostgresAssembly::~PostgresAssembly() = default;

std::unique_ptr<BatchEncoder> PostgresAssembly::make_encoder() {
  return make_postgres_debezium_json_encoder(envelope_options(parts_->config, parts_->topics));
}

void PostgresAssembly::connect(PipelineCore& core, Reactor& reactor) {
  Parts& parts = *parts_;
  parts.edge = std::make_unique<postgres::SessionThread>(
      parts.config,
      [&reactor](postgres::TakenSocket socket) { return make_stream(reactor, std::move(socket)); },
      [&reactor] { reactor.wake(); });
  const auto classify = [slot = parts.config.slot.name](const postgres::ServerReport& report) {
    return postgres::report_failed(postgres::Phase::kStream, "stream of slot \"" + slot + "\"", report);
  };
  postgres::PostgresSourceOptions options = source_options(parts.config);
  options.troubles = &parts.troubles;
  parts.source = std::make_unique<postgres::PostgresSource>(std::move(options), *parts.edge, parts.relations,
                                                            *parts.scratch, parts.held, core.outlet(),
                                                            core.slabs(), classify, system_clock());
}

Source& PostgresAssembly::source() { return *parts_->source; }

void PostgresAssembly::fill(PipelineView& view) const {
  const postgres::PostgresSourceGauges& gauges = parts_->source->gauges();
  const auto get = [](const auto& gauge) { return gauge.load(std::memory_order_relaxed); };
  view.phase = static_cast<SourcePhase>(get(gauges.phase));
  view.server_end_of_wal = get(gauges.server_end_of_wal);
  view.received_lsn = get(gauges.received_lsn);
  view.pushed_lsn = get(gauges.pushed_lsn);
  view.told_lsn = get(gauges.told_lsn);
  view.restart_lsn = get(gauges.restart_lsn);
  view.confirmed_flush_lsn = get(gauges.confirmed_flush_lsn);
  view.pushed_commit_us = get(gauges.commit_time_us);
  view.bytes_received = get(gauges.bytes_received);
  view.changes = get(gauges.changes);
  view.transactions = get(gauges.transactions);
  view.reconnects = get(gauges.reconnects);
  view.held_used = get(gauges.held_bytes);
  if (const std::uint8_t status = get(gauges.wal_status); status != 0) {
    view.wal_status = postgres::kWalStatuses[status - 1U];
  }
  if (const std::int64_t received_us = get(gauges.last_receive_us); received_us != 0) {
    view.last_receive_us = system_clock().realtime_us() - (system_clock().monotonic_us() - received_us);
  }
  view.snapshot_running = view.phase == SourcePhase::kSnapshot;
  view.snapshot_tables = get(gauges.snapshot_tables_total);
  view.snapshot_tables_done = get(gauges.snapshot_tables_done);
  view.snapshot_rows = get(gauges.snapshot_rows);
  view.snapshot_rows_estimated = get(gauges.snapshot_rows_estimated);
  view.snapshot_duration_us = get(gauges.snapshot_duration_us);
}

std::unique_ptr<RecordSink> make_record_sink(const PipelineConfig& config, Reactor& reactor,
                                             SinkSurroundings surroundings) {
  if (config.sink == SinkKind::kNull) return make_null_sink();
  std::vector<std::pair<std::string, std::string>> context_headers;
  if (config.extended_headers_enabled) {
    const debezium::ContextHeaders headers =
        debezium::make_context_headers(config.topic_prefix, "postgresql", new_run_id());
    for (const auto& [name, value] : headers.pairs()) context_headers.emplace_back(name, value);
  }
  if (config.sink == SinkKind::kKafka) {
    KafkaSinkOptions options;
    options.kafka = config.kafka;
    options.pipeline = config.name;
    options.context_headers = std::move(context_headers);
    options.memory_bytes_max = surroundings.memory_bytes_max;
    options.stop_requested = std::move(surroundings.stop_requested);
    options.on_trouble = std::move(surroundings.on_trouble);
    options.on_statistics = std::move(surroundings.on_statistics);
    return make_kafka_sink(std::move(options), reactor, system_clock());
  }
  FileSinkOptions options;
  options.stop_requested = std::move(surroundings.stop_requested);
  options.context_headers = std::move(context_headers);
  if (config.sink == SinkKind::kFile) {
    options.path = config.file.path;
    options.rotate_bytes = config.file.rotate_bytes;
    options.rotate_interval_us = config.file.rotate_interval_ms * 1000;
    options.fsync_interval_us = config.file.fsync_interval_ms * 1000;
    options.fsync = config.file.fsync == FsyncPolicy::kNever    ? FileSinkOptions::Fsync::kNever
                    : config.file.fsync == FsyncPolicy::kAlways ? FileSinkOptions::Fsync::kAlways
                                                                : FileSinkOptions::Fsync::kInterval;
  }
  return make_file_sink(std::move(options), reactor);
}

}  // namespace millrace
