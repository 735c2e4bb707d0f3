// SPDX-License-Identifier: Apache-2.0
#include "config/kafka_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/help.h"
#include "unit/config/parsing.h"

namespace millrace::config {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSink = "sink: kafka\nkafka.bootstrap.servers: k1:9092,k2:9092\n";

ProcessConfig parsed(std::string_view more) {
  const absl::StatusOr<ProcessConfig> config = parse_text(file_with(more));
  EXPECT_TRUE(config.ok()) << config.status();
  if (config.ok() && config->pipelines.size() == 1) return *config;
  ProcessConfig empty;
  empty.pipelines.emplace_back();
  return empty;
}

std::string with_sink(std::string_view more) { return std::string(kSink) + std::string(more); }

TEST(KafkaOptions, ASinkNeedsItsBrokersAndKeepsItsPositionThere) {
  const PipelineConfig pipeline = parsed(kSink).pipelines.front();
  EXPECT_EQ(pipeline.sink, SinkKind::kKafka);
  EXPECT_EQ(pipeline.kafka.bootstrap_servers, "k1:9092,k2:9092");
  EXPECT_EQ(pipeline.checkpoint.store, CheckpointStoreKind::kKafka);
  EXPECT_EQ(pipeline.checkpoint.topic, "millrace-checkpoints");
  EXPECT_TRUE(pipeline.kafka.create_topics);
  ASSERT_EQ(pipeline.kafka.creation_groups.size(), 1U);
  EXPECT_EQ(pipeline.kafka.creation_groups[0].partitions, -1);
  EXPECT_EQ(parsed(with_sink("checkpoint.store: file\n")).pipelines.front().checkpoint.store,
            CheckpointStoreKind::kFile);
  EXPECT_EQ(parsed("sink: kafka\nbootstrap.servers: k:1\n").pipelines.front().kafka.bootstrap_servers, "k:1");
  EXPECT_EQ(parsed("checkpoint.store: kafka\nkafka.bootstrap.servers: k:1\n").pipelines.front().sink,
            SinkKind::kStdout);
}

TEST(KafkaOptions, PropertiesGoToLibrdkafkaByName) {
  const PipelineConfig pipeline =
      parsed(with_sink("kafka:\n  security.protocol: SASL_SSL\n  sasl:\n"
                       "    mechanism: SCRAM-SHA-512\n    password: ${env:PASSWORD}\n"
                       "  linger.ms: 5\n"))
          .pipelines.front();
  ASSERT_EQ(pipeline.kafka.properties.size(), 4U);
  EXPECT_EQ(pipeline.kafka.properties[0].name, "security.protocol");
  EXPECT_EQ(pipeline.kafka.properties[2].name, "sasl.password");
  EXPECT_EQ(pipeline.kafka.properties[2].value.reveal(), kMarker);
  EXPECT_EQ(pipeline.kafka.properties[3].value.reveal(), "5");
}

struct Wrong {
  const char* name;
  const char* more;  ///< Behind kSink; line 8 is its first.
  const char* words;
};
class RefusesKafka : public testing::TestWithParam<Wrong> {};

TEST_P(RefusesKafka, WithLineAndWords) {
  const absl::StatusOr<ProcessConfig> config = parse_text(file_with(with_sink(GetParam().more)));
  ASSERT_FALSE(config.ok());
  const std::string message(config.status().message());
  EXPECT_THAT(message, HasSubstr(GetParam().words));
  EXPECT_THAT(message, HasSubstr("f.yaml:8: "));
  EXPECT_THAT(message, Not(HasSubstr(std::string(kMarker))));
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesKafka,
    testing::Values(
        Wrong{"unknown", "kafka.linger.mss: 5\n", "did you mean kafka.linger.ms?"},
        Wrong{"acks", "kafka.acks: 1\n", "all in-sync replicas"},
        Wrong{"secret_value", "kafka.linger.ms: ${env:PASSWORD}\n", "0 .. 900000"},
        Wrong{"consumers", "kafka.group.id: g\n", "property of consumers"},
        Wrong{"override_acks", "producer.override.acks: 0\n", "all in-sync replicas"},
        Wrong{"override_class", "producer.override.partitioner.class: x.Y\n", "murmur2"},
        Wrong{"override_jaas", "producer.override.sasl.jaas.config: ${env:PASSWORD}\n",
              "kafka.sasl.username"},
        Wrong{"override_unknown", "producer.override.no.such.thing.at.all: x\n", "no such property"},
        Wrong{"group_unknown", "topic.creation.a.partitions: 3\n", "no such group"},
        Wrong{"group_without_include", "topic.creation.groups: a\n", "topic.creation.a.include is required"},
        Wrong{"default_include", "topic.creation.default.include: x\n", "takes every topic"},
        Wrong{"partitions", "topic.creation.default.partitions: 0\n", "1 to 1000000"},
        Wrong{"brokers", "bootstrap.servers: k:1\n", "set already"},
        Wrong{"checkpoint_topic", "checkpoint.topic: a b\n", "letters, digits"},
        Wrong{"conflict", "checkpoint.conflict: fight\n", "takeover, stop"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(KafkaOptions, BrokersAreRequired) {
  EXPECT_THAT(std::string(parse_text(file_with("sink: kafka\n")).status().message()),
              HasSubstr("kafka.bootstrap.servers is required with sink: kafka"));
  EXPECT_THAT(std::string(parse_text(file_with("checkpoint.store: kafka\n")).status().message()),
              HasSubstr("kafka.bootstrap.servers is required with checkpoint.store: kafka"));
}

TEST(KafkaOptions, OverridesOfADebeziumFileSayTheSame) {
  const ProcessConfig process = parsed(with_sink(
      "producer.override.compression.type: lz4\nproducer.override.max.request.size: 2000000\n"
      "producer.override.buffer.memory: 1000\nkafka.linger.ms: 5\nproducer.override.linger.ms: 20\n"));
  const KafkaConfig& kafka = process.pipelines.front().kafka;
  ASSERT_EQ(kafka.properties.size(), 3U);
  EXPECT_EQ(kafka.properties[0].name, "linger.ms");
  EXPECT_EQ(kafka.properties[0].value.reveal(), "5");
  EXPECT_EQ(kafka.properties[1].name, "compression.type");
  EXPECT_EQ(kafka.properties[2].name, "message.max.bytes");
  EXPECT_THAT(process.notes, Contains(HasSubstr("buffer.memory\" has no effect: memory.limit")));
  EXPECT_THAT(process.notes, Contains(HasSubstr("kafka.linger.ms is set beside it")));
}

TEST(KafkaOptions, CreationGroupsAreReadInTheirOrder) {
  const KafkaConfig kafka =
      parsed(with_sink("topic.creation.default.partitions: 3\ntopic.creation.default.replication.factor: 2\n"
                       "topic.creation.groups: b,a.c\ntopic.creation.b.include: shop\\.x\\..*\n"
                       "topic.creation.b.cleanup.policy: compact\ntopic.creation.a.c.include: .*\n"
                       "topic.creation.a.c.exclude: y\ntopic.creation.a.c.partitions: -1\n"))
          .pipelines.front()
          .kafka;
  ASSERT_EQ(kafka.creation_groups.size(), 3U);
  EXPECT_EQ(kafka.creation_groups[0].name, "b");
  EXPECT_EQ(kafka.creation_groups[0].partitions, 3);  // as in the group default
  EXPECT_EQ(kafka.creation_groups[0].replication_factor, 2);
  EXPECT_EQ(kafka.creation_groups[0].settings.front(),
            (std::pair<std::string, std::string>("cleanup.policy", "compact")));
  EXPECT_EQ(kafka.creation_groups[1].name, "a.c");
  EXPECT_EQ(kafka.creation_groups[1].partitions, -1);
  EXPECT_TRUE(kafka.creation_groups[1].exclude.matches("y"));
  EXPECT_EQ(kafka.creation_groups[2].name, "default");
}

TEST(KafkaOptions, CreationGroupsMindLetterCaseAsKafkaConnectDoes) {
  const auto process = parsed(
      with_sink("topic.creation.groups: a\ntopic.creation.a.include: shop\\.Sales\\..*|shop\\.Stock,other\n"
                "topic.creation.a.exclude: shop\\.Sales\\.X\n"));
  const TopicCreationGroup& group = process.pipelines[0].kafka.creation_groups[0];
  for (const char* name : {"shop.Sales.t", "shop.Stock", "other"})
    EXPECT_TRUE(group.include.matches(name)) << name;
  for (const char* name : {"shop.sales.t", "shop.stock", "Other"})
    EXPECT_FALSE(group.include.matches(name)) << name;
  EXPECT_TRUE(group.exclude.matches("shop.Sales.X"));
  EXPECT_FALSE(group.exclude.matches("shop.Sales.x"));
}

TEST(KafkaOptions, WithoutKafkaTheyHaveNoEffectAndSaySo) {
  const ProcessConfig process = parsed(
      "kafka.linger.ms: 5\ntopic.creation.default.partitions: 3\nproducer.override.acks: 1\n"
      "checkpoint.topic: x\n");
  EXPECT_THAT(process.notes, Contains(HasSubstr("kafka.* has no effect")));
  EXPECT_THAT(process.notes, Contains(HasSubstr("topic.creation.default.partitions\" has no effect")));
  EXPECT_THAT(process.notes, Contains(HasSubstr("producer.override.acks\" has no effect")));
  EXPECT_THAT(process.notes, Contains(HasSubstr("checkpoint.topic has no effect")));
}

TEST(KafkaOptions, DocumentsListWhatIsRefused) {
  const std::string text = configuration_markdown();
  EXPECT_THAT(text, HasSubstr("| `kafka.acks` | `all`, `-1` |"));
  EXPECT_THAT(text, HasSubstr("| `max.request.size` | `kafka.message.max.bytes` |"));
  EXPECT_THAT(text, HasSubstr("topic.creation.<group>.include"));
}

}  // namespace
}  // namespace millrace::config
