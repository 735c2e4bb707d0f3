// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/postgres_source.h"

#include <absl/strings/str_replace.h>

#include <algorithm>
#include <limits>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"

namespace millrace::postgres {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kFirstRetryUs = 100'000;
constexpr std::int64_t kIdleMarkUs = 100'000;  // keepalives may come with every write of another database
constexpr std::int64_t kLeavePatienceUs = 3'000'000;
constexpr std::int64_t kSilenceUs = 60'000'000;  // where the server has no wal_sender_timeout
constexpr std::int64_t kSilenceFactorMax = 96;
constexpr std::int64_t kSteadyUs = 60'000'000;  // a stream that lasted so long was well
constexpr std::int64_t kFinishPatienceUs = 1'000'000;

template <class... Variants>
struct Overloaded : Variants... {
  using Variants::operator()...;
};
template <class... Variants>
Overloaded(Variants...) -> Overloaded<Variants...>;

/// "name" as an SQL identifier inside an SQL string literal.
std::string identifier_in_literal(std::string_view name) {
  const std::string identifier = concat("\"", absl::StrReplaceAll(std::string(name), {{"\"", "\"\""}}), "\"");
  return absl::StrReplaceAll(identifier, {{"'", "''"}});
}

/// A connection that ended; connecting again may help.
absl::Status broken(std::string_view how) {
  return with_reason(absl::UnavailableError(concat("postgres: ", how)), ReasonCode::kConnectRefused);
}

int protocol_of(std::int32_t version_num) {
  if (version_num >= 160000) return 4;
  if (version_num >= 150000) return 3;
  return version_num >= 140000 ? 2 : 1;
}

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
  if (options_.troubles != nullptr) options_.troubles->add(status, clock_.realtime_us());
}

void PostgresSource::start_over() {
  edge_.reset();
  close_stream();
  if (stop_requested_) return end();
  streaming_since_us_ = 0;
  gauges_.reconnects.fetch_add(1, std::memory_order_relaxed);
  gather();
}

void PostgresSource::lost(absl::Status status, bool retryable, std::int64_t now_us) {
  edge_.reset();
  const bool rows_out = snapshot_ != nullptr && snapshot_->progress().rows > 0;
  close_stream();
  snapshot_.reset();
  if (stop_requested_) return end();
  // Rows of a broken snapshot are in the sink: only a restart of the pipeline can take them back.
  if (!retryable || rows_out) return fail(std::move(status));
  const bool slot_in_use = reason_of(status) == ReasonCode::kSlotInUse;
  if (!slot_in_use) {
    slot_in_use_since_us_ = 0;
  } else if (slot_in_use_since_us_ == 0) {
    slot_in_use_since_us_ = now_us;
  }
  // A walsender of our own that the server has not given up yet holds the slot for a moment; another reader
  // holds it for good.
  if (slot_in_use &&
      now_us - slot_in_use_since_us_ >= options_.slot_retries_max * options_.slot_retry_wait_us) {
    return fail(std::move(status));
  }
  note(status);
  // A stream that breaks as soon as it runs is the same trouble once more.
  if (streaming_since_us_ != 0 &&
      (changes_.position().lsn > began_at_ || now_us - streaming_since_us_ >= kSteadyUs)) {
    attempts_ = 0;
  }
  streaming_since_us_ = 0;
  ++attempts_;
  gauges_.reconnects.fetch_add(1, std::memory_order_relaxed);
  if (!slot_in_use && options_.retries_max >= 0 && attempts_ > options_.retries_max) {
    return fail(with_reason(absl::UnavailableError(concat("gave up after ", options_.retries_max,
                                                          " attempts: ", status.message())),
                            ReasonCode::kRetriesExhausted));
  }
  const std::int64_t longest_us = slot_in_use ? options_.slot_retry_wait_us : options_.retry_wait_us;
  const std::int64_t wait_us =
      std::min(longest_us, kFirstRetryUs << std::min<std::int64_t>(attempts_ - 1, 20));
  log_warn("postgres", "connection lost, trying again",
           {{"pipeline", options_.pipeline},
            {"error", std::string(status.message())},
            {"attempt", attempts_},
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
    if (!stream_->armed() && state_ == State::kStreaming) consider(next_read_us_);
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

// --- what the edge answers
// -----------------------------------------------------------------------------------------

void PostgresSource::on_event(EdgeEvent event, std::int64_t now_us) {
  std::visit(Overloaded{
                 [&](ServerFacts& facts) { on_facts(facts, now_us); },
                 [&](SlotCreated& created) {
                   consistent_point_ = created.consistent_point;
                   log_info("postgres", "slot created",
                            {{"pipeline", options_.pipeline},
                             {"slot", options_.slot_name},
                             {"temporary", plan_.kind == StartPlan::Kind::kSnapshotBesideSlot ||
                                               plan_.kind == StartPlan::Kind::kSnapshotOnly},
                             {"consistent_point", to_string(Lsn{consistent_point_})}});
                   if (plan_.kind == StartPlan::Kind::kCreateAndStream) {
                     plan_.position.lsn = plan_.position.tell = consistent_point_;
                     initial_mark_owed_ = true;
                     state_ = State::kOpeningStream;
                     edge_.request(OpenStream{});
                   } else {
                     state_ = State::kOpeningSnapshot;
                     edge_.request(OpenSnapshot{created.snapshot_name});
                   }
                 },
                 [&](SnapshotOpened& opened) {
                   log_info("postgres", "snapshot begins",
                            {{"pipeline", options_.pipeline}, {"tables", opened.tables.size()}});
                   snapshot_ = std::make_unique<SnapshotReader>(builder_, slabs_, relations_, classify_,
                                                                options_.row_bytes_max, std::move(opened),
                                                                consistent_point_);
                   snapshot_began_us_ = now_us;
                   state_ = State::kSnapshot;
                 },
                 [&](SnapshotClosed&) {
                   if (plan_.kind == StartPlan::Kind::kSnapshotOnly) return end();
                   state_ = State::kOpeningStream;
                   edge_.request(OpenStream{});
                 },
                 [&](StreamOpened& opened) { begin_stream(std::move(opened), now_us); },
                 [&](TableDescribed& described) {
                   changes_.described(std::move(described.description));
                   awaiting_answer_ = false;
                 },
                 [&](TransactionsChecked& outcome) {
                   changes_.checked(outcome.none_rolled_back);
                   awaiting_answer_ = false;
                 },
                 [&](ServerWatched& watched) {
                   watching_ = false;
                   server_leaves_since_us_ = 0;
                   next_watch_us_ = now_us + options_.watch_interval_us;
                   gauges_.server_end_of_wal.store(watched.end_of_wal, std::memory_order_relaxed);
                   if (watched.slot) {
                     gauges_.restart_lsn.store(watched.slot->restart_lsn, std::memory_order_relaxed);
                     gauges_.confirmed_flush_lsn.store(watched.slot->confirmed_flush_lsn,
                                                       std::memory_order_relaxed);
                     const auto known = std::ranges::find(kWalStatuses, watched.slot->wal_status);
                     const auto status = known == kWalStatuses.end() ? 0 : known - kWalStatuses.begin() + 1;
                     gauges_.wal_status.store(static_cast<std::uint8_t>(status), std::memory_order_relaxed);
                   }
                 },
                 [&](SlotDropped&) {
                   slot_dropped_ = true;
                   edge_.reset();
                   state_ = State::kFinished;
                 },
                 [&](EdgeFailed& failed) { on_failed(failed, now_us); },
             },
             event);
}

void PostgresSource::on_failed(const EdgeFailed& failed, std::int64_t now_us) {
  if (state_ == State::kDroppingSlot) {
    log_warn("postgres", "the slot could not be dropped",
             {{"pipeline", options_.pipeline}, {"error", std::string(failed.status.message())}});
    edge_.reset();
    state_ = State::kFinished;
    return;
  }
  if (watching_ && state_ == State::kStreaming && !awaiting_answer_) {
    // Watching is for people; the stream itself is well. But a server that streams and takes no connections
    // shuts down, and waits for us to confirm all it has sent.
    watching_ = false;
    next_watch_us_ = now_us + options_.watch_interval_us;
    if (failed.refused && server_leaves_since_us_ == 0) server_leaves_since_us_ = now_us;
    return;
  }
  if (state_ == State::kEnding || state_ == State::kDraining || state_ == State::kFinished) return;
  // The snapshot was all that was wanted, and its temporary slot goes with its connection.
  if (state_ == State::kClosingSnapshot && plan_.kind == StartPlan::Kind::kSnapshotOnly) return end();
  lost(failed.status, failed.retryable, now_us);
}

void PostgresSource::on_facts(const ServerFacts& facts, std::int64_t now_us) {
  facts_ = facts;
  gauges_.server_end_of_wal.store(facts.end_of_wal, std::memory_order_relaxed);
  const SourceIdentity seen{facts.system_identifier, facts.timeline, facts.timeline_history, facts.database,
                            options_.slot_name};
  const auto adopt_identity = [&] {
    identity_ = seen;
    identity_text_ = to_json(identity_);
  };
  const std::int64_t third = facts.wal_sender_timeout_ms * 1000 / 3;
  status_interval_us_ =
      std::min(options_.status_interval_us, facts.wal_sender_timeout_ms > 0 ? third : kSilenceUs / 2);
  // An idle server is silent as long as we report in time, so it is asked to answer before it is given up.
  // One that sorts a huge transaction may be silent beyond its own timeout: more patience each time.
  silence_max_us_ = silence_factor_ * (facts.wal_sender_timeout_ms > 0 ? 3 * third : kSilenceUs);
  if (met_) {
    if (absl::Status status = check_reconnect(facts, identity_, changes_.position()); !status.ok()) {
      return fail(std::move(status));
    }
    adopt_identity();
    plan_ = {StartPlan::Kind::kStream, changes_.position()};
    state_ = State::kOpeningStream;
    edge_.request(OpenStream{});
    return;
  }
  absl::StatusOr<StartPlan> plan = plan_start(facts, options_.slot_name, options_.snapshot, resume_);
  if (!plan.ok()) return fail(plan.status());
  adopt_identity();
  plan_ = *plan;
  if (facts.slot && facts.slot->two_phase) {
    log_info("postgres", "the slot has two_phase: prepared transactions are held until they commit",
             {{"pipeline", options_.pipeline}, {"slot", options_.slot_name}});
  }
  initial_mark_owed_ = !resume_ || resume_->snapshot_unfinished;
  switch (plan_.kind) {
    case StartPlan::Kind::kStream:
      state_ = State::kOpeningStream;
      edge_.request(OpenStream{});
      return;
    case StartPlan::Kind::kCreateAndStream:
      state_ = State::kCreatingSlot;
      edge_.request(CreateSlot{.temporary = false, .export_snapshot = false});
      return;
    case StartPlan::Kind::kCreateAndSnapshot:
      state_ = State::kCreatingSlot;
      edge_.request(CreateSlot{.temporary = false, .export_snapshot = true});
      return;
    case StartPlan::Kind::kSnapshotBesideSlot:
    case StartPlan::Kind::kSnapshotOnly:
      state_ = State::kCreatingSlot;
      edge_.request(CreateSlot{.temporary = true, .export_snapshot = true});
      return;
    case StartPlan::Kind::kDone:
      return end();
  }
  (void)now_us;
}

// --- snapshot
// ------------------------------------------------------------------------------------------------------

bool PostgresSource::step_snapshot(std::int64_t now_us) {
  const bool worked = snapshot_->step();
  if (!snapshot_->status().ok()) {
    const absl::Status status = snapshot_->status();
    lost(status, snapshot_->retryable(), now_us);
    return true;
  }
  if (!snapshot_->done()) return worked;
  if (!builder_.open()) return worked;
  // Everything below the consistent point is in the snapshot, everything behind it in the stream.
  // A slot that was there before may hold transactions that were prepared below that point and commit behind
  // it.
  const std::uint64_t tell =
      facts_.slot ? std::min(facts_.slot->confirmed_flush_lsn, consistent_point_) : consistent_point_;
  plan_.position = LogPosition{consistent_point_, tell, {}};
  builder_.mark(to_mark(plan_.position), true);
  builder_.cut();
  initial_mark_owed_ = false;
  // From here on a lost connection leads back to the stream: its rows are on their way, once is enough.
  changes_.begin_session(plan_.position, consistent_point_, false);
  met_ = true;
  log_info("postgres", "snapshot done",
           {{"pipeline", options_.pipeline}, {"rows", snapshot_->progress().rows}});
  update_gauges(now_us);
  snapshot_.reset();
  state_ = State::kClosingSnapshot;
  edge_.request(CloseSnapshot{});
  return true;
}

// --- stream
// --------------------------------------------------------------------------------------------------------

std::string PostgresSource::start_command() const {
  const std::int32_t version = facts_.version_num;
  // 0/0: from the slot's own confirmed position. A position of ours would be believed even where the slot is
  // another one.
  std::string command = concat(
      "START_REPLICATION SLOT \"", options_.slot_name, "\" LOGICAL 0/0 (proto_version '",
      protocol_of(version), "', publication_names '", identifier_in_literal(options_.publication_name), "'");
  if (version >= 140000) {
    if (options_.binary) append(command, ", binary 'true'");
    if (options_.messages) append(command, ", messages 'true'");
    if (streaming_ == PostgresSourceOptions::Streaming::kParallel && version >= 160000) {
      append(command, ", streaming 'parallel'");
    } else if (streaming_ != PostgresSourceOptions::Streaming::kOff) {
      append(command, ", streaming 'on'");
    }
  }
  append(command, ")");
  return command;
}

void PostgresSource::begin_stream(StreamOpened opened, std::int64_t now_us) {
  stream_ = std::move(opened.stream);
  const bool gathers = options_.gather != GatherPolicy::Mode::kOff;
  gather_.begin(gathers && stream_->prepare_for_pauses() ? GatherPolicy::kWithinHost : GatherPolicy::kAcross);
  buffer_.reset(FramePhase::kCommand);
  std::uint64_t confirmed = facts_.slot ? facts_.slot->confirmed_flush_lsn : consistent_point_;
  const bool abort_with_lsn =
      streaming_ == PostgresSourceOptions::Streaming::kParallel && facts_.version_num >= 160000;
  began_at_ = plan_.position.lsn;
  changes_.begin_session(plan_.position, confirmed, abort_with_lsn);
  told_ = std::max(told_, confirmed);
  absl::StatusOr<std::string> query = encode_query(start_command());
  if (!query.ok()) return fail(with_reason(query.status(), ReasonCode::kConfigInvalid));
  command_ = *std::move(query);
  met_ = true;
  state_ = State::kStarting;
  next_read_us_ = 0;
  next_status_us_ = now_us + status_interval_us_;
  next_idle_us_ = now_us;
}

bool PostgresSource::step_stream(std::int64_t now_us) {
  bool worked = false;
  if (!command_.empty()) {
    if (!stream_->send(std::as_bytes(std::span(command_)))) return false;
    command_.clear();
    worked = true;
  }
  worked |= work_off(now_us);
  if (state_ != State::kStreaming && state_ != State::kStarting) return true;
  worked |= receive(now_us);
  if (state_ != State::kStreaming && state_ != State::kStarting) return true;
  if (server_leaves_since_us_ != 0 && now_us - server_leaves_since_us_ >= kLeavePatienceUs) {
    lost(broken("the server shuts down, and what it sent cannot be confirmed yet"), true, now_us);
    return true;
  }
  if (stop_requested_ && (changes_.between_transactions() || now_us >= stop_deadline_us_)) {
    // Half a transaction that was pushed is recognised in the sink at the next start.
    builder_.cut();
    end();
    worked = true;
  }
  return worked;
}

bool PostgresSource::work_off(std::int64_t now_us) {
  bool worked = false;
  worked_off_ = false;
  BackendMessage message;
  for (;;) {
    if (awaiting_answer_) break;
    if (replaying_) {
      const ChangeStream::Result result = changes_.replay();
      if (result == ChangeStream::Result::kFailed) return fail(changes_.status()), true;
      if (result == ChangeStream::Result::kBlocked) break;
      replaying_ = false;
      worked = true;
    }
    if (pending_) {
      if (!handle_change(now_us)) break;
      worked = true;
      continue;
    }
    if (initial_mark_owed_ && state_ == State::kStreaming) {
      if (!changes_.idle_at(changes_.position().lsn, true)) break;
      initial_mark_owed_ = false;
    }
    if (idle_owed_ && (now_us >= next_idle_us_ || idle_checkpoint_)) {
      if (!changes_.idle_at(*idle_owed_, idle_checkpoint_)) break;
      if (!changes_.status().ok()) return fail(changes_.status()), true;
      idle_owed_.reset();
      idle_checkpoint_ = false;
      next_idle_us_ = now_us + kIdleMarkUs;
      worked = true;
    }
    if (stop_requested_ && changes_.between_transactions()) break;
    const FrameResult result = buffer_.next(message);
    if (result == FrameResult::kMessage) {
      worked = true;
      if (!handle_frame(message, now_us)) break;
      continue;
    }
    if (result == FrameResult::kError) {
      const FrameReader& reader = buffer_.reader();
      if (is_row_too_large(reader)) {
        fail(with_reason(absl::ResourceExhaustedError(concat(
                             "postgres slot \"", options_.slot_name, "\": ",
                             changes_.name_of(reader.unread().subspan(FrameReader::kHeaderBytes)), " has ",
                             reader.message_bytes(), " bytes, row.bytes.max is ", options_.row_bytes_max)),
                         ReasonCode::kRowTooLarge));
        return true;
      }
      fail(with_reason(
          absl::DataLossError(concat("postgres slot \"", options_.slot_name, "\": bad frame behind ",
                                     to_string(Lsn{changes_.received_lsn()}), ", byte ",
                                     reader.stream_offset() + reader.error().byte_offset,
                                     " of the connection: ", to_string(reader.error().reason))),
          ReasonCode::kSourceProtocol));
      return true;
    }
    worked_off_ = true;
    break;
  }
  // What has been read goes on at once; it is never held back to fill a batch.
  builder_.cut();
  return worked;
}

/// False: stop working off, for this turn or for good.
bool PostgresSource::handle_frame(const BackendMessage& message, std::int64_t now_us) {
  if (message.type == 'd') [[likely]] {
    WalMessage wal;
    if (const DecodeError error = decode_wal_message(Cursor(message.body), wal)) {
      fail(with_reason(
          absl::DataLossError(concat("postgres slot \"", options_.slot_name, "\": bad CopyData behind ",
                                     to_string(Lsn{changes_.received_lsn()}), ", byte ", error.byte_offset,
                                     ": ", to_string(error.reason))),
          ReasonCode::kSourceProtocol));
      return false;
    }
    if (wal.kind == WalMessageKind::kKeepalive) return handle_keepalive(wal, now_us);
    pending_ = wal;
    return handle_change(now_us);
  }
  switch (message.type) {
    case 'W':
      state_ = State::kStreaming;
      streaming_since_us_ = now_us;
      slot_in_use_since_us_ = 0;
      if (options_.troubles != nullptr) options_.troubles->passed();
      next_watch_us_ = now_us;
      log_info("postgres", "streaming",
               {{"pipeline", options_.pipeline},
                {"slot", options_.slot_name},
                {"from", to_string(Lsn{plan_.position.lsn})},
                {"server", facts_.version_text}});
      return true;
    case 'E':
    case 'N':
      handle_report(message, now_us);
      return state_ == State::kStreaming || state_ == State::kStarting;
    case 'c':
    case 'C':
      server_ended_ = true;
      return true;
    default:
      return true;  // S, A, Z
  }
}

bool PostgresSource::handle_change(std::int64_t now_us) {
  const ChangeStream::Result result = changes_.handle(*pending_, buffer_.slab());
  switch (result) {
    case ChangeStream::Result::kOk:
      break;
    case ChangeStream::Result::kBlocked:
      return false;
    case ChangeStream::Result::kNeedsTable:
      edge_.request(DescribeTable{changes_.needed_table()});
      awaiting_answer_ = true;
      return false;
    case ChangeStream::Result::kReplaying:
      replaying_ = true;
      break;
    case ChangeStream::Result::kNeedsCheck:
      edge_.request(CheckTransactions{changes_.unchecked()});
      awaiting_answer_ = true;
      return false;
    case ChangeStream::Result::kNeedsWhole:
      streaming_ = PostgresSourceOptions::Streaming::kOff;
      log_warn("postgres",
               "what a streamed transaction rolled back cannot be told apart: from here on whole "
               "transactions are asked for",
               {{"pipeline", options_.pipeline}});
      start_over();  // nothing has failed
      return false;
    case ChangeStream::Result::kFailed:
      fail(changes_.status());
      return false;
  }
  if (const std::int64_t commit_us = changes_.open_commit_time_us(); commit_us != 0) {
    lag_us_ = to_unix_us(pending_->send_time) - commit_us;
  }
  pending_.reset();
  (void)now_us;
  return true;
}

bool PostgresSource::handle_keepalive(const WalMessage& message, std::int64_t now_us) {
  const std::uint64_t end = value_of(message.wal_end);
  if (changes_.between_transactions()) {
    idle_owed_ = end;
    // A server that shuts down waits until all it sent is confirmed.
    if (message.reply_requested && end > told_) idle_checkpoint_ = true;
    lag_us_ = 0;
  }
  if (message.reply_requested) {
    reply_requested_ = true;
    status_due_ = true;
  }
  gauges_.server_end_of_wal.store(std::max(end, gauges_.server_end_of_wal.load(std::memory_order_relaxed)),
                                  std::memory_order_relaxed);
  (void)now_us;
  return true;
}

void PostgresSource::handle_report(const BackendMessage& message, std::int64_t now_us) {
  ServerReport report;
  if (decode_server_report(Cursor(message.body), report)) report.message = "(an unreadable report)";
  if (message.type == 'N') {
    // Since 18 a missing publication is only a warning, and its changes are silently left out.
    if (report.sqlstate == "55000" &&
        report.message.find("skipped loading publication") != std::string_view::npos) {
      fail(with_reason(absl::FailedPreconditionError(
                           concat("postgres slot \"", options_.slot_name, "\": ", report.message,
                                  ": publication \"", options_.publication_name,
                                  "\" did not exist at this place of the log; its changes would be "
                                  "skipped. Create the publication before the slot")),
                       ReasonCode::kPublicationSkipped));
      return;
    }
    log_warn("postgres", "notice from the server",
             {{"pipeline", options_.pipeline}, {"sqlstate", report.sqlstate}, {"message", report.message}});
    return;
  }
  // Servers fail for ever on a transaction in progress that altered a table in a subtransaction and rolled it
  // back ("could not map filenumber"); the same transaction sent as a whole is no trouble to them.
  if (report.sqlstate.starts_with("XX") && streaming_ != PostgresSourceOptions::Streaming::kOff) {
    streaming_ = PostgresSourceOptions::Streaming::kOff;
    log_warn("postgres", "the server failed while it streamed: from here on whole transactions are asked for",
             {{"pipeline", options_.pipeline}, {"error", report.message}});
    return start_over();
  }
  EdgeFailed failed = classify_(report);
  lost(std::move(failed.status), failed.retryable, now_us);
}

std::int64_t PostgresSource::silence_us(std::int64_t now_us) const {
  return stream_ != nullptr && stream_->armed() ? now_us - heard_at_us_ : 0;
}

bool PostgresSource::receive(std::int64_t now_us) {
  if (stream_->send_error() != 0) {
    lost(broken(concat("cannot send to the server: errno ", stream_->send_error())), true, now_us);
    return true;
  }
  if (!stream_->armed()) {
    // Nothing is read while something waits for room, be it only a position: that is the backpressure, and
    // the buffer moves on only when no whole message is left in it.
    if (!worked_off_) return false;
    if (now_us < next_read_us_) return false;
    const std::span<std::byte> space = buffer_.space();
    if (space.empty()) return false;
    stream_->arm(space);
    next_read_us_ = 0;
    heard_at_us_ = now_us;
  }
  const ReadOutcome outcome = stream_->take();
  switch (outcome.kind) {
    case ReadOutcome::Kind::kPending:
      if (silence_us(now_us) < silence_max_us_) return false;
      silence_factor_ = std::min(silence_factor_ * 2, kSilenceFactorMax);
      lost(broken(concat("nothing came from the server for ", silence_max_us_ / 1'000'000,
                         " s, though it was asked to answer")),
           true, now_us);
      return true;
    case ReadOutcome::Kind::kBytes:
      break;
    case ReadOutcome::Kind::kClosed:
      lost(broken(server_ended_ ? "the server ended the stream" : "the server closed the connection"), true,
           now_us);
      return true;
    case ReadOutcome::Kind::kError:
      lost(broken(concat("cannot read from the server: ",
                         outcome.detail.empty() ? concat("errno ", outcome.error_number) : outcome.detail)),
           true, now_us);
      return true;
  }
  buffer_.received(outcome.bytes);
  gauges_.bytes_received.store(gauges_.bytes_received.load(std::memory_order_relaxed) + outcome.bytes,
                               std::memory_order_relaxed);
  gauges_.last_receive_us.store(now_us, std::memory_order_relaxed);
  (void)work_off(now_us);
  if (stream_ == nullptr) return true;
  const std::int64_t pause_us = gather_.pause_after({outcome.bytes, now_us, lag_us_, reply_requested_});
  reply_requested_ = false;
  next_read_us_ = pause_us == 0 ? 0 : now_us + pause_us;
  return true;
}

bool PostgresSource::send_status(std::int64_t now_us) {
  if (!status_due_ && now_us < next_status_us_) return false;
  // Until the log has shown that it is the one that was read before, its slot stays where it is: moved to our
  // position, it would look proven at the next start.
  const std::uint64_t told = changes_.proven() ? told_ : std::min(told_, changes_.confirmed());
  StandbyStatus status;
  status.written = Lsn{std::max(changes_.received_lsn(), told)};
  status.flushed = Lsn{told};
  status.applied = Lsn{told};
  status.client_time = from_unix_us(clock_.realtime_us());
  status.reply_requested = silence_us(now_us) >= silence_max_us_ / 2;
  if (!stream_->send(encode_standby_status(status))) return false;
  gauges_.told_lsn.store(told, std::memory_order_relaxed);
  status_due_ = false;
  next_status_us_ = now_us + status_interval_us_;
  return true;
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
