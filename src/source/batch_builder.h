// SPDX-License-Identifier: Apache-2.0
// Cuts batches: collects changes with the relations, transactions, marks and slabs they need.
#pragma once
#include <absl/container/flat_hash_map.h>

#include <cstdint>

#include "change/batch.h"
#include "runtime/slab.h"
#include "source/source.h"

namespace millrace {

/// A batch is cut when it holds so much. Simulation takes less, to meet the cuts more often.
struct BatchLimits {
  std::size_t changes = 1024;
  std::size_t bytes = 256 * 1024;
};

/// Owner: the ingest's thread. Arrival numbers are given here, and only here.
class BatchBuilder {
 public:
  BatchBuilder(BatchOutlet& outlet, SlabPool& slabs, BatchLimits limits = {})
      : outlet_(outlet), slabs_(slabs), limits_(limits) {}

  /// Makes sure that there is a batch to add to. False: none is free, stop reading.
  bool open();

  /// Adds a change whose body lies in `slab`. Requires open(). Cuts the batch when it is full, so call open()
  /// before each change.
  /// @param transaction  must stay the same object for all changes of the transaction, and not change
  /// meanwhile.
  void add(Change change, const RelationPtr& relation, const TransactionContext& transaction, Slab* slab);

  /// Begins another transaction: its context is copied at its first change.
  void next_transaction() noexcept { transaction_known_ = false; }

  /// Places a mark behind the last change. Requires open(). Cuts the batch when it is full.
  /// @param checkpoint_now  asks for a checkpoint of it without waiting for the interval.
  void mark(const PositionMark& mark, bool checkpoint_now = false);

  /// Hands the batch on if it holds anything.
  void cut();
  /// Hands on a last batch. Requires open().
  void end_of_input();

  Arrival last_arrival() const noexcept { return last_arrival_; }
  bool empty() const noexcept {
    return batch_ == nullptr || (batch_->changes.empty() && batch_->marks.empty());
  }

 private:
  std::uint16_t relation_index(const RelationPtr& relation);

  BatchOutlet& outlet_;
  SlabPool& slabs_;
  const BatchLimits limits_;
  Batch* batch_ = nullptr;
  Arrival last_arrival_ = 0;
  bool transaction_known_ = false;
  const Relation* last_relation_ = nullptr;
  std::uint16_t last_relation_index_ = 0;
  absl::flat_hash_map<const Relation*, std::uint16_t> relation_indices_;
};

}  // namespace millrace
