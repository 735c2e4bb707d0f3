// SPDX-License-Identifier: Apache-2.0
// The text of a record in simulation: everything that must come out right of a change. The model encoder
// writes it from what the product hands it, the oracle from the log itself.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/concat.h"

namespace millrace::sim {

struct RecordIdentity {
  char kind = 'c';  ///< r c u d T(ombstone) t(runcate) m
  std::uint32_t table = 0;
  std::uint32_t version = 0;
  std::uint32_t row = 0;
  std::uint64_t tag = 0;
  std::uint64_t lsn = 0;
  std::uint64_t transaction = 0;
  std::uint64_t commit_lsn = 0;
  std::uint64_t previous_commit = 0;
  std::int64_t commit_time_us = 0;
  std::string_view origin;
  int marker = 0;  ///< Snapshot rows: SnapshotMarker.

  std::string text() const {
    return concat(std::string_view(&kind, 1), " table ", table, " v", version, " row ", row, " tag ", tag,
                  " lsn ", lsn, " xid ", transaction, " commit ", commit_lsn, " behind ", previous_commit,
                  " at ", commit_time_us, " origin '", origin, "' marker ", marker);
  }
  /// Same row, same partition; what has no key goes by its place.
  std::uint32_t hash(bool keyless) const noexcept {
    return keyless ? static_cast<std::uint32_t>((lsn + tag) * 2654435761U >> 7) : table * 31 + row;
  }
};

}  // namespace millrace::sim
