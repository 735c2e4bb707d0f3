// SPDX-License-Identifier: Apache-2.0
// What travels from an ingest to the workers: numbered batches of changes. They are recycled: each goes back
// to its ingest through a return ring, so nothing is allocated per row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "millrace/change/change.h"
#include "millrace/change/relation.h"
#include "runtime/slab.h"

namespace millrace {

/// A run of changes, cut by an ingest. Owner: the ingest until it is pushed, then one worker, then the order
/// stage, then (by the return ring) the ingest again, which alone counts slab references.
struct Batch {
  std::uint64_t number = 0;   ///< Dense, from 1: the order stage's order.
  Arrival first_arrival = 0;  ///< changes[i] has arrival first_arrival + i.
  std::vector<Change> changes;
  std::vector<RelationPtr> relations;
  std::vector<TransactionContext> transactions;
  std::vector<PositionMark> marks;  ///< Ascending by arrival; may follow the last change.
  std::vector<Slab*> slabs;         ///< Hold the changes' bytes.
  std::size_t bytes = 0;            ///< Of the changes' bodies.
  bool checkpoint_now = false;      ///< A mark here should become durable without waiting for the interval.
  bool end_of_input = false;        ///< Nothing follows: drain, checkpoint, stop.

  /// Empties it for reuse; keeps capacity. Slabs must have been released.
  void clear() noexcept {
    changes.clear();
    relations.clear();
    transactions.clear();
    marks.clear();
    slabs.clear();
    bytes = 0;
    checkpoint_now = false;
    end_of_input = false;
  }
};

}  // namespace millrace
