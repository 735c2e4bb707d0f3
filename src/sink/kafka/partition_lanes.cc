// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/partition_lanes.h"

namespace millrace {

std::size_t PartitionLanes::may_go_bytes(std::uint32_t place, std::int64_t now_us) noexcept {
  Lane& lane = lanes_[place];
  if (lane.waiting == 0 || !has_room(lane, now_us)) return 0;
  return lane.alone ? 1 : batch_bytes_;
}

void PartitionLanes::went(std::uint32_t place) {
  const auto found = waiting_.find(place);
  lanes_[place].waiting_bytes -= found->second.front()->bytes;
  --lanes_[place].waiting;
  found->second.pop_front();
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace millrace
