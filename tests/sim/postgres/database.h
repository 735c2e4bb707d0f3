// SPDX-License-Identifier: Apache-2.0
// Clients of the model server: transactions that run side by side and write the log, with savepoints,
// rollbacks, prepared transactions, changes of shape; the tables they leave behind; and the list of what was
// committed, which is what the pipeline must deliver.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "sim/model_clock.h"
#include "sim/postgres/wal.h"
#include "sim/random.h"

namespace millrace::sim {

struct TableRow {
  std::uint64_t tag = 0;
  std::uint32_t version = 0;
  std::uint32_t padding = 0;
};
using TableRows = std::array<std::map<std::uint32_t, TableRow>, kTables>;

struct WorkloadOptions {
  std::int64_t pause_us = 2000;     ///< Between the statements of a transaction, at most.
  std::uint32_t changes_max = 12;   ///< Of an ordinary transaction.
  std::uint32_t padding_max = 100;  ///< Bytes of an ordinary row.
  std::uint32_t large_row = 0;      ///< Bytes of a rare one; 0: none.
  bool prepare = true;              ///< PREPARE TRANSACTION occurs.
  bool messages = true;             ///< Logical messages occur.
  bool shapes = true;               ///< ALTER TABLE occurs.
  bool origins = true;              ///< Transactions with a replication origin occur.
  bool own_rows = false;  ///< Statements that a real server takes as well: nobody waits for another's row.
  bool truncates_expected = true;  ///< The encoder makes records of truncates.
};

class Database {
 public:
  Database(WorkloadOptions options, const ModelClock& clock, Ledger& ledger);
  ~Database();

  /// A client begins a transaction; all about it follows from the seed.
  void begin_transaction(std::uint64_t seed);
  /// A message outside any transaction.
  void emit_message(std::uint64_t seed);
  /// Log of no interest.
  void write_noise(std::uint64_t seed);

  /// Told each statement, as SQL, and the client's number.
  std::function<void(std::uint64_t client, const std::string& sql)> on_statement;

  /// Runs the statements that are due.
  bool step(std::int64_t now_us);
  std::int64_t next_deadline_us() const;
  bool idle() const noexcept { return sessions_.empty(); }
  /// Everybody who has prepared decides at once: nothing stays open for good.
  void settle();
  /// What is open is gone: with a server that stops in order each writes its rollback, in a crash nobody
  /// does.
  void end_sessions(bool crash);

  /// A copy from when the log ended at `lsn` takes over. What is expected stays what was.
  void restore(std::uint64_t lsn);

  const Wal& wal() const noexcept { return wal_; }
  const TableRows& rows() const noexcept { return rows_; }
  std::uint32_t committed_version(std::uint32_t table) const noexcept { return committed_version_[table]; }
  std::size_t prepared() const noexcept;

  /// The pipeline begins: what commits at or behind `position` is expected, behind `snapshot` rows if any.
  struct SnapshotRow {
    std::uint32_t hash;
    std::string text;
  };
  void expect_from(std::uint64_t position, const std::vector<SnapshotRow>& snapshot);

 private:
  struct Session;
  struct Committed {
    std::uint64_t lsn = 0;
    std::uint64_t end = 0;
    std::uint32_t xid = 0;  ///< 0: a message outside any transaction.
    std::int64_t time_us = 0;
    std::string origin;
    std::vector<std::size_t> changes;  ///< Indices of log records.
  };

  void statement(Session& session);
  void say(const Session& session, const std::string& sql) const;
  void own_row(Session& session, WalRecord& record);
  void write_row(Session& session);
  void truncate(Session& session);
  void change_shape(Session& session);
  void message(Session& session);
  void savepoint(Session& session);
  void release(Session& session);
  void roll_back_to(Session& session);
  void finish(Session& session);
  void decide_prepared(Session& session);
  void commit(Session& session, std::uint64_t lsn, std::uint64_t end, std::int64_t time_us);
  void roll_back(Session& session);
  void forget(Session& session, const std::set<std::uint32_t>& xids);
  std::uint32_t xid_of(Session& session);
  std::uint32_t version_of(const Session& session, std::uint32_t table) const;
  bool lock(Session& session, std::uint32_t table, bool exclusive);
  const WalRecord& append(WalRecord record, std::uint32_t bytes);
  void expect(const Committed& committed);

  const WorkloadOptions options_;
  const ModelClock& clock_;
  Ledger& ledger_;
  Wal wal_;
  TableRows rows_;
  std::array<std::uint32_t, kTables> committed_version_{};
  std::array<std::uint32_t, kTables> last_version_{};
  std::vector<std::unique_ptr<Session>> sessions_;
  std::uint32_t next_xid_ = 700;
  std::uint64_t next_tag_ = 1;
  std::uint32_t next_gid_ = 1;
  std::uint64_t next_client_ = 1;

  std::vector<Committed> committed_;
  bool expecting_ = false;
  std::uint64_t expect_from_ = 0;
  std::uint64_t previous_end_ = 0;
  std::int64_t previous_time_us_ = 0;
};

}  // namespace millrace::sim
