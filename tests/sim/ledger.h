// SPDX-License-Identifier: Apache-2.0
// What the sink must hold: every record, in source order, by partition. Models of databases write it as
// transactions commit, by their own knowledge; the model sink compares every record that arrives with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sim {

struct ExpectedRecord {
  std::string text;
  std::uint64_t order = 0;  ///< The source's own: which position covers it.
};

class Ledger {
 public:
  explicit Ledger(std::size_t partitions) : partitions_(partitions) {}

  std::size_t partition_count() const noexcept { return partitions_.size(); }
  std::size_t partition_of(std::uint32_t hash) const noexcept { return hash % partitions_.size(); }

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
};

}  // namespace millrace::sim
