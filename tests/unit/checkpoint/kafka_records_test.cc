// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Pair;

Owner sample() {
  return {.instance = "5f0c1d2e3a4b5c6d7e8f9012",
          .state = Owner::State::kActive,
          .process = {.host = "db-1",
                      .pid = 4711,
                      .started = 123'456,
                      .boot = "6f4a1f52-9a3c-4a51-8d8f-2f7d5c9e0b11",
                      .pid_namespace = "pid:[4026531836]"},
          .beat = 17,
          .heartbeat_ms = 3'000,
          .written_ms = 1'767'323'045'678};
}

TEST(CheckpointKeysOf, NoOtherPipelineHasTheSame) {
  const CheckpointKeys keys("orders");
  EXPECT_EQ(keys.newest, "orders");
  EXPECT_EQ(keys.previous, "orders/previous");
  EXPECT_EQ(keys.owner, "orders/owner");
}

TEST(OwnerRecord, IsOneLineOfJsonForPeople) {
  EXPECT_EQ(to_text(sample()),
            R"({"instance":"5f0c1d2e3a4b5c6d7e8f9012","state":"active","host":"db-1","pid":4711,)"
            R"("pid_started":123456,"boot":"6f4a1f52-9a3c-4a51-8d8f-2f7d5c9e0b11",)"
            R"("pid_namespace":"pid:[4026531836]","beat":17,"heartbeat_ms":3000,)"
            R"("written":"2026-01-02T03:04:05.678Z"})"
            "\n");
}

TEST(OwnerRecord, ComesBackTheSame) {
  for (const Owner::State state : {Owner::State::kActive, Owner::State::kReleased}) {
    Owner owner = sample();
    owner.state = state;
    const std::optional<Owner> read = parse_owner(to_text(owner));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->instance, owner.instance);
    EXPECT_EQ(read->state, owner.state);
    EXPECT_EQ(read->process, owner.process);
    EXPECT_EQ(read->beat, owner.beat);
    EXPECT_EQ(read->heartbeat_ms, owner.heartbeat_ms);
    EXPECT_EQ(read->written_ms, owner.written_ms);
  }
}

TEST(OwnerRecord, WhatIsNoneIsNone) {
  for (const char* text : {"", "{", "[]", "7", R"({"state":"active"})", R"({"instance":"a"})",
                           R"({"instance":"a","state":"asleep"})", R"({"instance":7,"state":"active"})"}) {
    EXPECT_FALSE(parse_owner(text)) << text;
  }
}

struct Odd {
  const char* name;
  const char* text;
  std::int64_t heartbeat_ms;
};
class OddOwner : public testing::TestWithParam<Odd> {};
TEST_P(OddOwner, IsGivenABoundedTime) {
  const std::optional<Owner> owner = parse_owner(GetParam().text);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->heartbeat_ms, GetParam().heartbeat_ms);
  EXPECT_EQ(owner_patience_ms(*owner), 3 * GetParam().heartbeat_ms + 1'000);
}
INSTANTIATE_TEST_SUITE_P(
    Table, OddOwner,
    testing::Values(Odd{"as_it_says", R"({"instance":"a","state":"active","heartbeat_ms":250})", 250},
                    Odd{"none", R"({"instance":"a","state":"active"})", 1},
                    Odd{"negative", R"({"instance":"a","state":"active","heartbeat_ms":-5})", 1},
                    Odd{"a_year", R"({"instance":"a","state":"active","heartbeat_ms":31536000000})",
                        3'600'000},
                    Odd{"text", R"({"instance":"a","state":"active","heartbeat_ms":"3000"})", 1},
                    Odd{"huge", R"({"instance":"a","state":"active","heartbeat_ms":1e300})", 1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(OwnerRecord, IsDescribedForPeople) {
  EXPECT_EQ(describe(sample()), "process 4711 on db-1, which last wrote at 2026-01-02T03:04:05.678Z");
}

struct Topic {
  const char* name;
  CheckpointTopicFacts facts;
  const char* refused;  // nullptr: taken
};
class CheckpointTopic : public testing::TestWithParam<Topic> {};
TEST_P(CheckpointTopic, IsTakenOrRefusedWithWords) {
  const absl::Status status = check_checkpoint_topic("positions", GetParam().facts);
  if (GetParam().refused == nullptr) {
    EXPECT_TRUE(status.ok()) << status;
    return;
  }
  EXPECT_EQ(reason_of(status), ReasonCode::kCheckpointTopic);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().refused));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"positions\""));
}
CheckpointTopicFacts with(int partitions, std::map<std::string, std::string> settings) {
  return {.partitions = partitions, .replication = 1, .settings = std::move(settings)};
}
INSTANTIATE_TEST_SUITE_P(
    Table, CheckpointTopic,
    testing::Values(
        Topic{"as_made_here", with(1, {{"cleanup.policy", "compact"}}), nullptr},
        Topic{"settings_not_to_be_seen", {.partitions = 1, .replication = 1, .settings = {}}, nullptr},
        Topic{"two_partitions", with(2, {{"cleanup.policy", "compact"}}), "has 2 partitions"},
        Topic{"deletes", with(1, {{"cleanup.policy", "delete"}}),
              "kafka-configs.sh --bootstrap-server <servers> --alter --entity-type topics --entity-name "
              "positions --add-config cleanup.policy=compact"},
        Topic{"deletes_as_well", with(1, {{"cleanup.policy", "compact,delete"}}),
              "cleanup.policy=compact,delete"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NewCheckpointTopic, HasAsManyCopiesAsBrokersAllow) {
  EXPECT_EQ(checkpoint_replication(1), 1);
  EXPECT_EQ(checkpoint_replication(2), 2);
  EXPECT_EQ(checkpoint_replication(3), 3);
  EXPECT_EQ(checkpoint_replication(9), 3);
  EXPECT_EQ(checkpoint_replication(0), 1);
}

TEST(NewCheckpointTopic, IsCompactedAndTakesTheLargestCheckpoint) {
  const SettingList settings = checkpoint_topic_settings(3);
  EXPECT_THAT(settings, testing::Contains(Pair("cleanup.policy", "compact")));
  EXPECT_THAT(settings, testing::Contains(Pair("min.insync.replicas", "2")));
  for (const auto& [name, value] : settings) {
    if (name != "max.message.bytes") continue;
    EXPECT_GT(std::stoull(value), 2 * kCheckpointBytesMax);
  }
  EXPECT_THAT(checkpoint_topic_settings(2), testing::Contains(Pair("min.insync.replicas", "1")));
  EXPECT_THAT(checkpoint_topic_settings(1), testing::Contains(Pair("min.insync.replicas", "1")));
}

TEST(NewCheckpointTopic, CanBeMadeByHand) {
  EXPECT_THAT(
      create_topic_command("a:9092", "positions", 3),
      HasSubstr("kafka-topics.sh --bootstrap-server a:9092 --create --topic positions --partitions 1 "
                "--replication-factor 3 --config cleanup.policy=compact --config min.insync.replicas=2"));
}

}  // namespace
}  // namespace millrace
