// SPDX-License-Identifier: Apache-2.0
// At a start: what was delivered must still be there.
#pragma once
#include <absl/status/status.h>

#include <functional>

#include "sink/kafka/kafka_port.h"
#include "sink/kafka/partition_offsets.h"

namespace millrace {

/// Compares the topics of a checkpoint with those of the cluster: none is gone, made anew, or shorter. Looks
/// again for a few seconds: a broker that has just started may be behind the one that acknowledged.
/// @return TOPIC_LOST_DATA; Cancelled when a stop was requested meanwhile; or why the cluster did not answer.
absl::Status look_at_delivered(KafkaPort& kafka, const PartitionOffsets::Topics& topics,
                               const std::function<bool()>& stop_requested);

}  // namespace millrace
