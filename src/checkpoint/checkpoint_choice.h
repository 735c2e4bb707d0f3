// SPDX-License-Identifier: Apache-2.0
// Where a pipeline's position is kept, as its configuration says: a file or a Kafka topic.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "checkpoint/checkpoint_store.h"
#include "config/config.h"

namespace millrace {

/// What a store asks of those around it, and tells them.
struct CheckpointSurroundings {
  std::function<bool()> stop_requested;                    ///< Ends a call of open() that waits.
  std::function<absl::Status(const Checkpoint&)> accepts;  ///< Whether what is stored is this pipeline's.
  /// Why a write failed that is tried again; OK: it has passed. Any thread.
  std::function<void(const absl::Status&)> on_trouble;
  /// The same of a call of open(), on its thread.
  std::function<void(const absl::Status&)> on_waiting;
  std::function<void()> wake;  ///< See CheckpointStore's makers.
};

std::unique_ptr<CheckpointStore> make_checkpoint_store(const PipelineConfig& pipeline,
                                                       CheckpointSurroundings surroundings);

/// What is stored, and where, for people.
struct StoredPosition {
  StoredCheckpoints stored;
  std::string file;   ///< Empty when it is a topic.
  std::string topic;  ///< Empty when it is a file.
  std::string owner;  ///< The instance that has the pipeline, or had it last; empty when it is not known.
};
absl::StatusOr<StoredPosition> read_position(const PipelineConfig& pipeline);

/// Both copies become this one. CHECKPOINT_LOCKED or ALREADY_ACTIVE while the pipeline runs.
absl::Status overwrite_position(const PipelineConfig& pipeline, const Checkpoint& checkpoint);

/// Forgets both. CHECKPOINT_LOCKED or ALREADY_ACTIVE while the pipeline runs.
absl::Status remove_position(const PipelineConfig& pipeline);

}  // namespace millrace
