// SPDX-License-Identifier: Apache-2.0
// What to do at a start: the one place that weighs the checkpoint, the slot and the configuration against
// each other.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "source/postgres/edge.h"
#include "source/postgres/stream/position.h"
#include "source/source.h"

namespace millrace::postgres {

/// What the configuration asks for; debezium-contract 4.1.
enum class SnapshotWish : std::uint8_t { kInitial, kInitialOnly, kNoData };

struct StartPlan {
  enum class Kind : std::uint8_t {
    kStream,              ///< The slot is there: stream, dropping what commits below `position`.
    kCreateAndSnapshot,   ///< Create the slot, copy the tables as of its consistent point, then stream from
                          ///< there.
    kCreateAndStream,     ///< Create the slot, stream from its consistent point.
    kSnapshotBesideSlot,  ///< A temporary slot's snapshot at X, then the old slot's stream without commits
                          ///< below X.
    kSnapshotOnly,        ///< A temporary slot's snapshot, then stop.
    kDone,                ///< initial_only, and the snapshot has ended before.
  };
  Kind kind = Kind::kStream;
  LogPosition position;  ///< kStream
};

/// What the source calls itself in checkpoints.
struct SourceIdentity {
  std::string system_identifier;
  std::uint32_t timeline = 0;
  std::string timeline_history;  ///< Text of the history file.
  std::string database;
  std::string slot;
};
std::string to_json(const SourceIdentity& identity);
absl::StatusOr<SourceIdentity> parse_identity(const std::string& text);

/// CHECKPOINT_MISMATCH when a position was of another slot or database: two pipelines of one name, or one
/// whose file was changed. It says nothing about another slot's log.
absl::Status check_slot_is_its_own(const SourceIdentity& before, const std::string& database,
                                   const std::string& slot_name);

/// Decides. Every refusal says what is wrong, with both positions, and what to do; it carries a ReasonCode:
/// CHECKPOINT_MISMATCH, SLOT_MISSING, SLOT_WRONG_PLUGIN, SLOT_WRONG_DATABASE, SLOT_INVALIDATED, SOURCE_GAP,
/// SOURCE_HISTORY_CHANGED, WAL_LEVEL, SERVER_VERSION.
absl::StatusOr<StartPlan> plan_start(const ServerFacts& server, const std::string& slot_name,
                                     SnapshotWish wish, const std::optional<SourceResume>& resume);

/// The checks of a reconnect in the middle of a run: the same server, the same log, nothing acknowledged
/// beyond `position`.
absl::Status check_reconnect(const ServerFacts& server, const SourceIdentity& identity,
                             const LogPosition& position);

}  // namespace millrace::postgres
