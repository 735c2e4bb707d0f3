// SPDX-License-Identifier: Apache-2.0
// Which of a store's two copies counts: the same rules for a file and for a topic.
#pragma once
#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "checkpoint/checkpoint_store.h"

namespace millrace {

/// A copy as a store found it.
struct CheckpointCopy {
  std::string name;                 ///< For messages: a path; a topic, key and offset.
  std::optional<std::string> text;  ///< Nothing: there is no such copy.
};

/// Reads both. A damaged copy is logged and left out; when the newest is, the one before it counts as both.
/// @return DataLoss (CHECKPOINT_CORRUPT) when a copy exists and none can be read, CHECKPOINT_MISMATCH when
/// the newest is whole but of a format this version does not know: going on with an older one would lose what
/// it knows.
absl::StatusOr<StoredCheckpoints> choose_checkpoints(const CheckpointCopy& newest,
                                                     const CheckpointCopy& previous);

}  // namespace millrace
