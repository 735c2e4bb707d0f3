// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/delivered_topics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace {
namespace {

constexpr std::int64_t kEnd = 100;

/// A cluster of topics that all end at kEnd, but for what is missing or cut; it notes how large questions
/// are.
class Cluster final : public KafkaPort {
 public:
  absl::StatusOr<ProducerPort*> make_producer(Way, std::int64_t) override { return absl::InternalError(""); }
  absl::StatusOr<kafka::ClusterFacts> describe_cluster(kafka::Timeout) override {
    return absl::InternalError("");
  }
  absl::StatusOr<std::vector<kafka::TopicFacts>> describe_topics(
      std::span<const std::string> names) override {
    topics_at_once = std::max(topics_at_once, names.size());
    std::vector<kafka::TopicFacts> facts;
    for (const std::string& name : names) {
      described.insert(name);
      kafka::TopicFacts topic{.name = name, .error_text = {}, .id = {}, .partitions = 1'000};
      if (name == missing) topic.error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      facts.push_back(std::move(topic));
    }
    return facts;
  }
  absl::StatusOr<std::vector<kafka::PartitionEnd>> describe_ends(
      std::span<const kafka::PartitionEnd> wanted) override {
    ends_at_once = std::max(ends_at_once, wanted.size());
    std::vector<kafka::PartitionEnd> ends(wanted.begin(), wanted.end());
    for (kafka::PartitionEnd& end : ends) {
      ++ends_asked;
      end.offset = end.topic == cut ? kEnd - 1 : kEnd;
    }
    return ends;
  }
  void pause(kafka::Timeout) override {}
  void ask(const TopicBook::Questions&) override {}
  void ask_about(const std::string&) override {}
  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> take_answers(TopicBook&,
                                                                             std::int64_t) override {
    return std::nullopt;
  }
  void arm() override {}
  void close() override {}

  std::string missing;
  std::string cut;
  std::set<std::string> described;
  std::size_t topics_at_once = 0;
  std::size_t ends_at_once = 0;
  std::size_t ends_asked = 0;
};

/// `topics` topics, t0 and so on, with the same number of touched partitions each.
PartitionOffsets::Topics delivered_to(int topics, std::int32_t partitions) {
  PartitionOffsets::Topics all;
  for (int i = 0; i < topics; ++i) {
    PartitionOffsets::TopicOffsets& topic = all[concat("t", i)];
    for (std::int32_t p = 0; p < partitions; ++p) topic.next[p] = kEnd;
  }
  return all;
}

absl::Status look(Cluster& cluster, const PartitionOffsets::Topics& topics, bool stop = false) {
  return look_at_delivered(cluster, topics, [stop] { return stop; });
}

TEST(DeliveredTopics, ManyAreAskedForInParts) {
  Cluster cluster;
  EXPECT_TRUE(look(cluster, delivered_to(1'201, 3)).ok());
  EXPECT_EQ(cluster.described.size(), 1'201U);
  EXPECT_EQ(cluster.ends_asked, 3U * 1'201);
  EXPECT_LE(cluster.topics_at_once, 500U);
  EXPECT_LE(cluster.ends_at_once, 1'000U);
}

TEST(DeliveredTopics, WhatIsLostIsFoundInTheLastPart) {
  for (const bool is_cut : {false, true}) {
    Cluster cluster;
    (is_cut ? cluster.cut : cluster.missing) = "t999";  // the last by name
    const absl::Status status = look(cluster, delivered_to(1'201, 3));
    EXPECT_EQ(reason_of(status), ReasonCode::kTopicLostData) << status;
    EXPECT_NE(status.message().find("t999"), absl::string_view::npos) << status;
  }
}

TEST(DeliveredTopics, AStopNeedNotWaitForAllOfThem) {
  Cluster cluster;
  EXPECT_TRUE(absl::IsCancelled(look(cluster, delivered_to(1'201, 3), true)));
}

TEST(DeliveredTopics, TopicsThatNothingWasDeliveredToMayGo) {
  Cluster cluster;
  cluster.missing = "t0";
  EXPECT_TRUE(look(cluster, delivered_to(1, 0)).ok());
}

}  // namespace
}  // namespace millrace
