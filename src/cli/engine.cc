// SPDX-License-Identifier: Apache-2.0
// The one place where the commands meet the program behind them.
#include "cli/engine.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <thread>

#include "base/concat.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/systemd_notify.h"
#include "checkpoint/checkpoint_choice.h"
#include "cli/pipeline_snapshots.h"
#include "cli/progress_line.h"
#include "control/control_server.h"
#include "format/topic_naming.h"
#include "kafka/check/check.h"
#include "millrace/source/postgres/ids.h"
#include "pipeline/pipeline.h"
#include "runtime/clock.h"
#include "source/postgres/session/check.h"
#include "source/postgres/session/row_sizes.h"
#include "source/postgres/stream/position.h"
#include "source/postgres/stream/start_plan.h"

namespace millrace::cli {
namespace {

constexpr int kTickMs = 500;
constexpr int kStoppingTickMs = 20;

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/// Rows and rates for the line below the log.
class Progress {
 public:
  void show(const std::vector<PipelineView>& views) {
    const std::int64_t now_us = monotonic_us();
    std::vector<ProgressSnapshot> snapshots;
    for (const PipelineView& view : views) {
      const bool copying = view.snapshot_running;
      const std::uint64_t rows = copying ? view.snapshot_rows : view.changes;
      auto& [rows_before, us_before] = before_[view.name];
      ProgressSnapshot snapshot{.pipeline = view.name, .phase = to_string(view.phase), .rows = rows};
      if (us_before != 0 && now_us > us_before && rows >= rows_before) {
        snapshot.rows_per_second =
            static_cast<double>(rows - rows_before) * 1e6 / static_cast<double>(now_us - us_before);
      }
      rows_before = rows;
      us_before = now_us;
      if (view.server_end_of_wal >= view.acknowledged_lsn && view.acknowledged_lsn != 0) {
        snapshot.lag_bytes = view.server_end_of_wal - view.acknowledged_lsn;
      }
      if (copying && view.snapshot_rows_estimated >= 0) {
        snapshot.rows_total = static_cast<std::uint64_t>(view.snapshot_rows_estimated);
      }
      snapshots.push_back(snapshot);
    }
    set_log_status_line(format_progress_line(snapshots, terminal_columns()));
  }

 private:
  std::map<std::string, std::pair<std::uint64_t, std::int64_t>> before_;
};

absl::StatusOr<std::unique_ptr<control::HttpServer>> serve(const ProcessConfig& config,
                                                           metrics::Registry& registry,
                                                           control::SnapshotFunction snapshots) {
  if (config.http_listen == "off") return nullptr;
  const absl::StatusOr<control::Endpoint> endpoint = control::parse_endpoint(config.http_listen);
  if (!endpoint.ok()) return with_reason(endpoint.status(), ReasonCode::kConfigInvalid);
  control::HttpServerOptions http;
  http.endpoint = *endpoint;
  control::ControlPagesOptions pages;
  pages.version = MILLRACE_VERSION;
  auto server = control::start_control_server(http, pages, registry, std::move(snapshots));
  if (!server.ok()) return with_reason(server.status(), ReasonCode::kConfigInvalid);
  return server;
}

/// Where the records of the tables that are captured now will go; nothing when the database does not tell,
/// which is a finding of its own.
std::vector<kafka::TargetTopic> kafka_targets(const PipelineConfig& pipeline) {
  const absl::StatusOr<std::vector<postgres::TableRows>> tables = postgres::captured_rows(pipeline);
  std::vector<kafka::TargetTopic> targets;
  if (!tables.ok()) return targets;
  const TopicNaming naming{pipeline.topic_prefix, "."};
  for (const postgres::TableRows& table : *tables) {
    targets.push_back({naming.data_topic(table.schema, table.name), concat(table.schema, ".", table.name),
                       table.average_row_bytes, table.has_key});
  }
  return targets;
}

}  // namespace

std::vector<PipelineOutcome> run_pipelines(const ProcessConfig& config, const RunOptions& options) {
  // Signals come as events on this thread; a broken pipe is an error of the write that meets it. Threads
  // inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);

  metrics::Registry registry;
  std::vector<std::unique_ptr<Pipeline>> pipelines;
  for (const PipelineConfig& pipeline : config.pipelines) {
    pipelines.push_back(std::make_unique<Pipeline>(pipeline, pipeline_memory_bytes(config), registry));
  }
  const auto views = [&pipelines] {
    std::vector<PipelineView> all;
    for (const auto& pipeline : pipelines) all.push_back(pipeline->view());
    return all;
  };
  absl::StatusOr<std::unique_ptr<control::HttpServer>> server =
      serve(config, registry, [&] { return pipeline_snapshots(config, views()); });
  if (!server.ok()) {
    std::vector<PipelineOutcome> outcomes;
    for (const PipelineConfig& pipeline : config.pipelines)
      outcomes.push_back({pipeline.name, server.status()});
    return outcomes;
  }

  for (const auto& pipeline : pipelines) pipeline->start();
  const std::int64_t watchdog_us = watchdog_interval_us();
  std::int64_t next_watchdog_us = 0;
  bool ready = false;
  bool stopping = false;
  Progress progress;
  for (;;) {
    const bool all_ended = std::all_of(pipelines.begin(), pipelines.end(),
                                       [](const auto& pipeline) { return pipeline->ended(); });
    if (all_ended) break;
    pollfd wait{signal_fd, POLLIN, 0};
    if (::poll(&wait, 1, stopping ? kStoppingTickMs : kTickMs) > 0) {
      signalfd_siginfo info;
      if (::read(signal_fd, &info, sizeof info) == sizeof info && !stopping) {
        stopping = true;
        log_info("millrace", "stopping: draining what is in flight", {{"signal", info.ssi_signo}});
        notify_systemd("STOPPING=1");
        for (const auto& pipeline : pipelines) pipeline->request_stop();
      }
    }
    const std::vector<PipelineView> now = views();
    if (!ready && std::all_of(now.begin(), now.end(), [](const PipelineView& view) {
          return view.phase == SourcePhase::kSnapshot || view.phase == SourcePhase::kStreaming;
        })) {
      ready = true;
      notify_systemd("READY=1");
    }
    const std::int64_t now_us = monotonic_us();
    if (watchdog_us > 0 && now_us >= next_watchdog_us) {
      next_watchdog_us = now_us + watchdog_us;
      notify_systemd("WATCHDOG=1");
    }
    if (options.progress_line) progress.show(now);
  }
  if (options.progress_line) set_log_status_line("");
  server->reset();
  ::close(signal_fd);
  std::vector<PipelineOutcome> outcomes;
  for (const auto& pipeline : pipelines) {
    absl::Status status = pipeline->wait();
    if (status.ok() && stopping)
      status = reason_error(ReasonCode::kSignal, "stopped by a signal, at an exact position");
    outcomes.push_back({pipeline->config().name, std::move(status)});
  }
  return outcomes;
}

std::vector<Finding> check_pipeline(const PipelineConfig& pipeline) {
  std::vector<Finding> findings;
  for (postgres::CheckFinding& found : postgres::run_check(pipeline)) {
    findings.push_back({static_cast<Finding::Severity>(found.severity), found.reason,
                        std::move(found.subject), std::move(found.problem), std::move(found.fix)});
  }
  if (uses_kafka(pipeline)) {
    for (kafka::CheckFinding& found : kafka::run_check(pipeline, kafka_targets(pipeline))) {
      findings.push_back({static_cast<Finding::Severity>(found.severity), found.reason,
                          std::move(found.subject), std::move(found.problem), std::move(found.fix)});
    }
  }
  return findings;
}

absl::StatusOr<Facts> get_position(const PipelineConfig& pipeline) {
  const absl::StatusOr<StoredPosition> found = read_position(pipeline);
  if (!found.ok()) return found.status();
  if (!found->stored.newest) return absl::NotFoundError("no position is stored");
  const Checkpoint& checkpoint = *found->stored.newest;
  Facts facts{{"pipeline", checkpoint.pipeline},
              {"phase", checkpoint.phase},
              {"generation", concat(checkpoint.generation)},
              {"position", checkpoint.position.text},
              {"source", checkpoint.source_identity},
              {"sink", checkpoint.sink_state}};
  if (!found->file.empty()) facts.emplace_back("file", found->file);
  if (!found->topic.empty()) facts.emplace_back("topic", found->topic);
  if (!found->owner.empty()) facts.emplace_back("owner", found->owner);
  return facts;
}

absl::Status set_position(const PipelineConfig& pipeline, std::string_view position) {
  const auto lsn = postgres::parse_lsn(position);
  if (!lsn || value_of(*lsn) == 0) {
    return reason_error(ReasonCode::kUsage, concat("not a position: it is an LSN such as 0/16B3748"));
  }
  const absl::StatusOr<StoredPosition> found = read_position(pipeline);
  if (!found.ok()) return found.status();
  Checkpoint checkpoint;
  if (found->stored.newest) checkpoint = *found->stored.newest;
  checkpoint.pipeline = pipeline.name;
  checkpoint.phase = "streaming";
  ++checkpoint.generation;
  // The last transaction is not known at a place chosen by hand: nothing is proven by it.
  checkpoint.position = postgres::to_position({value_of(*lsn), value_of(*lsn), {}});
  // Whoever sets a position says that it is one of the slot that the configuration names.
  const auto before = postgres::parse_identity(checkpoint.source_identity);
  const bool same =
      before.ok() && before->slot == pipeline.slot.name && before->database == pipeline.database.dbname;
  if (!same) checkpoint.source_identity.clear();
  // And that what became of the topics meanwhile is to be accepted.
  if (pipeline.sink == SinkKind::kKafka) checkpoint.sink_state.clear();
  return overwrite_position(pipeline, checkpoint);
}

absl::Status reset_position(const PipelineConfig& pipeline) { return remove_position(pipeline); }

}  // namespace millrace::cli
