// SPDX-License-Identifier: Apache-2.0
// The sink's way to a model of Kafka: producers, and answers that come late, as failures, or not for all.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/kafka/model_kafka.h"
#include "sim/kafka/model_producer.h"
#include "sink/kafka/kafka_port.h"

namespace millrace::sim {

/// What goes wrong with questions, until further notice. Shared by the ports of a run.
struct AdminTroubles {
  std::uint64_t failures_percent = 0;  ///< Of requests as a whole, and of single topics.
  std::int64_t answer_us = 5'000;      ///< An answer takes up to this long.
  bool refuse_creation = false;        ///< For want of rights: for good.
  bool hide_settings = false;          ///< A producer without the right to see them.
};

class ModelPort final : public KafkaPort {
 public:
  ModelPort(ModelProducerOptions options, const AdminTroubles& troubles, ModelKafka& kafka,
            std::uint64_t seed)
      : options_(options), troubles_(troubles), kafka_(kafka), random_(seed) {}
  ~ModelPort() override { close(); }

  absl::StatusOr<ProducerPort*> make_producer(Way, std::int64_t batch_bytes_max) override;
  absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout timeout) override;
  absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(std::span<const std::string> names) override;
  absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd> wanted) override;
  void pause(kafka::Timeout time) override;
  void ask(const TopicBook::Questions& questions) override;
  void ask_about(const std::string& topic) override;
  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook& book,
                                                                             std::int64_t now_us) override;
  void arm() override {}
  void close() override;

  /// What was asked is answered soon.
  void heal();
  bool step(std::int64_t now_us);
  std::int64_t next_deadline_us() const;
  std::vector<std::unique_ptr<ModelProducer>>& producers() noexcept { return producers_; }

 private:
  enum class Kind : std::uint8_t { kDescribe, kCreate, kSettings, kAboutOne };
  struct Question {
    Kind kind;
    std::vector<std::string> names;
    std::vector<kafka::NewTopic> topics;
    std::int64_t asked_us = 0;
    std::int64_t due_us = 0;
    bool fails = false;
  };
  void add(Question question);
  /// Or timed out.
  std::int64_t answered_us(const Question& question) const;
  kafka::TopicFacts facts_of(const std::string& name, bool troubled);
  kafka::CreatedTopic create(const kafka::NewTopic& topic);
  kafka::TopicSettings settings_of(const std::string& name);
  absl::Status unreachable() const;
  /// What a caller who waits sees of a cluster that is away.
  bool reached(kafka::Timeout timeout);

  const ModelProducerOptions options_;
  const AdminTroubles& troubles_;
  ModelKafka& kafka_;
  Random random_;
  std::vector<std::unique_ptr<ModelProducer>> producers_;
  std::deque<Question> questions_;
};

}  // namespace millrace::sim
