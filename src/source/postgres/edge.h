// SPDX-License-Identifier: Apache-2.0
// What the PostgreSQL source asks of the outside world, and what it is told: requests that take time, and
// their answers as events. Production answers with libpq on a thread of its own (session_thread.h);
// simulation with a model server.
#pragma once
#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/byte_stream.h"
#include "source/postgres/catalog_types.h"

namespace millrace::postgres {

/// wal_status of pg_replication_slots, from fine to lost.
inline constexpr std::array<std::string_view, 4> kWalStatuses{"reserved", "extended", "unreserved", "lost"};

/// A row of pg_replication_slots. LSNs are 0 where the server shows NULL.
struct SlotFacts {
  std::string plugin;
  std::string type;  ///< "logical" or "physical"
  std::string database;
  bool temporary = false;
  bool active = false;
  std::int32_t active_pid = 0;
  std::uint64_t restart_lsn = 0;
  std::uint64_t confirmed_flush_lsn = 0;
  std::string wal_status;           ///< reserved, extended, unreserved, lost
  std::string invalidation_reason;  ///< empty: valid
  std::optional<std::int64_t> safe_wal_size;
  bool two_phase = false;
  bool failover = false;
  bool synced = false;
};

/// The server as found before streaming, after the publication has been checked or made.
struct ServerFacts {
  std::int32_t version_num = 0;  ///< 170011 for 17.11
  std::string version_text;
  std::string system_identifier;
  std::uint32_t timeline = 0;
  std::string timeline_history;  ///< The history file's text; empty on timeline 1.
  std::string database;
  std::string wal_level;
  bool in_recovery = false;
  std::uint64_t end_of_wal = 0;  ///< Flush LSN (replay LSN on a standby).
  std::string encoding;
  std::int64_t wal_sender_timeout_ms = 60000;
  std::optional<SlotFacts> slot;  ///< nullopt: no slot of that name.
};

// --- requests
// -----------------------------------------------------------------------------------------------------

/// Connects (again), checks or creates the publication, reads ServerFacts. Closes whatever was open before.
struct GatherFacts {};
/// Creates the slot on a replication connection that stays open and silent, as the snapshot's exporter.
struct CreateSlot {
  bool temporary = false;  ///< For the snapshot beside an existing slot; a name of its own.
  bool export_snapshot = true;
};
/// Imports the snapshot on a connection of its own, lists and describes the captured tables there, and hands
/// that connection over for COPY commands.
struct OpenSnapshot {
  std::string snapshot_name;
};
/// Closes the snapshot's connections and drops its temporary slot.
struct CloseSnapshot {};
/// A replication connection, idle, taken over: START_REPLICATION is the logic's to send.
struct OpenStream {};
struct DescribeTable {
  std::uint32_t oid = 0;
};
/// What became of transactions and subtransactions. Servers stream a large subtransaction and, when it is
/// rolled back, may not say so: it happens to one of more than 4096 changes that they had to spill first
/// (ReorderBufferTruncateTXN marks as streamed only what still counts changes in memory).
struct CheckTransactions {
  std::vector<std::uint32_t> xids;
};
/// The slot's row and the server's end of WAL, for metrics and warnings.
struct WatchServer {};
/// Drops the slot (slot.drop.on.stop).
struct DropSlot {};
using EdgeRequest = std::variant<GatherFacts, CreateSlot, OpenSnapshot, CloseSnapshot, OpenStream,
                                 DescribeTable, CheckTransactions, WatchServer, DropSlot>;

// --- events
// -------------------------------------------------------------------------------------------------------

struct SlotCreated {
  std::uint64_t consistent_point = 0;
  std::string snapshot_name;
};
struct SnapshotTable {
  TableDescription description;
  std::vector<std::string> columns;  ///< To copy, in publication order.
  std::string copy_sql;              ///< COPY (SELECT ...) TO STDOUT, text format
  std::int64_t read_time_us = 0;     ///< The database's CURRENT_TIMESTAMP, Unix microseconds.
  std::int64_t estimated_rows = -1;  ///< reltuples; -1: unknown.
};
struct SnapshotOpened {
  std::vector<SnapshotTable> tables;
  std::uint64_t transaction_id = 0;  ///< txid_current_snapshot's xmax: the source block's txId. 0: none.
  std::unique_ptr<ByteStream> stream;
};
struct SnapshotClosed {};
struct StreamOpened {
  std::unique_ptr<ByteStream> stream;
};
struct TableDescribed {
  TableDescription description;  ///< found == false when the table is gone.
};
struct TransactionsChecked {
  bool none_rolled_back = false;  ///< False, too, when the server does not know any more.
};
struct ServerWatched {
  std::uint64_t end_of_wal = 0;
  std::optional<SlotFacts> slot;
};
struct SlotDropped {};
/// A request failed. The status carries a ReasonCode and says whether trying again may help (see retry.h).
struct EdgeFailed {
  absl::Status status;
  bool retryable = false;
  bool refused = false;  ///< The server takes no new connection now: it starts up or shuts down.
};
using EdgeEvent = std::variant<ServerFacts, SlotCreated, SnapshotOpened, SnapshotClosed, StreamOpened,
                               TableDescribed, TransactionsChecked, ServerWatched, SlotDropped, EdgeFailed>;

/// Owner: the ingest's thread. Requests are answered in order, one event each; requests made before
/// GatherFacts has been answered after a reconnect are dropped by reset().
class PostgresEdge {
 public:
  virtual ~PostgresEdge() = default;
  virtual void request(EdgeRequest request) = 0;
  virtual std::optional<EdgeEvent> poll() = 0;
  /// Forgets unanswered requests and closes connections; an answer under way is discarded.
  virtual void reset() = 0;
};

}  // namespace millrace::postgres
