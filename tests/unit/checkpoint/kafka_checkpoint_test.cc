// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a topic, where there is no Kafka. With one: tests/e2e/test_kafka_checkpoint.py.
#include "checkpoint/kafka_checkpoint.h"

#include <gtest/gtest.h>

#include "base/reason_code.h"
#include "runtime/clock.h"

namespace millrace {
namespace {

TEST(KafkaCheckpoint, SaysWhyItWaitsWhileItWaits) {
  std::vector<ReasonCode> said;
  KafkaCheckpointOptions options;
  options.kafka.bootstrap_servers = "127.0.0.1:1";  // nobody
  options.topic = "checkpoints";
  options.pipeline = "p";
  options.on_waiting = [&said](const absl::Status& status) { said.push_back(reason_of(status)); };
  const std::int64_t until_us = monotonic_us() + 20'000'000;
  options.stop_requested = [&] { return !said.empty() || monotonic_us() > until_us; };
  EXPECT_FALSE(make_kafka_checkpoint(options, [] {})->open().ok());
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said.front(), ReasonCode::kKafkaUnreachable);
}

}  // namespace
}  // namespace millrace
