// SPDX-License-Identifier: Apache-2.0
// Transactions that go out as they come: begin to commit, what was delivered before, the proof that the log
// is the one that was read, and the marks behind.
#include "source/postgres/stream/change_stream.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace::postgres {

using Result = ChangeStream::Result;

namespace {
std::string at_lsn(std::uint64_t lsn) { return to_string(Lsn{lsn}); }
}  // namespace

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
  // Half of a transaction is out, and the server will go on with it: a mark here would stand in its middle.
  if (partial_events_ != 0) return true;
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

}  // namespace millrace::postgres
