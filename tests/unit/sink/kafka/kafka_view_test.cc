// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/kafka_view.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// As librdkafka prints it, shortened; a topic may be called anything.
constexpr std::string_view kStatistics =
    R"({ "name": "millrace-p#producer-1", "client_id": "millrace-p", "type": "producer", "ts":1, "msg_cnt":12, )"
    R"("msg_size":3456, "msg_max":0, "brokers":{ "127.0.0.1:9092/1": { "name":"127.0.0.1:9092/1", "nodeid":1, )"
    R"("state":"UP", "tx":90, "txerrs":1, "txretries":2, "rxerrs":3, "req_timeouts":4, )"
    R"("rtt": { "min":100, "max":900, "avg":300, "p50":250, "p99":800 }, "throttle": { "avg":7 }, )"
    R"("req": { "Produce": 55, "Metadata": 3 }, "toppars":{ "t-0": { "topic":"t", "partition":0} } } , )"
    R"("localhost:9092/bootstrap": { "name":"x", "nodeid":-1, "state":"INIT" } }, )"
    R"("topics":{ "\"tx\":9,": { "topic":"t", "age":1, not even JSON } } , )"
    R"("tx":90, "tx_bytes":1000, "rx":80, "rx_bytes":900, "txmsgs":70, "txmsg_bytes":6000, "rxmsgs":0, )"
    R"("rxmsg_bytes":0})";

TEST(KafkaView, StatisticsAreReadWithoutTheirTopics) {
  const KafkaView view = parse_statistics(kStatistics);
  ASSERT_TRUE(view.known);
  EXPECT_EQ(view.queue_records, 12U);
  EXPECT_EQ(view.queue_bytes, 3456U);
  EXPECT_EQ(view.sent_records, 70U);
  EXPECT_EQ(view.sent_bytes, 6000U);
  ASSERT_EQ(view.brokers.size(), 1U);
  const KafkaBrokerView& broker = view.brokers[0];
  EXPECT_EQ(broker.name, "127.0.0.1:9092/1");
  EXPECT_TRUE(broker.up);
  EXPECT_EQ(broker.requests, 55U);
  EXPECT_EQ(broker.retries, 2U);
  EXPECT_EQ(broker.errors, 8U);
  EXPECT_EQ(broker.ack_p50_us, 250);
  EXPECT_EQ(broker.ack_p99_us, 800);
  EXPECT_EQ(broker.ack_max_us, 900);
  EXPECT_EQ(broker.throttle_us, 7000);
}

TEST(KafkaView, WhatIsNoStatisticsIsNotKnown) {
  for (const std::string_view text : {"", "{}", R"({"topics":{},"tx":1})", R"("tx":1 "topics":{)", "[1,2]"}) {
    const KafkaView view = parse_statistics(text);
    EXPECT_TRUE(view.brokers.empty()) << text;
  }
  EXPECT_FALSE(parse_statistics("{}").known);
}

TEST(KafkaView, ProducersOfAPipelineAddUp) {
  KafkaView sum;
  add(sum, KafkaView{});
  EXPECT_FALSE(sum.known);
  add(sum, parse_statistics(kStatistics));
  add(sum, parse_statistics(kStatistics));
  EXPECT_EQ(sum.queue_records, 24U);
  ASSERT_EQ(sum.brokers.size(), 1U);
  EXPECT_EQ(sum.brokers[0].requests, 110U);
  EXPECT_EQ(sum.brokers[0].ack_p99_us, 800);
}

}  // namespace
}  // namespace millrace
