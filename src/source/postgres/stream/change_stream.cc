// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/change_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/concat.h"
#include "base/failpoint.h"
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
  MILLRACE_FAILPOINT(kSourceHeld, return fail(injected));
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

}  // namespace millrace::postgres
