// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/checkpoint_choice.h"

#include <utility>

#include "base/concat.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/kafka_checkpoint.h"

namespace millrace {

namespace {

bool in_kafka(const PipelineConfig& pipeline) {
  return pipeline.checkpoint.store == CheckpointStoreKind::kKafka;
}

}  // namespace

std::unique_ptr<CheckpointStore> make_checkpoint_store(const PipelineConfig& pipeline,
                                                       CheckpointSurroundings surroundings) {
  if (in_kafka(pipeline)) {
    KafkaCheckpointOptions options =
        kafka_checkpoint_options(pipeline, std::move(surroundings.stop_requested));
    options.on_trouble = std::move(surroundings.on_trouble);
    options.on_waiting = std::move(surroundings.on_waiting);
    options.accepts = std::move(surroundings.accepts);
    return make_kafka_checkpoint(std::move(options), std::move(surroundings.wake));
  }
  return make_checkpoint_file(pipeline.checkpoint.file, pipeline.name, std::move(surroundings.wake));
}

absl::StatusOr<StoredPosition> read_position(const PipelineConfig& pipeline) {
  if (!in_kafka(pipeline)) {
    absl::StatusOr<StoredCheckpoints> stored = read_checkpoint_file(pipeline.checkpoint.file);
    if (!stored.ok()) return stored.status();
    return StoredPosition{*std::move(stored), pipeline.checkpoint.file, {}, {}};
  }
  absl::StatusOr<KafkaCheckpointView> view = read_kafka_checkpoint(kafka_checkpoint_options(pipeline));
  if (!view.ok()) return view.status();
  const bool released = view->owner && view->owner->state == Owner::State::kReleased;
  return StoredPosition{
      std::move(view->stored),
      {},
      pipeline.checkpoint.topic,
      view->owner ? concat(released ? "none; last " : "", describe(*view->owner)) : std::string()};
}

absl::Status overwrite_position(const PipelineConfig& pipeline, const Checkpoint& checkpoint) {
  return in_kafka(pipeline) ? overwrite_kafka_checkpoint(kafka_checkpoint_options(pipeline), checkpoint)
                            : overwrite_checkpoint_file(pipeline.checkpoint.file, checkpoint);
}

absl::Status remove_position(const PipelineConfig& pipeline) {
  return in_kafka(pipeline) ? remove_kafka_checkpoint(kafka_checkpoint_options(pipeline))
                            : remove_checkpoint_file(pipeline.checkpoint.file);
}

}  // namespace millrace
