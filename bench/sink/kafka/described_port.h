// SPDX-License-Identifier: Apache-2.0
// A port that answers the sink's questions about the cluster and its topics itself: the mock broker has no
// answer to some of them. Producers are librdkafka's.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sink/kafka/kafka_port.h"

namespace millrace {

class DescribedPort final : public KafkaPort {
 public:
  explicit DescribedPort(std::unique_ptr<KafkaPort> port) : port_(std::move(port)) {}

  absl::StatusOr<ProducerPort*> make_producer(Way way, std::int64_t batch_bytes_max) override {
    return port_->make_producer(way, batch_bytes_max);
  }
  absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout) override {
    return kafka::ClusterFacts{.id = "mock", .brokers = 1};
  }
  absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(
      std::span<const std::string> names) override {
    std::vector<kafka::TopicFacts> facts;
    for (const std::string& name : names) {
      facts.emplace_back();
      facts.back().name = name;
      facts.back().partitions = 1;
    }
    return facts;
  }
  absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd> wanted) override {
    return port_->describe_ends(wanted);
  }
  void pause(kafka::Timeout time) override { port_->pause(time); }
  void ask(const TopicBook::Questions& questions) override { asked_ = questions; }
  void ask_about(const std::string&) override {}
  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook& book,
                                                                             std::int64_t now_us) override {
    const TopicBook::Questions asked = std::exchange(asked_, {});
    if (!asked.describe.empty()) book.described(describe_topics(asked.describe), now_us);
    if (!asked.settings.empty()) {
      std::vector<kafka::TopicSettings> settings(asked.settings.size());
      for (std::size_t i = 0; i < settings.size(); ++i) settings[i].name = asked.settings[i];
      book.settings(settings, now_us);
    }
    return std::nullopt;
  }
  void arm() override { port_->arm(); }
  void close() override { port_->close(); }

 private:
  const std::unique_ptr<KafkaPort> port_;
  TopicBook::Questions asked_;
};

}  // namespace millrace
