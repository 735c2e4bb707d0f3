// SPDX-License-Identifier: Apache-2.0
// A model of PostgreSQL's log: what transactions wrote, record after record, as logical decoding reads it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sim {

enum class WalKind : std::uint8_t {
  kInsert,
  kUpdate,
  kDelete,
  kTruncate,
  kMessage,
  kAssign,  ///< Nothing of ours: another database, an index, a checkpoint.
  kCommit,
  kAbort,  ///< Of a transaction, or of a subtransaction with those below it.
  kPrepare,
  kCommitPrepared,
  kRollbackPrepared,
  kCrashed,  ///< The server started again: what was open is gone.
};

struct WalRecord {
  std::uint64_t lsn = 0;  ///< First byte.
  std::uint64_t end = 0;  ///< First byte behind it.
  WalKind kind = WalKind::kAssign;
  std::uint32_t top = 0;  ///< Transaction; 0: none.
  std::uint32_t xid = 0;  ///< The subtransaction, or `top`.
  // Rows.
  std::uint32_t table = 0;
  std::uint32_t version = 0;  ///< Of the table's shape.
  std::uint32_t row = 0;
  std::uint64_t tag = 0;  ///< Tells every change from every other.
  std::uint32_t padding = 0;
  // Truncate.
  std::vector<std::uint32_t> tables;
  std::vector<std::uint32_t> versions;
  // Message.
  bool transactional = false;
  // Ends of transactions.
  std::vector<std::uint32_t> children;  ///< kAbort: subtransactions that go with it, innermost first.
  std::string gid;
  std::string origin;  ///< Replication origin of the transaction.
  std::int64_t time_us = 0;
  std::uint64_t prepare_end = 0;  ///< kRollbackPrepared
  std::int64_t prepare_time_us = 0;
};

/// Grows at its end; records never change.
class Wal {
 public:
  static constexpr std::uint64_t kBegin = 0x1000000;

  /// Gives the record its place. @return the record.
  const WalRecord& append(WalRecord record, std::uint32_t bytes) {
    record.lsn = end_;
    end_ += (bytes + 7) / 8 * 8;
    record.end = end_;
    records_.push_back(std::move(record));
    return records_.back();
  }
  /// Another copy of the log takes over: records from `lsn` on never were.
  void cut_back(std::uint64_t lsn) {
    while (!records_.empty() && records_.back().lsn >= lsn) records_.pop_back();
    end_ = lsn;
  }
  const std::vector<WalRecord>& records() const noexcept { return records_; }
  std::uint64_t end() const noexcept { return end_; }

 private:
  std::vector<WalRecord> records_;
  std::uint64_t end_ = kBegin;
};

/// A table's columns at a version. Version 0 is the shape before any change of it.
struct TableShape {
  std::uint32_t oid = 0;
  std::string name;
  char identity = 'd';
  std::vector<std::string> columns;
};

inline constexpr std::uint32_t kTables = 4;
inline constexpr std::uint32_t kFirstOid = 16384;
/// Published, but filtered out by the pipeline.
inline constexpr std::uint32_t kHiddenTable = 3;
/// Without a key: replica identity nothing, inserts only.
inline constexpr std::uint32_t kKeylessTable = 2;

inline TableShape shape_of(std::uint32_t table, std::uint32_t version) {
  TableShape shape;
  shape.oid = kFirstOid + table;
  shape.name = table == kHiddenTable ? "hidden" : "t" + std::to_string(table);
  shape.identity = table == kKeylessTable ? 'n' : table == 1 ? 'f' : 'd';
  shape.columns = {"id", "tag"};
  for (std::uint32_t i = 0; i < version % 3; ++i) {
    shape.columns.push_back("c" + std::to_string(i) + "_v" + std::to_string(version));
  }
  // The name says the version: a row read by another version's shape shows.
  shape.columns[1] += std::to_string(version);
  return shape;
}

}  // namespace millrace::sim
