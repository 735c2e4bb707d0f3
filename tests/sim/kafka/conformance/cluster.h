// SPDX-License-Identifier: Apache-2.0
// A Kafka to which the same can be done as a model and as librdkafka with its own mock brokers.
#pragma once
#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sink/kafka/kafka_port.h"

namespace millrace::sim {

struct ConformanceSetup {
  std::size_t batch_records_max = 1;  ///< More: records gather for a moment.
};

/// One topic with one partition. Batches of one record are sent as soon as they may.
class ConformanceCluster {
 public:
  virtual ~ConformanceCluster() = default;
  virtual KafkaPort& port() = 0;
  /// The next requests to produce are answered so, and so late that five are under way; NO_ERROR takes one
  /// as usual.
  virtual void refuse(const std::vector<rd_kafka_resp_err_t>& errors) = 0;
  virtual void set_up(bool up) = 0;
  /// Lets time pass until `done`, or for long enough to say that it never will be.
  /// @return whether it was.
  virtual bool wait(const std::function<bool()>& done) = 0;
  /// What stands in the partition.
  virtual std::vector<std::string> contents() = 0;
};

inline constexpr const char* kConformanceTopic = "conformance";

std::unique_ptr<ConformanceCluster> make_model_cluster(ConformanceSetup setup);
std::unique_ptr<ConformanceCluster> make_mock_cluster(ConformanceSetup setup);

}  // namespace millrace::sim
