// SPDX-License-Identifier: Apache-2.0
#include "kafka/client_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason_code.h"

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

TEST(KafkaClientConfig, EveryPurposeMakesAClient) {
  const KafkaConfig config = config_with({{"linger.ms", Secret("20")},
                                          {"compression.type", Secret("lz4")},
                                          {"batch.size", Secret("2000000")},
                                          {"request.timeout.ms", Secret("20000")}});
  for (const Purpose purpose :
       {Purpose::kProducer, Purpose::kCheckpointProducer, Purpose::kReader, Purpose::kAdmin}) {
    const auto client = make_client(config, purpose, {.pipeline = "p", .transactional_id = "millrace-p"});
    EXPECT_TRUE(client.ok()) << static_cast<int>(purpose) << " " << client.status();
  }
}

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
