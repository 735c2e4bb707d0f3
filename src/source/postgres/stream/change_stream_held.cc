// SPDX-License-Identifier: Apache-2.0
// Transactions that wait for their commit, streamed in progress or prepared, and how they go out then.
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
// Milliseconds. Rows of tables that are not captured fill no batch, and workers may give batches back as fast
// as they are filled: gigabytes would go by without a status for the server.
constexpr std::uint64_t kReplayBytesPerTurn = 4U << 20;
}  // namespace

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
                   to_string(Lsn{commit_lsn}),
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
  MILLRACE_FAILPOINT(kSourceReplayed, return fail(injected));
  HeldReplay& replay = *replaying_;
  const std::uint64_t turn_ends = replay.offset + kReplayBytesPerTurn;
  while (replay.offset < replay.held->size()) {
    if (replay.offset >= turn_ends) return Result::kReplaying;
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
