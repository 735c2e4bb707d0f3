// SPDX-License-Identifier: Apache-2.0
// Which producer gets to know a topic: each costs some 30 KiB of librdkafka's memory per topic.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "runtime/clock.h"
#include "sink/kafka/kafka_sink.h"

namespace millrace {
namespace {

/// Takes every record, and delivers it at once.
class EagerProducer final : public ProducerPort {
 public:
  std::uint32_t open_topic(const std::string& name) override {
    opened.push_back(name);
    return static_cast<std::uint32_t>(opened.size() - 1);
  }
  rd_kafka_resp_err_t produce(std::uint32_t topic, std::int32_t, const Record&, std::int64_t,
                              InFlightRecord* under_way) override {
    EXPECT_LT(topic, opened.size());
    delivered_.push_back({under_way, RD_KAFKA_RESP_ERR_NO_ERROR, (*next_offset)++});
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  bool next_event(ProducerEvent& event) override {
    if (delivered_.empty()) return false;
    event.kind = ProducerEvent::Kind::kDeliveries;
    event.deliveries = {delivered_.front()};
    delivered_.pop_front();
    return true;
  }

  std::vector<std::string> opened;
  std::int64_t* next_offset = nullptr;  ///< Of the one partition.

 private:
  std::deque<Delivery> delivered_;
};

/// A cluster that has every topic, with one partition.
class EagerKafka final : public KafkaPort {
 public:
  explicit EagerKafka(std::array<EagerProducer, kWays>& producers) : producers_(producers) {}
  absl::StatusOr<ProducerPort*> make_producer(Way way, std::int64_t) override {
    return &producers_[static_cast<std::size_t>(way)];
  }
  absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout) override {
    return kafka::ClusterFacts{"cluster", 1};
  }
  absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(std::span<const std::string>) override {
    return std::vector<kafka::TopicFacts>();
  }
  absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd>) override {
    return std::vector<kafka::PartitionEnd>();
  }
  void pause(kafka::Timeout) override {}
  void ask(const TopicBook::Questions& questions) override { asked_ = questions; }
  void ask_about(const std::string&) override {}
  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook& book,
                                                                             std::int64_t now_us) override {
    std::vector<kafka::TopicFacts> facts;
    for (const std::string& name : asked_.describe) {
      facts.push_back({.name = name, .error_text = {}, .id = "id", .partitions = 1});
    }
    std::vector<kafka::TopicSettings> settings;
    for (const std::string& name : asked_.settings)
      settings.push_back({.name = name, .error_text = {}, .values = {}});
    asked_ = {};
    if (!facts.empty()) book.described(facts, now_us);
    if (!settings.empty()) book.settings(settings, now_us);
    return std::nullopt;
  }
  void arm() override {}
  void close() override {}

 private:
  std::array<EagerProducer, kWays>& producers_;
  TopicBook::Questions asked_;
};

/// Hands `count` records of 1 KB for one topic to a sink, all at once.
std::array<EagerProducer, kWays> opened_for(std::size_t count) {
  std::array<EagerProducer, kWays> producers;
  std::int64_t next_offset = 0;
  for (EagerProducer& producer : producers) producer.next_offset = &next_offset;
  const Topic topic{.name = "p.public.t", .id = 0};
  const std::string value(1'000, 'v');
  Piece piece;
  piece.records.resize(count);
  for (Record& record : piece.records) {
    record.topic = &topic;
    record.value = reinterpret_cast<const std::byte*>(value.data());
    record.value_size = static_cast<std::uint32_t>(value.size());
  }
  const auto sink = make_kafka_sink({}, std::make_unique<EagerKafka>(producers), system_clock());
  EXPECT_TRUE(sink->open("", false).ok());
  sink->submit(&piece);
  Piece* done = nullptr;
  for (int i = 0; i < 100 && done == nullptr; ++i) done = sink->poll(monotonic_us());
  EXPECT_EQ(done, &piece) << sink->status();
  return producers;
}

TEST(KafkaSinkTopics, OfAQuietTopicTheBulkProducerKnowsNothing) {
  const auto producers = opened_for(3);
  EXPECT_EQ(producers[static_cast<std::size_t>(Way::kPrompt)].opened, std::vector<std::string>{"p.public.t"});
  EXPECT_EQ(producers[static_cast<std::size_t>(Way::kBulk)].opened, std::vector<std::string>());
}

TEST(KafkaSinkTopics, ABusyTopicIsOpenedThereOnce) {
  const auto producers = opened_for(5'000);
  EXPECT_EQ(producers[static_cast<std::size_t>(Way::kBulk)].opened, std::vector<std::string>{"p.public.t"});
}

}  // namespace
}  // namespace millrace
