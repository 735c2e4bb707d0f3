// SPDX-License-Identifier: Apache-2.0
#include "kafka/client_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "base/reason_code.h"
#include "kafka/properties.h"

namespace millrace::kafka {
namespace {

KafkaConfig config_with(std::vector<KafkaProperty> properties) {
  KafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";
  config.properties = std::move(properties);
  return config;
}

std::string value_in(const rd_kafka_conf_t* conf, const char* name) {
  char text[512];
  std::size_t size = sizeof text;
  return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? std::string(text) : "(none)";
}

TEST(KafkaClientConfig, AProducerKeepsItsPromises) {
  const auto conf =
      make_conf(config_with({{"linger.ms", Secret("7")}}), Purpose::kProducer, {.pipeline = "p"});
  ASSERT_TRUE(conf.ok()) << conf.status();
  EXPECT_EQ(value_in(conf->get(), "enable.idempotence"), "true");
  EXPECT_EQ(value_in(conf->get(), "enable.gapless.guarantee"), "true");
  EXPECT_EQ(value_in(conf->get(), "acks"), "-1");
  EXPECT_EQ(value_in(conf->get(), "message.timeout.ms"), "0");
  EXPECT_EQ(value_in(conf->get(), "retries"), "2147483647");
  EXPECT_EQ(value_in(conf->get(), "queue.buffering.max.messages"), "0");
  EXPECT_EQ(value_in(conf->get(), "client.id"), "millrace-p");
  EXPECT_EQ(value_in(conf->get(), "linger.ms"), "7");
  EXPECT_EQ(value_in(conf->get(), "batch.size"), "1000000");
}

TEST(KafkaClientConfig, SmallTopicsHaveSmallBatches) {
  const auto conf =
      make_conf(config_with({}), Purpose::kProducer, {.pipeline = "p", .batch_bytes_max = 1024});
  ASSERT_TRUE(conf.ok()) << conf.status();
  EXPECT_EQ(value_in(conf->get(), "batch.size"), "1024");
}

/// Each may be set, by kafka.* or producer.override.*; librdkafka compares some of them with others only when
/// it makes the client.
class TakenByEveryClient : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(TakenByEveryClient, WhateverItIsFor) {
  const auto [name, value] = GetParam();
  ASSERT_EQ(property_problem(name, value), std::nullopt);
  const KafkaConfig config = config_with({{name, Secret(value)}});
  for (const Purpose purpose :
       {Purpose::kProducer, Purpose::kCheckpointProducer, Purpose::kReader, Purpose::kAdmin}) {
    const auto client = make_client(config, purpose, {.pipeline = "p", .transactional_id = "millrace-p"});
    EXPECT_TRUE(client.ok()) << static_cast<int>(purpose) << " " << client.status();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, TakenByEveryClient,
    testing::Values(std::pair{"linger.ms", "900000"}, std::pair{"compression.type", "lz4"},
                    std::pair{"batch.size", "2000000"}, std::pair{"request.timeout.ms", "900000"},
                    // What Kafka Connect's workers set for every connector.
                    std::pair{"delivery.timeout.ms", "2147483647"}, std::pair{"message.timeout.ms", "0"},
                    std::pair{"acks", "all"}, std::pair{"enable.gapless.guarantee", "true"},
                    std::pair{"max.in.flight.requests.per.connection", "1"},
                    std::pair{"message.max.bytes", "1000000000"},
                    std::pair{"receive.message.max.bytes", "10000000"},
                    std::pair{"socket.timeout.ms", "300000"}, std::pair{"transaction.timeout.ms", "900000"},
                    std::pair{"queue.buffering.backpressure.threshold", "1"}));

TEST(KafkaClientConfig, WhatIsRefusedIsNamedAndNotShown) {
  const auto conf =
      make_conf(config_with({{"linger.ms", Secret("tiger")}}), Purpose::kProducer, {.pipeline = "p"});
  ASSERT_FALSE(conf.ok());
  EXPECT_EQ(reason_of(conf.status()), ReasonCode::kConfigInvalid);
  EXPECT_THAT(std::string(conf.status().message()), testing::HasSubstr("kafka.linger.ms"));
  EXPECT_THAT(std::string(conf.status().message()), testing::Not(testing::HasSubstr("tiger")));
}

}  // namespace
}  // namespace millrace::kafka
