// SPDX-License-Identifier: Apache-2.0
#include "kafka/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

using testing::HasSubstr;

TEST(KafkaProperties, TheLibrarysTableIsRead) {
  EXPECT_TRUE(library_is_new_enough());
  EXPECT_GT(properties().size(), 100U);
  const Property* const linger = find_property("linger.ms");
  ASSERT_NE(linger, nullptr);
  EXPECT_EQ(linger->clients, Property::Clients::kProducers);
  EXPECT_EQ(linger->range, "0 .. 900000");
  const Property* const fetch = find_property("fetch.min.bytes");
  ASSERT_NE(fetch, nullptr);
  EXPECT_EQ(fetch->clients, Property::Clients::kConsumers);
  ASSERT_NE(find_property("dr_msg_cb"), nullptr);
  EXPECT_TRUE(find_property("dr_msg_cb")->callback);
  EXPECT_NE(find_property("message.timeout.ms"), nullptr);  // of a topic
  EXPECT_EQ(find_property("linger"), nullptr);
}

TEST(KafkaProperties, NothingLoadsCodeOfOthers) {
  for (const Property& property : properties())
    EXPECT_FALSE(property.name.starts_with("plugin.")) << property.name;
}

TEST(KafkaProperties, EveryPromiseIsAPropertyAndItsValuesAreTaken) {
  for (const Promise& promise : promises()) {
    EXPECT_NE(find_property(promise.name), nullptr) << promise.name;
    std::string_view rest = promise.allowed;
    while (!rest.empty()) {
      const std::size_t bar = std::min(rest.find('|'), rest.size());
      EXPECT_EQ(property_problem(promise.name, std::string(rest.substr(0, bar))), std::nullopt)
          << promise.name;
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
  }
}

struct Judged {
  const char* name;
  const char* value;
  const char* words;  ///< nullptr: taken.
};
class JudgesProperty : public testing::TestWithParam<Judged> {};

TEST_P(JudgesProperty, InWords) {
  const std::optional<std::string> problem = property_problem(GetParam().name, GetParam().value);
  if (GetParam().words == nullptr) {
    EXPECT_EQ(problem, std::nullopt);
  } else {
    ASSERT_TRUE(problem.has_value());
    EXPECT_THAT(*problem, HasSubstr(GetParam().words));
    EXPECT_THAT(*problem, testing::Not(HasSubstr("tiger")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, JudgesProperty,
    testing::Values(Judged{"acks", "1", "all in-sync replicas"}, Judged{"acks", "all", nullptr},
                    Judged{"enable.idempotence", "false", "refused"},
                    Judged{"message.timeout.ms", "300000", "never expire"},
                    Judged{"delivery.timeout.ms", "120000", "never expire"},
                    Judged{"transactional.id", "x", "refused"},
                    Judged{"queue.buffering.max.messages", "1000", "memory.limit"},
                    Judged{"partitioner", "consistent", "murmur2"},
                    Judged{"partitioner", "murmur2_random", nullptr},
                    Judged{"dr_msg_cb", "1", "only a program"}, Judged{"group.id", "g", "consumers"},
                    Judged{"linger.ms", "20", nullptr}, Judged{"linger.ms", "tiger", "0 .. 900000"},
                    Judged{"compression.type", "zstd", nullptr},
                    Judged{"compression.type", "tiger", "none, gzip, snappy, lz4, zstd"},
                    Judged{"security.protocol", "SASL_SSL", nullptr},
                    Judged{"sasl.password", "tiger", nullptr}, Judged{"no.such", "tiger", "no such property"},
                    Judged{"max.in.flight.requests.per.connection", "6", "idempotent"},
                    Judged{"queue.buffering.backpressure.threshold", "10", "idempotent"},
                    Judged{"queue.buffering.backpressure.threshold", "1", nullptr}));

}  // namespace
}  // namespace millrace::kafka
