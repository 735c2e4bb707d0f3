// SPDX-License-Identifier: Apache-2.0
// Having a pipeline: nobody else writes its keys of the checkpoint topic. All of it blocks.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/kafka_checkpoint.h"
#include "checkpoint/kafka_link.h"
#include "checkpoint/kafka_topic.h"
#include "checkpoint/kafka_transactions.h"

namespace millrace {

class KafkaClaim {
 public:
  explicit KafkaClaim(const KafkaCheckpointOptions& options);

  /// Reads without fencing anybody. NotFound when there is no topic.
  absl::StatusOr<CheckpointRecords> look(const Patience& patience);

  /// Takes the pipeline: with CheckpointConflict::kStop only from an owner that does not live. Says in the
  /// topic that it is taken.
  /// @return what was stored, which stays so.
  absl::StatusOr<CheckpointRecords> take(const Patience& patience);

  /// Takes it back after an error, with a new client: the one before lost its place, or the coordinator gave
  /// up its transaction.
  /// @return true when the topic had gone and was made again, empty. FENCED when it says that another has the
  /// pipeline.
  absl::StatusOr<bool> take_again(const Patience& patience);

  /// Writes the records and a sign of life in one transaction. After an error take_again() comes first.
  absl::Status commit(std::vector<KeyedText> records, const Patience& patience);
  bool can_commit() const noexcept { return transactions_ != nullptr; }

  /// The last commit: the records, and that nobody has the pipeline any more.
  absl::Status release(std::vector<KeyedText> records, const Patience& patience);
  /// The same, leaving nothing of the pipeline behind.
  absl::Status erase(const Patience& patience);

  const CheckpointKeys& keys() const noexcept { return keys_; }

 private:
  absl::StatusOr<KafkaLink*> reader();
  /// @return true when the topic was made just now.
  absl::StatusOr<bool> prepare(bool create, const Patience& patience);
  absl::StatusOr<CheckpointRecords> read(ReadTo to, const Patience& patience);
  absl::StatusOr<CheckpointRecords> try_to_take(const Patience& patience);
  absl::StatusOr<CheckpointRecords> fence(const Patience& patience);
  absl::Status check_owner_is_gone(const Owner& owner, const Patience& patience);
  absl::Status commit_all(const std::vector<KeyedText>& records, const Patience& patience);
  KeyedText owner_record(Owner::State state);

  const KafkaCheckpointOptions options_;
  const CheckpointKeys keys_;
  std::function<void(const absl::Status&)> tell_;  ///< What a reader complains about; may be empty.
  std::unique_ptr<KafkaLink> reader_;              ///< While it is needed: it has threads of its own.
  std::unique_ptr<KafkaTransactions> transactions_;
  bool made_again_ = false;  ///< The topic; nothing has been written to it yet.
  std::uint64_t beat_ = 0;
};

}  // namespace millrace
