// SPDX-License-Identifier: Apache-2.0
// What messages that wait for a broker occupy, as the program's allocator counts it.
#include <gtest/gtest.h>
#include <jemalloc/jemalloc.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/reactor.h"
#include "sink/kafka/in_flight.h"
#include "sink/kafka/rdkafka_port.h"
#include "sink/kafka/record_size.h"

namespace millrace {
namespace {

constexpr std::size_t kBytes = 64U << 20;  // of messages: what else the client's threads allocate is little

std::int64_t allocated_bytes() {
  std::uint64_t epoch = 1;
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);  // the figures are of this moment then
  std::size_t bytes = 0;
  std::size_t size = sizeof bytes;
  mallctl("stats.allocated", &bytes, &size, nullptr, 0);
  return static_cast<std::int64_t>(bytes);
}

struct Messages {
  const char* name;
  std::size_t key_bytes;
  std::vector<ContextHeader> context;
  std::size_t own_header_bytes = 0;
};
class MemoryOfMessages : public testing::TestWithParam<Messages> {};

TEST_P(MemoryOfMessages, IsWhatTheSinkChargesForThem) {
  const auto& [name, key_bytes, context, own_header_bytes] = GetParam();
  const auto reactor = *Reactor::create(Reactor::Kind::kPlain);
  KafkaConfig config;
  config.bootstrap_servers = "127.0.0.1:1";  // nobody listens there: nothing leaves
  const auto port = make_rdkafka_port(config, "memory", context, *reactor);
  ProducerPort& producer = **port->make_producer(Way::kBulk, 0);
  const std::uint32_t topic = producer.open_topic("t");

  const std::string key(key_bytes, 'k'), own_header(own_header_bytes, 'o'), value(100, 'v');
  Record record;
  record.key = reinterpret_cast<const std::byte*>(key.data());
  record.key_size = static_cast<std::uint32_t>(key.size());
  record.value = reinterpret_cast<const std::byte*>(value.data());
  record.value_size = static_cast<std::uint32_t>(value.size());
  if (own_header_bytes > 0) {
    record.own_header = reinterpret_cast<const std::byte*>(own_header.data());
    record.own_header_size = static_cast<std::uint32_t>(own_header.size());
  }
  const auto [headers, header_bytes] = HeaderSizes(context).of(record);
  const std::size_t charged = message_memory_bytes(key.size(), headers, header_bytes);
  Piece piece;
  piece.records.assign(kBytes / charged, record);

  InFlightPieces in_flight;
  ASSERT_EQ(producer.produce(topic, 0, record, 1, nullptr), RD_KAFKA_RESP_ERR_NO_ERROR);
  const std::int64_t before = allocated_bytes();
  InFlightPieces::Entry& entry = in_flight.add(&piece, kBytes);
  for (InFlightRecord& each : entry.records) {
    ASSERT_EQ(producer.produce(topic, 0, record, 1, &each), RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  const double measured =
      static_cast<double>(allocated_bytes() - before) / static_cast<double>(piece.records.size());
  port->close();

  RecordProperty("measured", std::to_string(measured));
  EXPECT_GE(static_cast<double>(charged), measured * 0.99) << "else is what its threads allocate";
  EXPECT_LE(static_cast<double>(charged), measured * 1.3);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MemoryOfMessages,
    testing::Values(Messages{"no_key", 0, {}}, Messages{"small_key", 30, {}},
                    Messages{"key_past_a_size", 81, {}}, Messages{"large_key", 3'000, {}},
                    Messages{"own_header", 30, {}, 40}, Messages{"large_own_header", 30, {}, 5'000},
                    Messages{"context",
                             30,
                             {{"__debezium.context.connectorLogicalName", "shop"},
                              {"__debezium.context.taskId", "0"},
                              {"__debezium.context.connectorName", "postgresql"},
                              {"__debezium.context.runId", "018bcfe5-6800-7000-8000-000000000000"}}},
                    Messages{"context_and_own",
                             30,
                             {{"__debezium.context.connectorLogicalName", "a-rather-long-prefix.of.topics"},
                              {"__debezium.context.taskId", "0"},
                              {"__debezium.context.connectorName", "postgresql"},
                              {"__debezium.context.runId", "018bcfe5-6800-7000-8000-000000000000"}},
                             17}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace
