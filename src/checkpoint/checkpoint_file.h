// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a local file: locked, replaced atomically, the one before kept beside it.
//
//   <path>            the newest       <path>.previous   the one before
//   <path>.new        being written    <path>.lock       held by the instance that owns the pipeline
//   <path>.damaged    a newest one that could not be used, put aside by the next run
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "checkpoint/checkpoint_store.h"

namespace millrace {

/// Writes on a thread of its own (write, fsync, two renames, fsync of the folder): the order stage never
/// waits for a disk.
/// @param wake  called on that thread when poll() has something to say.
std::unique_ptr<CheckpointStore> make_checkpoint_file(std::string path, std::string pipeline,
                                                      std::function<void()> wake);

/// Reads without the lock, for `millrace position get` and `status`.
absl::StatusOr<StoredCheckpoints> read_checkpoint_file(const std::string& path);

/// Replaces what is stored, under the lock: `millrace position set`. Both copies become this one.
absl::Status overwrite_checkpoint_file(const std::string& path, const Checkpoint& checkpoint);

/// Removes both copies, under the lock: `millrace position reset`.
absl::Status remove_checkpoint_file(const std::string& path);

}  // namespace millrace
