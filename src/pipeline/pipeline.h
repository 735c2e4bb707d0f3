// SPDX-License-Identifier: Apache-2.0
// A pipeline as it runs: the stages on threads, supervised. It fails alone: other pipelines of the process go
// on.
#pragma once
#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/reason_code.h"
#include "config/config.h"
#include "pipeline/table_counts.h"
#include "sink/kafka/kafka_view.h"
#include "source/source.h"
#include "source/troubles.h"

namespace millrace {

/// What a pipeline shows of itself. Copied; consistent enough for people.
struct PipelineView {
  std::string name;
  SourcePhase phase = SourcePhase::kStarting;
  absl::Status last_error;                     ///< Being retried, or why the pipeline ended.
  std::int64_t last_error_us = 0;              ///< Unix.
  std::map<ReasonCode, std::uint64_t> errors;  ///< By class, since the pipeline was made.

  std::uint64_t server_end_of_wal = 0;
  std::uint64_t received_lsn = 0;
  std::uint64_t pushed_lsn = 0;
  std::uint64_t acknowledged_lsn = 0;
  std::uint64_t checkpointed_lsn = 0;
  std::uint64_t told_lsn = 0;
  std::uint64_t restart_lsn = 0;
  std::uint64_t confirmed_flush_lsn = 0;
  std::string_view wal_status;        ///< Empty while unknown.
  std::int64_t pushed_commit_us = 0;  ///< Commit times of the last transactions that passed, Unix.
  std::int64_t acknowledged_commit_us = 0;
  std::int64_t checkpointed_commit_us = 0;

  std::uint64_t bytes_received = 0;
  std::uint64_t changes = 0;
  std::uint64_t transactions = 0;
  std::uint64_t records = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t restarts = 0;
  std::uint64_t checkpoints = 0;
  std::int64_t last_receive_us = 0;     ///< Unix; 0: none yet.
  std::int64_t last_checkpoint_us = 0;  ///< Unix; 0: none yet.

  std::uint64_t pieces_in_flight = 0;
  std::uint64_t records_in_flight = 0;
  std::uint64_t receive_used = 0, receive_limit = 0;
  std::uint64_t held_used = 0, held_limit = 0;
  std::uint64_t output_used = 0, output_limit = 0;

  bool snapshot_running = false;
  std::uint64_t snapshot_tables = 0;
  std::uint64_t snapshot_tables_done = 0;
  std::uint64_t snapshot_rows = 0;
  std::int64_t snapshot_rows_estimated = -1;
  std::int64_t snapshot_duration_us = 0;

  struct Ring {
    std::string name;
    std::uint64_t used = 0;
    std::uint64_t capacity = 0;
  };
  std::vector<Ring> rings;

  std::vector<TableCount> tables;
  KafkaView kafka;  ///< Of the producer, when there is one.
};

class Pipeline {
 public:
  /// @param memory_bytes  the pipeline's share of memory_limit.
  /// @param registry      outlives the pipeline.
  Pipeline(PipelineConfig config, std::uint64_t memory_bytes, metrics::Registry& registry);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  void start();
  /// Any thread: stop reading, drain, checkpoint, end.
  void request_stop();
  /// Any thread.
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  /// Waits for the end; OK after an orderly stop, else why it ended, with a ReasonCode.
  absl::Status wait();

  const PipelineConfig& config() const noexcept { return config_; }
  PipelineView view() const;

 private:
  class Run;
  void supervise();

  const PipelineConfig config_;
  const std::uint64_t memory_bytes_;
  metrics::Histogram& sink_seconds_;
  Troubles troubles_;
  std::thread thread_;
  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> ended_{false};

  mutable std::mutex mutex_;  // guards the rest
  std::unique_ptr<Run> run_;
  PipelineView last_view_;  ///< Of the run before, while none is on.
  absl::Status status_;
  std::uint64_t restarts_ = 0;
};

}  // namespace millrace
