// SPDX-License-Identifier: Apache-2.0
// What the sink must hold: every record, in source order, by partition. Models of databases write it as
// transactions commit, by their own knowledge; the model sink compares every record that arrives with it.
// A partition is one of a topic's, and all topics have equally many.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/change/relation.h"

namespace millrace::sim {

struct ExpectedRecord {
  std::string text;
  std::uint64_t order = 0;  ///< The source's own: which position covers it.
};

class Ledger {
 public:
  explicit Ledger(std::size_t partitions, std::size_t topics = 1)
      : partitions_(partitions * topics), per_topic_(partitions) {
    for (std::size_t i = 0; i < topics; ++i) {
      topics_.push_back({"model" + std::to_string(i), static_cast<std::uint32_t>(i)});
    }
  }

  std::size_t partition_count() const noexcept { return partitions_.size(); }
  /// Of the topic it is `hash` modulo the number of its partitions, as for a Kafka client.
  std::size_t partition_of(std::uint32_t hash) const noexcept {
    return (hash & 0x7fff'ffffU) % partitions_.size();
  }
  const Topic& topic_of(std::uint32_t hash) const noexcept {
    return topics_[partition_of(hash) / per_topic_];
  }
  const std::vector<Topic>& topics() const noexcept { return topics_; }
  std::size_t partitions_per_topic() const noexcept { return per_topic_; }

  /// Another beginning: what was expected before is void.
  void clear() {
    for (auto& partition : partitions_) partition.clear();
  }
  void expect(std::uint32_t hash, std::string text, std::uint64_t order) {
    partitions_[partition_of(hash)].push_back({std::move(text), order});
  }
  const std::vector<ExpectedRecord>& partition(std::size_t i) const noexcept { return partitions_[i]; }
  std::size_t size() const noexcept {
    std::size_t all = 0;
    for (const auto& partition : partitions_) all += partition.size();
    return all;
  }

 private:
  std::vector<std::vector<ExpectedRecord>> partitions_;
  std::size_t per_topic_;
  std::vector<Topic> topics_;
};

}  // namespace millrace::sim
