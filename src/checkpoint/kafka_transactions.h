// SPDX-License-Identifier: Apache-2.0
// Records of the checkpoint topic, several at a time or none. A pipeline's writers share a transactional.id:
// who takes it last fences all others. All of it blocks.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "checkpoint/kafka_link.h"

namespace millrace {

struct KeyedText {
  std::string key;
  std::optional<std::string> text;  ///< Nothing: a tombstone.
};

class KafkaTransactions {
 public:
  /// Fences whoever wrote before; transactions of theirs that are open are aborted.
  static absl::StatusOr<std::unique_ptr<KafkaTransactions>> fence(const KafkaConfig& config,
                                                                  const std::string& pipeline,
                                                                  const Patience& patience);

  /// Writes all of it to partition 0 and returns when it is committed. After an error the object is done for:
  /// it is not known whether the records stand there.
  /// @return FENCED when another has taken the transactional.id, and also when the coordinator gave up a
  /// transaction of ours that took too long: the topic tells the two apart.
  absl::Status commit(const std::string& topic, std::span<const KeyedText> records, const Patience& patience);

 private:
  explicit KafkaTransactions(std::unique_ptr<KafkaLink> link) : link_(std::move(link)) {}

  std::unique_ptr<KafkaLink> link_;
};

}  // namespace millrace
