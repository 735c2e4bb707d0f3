// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/postgres_source.h"

#include <algorithm>
#include <limits>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"

namespace millrace::postgres {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kFirstRetryUs = 100'000;
constexpr std::int64_t kSteadyUs = 60'000'000;  // a stream that lasted so long was well
constexpr std::int64_t kFinishPatienceUs = 1'000'000;

}  // namespace

PostgresSource::PostgresSource(PostgresSourceOptions options, PostgresEdge& edge, RelationFactory& relations,
                               ScratchStore& scratch, HeldBudget& held, BatchOutlet& outlet, SlabPool& slabs,
                               Classify classify, const Clock& clock)
    : options_(std::move(options)),
      edge_(edge),
      relations_(relations),
      slabs_(slabs),
      held_(held),
      classify_(std::move(classify)),
      clock_(clock),
      builder_(outlet, slabs, options_.batch),
      changes_(builder_, slabs, relations, held, scratch, options_.slot_name),
      buffer_(slabs, options_.row_bytes_max + kAroundRow),
      gather_(options_.gather),
      streaming_(options_.streaming) {}

PostgresSource::~PostgresSource() { close_stream(); }

// --- life
// ----------------------------------------------------------------------------------------------------------

void PostgresSource::start(const std::optional<SourceResume>& resume, const Position& told) {
  resume_ = resume;
  if (const auto parsed = parse_position(told); parsed.ok()) told_ = parsed->tell;
  gather();
}

void PostgresSource::gather() {
  state_ = State::kGathering;
  watching_ = false;
  edge_.request(GatherFacts{});
}

void PostgresSource::close_stream() {
  if (stream_ != nullptr) stream_->close();
  stream_.reset();
  command_.clear();
  pending_.reset();
  awaiting_answer_ = false;
  replaying_ = false;
  idle_owed_.reset();
  idle_checkpoint_ = false;
  server_ended_ = false;
  server_leaves_since_us_ = 0;
}

void PostgresSource::fail(absl::Status status) {
  if (!status_.ok() || state_ == State::kFinished) return;
  status_ = std::move(status);
  note(status_);
  edge_.reset();
  close_stream();
  snapshot_.reset();
  end();
}

void PostgresSource::end() {
  // What has been pushed drains and is checkpointed; nothing follows.
  state_ = State::kEnding;
}

void PostgresSource::note(const absl::Status& status) {
  if (options_.troubles != nullptr)
    options_.troubles->add(Troubles::Of::kSource, status, clock_.realtime_us());
}

void PostgresSource::start_over(std::int64_t now_us) {
  edge_.reset();
  close_stream();
  if (stop_requested_) return end();
  forgive_if_well(now_us);
  gauges_.reconnects.fetch_add(1, std::memory_order_relaxed);
  retry_at_us_ = now_us + kFirstRetryUs;  // our walsender needs a moment to let go of the slot
  state_ = State::kBackoff;
}

void PostgresSource::forgive_if_well(std::int64_t now_us) {
  // A stream that breaks as soon as it runs is the same trouble once more.
  if (streaming_since_us_ != 0 &&
      (changes_.position().lsn > began_at_ || now_us - streaming_since_us_ >= kSteadyUs)) {
    attempts_ = 0;
  }
  streaming_since_us_ = 0;
}

void PostgresSource::lost(absl::Status status, bool retryable, std::int64_t now_us) {
  edge_.reset();
  const bool rows_out = snapshot_ != nullptr && snapshot_->progress().rows > 0;
  close_stream();
  snapshot_.reset();
  if (stop_requested_) return end();
  // Rows of a broken snapshot are in the sink: only a restart of the pipeline can take them back.
  if (!retryable || rows_out) return fail(std::move(status));
  forgive_if_well(now_us);
  const bool slot_in_use = reason_of(status) == ReasonCode::kSlotInUse;
  if (!slot_in_use) {
    slot_in_use_since_us_ = 0;
  } else if (slot_in_use_since_us_ == 0) {
    slot_in_use_since_us_ = now_us;
    slot_attempts_ = 0;
  }
  // A walsender of our own that the server has not given up yet holds the slot for a moment; another reader
  // holds it for good.
  if (slot_in_use &&
      now_us - slot_in_use_since_us_ >= options_.slot_retries_max * options_.slot_retry_wait_us) {
    return fail(std::move(status));
  }
  note(status);
  gauges_.reconnects.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t attempts = slot_in_use ? ++slot_attempts_ : ++attempts_;
  if (!slot_in_use && options_.retries_max >= 0 && attempts > options_.retries_max) {
    return fail(with_reason(absl::UnavailableError(concat("gave up after ", options_.retries_max,
                                                          " attempts: ", status.message())),
                            ReasonCode::kRetriesExhausted));
  }
  const std::int64_t longest_us = slot_in_use ? options_.slot_retry_wait_us : options_.retry_wait_us;
  const std::int64_t wait_us =
      std::min(longest_us, kFirstRetryUs << std::min<std::int64_t>(attempts - 1, 20));
  log_warn("postgres", "connection lost, trying again",
           {{"pipeline", options_.pipeline},
            {"error", std::string(status.message())},
            {"attempt", attempts},
            {"wait_ms", wait_us / 1000}});
  retry_at_us_ = now_us + wait_us;
  state_ = State::kBackoff;
}

void PostgresSource::durable(const Position& told) {
  const auto parsed = parse_position(told);
  if (!parsed.ok() || parsed->tell <= told_) return;
  told_ = parsed->tell;
  status_due_ = true;
}

void PostgresSource::request_stop(std::int64_t now_us) {
  if (stop_requested_) return;
  stop_requested_ = true;
  stop_deadline_us_ = now_us + options_.stop_patience_us;
  switch (state_) {
    case State::kStreaming:
      break;  // at the end of the open transaction, see step_stream()
    case State::kEnding:
    case State::kDraining:
    case State::kDroppingSlot:
    case State::kFinished:
      break;
    default:
      edge_.reset();
      close_stream();
      snapshot_.reset();
      end();
  }
}

void PostgresSource::finish(const Position& told) {
  durable(told);
  finish_requested_ = true;
  status_due_ = true;
}

SourcePhase PostgresSource::phase() const {
  switch (state_) {
    case State::kIdle:
    case State::kGathering:
    case State::kCreatingSlot:
    case State::kOpeningSnapshot:
    case State::kOpeningStream:
    case State::kStarting:
      return met_ ? SourcePhase::kReconnecting : SourcePhase::kStarting;
    case State::kSnapshot:
    case State::kClosingSnapshot:
      return SourcePhase::kSnapshot;
    case State::kStreaming:
      return SourcePhase::kStreaming;
    case State::kBackoff:
      return SourcePhase::kReconnecting;
    case State::kEnding:
    case State::kDraining:
    case State::kDroppingSlot:
      return SourcePhase::kDraining;
    case State::kFinished:
      return status_.ok() ? SourcePhase::kStopped : SourcePhase::kFailed;
  }
  return SourcePhase::kStarting;
}

bool PostgresSource::step(std::int64_t now_us) {
  stepped_us_ = now_us;
  bool worked = false;
  while (std::optional<EdgeEvent> event = edge_.poll()) {
    on_event(std::move(*event), now_us);
    worked = true;
  }
  switch (state_) {
    case State::kBackoff:
      if (now_us >= retry_at_us_) {
        gather();
        worked = true;
      }
      break;
    case State::kSnapshot:
      worked |= step_snapshot(now_us);
      break;
    case State::kStarting:
    case State::kStreaming:
      worked |= step_stream(now_us);
      break;
    case State::kEnding:
      if (builder_.open()) {
        builder_.end_of_input();
        state_ = State::kDraining;
        worked = true;
      }
      break;
    default:
      break;
  }
  if (stream_ != nullptr && state_ != State::kStarting) worked |= send_status(now_us);
  if (finish_requested_ && state_ == State::kDraining) {
    if (stream_ != nullptr && stream_->send_error() == 0) {
      if (finish_deadline_us_ == 0) finish_deadline_us_ = now_us + kFinishPatienceUs;
      if (!goodbye_said_ && !status_due_) {
        // A polite end: the server releases the slot at once instead of finding a dead connection.
        goodbye_said_ = stream_->send(kCopyDone);
        worked |= goodbye_said_;
      }
      if ((!goodbye_said_ || stream_->sending()) && now_us < finish_deadline_us_) return worked;
    }
    worked = true;
    close_stream();
    if (options_.drop_slot_on_stop && status_.ok()) {
      edge_.request(DropSlot{});
      state_ = State::kDroppingSlot;
    } else {
      edge_.reset();
      state_ = State::kFinished;
    }
  }
  if (state_ == State::kStreaming && !watching_ && now_us >= next_watch_us_ && !awaiting_answer_) {
    edge_.request(WatchServer{});
    watching_ = true;
  }
  if (worked) update_gauges(now_us);
  return worked;
}

std::int64_t PostgresSource::next_deadline_us() const {
  std::int64_t deadline = kNever;
  // What was due in the last turn was tried then: now it waits for room or an answer, which wake by
  // themselves.
  const auto consider = [&](std::int64_t at_us) {
    if (at_us > stepped_us_) deadline = std::min(deadline, at_us);
  };
  if (state_ == State::kBackoff) consider(retry_at_us_);
  if (stream_ != nullptr) {
    consider(next_status_us_);
    if (stream_->armed()) consider(heard_at_us_ + silence_max_us_);
    if (!stream_->armed() && (state_ == State::kStarting || state_ == State::kStreaming))
      consider(next_read_us_);
  }
  if (state_ == State::kStreaming) {
    if (!watching_) consider(next_watch_us_);
    if (idle_owed_) consider(next_idle_us_);
    if (server_leaves_since_us_ != 0) consider(server_leaves_since_us_ + kLeavePatienceUs);
  }
  if (stop_requested_) consider(stop_deadline_us_);
  if (finish_deadline_us_ != 0) consider(finish_deadline_us_);
  return deadline;
}

void PostgresSource::update_gauges(std::int64_t now_us) {
  const auto set = [](auto& gauge, auto value) { gauge.store(value, std::memory_order_relaxed); };
  set(gauges_.phase, static_cast<std::uint8_t>(phase()));
  set(gauges_.received_lsn, changes_.received_lsn());
  set(gauges_.pushed_lsn, changes_.position().lsn);
  set(gauges_.commit_time_us, changes_.position().last.commit_time_us);
  set(gauges_.changes, changes_.counters().changes);
  set(gauges_.transactions, changes_.counters().transactions);
  set(gauges_.held_transactions, static_cast<std::uint64_t>(changes_.held_transactions()));
  set(gauges_.held_bytes, static_cast<std::uint64_t>(held_.used_bytes() + held_.noted_bytes()));
  set(gauges_.spilled_bytes, held_.spilled_total());
  if (snapshot_ != nullptr) {
    const SnapshotProgress& progress = snapshot_->progress();
    set(gauges_.snapshot_tables_total, static_cast<std::uint64_t>(progress.tables_total));
    set(gauges_.snapshot_tables_done, static_cast<std::uint64_t>(progress.tables_done));
    set(gauges_.snapshot_rows, progress.rows);
    set(gauges_.snapshot_rows_estimated, progress.rows_estimated);
    set(gauges_.snapshot_duration_us, now_us - snapshot_began_us_);
  }
}

}  // namespace millrace::postgres
