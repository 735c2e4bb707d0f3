// SPDX-License-Identifier: Apache-2.0
// pgoutput's messages in, committed changes out: which transaction is open, which are held back until they
// commit, which were delivered before and are dropped, and where the log may be resumed.
#pragma once
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/change/relation.h"
#include "millrace/source/postgres/messages.h"
#include "millrace/source/postgres/replication.h"
#include "runtime/slab.h"
#include "source/batch_builder.h"
#include "source/postgres/catalog_types.h"
#include "source/postgres/stream/held_transactions.h"
#include "source/postgres/stream/position.h"

namespace millrace::postgres {

/// Makes relation versions. Cold path: called when a table is announced.
class RelationFactory {
 public:
  virtual ~RelationFactory() = default;
  /// False: the table is filtered out, and the catalog need not be asked.
  virtual bool captures(std::string_view schema, std::string_view table) const = 0;
  /// A version for what was announced. `described` is what the catalog says now (nullptr for tables that are
  /// not captured). Returns the version it made before when nothing has changed. Errors stop the pipeline.
  virtual absl::StatusOr<RelationPtr> make(const RelationView& announced,
                                           const TableDescription* described) = 0;
};

/// A transaction on its way out of being held.
struct HeldReplay {
  std::unique_ptr<HeldTransaction> held;
  std::uint64_t offset = 0;
  Slab* slab = nullptr;  ///< Holds bytes of the log [slab_begin, slab_begin + slab->filled).
  std::uint64_t slab_begin = 0;
  std::uint64_t commit_lsn = 0;
  std::uint64_t end_lsn = 0;
};

/// Owner: the ingest's thread. No I/O but scratch files; no clock.
class ChangeStream {
 public:
  enum class Result : std::uint8_t {
    kOk,
    kBlocked,     ///< No batch or slab is free: call again with the same message, or replay() again.
    kNeedsTable,  ///< Ask the catalog for needed_table(), then described(), then the same message again.
    kReplaying,   ///< A held transaction has committed: call replay(), turn by turn, until it says kOk.
    kNeedsCheck,  ///< Ask what became of unchecked(), then checked(), then the same message again.
    kNeedsWhole,  ///< A transaction in progress cannot be told apart: begin a session without streaming.
    kFailed,      ///< status() says why.
  };
  struct Counters {
    std::uint64_t changes = 0;  ///< As the server sent them, dropped and filtered ones included.
    std::uint64_t transactions = 0;
    std::uint64_t dropped_transactions = 0;  ///< Delivered before.
    std::uint64_t rolled_back = 0;           ///< Held transactions that were rolled back.
    std::uint64_t replay_chunks = 0;
  };

  ChangeStream(BatchBuilder& builder, SlabPool& slabs, RelationFactory& relations, HeldBudget& budget,
               ScratchStore& scratch, std::string slot_name);
  ~ChangeStream();

  /// Begins a session of the stream: the server sends from its slot's confirmed position.
  /// @param resume           what is delivered (or in the pipeline) already; smaller commits are dropped.
  /// @param confirmed        the slot's confirmed_flush_lsn: from where the server sends.
  /// @param abort_with_lsn   the stream was started with streaming 'parallel'.
  void begin_session(const LogPosition& resume, std::uint64_t confirmed, bool abort_with_lsn);

  /// One pgoutput message. `slab` holds its bytes.
  Result handle(const WalMessage& message, Slab* slab);
  /// A few megabytes of what has committed.
  Result replay();

  std::uint32_t needed_table() const noexcept { return needed_table_; }
  void described(TableDescription description) { description_ = std::move(description); }

  /// The server's end of log in a keepalive: with no transaction open, everything below it has been seen.
  /// @return false when no batch is free: try again later.
  bool idle_at(std::uint64_t end_of_wal, bool checkpoint_now);

  /// Between transactions: nothing is half read. Streamed transactions that are not committed do not count.
  bool between_transactions() const noexcept { return !transaction_open_ && !replaying_; }

  /// Where the stream stands: everything below has been pushed.
  const LogPosition& position() const noexcept { return position_; }
  /// The last delivered transaction came again, or need not: the log is the one that was read before.
  bool proven() const noexcept { return !proof_pending_; }
  /// Where the session's slot stood when it began.
  std::uint64_t confirmed() const noexcept { return confirmed_; }
  /// Highest position seen in any message.
  /// Subtransactions that a commit at hand would publish.
  const std::vector<std::uint32_t>& unchecked() const noexcept { return unchecked_; }
  void checked(bool none_rolled_back);
  /// For people: the row that a message begins, of which only the first bytes are here.
  std::string name_of(std::span<const std::byte> body_begin);
  std::uint64_t received_lsn() const noexcept { return received_lsn_; }
  /// Commit time of the open transaction, Unix microseconds; 0 outside. With a replication origin: the
  /// origin's clock.
  std::int64_t open_commit_time_us() const noexcept {
    return transaction_open_ && context_.origin.empty() ? context_.commit_time_us : 0;
  }

  const absl::Status& status() const noexcept { return status_; }
  const Counters& counters() const noexcept { return counters_; }
  std::size_t held_transactions() const noexcept { return streamed_.size() + prepared_.size(); }

 private:
  struct Prepared {
    std::unique_ptr<HeldTransaction> held;
    std::uint64_t prepare_lsn = 0;
  };
  /// Before a streamed transaction is believed: did the server say of every subtransaction that was rolled
  /// back?
  Result check_subtransactions(const HeldTransaction& held, std::uint32_t xid);
  Result row(const MessageHead& head, const WalMessage& message, Slab* slab);
  Result goes_out_row(const MessageHead& head, const WalMessage& message, Slab* slab,
                      const RelationPtr& relation);
  Result truncate(const MessageHead& head, const WalMessage& message, Slab* slab);
  Result logical_message(const MessageHead& head, const WalMessage& message, Slab* slab);
  Result relation(const MessageHead& head, const WalMessage& message);
  Result origin(const MessageHead& head, const WalMessage& message);
  Result begin(const WalMessage& message);
  Result commit(const WalMessage& message);
  Result stream_start(const WalMessage& message);
  Result stream_stop(const WalMessage& message);
  Result stream_commit(const WalMessage& message);
  Result stream_abort(const WalMessage& message);
  Result begin_prepare(const WalMessage& message);
  Result prepare(const WalMessage& message);
  Result stream_prepare(const WalMessage& message);
  Result commit_prepared(const WalMessage& message);
  Result rollback_prepared(const WalMessage& message);

  /// Opens a transaction that goes out: sets the context, decides whether it was delivered before.
  Result open_transaction(std::uint32_t xid, std::uint64_t commit_lsn, std::int64_t commit_time_us);
  /// Counts an event and says whether it goes out: false when it was delivered before. A change is one event,
  /// a truncate one for each table; `changes` is 0 for its second and later ones.
  bool count_event(std::uint32_t changes) noexcept;
  /// DataLoss when the server has passed `passed` without sending again what it must.
  absl::Status same_history(std::uint64_t passed) const;
  /// The open transaction, or one whose rows did not come, was delivered before. Fails when it shows that the
  /// log is another one.
  Result drop_transaction(const TransactionIdentity& again);
  Result close_transaction(std::uint64_t commit_lsn, std::uint64_t end_lsn);
  Result start_replay(std::unique_ptr<HeldTransaction> held, std::uint32_t xid, std::uint64_t commit_lsn,
                      std::uint64_t end_lsn, std::int64_t commit_time_us);
  Slab* replay_slab(std::size_t bytes_wanted);
  Result hold(HeldTransaction& held, const MessageHead& head, const WalMessage& message, ChangeKind kind,
              const RelationPtr& relation, std::uint32_t changes);
  RelationPtr find_relation(std::uint32_t oid);
  void place_mark(bool checkpoint_now = false);
  std::uint64_t tell_limit(std::uint64_t lsn) const noexcept;

  Result bad(std::string_view what, std::uint64_t at, DecodeError error);
  Result fail(absl::Status status);

  BatchBuilder& builder_;
  SlabPool& slabs_;
  RelationFactory& factory_;
  HeldBudget& budget_;
  ScratchStore& scratch_;
  const std::string slot_name_;

  // The session.
  bool abort_with_lsn_ = false;
  std::uint64_t confirmed_ = 0;
  std::uint64_t passed_ = 0;  ///< Everything below has come, in this session or before it began.
  LogPosition position_;
  std::uint64_t received_lsn_ = 0;
  absl::Status status_;

  // The proof that the log is the same one: the last delivered transaction must come again when the server
  // starts below it. Pending until it came, or a later one came without it.
  bool proof_pending_ = false;

  // What was pushed of a transaction whose end was not: a new session sends it again from its first change.
  std::uint64_t partial_commit_lsn_ = 0;
  std::uint64_t partial_events_ = 0;

  // The open transaction.
  bool transaction_open_ = false;
  bool delivered_before_ = false;   ///< It lies below position_.lsn: its changes are dropped.
  std::uint64_t skip_events_ = 0;   ///< Its first events were pushed in an earlier session.
  std::uint64_t event_index_ = 0;   ///< Events of it so far.
  std::uint64_t change_index_ = 0;  ///< Committed changes of it so far, as the server counts them.
  TransactionContext context_;

  // Relations of what is committed; streamed transactions keep their own until they commit.
  absl::flat_hash_map<std::uint64_t, Announcement> announced_;
  std::uint64_t announcements_ = 0;
  std::uint32_t last_oid_ = 0;
  RelationPtr last_relation_;
  std::uint32_t needed_table_ = 0;
  std::vector<std::uint32_t> unchecked_;
  std::optional<bool> subtransactions_fine_;  ///< The answer, for the message at hand.
  std::optional<TableDescription> description_;
  std::vector<ColumnView> column_storage_;

  // Transactions in progress, by top xid; the one whose block is open.
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<HeldTransaction>> streamed_;
  HeldTransaction* block_ = nullptr;
  std::uint32_t block_xid_ = 0;
  // Prepared ones, by gid, and the one between b and P.
  std::map<std::string, Prepared, std::less<>> prepared_;
  std::unique_ptr<HeldTransaction> preparing_;
  std::uint32_t preparing_xid_ = 0;

  std::optional<HeldReplay> replaying_;
  bool mark_owed_ = false;  ///< position_ moved, but no batch was free for its mark.
  std::uint64_t truncate_next_ =
      0;  ///< Tables of the message at hand that are out already, when it was blocked.
  Counters counters_;
};

}  // namespace millrace::postgres
