// SPDX-License-Identifier: Apache-2.0
// What stands in the topics, held against the ledger as it arrives: once exact repeats are taken out, each
// partition holds what is expected, in order, without a gap.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/ledger.h"
#include "sim/verdict.h"

namespace millrace::sim {

class TopicContents {
 public:
  TopicContents(const Ledger& ledger, Verdict& verdict)
      : ledger_(ledger), verdict_(verdict), partitions_(ledger.partition_count()) {}

  /// A partition took a record.
  void add(std::size_t partition, std::uint64_t producer, const std::string& record);
  /// Expected records of the partition, from the first on, that stand there.
  std::size_t held(std::size_t partition) const noexcept { return partitions_[partition].held; }
  bool hold_everything() const noexcept;
  /// A process begins: producers behind `newest_producer` are its own, and share one order.
  void begin_process(std::uint64_t newest_producer) { processes_.push_back(newest_producer); }
  /// A new beginning: of what stands there, and of what these producers still send, nothing counts.
  void begin_anew(std::uint64_t newest_producer);

 private:
  struct Partition {
    std::size_t held = 0;
    std::unordered_map<std::string, std::size_t> places;  ///< Of the first places.size() expected ones.
    std::map<std::size_t, std::size_t> next;              ///< By process: what it must send now.
  };
  const Ledger& ledger_;
  Verdict& verdict_;
  std::vector<Partition> partitions_;
  std::uint64_t void_producer_ = 0;
  std::vector<std::uint64_t> processes_;  ///< The newest producer before each.
};

}  // namespace millrace::sim
