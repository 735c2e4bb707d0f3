// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/topic_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/reason_code.h"
#include "kafka/errors.h"

namespace millrace {
namespace {

using kafka::CreatedTopic;
using kafka::TopicFacts;
using kafka::TopicSettings;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000;

TopicBook book_that(bool creates) {
  return TopicBook(
      {.rules = TopicRules(creates, KafkaConfig{}.creation_groups), .patience_us = 30 * kSecond});
}

TopicFacts there(const char* name, std::int32_t partitions) {
  return {.name = name, .error_text = {}, .id = "id", .partitions = partitions};
}
TopicFacts in_trouble(const char* name, rd_kafka_resp_err_t error) {
  return {.name = name, .error = error, .error_text = "words", .id = {}};
}
TopicSettings with_limit(const char* name, const char* bytes) {
  return {.name = name, .error_text = {}, .values = {{"max.message.bytes", bytes}}};
}

std::vector<std::string> names(const std::vector<kafka::NewTopic>& topics) {
  std::vector<std::string> out;
  for (const kafka::NewTopic& topic : topics) out.push_back(topic.name);
  return out;
}

TEST(TopicBook, ATopicThatExistsIsDescribedAndItsLimitAsked) {
  TopicBook book = book_that(true);
  EXPECT_TRUE(book.due(0).empty());
  book.want("t", 0);
  book.want("t", 0);
  EXPECT_THAT(book.due(0).describe, ElementsAre("t"));
  EXPECT_TRUE(book.due(0).empty());  // asked once
  book.described(std::vector{there("t", 3)}, 1);
  EXPECT_THAT(book.due(1).settings, ElementsAre("t"));
  book.settings(std::vector{with_limit("t", "2000")}, 2);
  EXPECT_FALSE(book.idle());  // the last one is known, and waits to be taken
  const auto known = book.take_known();
  ASSERT_EQ(known.size(), 1U);
  EXPECT_EQ(known[0].name, "t");
  EXPECT_EQ(known[0].partitions, 3);
  EXPECT_EQ(known[0].message_bytes_max, 2000);
  EXPECT_TRUE(book.idle());
}

TEST(TopicBook, AMissingTopicIsMadeAndLookedForUntilItIsSeen) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, 0);
  EXPECT_THAT(names(book.due(0).create), ElementsAre("t"));
  book.created(std::vector{CreatedTopic{"t", RD_KAFKA_RESP_ERR_NO_ERROR, ""}}, 0);
  EXPECT_THAT(book.due(0).describe, ElementsAre("t"));
  // Not every broker knows it yet: it is not made a second time.
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, 0);
  EXPECT_TRUE(book.due(0).empty());
  const std::int64_t again = book.next_deadline_us();
  EXPECT_GT(again, 0);
  EXPECT_LT(again, kSecond);
  EXPECT_THAT(book.due(again).describe, ElementsAre("t"));
}

TEST(TopicBook, AMadeTopicThatNobodyEverSeesIsTroubleAndMadeAgain) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  int made = 0;
  std::int64_t now = 0;
  std::int64_t troubled = 0;
  for (; made < 3 && now < 60 * kSecond; now = std::max(now + 1, book.next_deadline_us())) {
    const TopicBook::Questions questions = book.due(now);
    if (!questions.create.empty()) {
      ++made;
      book.created(std::vector{CreatedTopic{"t", RD_KAFKA_RESP_ERR_NO_ERROR, ""}}, now);
    } else if (!questions.describe.empty()) {
      book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, now);
      if (!book.trouble().ok() && troubled == 0) troubled = now;
    }
  }
  EXPECT_EQ(made, 3);
  EXPECT_TRUE(book.status().ok());
  EXPECT_GE(troubled, 4 * kSecond);  // brokers need a moment
  EXPECT_LE(troubled, 6 * kSecond);
  EXPECT_LE(now, 13 * kSecond);
}

TEST(TopicBook, ATopicThatWaitsForAnothersAnswerNamesNoDeadline) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  EXPECT_THAT(book.due(0).describe, ElementsAre("t"));
  // Named, it would be one that passes without anything to do: the loop would turn until the answer comes.
  book.want("u", 0);
  EXPECT_TRUE(book.due(0).empty());
  EXPECT_EQ(book.next_deadline_us(), std::numeric_limits<std::int64_t>::max());
  book.described(absl::UnavailableError("nobody answers"), kSecond);
  EXPECT_LE(book.next_deadline_us(), kSecond);
  EXPECT_THAT(book.due(kSecond).describe, ElementsAre("u"));
}

TEST(TopicBook, SomebodyElseMayHaveMadeIt) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, 0);
  (void)book.due(0);
  book.created(std::vector{CreatedTopic{"t", RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "exists"}}, 0);
  EXPECT_TRUE(book.status().ok());
  EXPECT_THAT(book.due(0).describe, ElementsAre("t"));
}

TEST(TopicBook, AnExpectedTopicIsWaitedForAndThenMissed) {
  TopicBook book = book_that(false);
  book.want("t", 0);
  std::int64_t now = 0;
  while (book.status().ok() && now < 100 * kSecond) {
    if (!book.due(now).describe.empty()) {
      book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, now);
    }
    now = std::min(book.next_deadline_us(), now + 100 * kSecond);
  }
  EXPECT_EQ(reason_of(book.status()), ReasonCode::kTopicMissing);
  EXPECT_TRUE(book.due(now + kSecond).empty());
}

TEST(TopicBook, OneMissingTopicHoldsUpNoOther) {
  TopicBook book = book_that(false);
  book.want("a", 0);
  book.want("b", 0);
  EXPECT_THAT(book.due(0).describe, ElementsAre("a", "b"));
  book.described(std::vector{in_trouble("a", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), there("b", 1)}, 0);
  EXPECT_THAT(book.due(0).settings, ElementsAre("b"));
  book.settings(std::vector{with_limit("b", "1000")}, 0);
  EXPECT_EQ(book.take_known().size(), 1U);
  EXPECT_FALSE(book.idle());
}

TEST(TopicBook, ARequestThatFailsIsAskedAgain) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(kafka::error_status(RD_KAFKA_RESP_ERR__TIMED_OUT, "asking"), 0);
  EXPECT_TRUE(book.status().ok());
  EXPECT_EQ(reason_of(book.trouble()), ReasonCode::kKafkaUnreachable);
  EXPECT_TRUE(book.due(0).empty());
  EXPECT_THAT(book.due(book.next_deadline_us()).describe, ElementsAre("t"));
  book.described(std::vector{there("t", 1)}, kSecond);
  EXPECT_TRUE(book.trouble().ok());
}

TEST(TopicBook, AnAnswerThatLeavesATopicOutForgetsNobody) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector<TopicFacts>{}, 0);
  EXPECT_THAT(book.due(book.next_deadline_us()).describe, ElementsAre("t"));
}

struct Refused {
  const char* name;
  rd_kafka_resp_err_t error;
  ReasonCode reason;
};
class CreationRefused : public testing::TestWithParam<Refused> {};

TEST_P(CreationRefused, EndsWithItsReason) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, 0);
  (void)book.due(0);
  // Late enough that patience is over.
  book.created(std::vector{CreatedTopic{"t", GetParam().error, "words"}}, 31 * kSecond);
  EXPECT_EQ(reason_of(book.status()), GetParam().reason);
  EXPECT_THAT(std::string(book.status().message()), testing::HasSubstr("topic t cannot be created"));
}

INSTANTIATE_TEST_SUITE_P(
    Table, CreationRefused,
    testing::Values(
        Refused{"policy", RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ReasonCode::kTopicRefused},
        Refused{"name", RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ReasonCode::kTopicRefused},
        Refused{"setting", RD_KAFKA_RESP_ERR_INVALID_CONFIG, ReasonCode::kTopicRefused},
        Refused{"replicas", RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ReasonCode::kTopicRefused},
        Refused{"right", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ReasonCode::kKafkaPermissionDenied}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TopicBook, TooFewBrokersForTheReplicasAreWaitedFor) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)}, 0);
  (void)book.due(0);
  book.created(std::vector{CreatedTopic{"t", RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, "1 broker"}},
               kSecond);
  EXPECT_TRUE(book.status().ok());
  EXPECT_THAT(names(book.due(book.next_deadline_us()).create), ElementsAre("t"));
}

TEST(TopicBook, ATopicWhoseSettingsMayNotBeSeenIsKnownWithoutALimit) {
  for (const bool as_a_whole : {false, true}) {
    TopicBook book = book_that(true);
    book.want("t", 0);
    (void)book.due(0);
    book.described(std::vector{there("t", 2)}, 0);
    (void)book.due(0);
    if (as_a_whole) {
      book.settings(kafka::error_status(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "asking"), 0);
    } else {
      book.settings(std::vector{TopicSettings{.name = "t",
                                              .error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                              .error_text = {},
                                              .values = {}}},
                    0);
    }
    const auto known = book.take_known();
    ASSERT_EQ(known.size(), 1U);
    EXPECT_EQ(known[0].message_bytes_max, -1);
    EXPECT_TRUE(book.status().ok());
  }
}

TEST(TopicBook, AForbiddenTopicEndsIt) {
  TopicBook book = book_that(true);
  book.want("t", 0);
  (void)book.due(0);
  book.described(std::vector{in_trouble("t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)}, 0);
  EXPECT_EQ(reason_of(book.status()), ReasonCode::kKafkaPermissionDenied);
  EXPECT_THAT(std::string(book.status().message()), testing::HasSubstr("topic t"));
}

}  // namespace
}  // namespace millrace
