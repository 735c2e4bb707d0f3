// SPDX-License-Identifier: Apache-2.0
// What messages carry, whatever the messages before them carried.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sink/kafka/producer.h"

namespace millrace {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kOwn = "k=1";

Record record_with(bool own, bool context) {
  Record record;
  record.context_headers = context;
  if (own) {
    record.own_header = reinterpret_cast<const std::byte*>(kOwn.data());
    record.own_header_size = kOwn.size();
  }
  return record;
}

Pairs pairs_of(const kafka::HeadersPtr& headers) {
  Pairs out;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       headers != nullptr && rd_kafka_header_get_all(headers.get(), i, &name, &value, &size) == 0; ++i) {
    out.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return out;
}

struct Messages {
  const char* name;
  Pairs context;
};
class HeadersOfMessages : public testing::TestWithParam<Messages> {};

TEST_P(HeadersOfMessages, AreTheRecordsOwnAndTheSharedOnes) {
  const Pairs& context = GetParam().context;
  RecordHeaders all(context);
  Pairs own_and_context = {{"__debezium.oldkey", std::string(kOwn)}};
  own_and_context.insert(own_and_context.end(), context.begin(), context.end());
  // Each kind twice, behind each other kind: what a message leaves behind is no other's.
  std::vector<kafka::HeadersPtr> delivered;
  for (int round = 0; round < 3; ++round) {
    for (const bool own : {false, true}) {
      for (const bool shared : {true, false}) {
        kafka::HeadersPtr headers = all.make(record_with(own, shared));
        const Pairs expected =
            own ? (shared ? own_and_context : Pairs{own_and_context.front()}) : (shared ? context : Pairs{});
        EXPECT_EQ(pairs_of(headers), expected) << "round " << round;
        if (headers != nullptr) delivered.push_back(std::move(headers));
      }
    }
    for (kafka::HeadersPtr& headers : delivered) all.give_back(std::move(headers));
    delivered.clear();
  }
}

INSTANTIATE_TEST_SUITE_P(Table, HeadersOfMessages,
                         testing::Values(Messages{"no_context", {}}, Messages{"one", {{"a", "1"}}},
                                         Messages{"two", {{"a", "1"}, {"b", ""}}},
                                         Messages{"four", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(RecordHeaders, ThoseOfADeliveredMessageServeTheNext) {
  RecordHeaders all({{"a", "1"}, {"b", "2"}});
  kafka::HeadersPtr first = all.make(record_with(false, true));
  const rd_kafka_headers_t* const address = first.get();
  all.give_back(std::move(first));
  const kafka::HeadersPtr second = all.make(record_with(false, true));
  const kafka::HeadersPtr third = all.make(record_with(false, true));
  EXPECT_EQ(second.get(), address);
  EXPECT_NE(third.get(), address) << "each message owns its headers";
}

}  // namespace
}  // namespace millrace
