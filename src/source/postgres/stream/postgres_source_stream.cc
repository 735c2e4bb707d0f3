// SPDX-License-Identifier: Apache-2.0
// The stream: reading, frames, changes, keepalives, reports, and what the server is told.
#include "source/postgres/stream/postgres_source.h"

#include <absl/strings/str_replace.h>

#include <algorithm>

#include "base/concat.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/reason_code.h"

namespace millrace::postgres {

namespace {

constexpr std::int64_t kIdleMarkUs = 100'000;  // keepalives may come with every write of another database
constexpr std::int64_t kSilenceFactorMax = 96;

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
      worked = true;
      if (result == ChangeStream::Result::kReplaying) break;
      replaying_ = false;
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
  if (worked && state_ == State::kStreaming) {
    MILLRACE_FAILPOINT(kBatchPushed, lost(injected, true, now_us));
  }
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
      if (options_.troubles != nullptr) options_.troubles->passed(Troubles::Of::kSource);
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
      start_over(now_us);  // nothing has failed
      return false;
    case ChangeStream::Result::kFailed:
      fail(changes_.status());
      return false;
  }
  MILLRACE_FAILPOINT(kSourceDecoded, fail(injected); return false);
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
    return start_over(now_us);
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
  MILLRACE_FAILPOINT(kSourceReceived, lost(injected, true, now_us); return true);
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
  // What cannot be sent loses the connection, unless it is being closed anyway.
  MILLRACE_FAILPOINT(kToldDue, if (state_ == State::kStreaming) lost(injected, true, now_us); return false);
  if (!stream_->send(encode_standby_status(status))) return false;
  MILLRACE_FAILPOINT(kToldSent, if (state_ == State::kStreaming) lost(injected, true, now_us); return false);
  gauges_.told_lsn.store(told, std::memory_order_relaxed);
  status_due_ = false;
  next_status_us_ = now_us + status_interval_us_;
  return true;
}

}  // namespace millrace::postgres
