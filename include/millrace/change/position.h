// SPDX-License-Identifier: Apache-2.0
// Places in a source's log, opaque to all but that source.
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace millrace {

/// Dense number of a change in the order of its arrival, from 1. Rings, the in-flight window and the
/// watermark know only these; see Position for what a source knows.
using Arrival = std::uint64_t;

/// Every change up to here, as text that only its source reads (PostgreSQL: JSON with LSNs; MySQL: a GTID
/// set). Empty: before everything.
struct Position {
  std::string text;
  friend bool operator==(const Position&, const Position&) = default;
};

/// GTID sets are only partially ordered.
enum class PositionOrder : std::uint8_t { kBefore, kEqual, kAfter, kUnknown };

/// A point between changes at which the source may be resumed: the end of a transaction, or of idle log
/// behind it. `words` are the source's own; it folds them into a Position (see PositionFold).
struct PositionMark {
  Arrival arrival = 0;  ///< The last change before the mark.
  std::array<std::uint64_t, 8> words{};
};

}  // namespace millrace
