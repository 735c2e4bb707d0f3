// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/checkpoint_copies.h"

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"

namespace millrace {

absl::StatusOr<StoredCheckpoints> choose_checkpoints(const CheckpointCopy& newest,
                                                     const CheckpointCopy& previous) {
  StoredCheckpoints stored;
  absl::Status first_error;
  for (const CheckpointCopy* copy : {&newest, &previous}) {
    if (!copy->text) continue;
    absl::StatusOr<Checkpoint> checkpoint = parse_checkpoint(*copy->text);
    if (checkpoint.ok()) {
      (copy == &newest ? stored.newest : stored.previous) = *std::move(checkpoint);
      continue;
    }
    const absl::Status named =
        with_reason(absl::Status(checkpoint.status().code(),
                                 concat(copy->name, ": ", std::string(checkpoint.status().message()))),
                    reason_of(checkpoint.status()));
    if (copy == &newest && reason_of(named) == ReasonCode::kCheckpointMismatch) return named;
    log_warn("checkpoint", "a copy cannot be used", {{"error", std::string(named.message())}});
    if (first_error.ok()) first_error = named;
  }
  // What the server was told is no more than the one before.
  if (!stored.newest && stored.previous) stored.newest = stored.previous;
  if (!stored.newest && !first_error.ok()) return first_error;
  return stored;
}

}  // namespace millrace
