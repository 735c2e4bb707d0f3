// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/change_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace::postgres {

using Result = ChangeStream::Result;

namespace {
std::string at_lsn(std::uint64_t lsn) { return to_string(Lsn{lsn}); }
}  // namespace

ChangeStream::ChangeStream(BatchBuilder& builder, SlabPool& slabs, RelationFactory& relations,
                           HeldBudget& budget, ScratchStore& scratch, std::string slot_name)
    : builder_(builder),
      slabs_(slabs),
      factory_(relations),
      budget_(budget),
      scratch_(scratch),
      slot_name_(std::move(slot_name)),
      column_storage_(kColumnsMax) {}

ChangeStream::~ChangeStream() {
  if (replaying_ && replaying_->slab != nullptr) slabs_.release(replaying_->slab);
}

Result ChangeStream::fail(absl::Status status) {
  status_ = std::move(status);
  return Result::kFailed;
}

Result ChangeStream::bad(std::string_view what, std::uint64_t at, DecodeError error) {
  return fail(with_reason(
      absl::DataLossError(concat("postgres slot \"", slot_name_, "\": bad ", what, " at ", at_lsn(at),
                                 ", byte ", error.byte_offset, ": ", to_string(error.reason))),
      ReasonCode::kSourceProtocol));
}

void ChangeStream::begin_session(const LogPosition& resume, std::uint64_t confirmed, bool abort_with_lsn) {
  if (transaction_open_ && !delivered_before_) {
    // Part of it is in the pipeline already. It comes again from its first change, with the same commit LSN.
    partial_commit_lsn_ = context_.commit_position;
    partial_events_ = std::max(event_index_, skip_events_);
  }
  transaction_open_ = false;
  if (replaying_ && replaying_->slab != nullptr) slabs_.release(replaying_->slab);
  replaying_.reset();
  truncate_next_ = 0;
  streamed_.clear();
  prepared_.clear();
  preparing_.reset();
  block_ = nullptr;
  subtransactions_fine_.reset();
  // The server announces every table again.
  announced_.clear();
  last_oid_ = 0;
  last_relation_ = nullptr;
  description_.reset();
  status_ = absl::OkStatus();

  abort_with_lsn_ = abort_with_lsn;
  confirmed_ = confirmed;
  passed_ = confirmed;
  position_ = resume;
  received_lsn_ = std::max(resume.lsn, confirmed);
  proof_pending_ = resume.last.changes != 0 && confirmed <= resume.last.commit_lsn;
}

// --- the message at hand
// -------------------------------------------------------------------------------------------

Result ChangeStream::handle(const WalMessage& message, Slab* slab) {
  if (!status_.ok()) return Result::kFailed;
  MessageHead head;
  if (const DecodeError error = peek(message.body, block_ != nullptr, head)) {
    return bad("message", value_of(message.wal_start), error);
  }
  received_lsn_ = std::max(received_lsn_, value_of(message.wal_start));
  switch (head.type) {
    case MessageType::kInsert:
    case MessageType::kUpdate:
    case MessageType::kDelete:
      return row(head, message, slab);
    case MessageType::kBegin:
      return begin(message);
    case MessageType::kCommit:
      return commit(message);
    case MessageType::kOrigin:
      return origin(head, message);
    case MessageType::kRelation:
      return relation(head, message);
    case MessageType::kType: {
      // The catalog describes types with their tables; what stands here must be well formed all the same.
      TypeView type;
      if (const DecodeError error = decode_type(fields_of(message.body, head), type)) {
        return bad("Type", value_of(message.wal_start), error);
      }
      return Result::kOk;
    }
    case MessageType::kTruncate:
      return truncate(head, message, slab);
    case MessageType::kMessage:
      return logical_message(head, message, slab);
    case MessageType::kStreamStart:
      return stream_start(message);
    case MessageType::kStreamStop:
      return stream_stop(message);
    case MessageType::kStreamCommit:
      return stream_commit(message);
    case MessageType::kStreamAbort:
      return stream_abort(message);
    case MessageType::kBeginPrepare:
      return begin_prepare(message);
    case MessageType::kPrepare:
      return prepare(message);
    case MessageType::kStreamPrepare:
      return stream_prepare(message);
    case MessageType::kCommitPrepared:
      return commit_prepared(message);
    case MessageType::kRollbackPrepared:
      return rollback_prepared(message);
  }
  return bad("message", value_of(message.wal_start), {Reason::kUnknownMessage, 0});
}

namespace {
ChangeKind kind_of(MessageType type) {
  switch (type) {
    case MessageType::kUpdate:
      return ChangeKind::kUpdate;
    case MessageType::kDelete:
      return ChangeKind::kDelete;
    default:
      return ChangeKind::kInsert;
  }
}
Cursor fields_behind_type(std::span<const std::byte> body) {
  Cursor in(body);
  (void)in.u8();
  return in;
}
}  // namespace

std::string ChangeStream::name_of(std::span<const std::byte> body_begin) {
  std::string name = concat("a message behind ", at_lsn(received_lsn_));
  WalMessage message;
  MessageHead head;
  if (decode_wal_message(Cursor(body_begin), message) || message.kind != WalMessageKind::kXLogData ||
      peek(message.body, block_ != nullptr, head)) {
    return name;
  }
  if (const RelationPtr relation = find_relation(value_of(head.relation)); relation != nullptr) {
    name = concat("a row of table ", relation->schema, ".", relation->table, " at ",
                  at_lsn(value_of(message.wal_start)));
  }
  return name;
}

RelationPtr ChangeStream::find_relation(std::uint32_t oid) {
  if (block_ != nullptr) {
    if (RelationPtr own = block_->find_relation(oid)) return own;
  } else if (preparing_ == nullptr && oid == last_oid_) {
    return last_relation_;
  }
  const auto found = announced_.find(oid);
  if (found == announced_.end()) return nullptr;
  if (block_ == nullptr) {
    last_oid_ = oid;
    last_relation_ = found->second.relation;
  }
  return found->second.relation;
}

Result ChangeStream::row(const MessageHead& head, const WalMessage& message, Slab* slab) {
  const std::uint64_t lsn = value_of(message.wal_start);
  const std::uint32_t oid = value_of(head.relation);
  const bool goes_out = block_ == nullptr && preparing_ == nullptr;
  if (goes_out && oid == last_oid_ && last_relation_ != nullptr) [[likely]] {
    // The common row: no reference count is touched.
    return goes_out_row(head, message, slab, last_relation_);
  }
  const RelationPtr relation = find_relation(oid);
  if (relation == nullptr) return bad("row", lsn, {Reason::kUnknownRelation, head.fields_at});
  if (goes_out) return goes_out_row(head, message, slab, relation);
  HeldTransaction& held = block_ != nullptr ? *block_ : *preparing_;
  return hold(held, head, message, kind_of(head.type), relation, 1);
}

Result ChangeStream::goes_out_row(const MessageHead& head, const WalMessage& message, Slab* slab,
                                  const RelationPtr& relation) {
  if (!transaction_open_) return bad("row", value_of(message.wal_start), {Reason::kOutOfOrder, 0});
  if (!builder_.open()) return Result::kBlocked;
  ++counters_.changes;
  if (!count_event(1) || !relation->captured) return Result::kOk;
  Change change;
  change.body = message.body.data();
  change.size = static_cast<std::uint32_t>(message.body.size());
  change.kind = kind_of(head.type);
  change.position = value_of(message.wal_start);
  builder_.add(change, relation, context_, slab);
  return Result::kOk;
}

Result ChangeStream::hold(HeldTransaction& held, const MessageHead& head, const WalMessage& message,
                          ChangeKind kind, const RelationPtr& relation, std::uint32_t changes) {
  HeldHeader header;
  header.lsn = value_of(message.wal_start);
  header.kind = kind;
  header.changes = changes;
  header.relation = relation == nullptr ? kNoHeldRelation : held.relation_index(relation);
  const std::uint32_t xid = block_ != nullptr ? value_of(head.xid) : preparing_xid_;
  counters_.changes += changes;
  absl::Status status = held.append(xid, header, message.body[0], message.body.subspan(head.fields_at));
  if (!status.ok()) return fail(with_reason(std::move(status), ReasonCode::kMemoryLimit));
  // Millions of subtransactions: the server keeps them better.
  return block_ != nullptr && budget_.crowded() ? Result::kNeedsWhole : Result::kOk;
}

Result ChangeStream::truncate(const MessageHead& head, const WalMessage& message, Slab* slab) {
  const std::uint64_t lsn = value_of(message.wal_start);
  TruncateView view;
  if (const DecodeError error = decode_truncate(fields_of(message.body, head), view))
    return bad("Truncate", lsn, error);
  const bool held = block_ != nullptr || preparing_ != nullptr;
  if (!held && !transaction_open_) return bad("Truncate", lsn, {Reason::kOutOfOrder, 0});
  for (std::size_t i = truncate_next_; i < view.relation_count(); ++i) {
    const RelationPtr relation = find_relation(value_of(view.relation(i)));
    if (relation == nullptr) {
      return bad("Truncate", lsn,
                 {Reason::kUnknownRelation, static_cast<std::uint32_t>(head.fields_at + 5 + 4 * i)});
    }
    // One message is one change, however many tables it names.
    const std::uint32_t counted = i == 0 ? 1 : 0;
    if (held) {
      HeldTransaction& into = block_ != nullptr ? *block_ : *preparing_;
      const Result kept = hold(into, head, message, ChangeKind::kTruncate, relation, counted);
      if (kept != Result::kOk) return kept;
      continue;
    }
    if (!builder_.open()) {
      truncate_next_ = i;
      return Result::kBlocked;
    }
    counters_.changes += counted;
    if (!count_event(counted) || !relation->captured) continue;
    Change change;
    change.body = message.body.data();
    change.size = static_cast<std::uint32_t>(message.body.size());
    change.kind = ChangeKind::kTruncate;
    change.position = lsn;
    builder_.add(change, relation, context_, slab);
  }
  truncate_next_ = 0;
  return Result::kOk;
}

Result ChangeStream::logical_message(const MessageHead& head, const WalMessage& message, Slab* slab) {
  const std::uint64_t at = value_of(message.wal_start);
  LogicalMessageView view;
  if (const DecodeError error = decode_logical_message(fields_of(message.body, head), view)) {
    return bad("Message", at, error);
  }
  const std::uint64_t lsn = value_of(view.lsn);
  if (view.transactional) {
    if (block_ != nullptr) return hold(*block_, head, message, ChangeKind::kMessage, nullptr, 1);
    if (preparing_ != nullptr) return hold(*preparing_, head, message, ChangeKind::kMessage, nullptr, 1);
    if (!transaction_open_) return bad("Message", at, {Reason::kOutOfOrder, 0});
  } else if (lsn <= position_.lsn) {
    return Result::kOk;  // delivered before
  } else if (const absl::Status same = same_history(lsn); !transaction_open_ && !same.ok()) {
    return fail(same);
  }
  if (!builder_.open()) return Result::kBlocked;
  ++counters_.changes;
  if (view.transactional && !count_event(1)) return Result::kOk;
  TransactionContext alone;
  if (!view.transactional) {
    // Effective at once, whatever becomes of the transaction it was written in; there is no commit time. It
    // takes that of the last transaction that a position knows, so that it is made the same after a restart.
    alone.commit_time_us = position_.last.commit_time_us;
    alone.commit_position = lsn;
    alone.previous_commit = position_.last.end_lsn;
    builder_.next_transaction();
  }
  Change change;
  if (head.fields_at == 1) {
    change.body = message.body.data();
    change.size = static_cast<std::uint32_t>(message.body.size());
  } else {
    // Inside a stream block an xid stands between the type and the fields. The body goes on without it: the
    // type byte takes the place of the xid's last byte, in memory that nobody reads again.
    change.body = message.body.data() + head.fields_at - 1;
    change.size = static_cast<std::uint32_t>(message.body.size() - head.fields_at + 1);
    const_cast<std::byte*>(change.body)[0] = message.body[0];
  }
  change.kind = ChangeKind::kMessage;
  change.position = lsn;
  builder_.add(change, nullptr, view.transactional ? context_ : alone, slab);
  if (!view.transactional) {
    builder_.next_transaction();
    if (!transaction_open_) {
      if (!builder_.open()) {
        // The change filled the last free batch: its mark goes out with what comes next.
        mark_owed_ = true;
      }
      passed_ = std::max(passed_, lsn);
      position_.lsn = lsn;
      if (!mark_owed_) place_mark();
    }
  }
  return Result::kOk;
}

Result ChangeStream::relation(const MessageHead& head, const WalMessage& message) {
  const std::uint64_t lsn = value_of(message.wal_start);
  RelationView view;
  if (const DecodeError error = decode_relation(fields_of(message.body, head), column_storage_, view)) {
    return bad("Relation", lsn == 0 ? received_lsn_ : lsn, error);
  }
  if (view.schema.empty()) view.schema = "pg_catalog";
  const std::uint32_t oid = value_of(view.oid);
  const TableDescription* described = nullptr;
  if (factory_.captures(view.schema, view.name)) {
    if (!description_ || description_->oid != oid) {
      needed_table_ = oid;
      return Result::kNeedsTable;
    }
    described = &*description_;
  }
  absl::StatusOr<RelationPtr> made = factory_.make(view, described);
  description_.reset();
  if (!made.ok()) return fail(made.status());
  if (block_ != nullptr) {
    // The shape as of this transaction: others do not see it before it commits.
    block_->set_relation({*made, ++announcements_});
    return Result::kOk;
  }
  announced_[oid] = {*made, ++announcements_};
  last_oid_ = 0;
  last_relation_ = nullptr;
  return Result::kOk;
}

Result ChangeStream::origin(const MessageHead& head, const WalMessage& message) {
  OriginView view;
  if (const DecodeError error = decode_origin(fields_of(message.body, head), view)) {
    return bad("Origin", received_lsn_, error);
  }
  if (block_ != nullptr || preparing_ != nullptr) {
    HeldTransaction& held = block_ != nullptr ? *block_ : *preparing_;
    held.origin.assign(view.name);
    // Of a transaction that is in progress the server does not tell the origin's position; it sends zero.
    held.origin_position = block_ != nullptr ? kPositionUnknown : value_of(view.commit_lsn);
    return Result::kOk;
  }
  if (!transaction_open_) return bad("Origin", received_lsn_, {Reason::kOutOfOrder, 0});
  context_.origin.assign(view.name);
  context_.origin_position = value_of(view.commit_lsn);
  builder_.next_transaction();
  return Result::kOk;
}

// --- transactions that go out
// --------------------------------------------------------------------------------------

Result ChangeStream::open_transaction(std::uint32_t xid, std::uint64_t commit_lsn,
                                      std::int64_t commit_time_us) {
  delivered_before_ = commit_lsn < position_.lsn;
  skip_events_ = 0;
  event_index_ = 0;
  change_index_ = 0;
  if (!delivered_before_) {
    if (const absl::Status same = same_history(commit_lsn); !same.ok()) return fail(same);
    if (partial_commit_lsn_ == commit_lsn) skip_events_ = partial_events_;
  }
  transaction_open_ = true;
  context_ = TransactionContext{};
  context_.id = xid;
  context_.commit_time_us = commit_time_us;
  context_.commit_position = commit_lsn;
  context_.previous_commit = position_.last.end_lsn;
  builder_.next_transaction();
  return Result::kOk;
}

absl::Status ChangeStream::same_history(std::uint64_t passed) const {
  const auto changed = [&](std::string_view what, std::uint64_t expected) {
    return with_reason(
        absl::DataLossError(concat(
            "postgres slot \"", slot_name_, "\": the log is not the one that was read before: ", what, " at ",
            at_lsn(expected), " was delivered, but the server, sending from ", at_lsn(confirmed_),
            ", passed it without "
            "sending it and is at ",
            at_lsn(passed),
            ". The server was restored from a backup, failed over to a standby without it, or is another "
            "one")),
        ReasonCode::kSourceHistoryChanged);
  };
  if (proof_pending_ && passed > position_.last.commit_lsn) {
    return changed("the transaction with its commit", position_.last.commit_lsn);
  }
  if (partial_commit_lsn_ != 0 && passed > partial_commit_lsn_) {
    return changed("the first part of the transaction with its commit", partial_commit_lsn_);
  }
  return absl::OkStatus();
}

bool ChangeStream::count_event(std::uint32_t changes) noexcept {
  change_index_ += changes;
  ++event_index_;
  return !delivered_before_ && event_index_ > skip_events_;
}

Result ChangeStream::drop_transaction(const TransactionIdentity& again) {
  passed_ = std::max(passed_, again.end_lsn);
  if (position_.last.changes != 0 && again.changes != 0) {
    const bool is_last = again.commit_lsn == position_.last.commit_lsn;
    if (is_last ? again != position_.last : again.commit_lsn > position_.last.commit_lsn) {
      return fail(with_reason(
          absl::DataLossError(concat("postgres slot \"", slot_name_,
                                     "\": the log is not the one that was read before: the server sends a "
                                     "transaction with its commit at ",
                                     at_lsn(again.commit_lsn), " (xid ", again.xid, ", ", again.changes,
                                     " changes), below the delivered position ", at_lsn(position_.lsn),
                                     ", whose last transaction has its "
                                     "commit at ",
                                     at_lsn(position_.last.commit_lsn), " (xid ", position_.last.xid, ", ",
                                     position_.last.changes, " changes)")),
          ReasonCode::kSourceHistoryChanged));
    }
    if (is_last) proof_pending_ = false;
  }
  ++counters_.dropped_transactions;
  transaction_open_ = false;
  return Result::kOk;
}

Result ChangeStream::close_transaction(std::uint64_t commit_lsn, std::uint64_t end_lsn) {
  if (delivered_before_) {
    return drop_transaction({commit_lsn, end_lsn, static_cast<std::uint32_t>(context_.id),
                             context_.commit_time_us, change_index_});
  }
  passed_ = std::max(passed_, end_lsn);
  if (event_index_ < skip_events_) {
    return fail(with_reason(
        absl::DataLossError(concat("postgres slot \"", slot_name_, "\": the transaction with its commit at ",
                                   at_lsn(commit_lsn), " came again with ", event_index_, " changes, but ",
                                   skip_events_, " of it were read before the connection was lost")),
        ReasonCode::kSourceHistoryChanged));
  }
  if (!builder_.open()) return Result::kBlocked;
  transaction_open_ = false;
  partial_commit_lsn_ = 0;
  partial_events_ = 0;
  ++counters_.transactions;
  position_.lsn = end_lsn;
  if (change_index_ != 0) {
    position_.last = {commit_lsn, end_lsn, static_cast<std::uint32_t>(context_.id), context_.commit_time_us,
                      change_index_};
  }
  place_mark();
  return Result::kOk;
}

std::uint64_t ChangeStream::tell_limit(std::uint64_t lsn) const noexcept {
  // A session begins below the position, and what is prepared there comes again: until it came, nobody knows.
  lsn = std::min(lsn, passed_);
  for (const auto& [gid, prepared] : prepared_) lsn = std::min(lsn, prepared.prepare_lsn);
  return lsn;
}

void ChangeStream::place_mark(bool checkpoint_now) {
  // What could be told once can be told for ever.
  position_.tell = std::max(position_.tell, tell_limit(position_.lsn));
  builder_.mark(to_mark(position_), checkpoint_now);
  mark_owed_ = false;
}

bool ChangeStream::idle_at(std::uint64_t end_of_wal, bool checkpoint_now) {
  received_lsn_ = std::max(received_lsn_, end_of_wal);
  if (!between_transactions() || !status_.ok()) return true;
  passed_ = std::max(passed_, end_of_wal);
  if (const absl::Status same = same_history(end_of_wal); !same.ok()) {
    status_ = same;
    return true;
  }
  const bool moves = end_of_wal > position_.lsn || tell_limit(position_.lsn) > position_.tell;
  if (!moves && !checkpoint_now && !mark_owed_) return true;
  if (!builder_.open()) return false;
  position_.lsn = std::max(position_.lsn, end_of_wal);
  place_mark(checkpoint_now);
  return true;
}

Result ChangeStream::begin(const WalMessage& message) {
  Begin begin;
  if (const DecodeError error = decode_begin(fields_behind_type(message.body), begin)) {
    return bad("Begin", received_lsn_, error);
  }
  if (transaction_open_ || preparing_ != nullptr)
    return bad("Begin", received_lsn_, {Reason::kOutOfOrder, 0});
  return open_transaction(value_of(begin.xid), value_of(begin.final_lsn), to_unix_us(begin.commit_time));
}

Result ChangeStream::commit(const WalMessage& message) {
  const std::uint64_t lsn = value_of(message.wal_start);
  Commit commit;
  if (const DecodeError error = decode_commit(fields_behind_type(message.body), commit))
    return bad("Commit", lsn, error);
  if (!transaction_open_) return bad("Commit", lsn, {Reason::kOutOfOrder, 0});
  if (value_of(commit.commit_lsn) != context_.commit_position || commit.end_lsn <= commit.commit_lsn) {
    return bad("Commit", lsn, {Reason::kBadValue, 2});
  }
  return close_transaction(value_of(commit.commit_lsn), value_of(commit.end_lsn));
}

// --- transactions that are held
// ------------------------------------------------------------------------------------

Result ChangeStream::stream_start(const WalMessage& message) {
  StreamStart start;
  if (const DecodeError error = decode_stream_start(fields_behind_type(message.body), start)) {
    return bad("StreamStart", received_lsn_, error);
  }
  if (transaction_open_ || preparing_ != nullptr)
    return bad("StreamStart", received_lsn_, {Reason::kOutOfOrder, 0});
  block_xid_ = value_of(start.xid);
  auto& held = streamed_[block_xid_];
  // A block that is not the first of a transaction we hold nothing of: its beginning is lost.
  if ((held == nullptr) != start.first_segment)
    return bad("StreamStart", received_lsn_, {Reason::kOutOfOrder, 5});
  if (held == nullptr) held = std::make_unique<HeldTransaction>(budget_, scratch_);
  block_ = held.get();
  return Result::kOk;
}

Result ChangeStream::stream_stop(const WalMessage& message) {
  if (const DecodeError error = decode_stream_stop(fields_behind_type(message.body))) {
    return bad("StreamStop", received_lsn_, error);
  }
  block_ = nullptr;
  return Result::kOk;
}

Result ChangeStream::check_subtransactions(const HeldTransaction& held, std::uint32_t xid) {
  if (const std::optional<bool> fine = std::exchange(subtransactions_fine_, std::nullopt)) {
    return *fine ? Result::kOk : Result::kNeedsWhole;
  }
  unchecked_ = held.subtransactions(xid);
  return unchecked_.empty() ? Result::kOk : Result::kNeedsCheck;
}

void ChangeStream::checked(bool none_rolled_back) { subtransactions_fine_ = none_rolled_back; }

Result ChangeStream::stream_commit(const WalMessage& message) {
  StreamCommit commit;
  if (const DecodeError error = decode_stream_commit(fields_behind_type(message.body), commit)) {
    return bad("StreamCommit", received_lsn_, error);
  }
  const auto found = streamed_.find(value_of(commit.xid));
  if (found == streamed_.end() || transaction_open_ || preparing_ != nullptr) {
    return bad("StreamCommit", received_lsn_, {Reason::kOutOfOrder, 1});
  }
  if (commit.end_lsn <= commit.commit_lsn) return bad("StreamCommit", received_lsn_, {Reason::kBadValue, 14});
  if (const Result known = check_subtransactions(*found->second, found->first); known != Result::kOk)
    return known;
  std::unique_ptr<HeldTransaction> held = std::move(found->second);
  streamed_.erase(found);
  return start_replay(std::move(held), value_of(commit.xid), value_of(commit.commit_lsn),
                      value_of(commit.end_lsn), to_unix_us(commit.commit_time));
}

Result ChangeStream::stream_abort(const WalMessage& message) {
  StreamAbort abort;
  if (const DecodeError error =
          decode_stream_abort(fields_behind_type(message.body), abort_with_lsn_, abort)) {
    return bad("StreamAbort", received_lsn_, error);
  }
  const auto found = streamed_.find(value_of(abort.xid));
  if (found == streamed_.end()) return Result::kOk;  // nothing of it was sent
  ++counters_.rolled_back;
  if (abort.subxid == abort.xid) {
    streamed_.erase(found);
    return Result::kOk;
  }
  absl::Status status = found->second->roll_back(value_of(abort.subxid));
  if (!status.ok()) return fail(with_reason(std::move(status), ReasonCode::kMemoryLimit));
  // A message carries the xid of its transaction, not of the subtransaction that wrote it: one that stands
  // before the subtransaction's first row may have been rolled back with it.
  return found->second->has_messages() ? Result::kNeedsWhole : Result::kOk;
}

Result ChangeStream::begin_prepare(const WalMessage& message) {
  PrepareView view;
  if (const DecodeError error = decode_begin_prepare(fields_behind_type(message.body), view)) {
    return bad("BeginPrepare", received_lsn_, error);
  }
  if (transaction_open_ || preparing_ != nullptr)
    return bad("BeginPrepare", received_lsn_, {Reason::kOutOfOrder, 0});
  preparing_ = std::make_unique<HeldTransaction>(budget_, scratch_);
  preparing_xid_ = value_of(view.xid);
  return Result::kOk;
}

Result ChangeStream::prepare(const WalMessage& message) {
  PrepareView view;
  if (const DecodeError error = decode_prepare(fields_behind_type(message.body), view)) {
    return bad("Prepare", received_lsn_, error);
  }
  if (preparing_ == nullptr) return bad("Prepare", received_lsn_, {Reason::kOutOfOrder, 0});
  prepared_[std::string(view.gid)] = {std::move(preparing_), value_of(view.prepare_lsn)};
  return Result::kOk;
}

Result ChangeStream::stream_prepare(const WalMessage& message) {
  PrepareView view;
  if (const DecodeError error = decode_stream_prepare(fields_behind_type(message.body), view)) {
    return bad("StreamPrepare", received_lsn_, error);
  }
  const auto found = streamed_.find(value_of(view.xid));
  if (found == streamed_.end() || transaction_open_)
    return bad("StreamPrepare", received_lsn_, {Reason::kOutOfOrder, 0});
  if (const Result known = check_subtransactions(*found->second, found->first); known != Result::kOk)
    return known;
  prepared_[std::string(view.gid)] = {std::move(found->second), value_of(view.prepare_lsn)};
  streamed_.erase(found);
  return Result::kOk;
}

Result ChangeStream::commit_prepared(const WalMessage& message) {
  CommitPreparedView view;
  if (const DecodeError error = decode_commit_prepared(fields_behind_type(message.body), view)) {
    return bad("CommitPrepared", received_lsn_, error);
  }
  if (transaction_open_ || preparing_ != nullptr)
    return bad("CommitPrepared", received_lsn_, {Reason::kOutOfOrder, 0});
  const std::uint64_t commit_lsn = value_of(view.commit_lsn);
  const auto found = prepared_.find(view.gid);
  if (found == prepared_.end()) {
    if (commit_lsn < position_.lsn) {
      // Delivered before. Its rows were told and do not come again, so that their count cannot be compared.
      return drop_transaction({commit_lsn, value_of(view.end_lsn), value_of(view.xid),
                               to_unix_us(view.commit_time), position_.last.changes});
    }
    return fail(with_reason(
        absl::DataLossError(
            concat("postgres slot \"", slot_name_, "\": prepared transaction '", view.gid, "' commits at ",
                   at_lsn(commit_lsn),
                   ", but its rows were acknowledged to the server before and are not sent again")),
        ReasonCode::kSourceGap));
  }
  std::unique_ptr<HeldTransaction> held = std::move(found->second.held);
  prepared_.erase(found);
  return start_replay(std::move(held), value_of(view.xid), commit_lsn, value_of(view.end_lsn),
                      to_unix_us(view.commit_time));
}

Result ChangeStream::rollback_prepared(const WalMessage& message) {
  RollbackPreparedView view;
  if (const DecodeError error = decode_rollback_prepared(fields_behind_type(message.body), view)) {
    return bad("RollbackPrepared", received_lsn_, error);
  }
  const auto found = prepared_.find(view.gid);
  if (found != prepared_.end()) {
    prepared_.erase(found);
    ++counters_.rolled_back;
  }
  return Result::kOk;
}

// --- from held to out
// ----------------------------------------------------------------------------------------------

Result ChangeStream::start_replay(std::unique_ptr<HeldTransaction> held, std::uint32_t xid,
                                  std::uint64_t commit_lsn, std::uint64_t end_lsn,
                                  std::int64_t commit_time_us) {
  if (open_transaction(xid, commit_lsn, commit_time_us) == Result::kFailed) return Result::kFailed;
  context_.origin = held->origin;
  context_.origin_position = held->origin_position;
  replaying_.emplace();
  replaying_->commit_lsn = commit_lsn;
  replaying_->end_lsn = end_lsn;
  replaying_->held = std::move(held);
  if (delivered_before_) {
    // Its changes need not be looked at, only counted: that is part of the proof.
    change_index_ = replaying_->held->changes();
    replaying_->offset = replaying_->held->size();
  }
  return Result::kReplaying;
}

Slab* ChangeStream::replay_slab(std::size_t bytes_wanted) {
  HeldReplay& replay = *replaying_;
  if (replay.slab != nullptr && replay.offset + bytes_wanted <= replay.slab_begin + replay.slab->filled)
    return replay.slab;
  if (replay.slab != nullptr) {
    slabs_.release(replay.slab);
    replay.slab = nullptr;
  }
  Slab* slab = bytes_wanted <= slabs_.slab_bytes() ? slabs_.take()
                                                   : slabs_.take_oversize(bytes_wanted, slabs_.slab_bytes());
  if (slab == nullptr) return nullptr;
  const auto n =
      static_cast<std::size_t>(std::min<std::uint64_t>(slab->capacity, replay.held->size() - replay.offset));
  slab->filled = n;
  replay.slab = slab;
  replay.slab_begin = replay.offset;
  ++counters_.replay_chunks;
  absl::Status status = replay.held->read(replay.offset, {slab->memory.get(), n});
  if (!status.ok()) {
    status_ = with_reason(std::move(status), ReasonCode::kMemoryLimit);
    return nullptr;
  }
  return slab;
}

Result ChangeStream::replay() {
  if (!status_.ok()) return Result::kFailed;
  if (!replaying_) return Result::kOk;
  HeldReplay& replay = *replaying_;
  while (replay.offset < replay.held->size()) {
    if (!builder_.open()) return Result::kBlocked;
    HeldHeader header;
    Slab* slab = replay_slab(sizeof header);
    if (slab == nullptr) return status_.ok() ? Result::kBlocked : Result::kFailed;
    std::memcpy(&header, slab->memory.get() + (replay.offset - replay.slab_begin), sizeof header);
    const std::size_t whole = sizeof header + header.size;
    slab = replay_slab(whole);
    if (slab == nullptr) return status_.ok() ? Result::kBlocked : Result::kFailed;
    const std::byte* body = slab->memory.get() + (replay.offset - replay.slab_begin) + sizeof header;
    replay.offset += whole;
    if (!count_event(header.changes)) continue;
    static const RelationPtr kNone;
    const RelationPtr& relation =
        header.relation == kNoHeldRelation ? kNone : replay.held->relations()[header.relation];
    if (relation != nullptr && !relation->captured) continue;
    Change change;
    change.body = body;
    change.size = header.size;
    change.kind = header.kind;
    change.position = header.lsn;
    builder_.add(change, relation, context_, slab);
  }
  const Result closed = close_transaction(replay.commit_lsn, replay.end_lsn);
  if (closed != Result::kOk) return closed;
  // What the transaction announced is everybody's now: the server does not announce it again. A
  // subtransaction that is rolled back gives up its locks, so that others may have altered the table since.
  for (const auto& [oid, own] : replay.held->own_relations()) {
    Announcement& known = announced_[oid];
    if (known.number < own.number) known = own;
  }
  last_oid_ = 0;
  last_relation_ = nullptr;
  if (replay.slab != nullptr) slabs_.release(replay.slab);
  replaying_.reset();
  return Result::kOk;
}

}  // namespace millrace::postgres
