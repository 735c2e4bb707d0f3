// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/partition_lanes.h"

namespace millrace {

InFlightRecord* PartitionLanes::next(std::uint32_t place, std::int64_t now_us) noexcept {
  Lane& lane = lanes_[place];
  if (lane.waiting == 0) return nullptr;
  if (lane.in_flight == 0) lane.alone = now_us - lane.acknowledged_us > kKnownUs;
  if (lane.alone && lane.in_flight != 0) return nullptr;
  return waiting_.find(place)->second.front();
}

void PartitionLanes::went(std::uint32_t place) {
  const auto found = waiting_.find(place);
  found->second.pop_front();
  --lanes_[place].waiting;
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace millrace
