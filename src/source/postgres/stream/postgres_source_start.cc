// SPDX-License-Identifier: Apache-2.0
// From the first question to the server to the stream: what the edge answers, the plan made of it, the
// snapshot.
#include "source/postgres/stream/postgres_source.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::postgres {

namespace {

constexpr std::int64_t kSilenceUs = 60'000'000;  // where the server has no wal_sender_timeout

template <class... Variants>
struct Overloaded : Variants... {
  using Variants::operator()...;
};
template <class... Variants>
Overloaded(Variants...) -> Overloaded<Variants...>;

}  // namespace

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

}  // namespace millrace::postgres
