// SPDX-License-Identifier: Apache-2.0
// A checkpoint as text: JSON that people can read, and a checksum that tells a torn or edited one.
//
//   { ...one JSON object over several lines... }
//   xxh3 0123456789abcdef        over everything before this line
#pragma once
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "checkpoint/checkpoint_store.h"

namespace millrace {

inline constexpr std::uint32_t kCheckpointFormat = 1;
/// No checkpoint is larger: what is, is not one.
inline constexpr std::size_t kCheckpointBytesMax = 16U << 20;

std::string to_text(const Checkpoint& checkpoint);

/// CHECKPOINT_WRITE_FAILED for a text that parse_checkpoint() would take for damaged: the position stays
/// where it can be read.
absl::Status check_size(std::string_view text);

/// DataLoss (CHECKPOINT_CORRUPT) with what is wrong; FailedPrecondition for a format this version does not
/// know.
absl::StatusOr<Checkpoint> parse_checkpoint(std::string_view text);

}  // namespace millrace
