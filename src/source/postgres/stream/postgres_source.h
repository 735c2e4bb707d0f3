// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server as a source: meets the server, decides how to begin, copies the snapshot, streams the
// slot, answers the server in time, reconnects, drains. A state machine without I/O of its own: see edge.h
// and byte_stream.h.
#pragma once
#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "millrace/source/postgres/backend.h"
#include "millrace/source/postgres/replication.h"
#include "runtime/byte_stream.h"
#include "runtime/clock.h"
#include "runtime/gather_policy.h"
#include "source/batch_builder.h"
#include "source/postgres/edge.h"
#include "source/postgres/stream/change_stream.h"
#include "source/postgres/stream/receive_buffer.h"
#include "source/postgres/stream/snapshot_reader.h"
#include "source/postgres/stream/start_plan.h"
#include "source/source.h"
#include "source/troubles.h"

namespace millrace::postgres {

struct PostgresSourceOptions {
  enum class Streaming : std::uint8_t { kOff, kOn, kParallel };
  std::string pipeline;
  std::string slot_name;
  std::string publication_name;
  SnapshotWish snapshot = SnapshotWish::kInitial;
  bool drop_slot_on_stop = false;
  Streaming streaming = Streaming::kOn;
  bool binary = false;
  bool messages = true;  ///< Ask for logical messages (14 and newer).
  std::uint32_t row_bytes_max = 64U << 20;
  std::int64_t status_interval_us = 10'000'000;
  std::int64_t retry_wait_us = 10'000'000;  ///< Longest pause between attempts; the first ones are shorter.
  std::int64_t retries_max = -1;            ///< In a row, without having streamed; -1: without end.
  /// While another connection holds the slot: the longest pause, and how many of them it may last in all.
  std::int64_t slot_retry_wait_us = 10'000'000;
  std::int64_t slot_retries_max = 6;
  std::int64_t watch_interval_us = 5'000'000;
  std::int64_t stop_patience_us = 3'000'000;  ///< How long a stop waits for the open transaction's end.
  GatherPolicy::Mode gather = GatherPolicy::Mode::kAdaptive;
  Troubles* troubles = nullptr;  ///< Failures are noted here, those that are retried included; may be null.
  BatchLimits batch;
};

/// What other threads may look at while the source runs. Written by the ingest's thread only.
struct PostgresSourceGauges {
  std::atomic<std::uint64_t> server_end_of_wal{0};
  std::atomic<std::uint64_t> received_lsn{0};
  std::atomic<std::uint64_t> pushed_lsn{0};
  std::atomic<std::uint64_t> told_lsn{0};
  std::atomic<std::uint64_t> restart_lsn{0};
  std::atomic<std::uint64_t> confirmed_flush_lsn{0};
  std::atomic<std::int64_t> commit_time_us{0};  ///< Of the last transaction pushed.
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> changes{0};
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> reconnects{0};
  std::atomic<std::uint64_t> held_transactions{0};
  std::atomic<std::uint64_t> held_bytes{0};
  std::atomic<std::uint64_t> spilled_bytes{0};
  std::atomic<std::uint64_t> snapshot_tables_total{0};
  std::atomic<std::uint64_t> snapshot_tables_done{0};
  std::atomic<std::uint64_t> snapshot_rows{0};
  std::atomic<std::int64_t> snapshot_rows_estimated{-1};
  std::atomic<std::int64_t> snapshot_duration_us{0};
  std::atomic<std::uint8_t> wal_status{0};  ///< 1 + index in kWalStatuses; 0: not known.
  std::atomic<std::uint8_t> phase{0};
  std::atomic<std::int64_t> last_receive_us{0};
};

class PostgresSource final : public Source {
 public:
  using Classify = SnapshotReader::Classify;

  PostgresSource(PostgresSourceOptions options, PostgresEdge& edge, RelationFactory& relations,
                 ScratchStore& scratch, HeldBudget& held, BatchOutlet& outlet, SlabPool& slabs,
                 Classify classify, const Clock& clock);
  ~PostgresSource() override;

  void start(const std::optional<SourceResume>& resume, const Position& told) override;
  bool step(std::int64_t now_us) override;
  std::int64_t next_deadline_us() const override;
  void durable(const Position& told) override;
  void request_stop(std::int64_t now_us) override;
  void finish(const Position& told) override;
  bool finished() const override { return state_ == State::kFinished; }
  absl::Status status() const override { return status_; }
  SourcePhase phase() const override;
  std::unique_ptr<PositionFold> make_fold(const Position& from) const override {
    return make_position_fold(from);
  }
  std::string identity() const override { return identity_text_; }
  bool position_is_void() const override { return slot_dropped_; }

  const PostgresSourceGauges& gauges() const noexcept { return gauges_; }

 private:
  /// How long a server that shuts down may wait for what cannot be confirmed yet.
  static constexpr std::int64_t kLeavePatienceUs = 3'000'000;
  enum class State : std::uint8_t {
    kIdle,       ///< Before start().
    kGathering,  ///< GatherFacts is under way.
    kCreatingSlot,
    kOpeningSnapshot,
    kSnapshot,
    kClosingSnapshot,
    kOpeningStream,
    kStarting,  ///< START_REPLICATION is sent, W not here yet.
    kStreaming,
    kBackoff,   ///< Waiting before another attempt.
    kEnding,    ///< end_of_input is to be pushed as soon as a batch is free.
    kDraining,  ///< end_of_input is pushed; the server is still answered.
    kDroppingSlot,
    kFinished,
  };

  void on_event(EdgeEvent event, std::int64_t now_us);
  void on_facts(const ServerFacts& facts, std::int64_t now_us);
  void on_failed(const EdgeFailed& failed, std::int64_t now_us);
  void gather();
  void begin_stream(StreamOpened opened, std::int64_t now_us);
  bool step_snapshot(std::int64_t now_us);
  bool step_stream(std::int64_t now_us);
  bool work_off(std::int64_t now_us);
  bool handle_frame(const BackendMessage& message, std::int64_t now_us);
  bool handle_change(std::int64_t now_us);
  bool handle_keepalive(const WalMessage& message, std::int64_t now_us);
  void handle_report(const BackendMessage& message, std::int64_t now_us);
  bool receive(std::int64_t now_us);
  bool send_status(std::int64_t now_us);
  /// How long nothing has come while we listen.
  std::int64_t silence_us(std::int64_t now_us) const;
  /// The connection is gone: again after a while, or the end.
  void lost(absl::Status status, bool retryable, std::int64_t now_us);
  /// The stream is over: when it was well, what failed before it does not count any more.
  void forgive_if_well(std::int64_t now_us);
  /// Connects again, with other streaming options.
  void start_over(std::int64_t now_us);
  void note(const absl::Status& status);
  void fail(absl::Status status);
  void end();
  void close_stream();
  std::string start_command() const;
  void update_gauges(std::int64_t now_us);

  const PostgresSourceOptions options_;
  PostgresEdge& edge_;
  RelationFactory& relations_;
  SlabPool& slabs_;
  HeldBudget& held_;
  const Classify classify_;
  const Clock& clock_;
  BatchBuilder builder_;
  ChangeStream changes_;
  ReceiveBuffer buffer_;
  GatherPolicy gather_;

  PostgresSourceOptions::Streaming streaming_;
  State state_ = State::kIdle;
  absl::Status status_;
  std::optional<SourceResume> resume_;
  StartPlan plan_;
  bool met_ = false;  ///< The plan has been made: from here on a start is a reconnect.
  ServerFacts facts_;
  SourceIdentity identity_;
  std::string identity_text_;
  std::uint64_t consistent_point_ = 0;
  std::unique_ptr<SnapshotReader> snapshot_;
  std::int64_t snapshot_began_us_ = 0;

  std::unique_ptr<ByteStream> stream_;
  std::string command_;                ///< START_REPLICATION, until it is sent.
  std::optional<WalMessage> pending_;  ///< A change that could not be taken yet.
  bool worked_off_ = false;            ///< No whole message is left in the buffer.
  bool awaiting_answer_ = false;
  bool replaying_ = false;
  std::optional<std::uint64_t> idle_owed_;  ///< A keepalive's end of log that no batch was free for.
  bool idle_checkpoint_ = false;
  bool server_ended_ = false;
  std::int64_t server_leaves_since_us_ = 0;  ///< It streams, but takes no connections any more.
  std::int64_t silence_max_us_ = 0;
  std::int64_t silence_factor_ = 3;  ///< Times the server's timeout.
  std::int64_t heard_at_us_ = 0;
  bool slot_dropped_ = false;
  bool initial_mark_owed_ = false;

  std::uint64_t told_ = 0;
  bool status_due_ = false;
  std::int64_t stepped_us_ = 0;
  std::int64_t status_interval_us_ = 0;
  std::int64_t next_status_us_ = 0;
  std::int64_t next_read_us_ = 0;
  std::int64_t next_watch_us_ = 0;
  std::int64_t next_idle_us_ = 0;
  bool watching_ = false;
  std::int64_t lag_us_ = 0;
  bool reply_requested_ = false;

  std::int64_t retry_at_us_ = 0;
  std::int64_t attempts_ = 0;            ///< In a row, without those that found the slot in use.
  std::int64_t slot_attempts_ = 0;       ///< In a row, that found it so.
  std::uint64_t began_at_ = 0;           ///< Position at the start of the stream.
  std::int64_t streaming_since_us_ = 0;  ///< 0: no stream runs.
  std::int64_t slot_in_use_since_us_ = 0;
  bool stop_requested_ = false;
  std::int64_t stop_deadline_us_ = 0;
  std::int64_t finish_deadline_us_ = 0;
  bool goodbye_said_ = false;
  bool finish_requested_ = false;

  PostgresSourceGauges gauges_;
};

}  // namespace millrace::postgres
