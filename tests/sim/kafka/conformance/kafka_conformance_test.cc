// SPDX-License-Identifier: Apache-2.0
// The model producer does what librdkafka does: the same records, the same refusals, the same reports in the
// same order. Each case runs against both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/concat.h"
#include "sim/kafka/conformance/cluster.h"

namespace millrace::sim {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr rd_kafka_resp_err_t kOk = RD_KAFKA_RESP_ERR_NO_ERROR;
constexpr rd_kafka_resp_err_t kNotLeader = RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
constexpr rd_kafka_resp_err_t kNoTopic = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
constexpr rd_kafka_resp_err_t kOutOfOrder = RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

enum class Kind { kModel, kLibrdkafka };

/// Records "1", "2" ... through one producer, and what it says of them.
class Conversation {
 public:
  Conversation(Kind kind, ConformanceSetup setup)
      : cluster_(kind == Kind::kModel ? make_model_cluster(setup) : make_mock_cluster(setup)) {
    producer_ = *cluster_->port().make_producer(Way::kPrompt, 0);
    topic_ = producer_->open_topic(kConformanceTopic);
    values_.reserve(kRecordsMax);
    records_.resize(kRecordsMax);
  }
  /// Record 0 arrives.
  void begin() {
    cluster_->wait([&] { return produce() == kOk; });
    settle(1);
    said_.clear();
  }

  ConformanceCluster& cluster() noexcept { return *cluster_; }
  const std::vector<std::string>& said() const noexcept { return said_; }

  rd_kafka_resp_err_t produce() {
    if (values_.size() == kRecordsMax) return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    values_.push_back(std::to_string(values_.size()));
    Record record;
    record.value = reinterpret_cast<const std::byte*>(values_.back().data());
    record.value_size = static_cast<std::uint32_t>(values_.back().size());
    record.context_headers = false;
    const rd_kafka_resp_err_t error = producer_->produce(topic_, 0, record, 1, &records_[values_.size() - 1]);
    if (error != kOk) values_.pop_back();
    return error;
  }

  /// Until so many reports have come.
  bool settle(std::size_t reports) {
    return cluster_->wait([&] {
      listen();
      return reports_ >= reports;
    });
  }

 private:
  static constexpr std::size_t kRecordsMax = 100;

  void listen() {
    while (producer_->next_event(event_)) {
      if (event_.kind == ProducerEvent::Kind::kFatal)
        said_.push_back(concat("fatal ", rd_kafka_err2name(event_.error)));
      if (event_.kind != ProducerEvent::Kind::kDeliveries) continue;
      for (const Delivery& delivery : event_.deliveries) {
        ++reports_;
        const std::string record = values_[static_cast<std::size_t>(delivery.record - records_.data())];
        if (delivery.error != kOk) {
          said_.push_back(concat(record, " ", rd_kafka_err2name(delivery.error)));
        } else {
          said_.push_back(delivery.offset < 0 ? record + " stands somewhere"
                                              : concat(record, " at ", delivery.offset));
        }
      }
    }
  }

  std::unique_ptr<ConformanceCluster> cluster_;
  ProducerPort* producer_ = nullptr;
  std::uint32_t topic_ = 0;
  std::vector<std::string> values_;
  std::vector<InFlightRecord> records_;
  ProducerEvent event_;
  std::vector<std::string> said_;
  std::size_t reports_ = 0;
};

/// Record 0 has been delivered; then come records 1 to `count`, while these answers are given.
struct Answers {
  const char* name;
  std::vector<rd_kafka_resp_err_t> answers;
  int count;
  std::vector<std::string> said;
};

class TheProducer : public testing::TestWithParam<std::tuple<Kind, Answers>> {};

TEST_P(TheProducer, Says) {
  const auto& [kind, answers] = GetParam();
  Conversation talk(kind, {});
  talk.begin();
  talk.cluster().refuse(answers.answers);
  for (int i = 0; i < answers.count; ++i) EXPECT_EQ(talk.produce(), kOk);
  talk.settle(1 + static_cast<std::size_t>(answers.count));
  EXPECT_THAT(talk.said(), ElementsAreArray(answers.said));
}

INSTANTIATE_TEST_SUITE_P(
    Table, TheProducer,
    testing::Combine(
        testing::Values(Kind::kModel, Kind::kLibrdkafka),
        testing::Values(
            Answers{
                "all_well", {}, 7, {"1 at 1", "2 at 2", "3 at 3", "4 at 4", "5 at 5", "6 at 6", "7 at 7"}},
            Answers{"refused_for_a_moment_alone", {kNotLeader}, 1, {"1 at 1"}},
            Answers{"refused_one_behind_the_other",
                    {kNoTopic, kNoTopic, kNoTopic},
                    3,
                    {"1 at 1", "2 at 2", "3 at 3"}},
            Answers{"what_follows_is_out_of_order",
                    {kNotLeader, kOutOfOrder, kOutOfOrder},
                    3,
                    {"1 at 1", "2 at 2", "3 at 3"}},
            Answers{"out_of_order_at_once",
                    {kOutOfOrder},
                    1,
                    {"fatal OUT_OF_ORDER_SEQUENCE_NUMBER", "1 OUT_OF_ORDER_SEQUENCE_NUMBER"}},
            Answers{"a_duplicate", {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER}, 1, {"1 stands somewhere"}},
            Answers{"not_enough_replicas", {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS}, 1, {"1 at 1"}},
            Answers{"not_enough_replicas_after_it_was_appended",
                    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                     RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER},
                    1,
                    {"1 stands somewhere"}},
            Answers{"the_disk_fails", {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR}, 1, {"1 at 1"}},
            Answers{"the_broker_has_forgotten_the_producer",
                    {RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID},
                    1,
                    {"1 at 1"}},
            Answers{"an_error_of_the_broker_alone",
                    {RD_KAFKA_RESP_ERR_UNKNOWN},
                    1,
                    {"fatal _GAPLESS_GUARANTEE", "1 UNKNOWN"}},
            Answers{"the_broker_timed_out", {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT}, 1, {"1 at 1"}},
            Answers{"a_damaged_batch", {RD_KAFKA_RESP_ERR_INVALID_MSG}, 1, {"1 at 1"}},
            Answers{"forbidden",
                    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
                    1,
                    {"fatal _GAPLESS_GUARANTEE", "1 TOPIC_AUTHORIZATION_FAILED"}},
            Answers{"too_large",
                    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE},
                    1,
                    {"fatal _GAPLESS_GUARANTEE", "1 MSG_SIZE_TOO_LARGE"}},
            Answers{"refused_by_the_topics_rules",
                    {RD_KAFKA_RESP_ERR_INVALID_RECORD},
                    1,
                    {"fatal _GAPLESS_GUARANTEE", "1 INVALID_RECORD"}},
            Answers{"an_older_epoch",
                    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
                    1,
                    {"fatal _GAPLESS_GUARANTEE", "1 INVALID_PRODUCER_EPOCH"}})),
    [](const auto& row) {
      return std::string(std::get<0>(row.param) == Kind::kModel ? "model_" : "librdkafka_") +
             std::get<1>(row.param).name;
    });

class Producers : public testing::TestWithParam<Kind> {};

TEST_P(Producers, ARefusedRecordIsTakenForDeliveredWhenAnotherOvertakesItAtABrokerThatKnowsNeither) {
  // What PartitionLanes keeps from happening: record 0 is refused for a moment, 1 and 2 are not.
  Conversation talk(GetParam(), {});
  talk.cluster().refuse({kNotLeader, kOk, kOk});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(talk.produce(), kOk);
  ASSERT_TRUE(talk.settle(3));
  EXPECT_THAT(talk.said(), ElementsAre("0 stands somewhere", "1 at 0", "2 at 1"));
  EXPECT_THAT(talk.cluster().contents(), ElementsAre("1", "2"));
}

TEST_P(Producers, AfterAnEndNothingIsTakenAndWhatWaitsIsPurged) {
  Conversation talk(GetParam(), {});
  talk.begin();
  talk.cluster().refuse(
      {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, kOutOfOrder, kOutOfOrder, kOutOfOrder, kOutOfOrder});
  for (int i = 0; i < 7; ++i) ASSERT_EQ(talk.produce(), kOk);
  ASSERT_TRUE(talk.settle(4));
  ASSERT_GE(talk.said().size(), 4U);
  EXPECT_EQ(talk.said()[0], "fatal _GAPLESS_GUARANTEE");
  EXPECT_EQ(talk.said()[1], "1 MSG_SIZE_TOO_LARGE");
  // The others in any order, and those that were under way perhaps never.
  for (std::size_t i = 2; i < talk.said().size(); ++i) {
    EXPECT_THAT(talk.said()[i], testing::MatchesRegex("[2-7] _PURGE_(QUEUE|INFLIGHT)"));
  }
  EXPECT_EQ(talk.produce(), RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE);
  EXPECT_THAT(talk.cluster().contents(), ElementsAre("0"));
}

TEST_P(Producers, WhatABrokerTookAwayWithItIsSentAgainInOrder) {
  Conversation talk(GetParam(), {});
  talk.begin();
  talk.cluster().set_up(false);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(talk.produce(), kOk);
  EXPECT_THAT(talk.said(), IsEmpty());
  talk.cluster().set_up(true);
  ASSERT_TRUE(talk.settle(9));
  EXPECT_THAT(talk.said(),
              ElementsAre("1 at 1", "2 at 2", "3 at 3", "4 at 4", "5 at 5", "6 at 6", "7 at 7", "8 at 8"));
}

TEST_P(Producers, ABatchIsReportedAsOne) {
  Conversation talk(GetParam(), {.batch_records_max = 100});
  talk.begin();
  talk.cluster().refuse({kNotLeader});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(talk.produce(), kOk);
  ASSERT_TRUE(talk.settle(4));
  EXPECT_THAT(talk.said(), ElementsAre("1 at 1", "2 at 2", "3 at 3"));
}

TEST_P(Producers, OnceClosedNothingIsReported) {
  Conversation talk(GetParam(), {});
  talk.begin();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(talk.produce(), kOk);
  talk.cluster().port().close();
  EXPECT_THAT(talk.said(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Both, Producers, testing::Values(Kind::kModel, Kind::kLibrdkafka),
                         [](const auto& row) { return row.param == Kind::kModel ? "model" : "librdkafka"; });

}  // namespace
}  // namespace millrace::sim
