// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/topic_contents.h"

#include <algorithm>

#include "base/concat.h"

namespace millrace::sim {

void TopicContents::add(std::size_t partition, std::uint64_t producer, const std::string& record) {
  if (producer <= void_producer_) return;
  Partition& to = partitions_[partition];
  const auto& expected = ledger_.partition(partition);
  if (to.places.size() > expected.size()) to.places.clear();  // another beginning of what is expected
  while (to.places.size() < expected.size())
    to.places.emplace(expected[to.places.size()].text, to.places.size());
  const auto found = to.places.find(record);
  if (found == to.places.end()) {
    return verdict_.fail(concat("partition ", partition, " holds what nobody expects: ", record));
  }
  const std::size_t place = found->second;
  if (place > to.held) {
    return verdict_.fail(concat("partition ", partition, " holds record ", place, ", and record ", to.held,
                                " is missing: ", expected[to.held].text));
  }
  // Back it may go: a new epoch knows nothing of what one before it had sent without an answer.
  const auto process =
      static_cast<std::size_t>(std::ranges::lower_bound(processes_, producer) - processes_.begin());
  const auto next = to.next.try_emplace(process, place).first;
  if (place > next->second) {
    return verdict_.fail(concat("process ", process, " sent record ", place, " of partition ", partition,
                                " where ", next->second, " comes"));
  }
  next->second = place + 1;
  if (place == to.held) ++to.held;
}

bool TopicContents::hold_everything() const noexcept {
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    if (partitions_[i].held != ledger_.partition(i).size()) return false;
  }
  return true;
}

void TopicContents::begin_anew(std::uint64_t newest_producer) {
  void_producer_ = newest_producer;
  for (Partition& partition : partitions_) partition = {};
}

}  // namespace millrace::sim
