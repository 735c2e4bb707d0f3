// SPDX-License-Identifier: Apache-2.0
// From a pipeline's Kafka options to a librdkafka client for one purpose.
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "config/config.h"
#include "kafka/handles.h"

namespace millrace::kafka {

enum class Purpose : std::uint8_t {
  kProducer,            ///< Records: idempotent, acks=all, gapless, nothing expires; reports as events.
  kCheckpointProducer,  ///< Positions: the same under a transactional.id; small, waits for nothing.
  kReader,              ///< Reads a partition with rd_kafka_consume_start(): no group; read_committed.
  kAdmin,               ///< Asks and creates; produces nothing.
};

struct ClientOptions {
  std::string pipeline;            ///< For client.id and log lines.
  std::string transactional_id{};  ///< kCheckpointProducer: see transactional_id().
  int events = 0;        ///< RD_KAFKA_EVENT_* to be had from the queue; 0: none (kProducer adds DR).
  bool gathers = false;  ///< kProducer: lingers where the user does not say for how long.
  std::int64_t batch_bytes_max = 0;  ///< kProducer: batch.size at most so much; 0: no such limit.
};

/// The transactional.id of a pipeline: what fences an older instance.
std::string transactional_id(std::string_view pipeline);

/// The user's properties, then what the purpose demands (which wins). Log lines of the client go to our log.
/// @return CONFIG_INVALID with the name of the property that was refused, never its value.
absl::StatusOr<ConfPtr> make_conf(const KafkaConfig& config, Purpose purpose, const ClientOptions& options);

/// rd_kafka_new(). Starts the client's threads, which inherit the caller's affinity; connects in the
/// background.
/// @return CONFIG_INVALID when librdkafka refuses the configuration as a whole (a certificate that cannot be
/// read, say), with its words.
absl::StatusOr<ClientPtr> make_client(Purpose purpose, ConfPtr conf);

/// Both.
absl::StatusOr<ClientPtr> make_client(const KafkaConfig& config, Purpose purpose,
                                      const ClientOptions& options);

}  // namespace millrace::kafka
