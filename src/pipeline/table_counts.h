// SPDX-License-Identifier: Apache-2.0
// What each table has sent, counted where it is encoded and read by whoever shows it.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "change/batch.h"
#include "change/record.h"

namespace millrace {

/// One table's counters, as one worker counts them. Written by that worker's thread only.
struct TableCounters {
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> creates{0};
  std::atomic<std::uint64_t> updates{0};
  std::atomic<std::uint64_t> deletes{0};
  std::atomic<std::uint64_t> truncates{0};
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> bytes{0};
};

/// A sum over workers.
struct TableCount {
  std::string name;  ///< schema.table; empty: logical messages, which have none
  std::uint64_t reads = 0;
  std::uint64_t creates = 0;
  std::uint64_t updates = 0;
  std::uint64_t deletes = 0;
  std::uint64_t truncates = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// Counts for one worker. count() belongs to the worker's thread, add_to() to any.
class WorkerTableCounts {
 public:
  /// Counts changes[from...to) of the batch and the records they became.
  void count(const Batch& batch, std::size_t from, std::size_t to, const Piece& piece);
  void add_to(std::map<std::string, TableCount>& sums) const;

 private:
  TableCounters& of(const Relation& relation);
  TableCounters& named(const std::string& name);

  TableCounters* messages_ = nullptr;
  std::vector<TableCounters*> by_topic_;  ///< By Topic::id.
  mutable std::mutex mutex_;              ///< Guards tables_'s shape; taken for a new table and to read.
  std::map<std::string, std::unique_ptr<TableCounters>> tables_;
};

}  // namespace millrace
