// SPDX-License-Identifier: Apache-2.0
// Kafka as librdkafka reaches it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "runtime/reactor.h"
#include "sink/kafka/kafka_port.h"
#include "sink/kafka/record_size.h"

namespace millrace {

/// `arm()` wakes `reactor`, which must outlive the port.
std::unique_ptr<KafkaPort> make_rdkafka_port(KafkaConfig config, std::string pipeline,
                                             std::vector<ContextHeader> context_headers, Reactor& reactor);

}  // namespace millrace
