// SPDX-License-Identifier: Apache-2.0
#include "kafka/check/check_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/concat.h"

namespace millrace::kafka {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Severity = CheckFinding::Severity;

class CheckRules : public testing::Test {
 protected:
  CheckRules() {
    config_.name = "orders";
    config_.kafka.bootstrap_servers = "a:9092,b:9092";
    context_.cluster.brokers = 3;
    topic_.name = "p.public.orders";
    topic_.partitions = 3;
    topic_.replicas_min = 3;
    topic_.in_sync_min = 3;
    topic_.operations = {RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_OPERATION_WRITE,
                         RD_KAFKA_ACL_OPERATION_DESCRIBE};
    settings_.values = {{"cleanup.policy", "delete"},
                        {"min.insync.replicas", "2"},
                        {"max.message.bytes", "1048588"},
                        {"unclean.leader.election.enable", "false"}};
    target_.name = topic_.name;
    target_.table = "public.orders";
  }

  /// What is found that is no good news.
  std::vector<CheckFinding> target() {
    findings_.clear();
    check_target(context_, target_, {topic_, settings_});
    return findings_;
  }
  std::vector<CheckFinding> checkpoints() {
    findings_.clear();
    check_checkpoints(context_, {topic_, settings_});
    std::erase_if(findings_, [](const CheckFinding& f) { return f.severity == Severity::kOk; });
    return findings_;
  }

  PipelineConfig config_;
  std::vector<CheckFinding> findings_;
  CheckContext context_{config_, findings_, "app", {}, {}};
  TopicFacts topic_;
  TopicSettings settings_;
  TargetTopic target_;
};

void expect_one(const std::vector<CheckFinding>& findings, Severity severity, ReasonCode reason,
                const char* says, const char* fix) {
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].severity, severity);
  EXPECT_EQ(findings[0].reason, reason);
  EXPECT_THAT(findings[0].problem, HasSubstr(says));
  EXPECT_THAT(findings[0].fix, HasSubstr(fix));
}

struct BrokerVersion {
  const char* name;
  const char* setting;  ///< inter.broker.protocol.version; nullptr: brokers of 4.0 have none.
  Severity severity;
  const char* says;
};
class BrokerVersions : public CheckRules, public testing::WithParamInterface<BrokerVersion> {};
TEST_P(BrokerVersions, AreJudged) {
  const BrokerVersion& row = GetParam();
  if (row.setting != nullptr) context_.broker.values["inter.broker.protocol.version"] = row.setting;
  check_brokers(context_);
  const ReasonCode reason = row.severity == Severity::kError ? ReasonCode::kKafkaVersion : ReasonCode::kOk;
  expect_one(findings_, row.severity, reason, row.says,
             row.severity == Severity::kError ? "Use brokers of Kafka 2.4 or newer" : "");
}
INSTANTIATE_TEST_SUITE_P(Table, BrokerVersions,
                         testing::Values(BrokerVersion{"none", nullptr, Severity::kOk, "4.0 or newer"},
                                         BrokerVersion{"newer", "3.9-IV0", Severity::kOk, "3.9-IV0"},
                                         BrokerVersion{"oldest", "2.4-IV1", Severity::kOk, "2.4-IV1"},
                                         BrokerVersion{"too_old", "2.3-IV1", Severity::kError,
                                                       "inter.broker.protocol.version is 2.3-IV1"},
                                         BrokerVersion{"first_major", "1.1-IV0", Severity::kError, "1.1-IV0"},
                                         BrokerVersion{"four_numbers", "0.11.0-IV2", Severity::kError,
                                                       "0.11.0-IV2"},
                                         BrokerVersion{"two_digits", "2.10-IV0", Severity::kOk, "2.10-IV0"},
                                         BrokerVersion{"of_nobody", "new", Severity::kOk, "new"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(CheckRules, ATopicWithThreeCopiesIsFine) { EXPECT_THAT(target(), IsEmpty()); }

TEST_F(CheckRules, OneCopyLosesThePromise) {
  topic_.replicas_min = topic_.in_sync_min = 1;
  expect_one(
      target(), Severity::kWarning, ReasonCode::kOk,
      "replication factor 1: the loss of a broker loses delivered changes; \"nothing lost\" does not hold",
      "kafka-reassign-partitions.sh --bootstrap-server a:9092,b:9092");
  context_.cluster.brokers = 1;
  expect_one(target(), Severity::kWarning, ReasonCode::kOk, "replication factor 1", "run three brokers");
}

TEST_F(CheckRules, OneInSyncReplicaLosesThePromise) {
  settings_.values["min.insync.replicas"] = "1";
  expect_one(target(), Severity::kWarning, ReasonCode::kOk,
             "min.insync.replicas=1: a record counts as delivered when one broker has it",
             "kafka-configs.sh --bootstrap-server a:9092,b:9092 --alter --entity-type topics --entity-name "
             "p.public.orders --add-config min.insync.replicas=2");
}

TEST_F(CheckRules, NoReplicaToSpareIsNoted) {
  settings_.values["min.insync.replicas"] = "3";
  expect_one(target(), Severity::kNote, ReasonCode::kOk, "while any of them is away, deliveries wait", "");
}

TEST_F(CheckRules, TooFewInSyncNowIsAWarning) {
  topic_.in_sync_min = 1;
  expect_one(target(), Severity::kWarning, ReasonCode::kOk,
             "only 1 replicas of a partition are in sync, 2 are needed", "--under-min-isr-partitions");
}

TEST_F(CheckRules, UncleanElectionsLose) {
  settings_.values["unclean.leader.election.enable"] = "true";
  expect_one(target(), Severity::kWarning, ReasonCode::kOk, "loses delivered changes",
             "unclean.leader.election.enable=false");
}

TEST_F(CheckRules, PartitionsWithoutLeader) {
  topic_.leaderless = 2;
  expect_one(target(), Severity::kError, ReasonCode::kKafkaUnreachable, "2 of 3 partitions have no leader",
             "--describe --topic p.public.orders");
}

TEST_F(CheckRules, MissingRightsAreNamedTogether) {
  topic_.operations = {RD_KAFKA_ACL_OPERATION_READ};
  expect_one(
      target(), Severity::kError, ReasonCode::kKafkaPermissionDenied, "may not Write, Describe",
      "kafka-acls.sh --bootstrap-server a:9092,b:9092 --add --allow-principal User:app --operation Write "
      "--operation Describe --topic p.public.orders");
  topic_.operations = {};  // a broker that does not tell
  EXPECT_THAT(target(), IsEmpty());
}

TEST_F(CheckRules, CompactedTopics) {
  settings_.values["cleanup.policy"] = "compact,delete";
  expect_one(target(), Severity::kNote, ReasonCode::kOk, "only the newest event stays", "");
  config_.tombstones_on_delete = false;
  expect_one(target(), Severity::kWarning, ReasonCode::kOk, "deleted rows stay in it",
             "tombstones.on.delete: true");
  target_.has_key = false;
  expect_one(target(), Severity::kError, ReasonCode::kRecordRefused,
             "events of table public.orders have no key", "cleanup.policy=delete");
}

struct Size {
  const char* name;
  std::int64_t row_bytes;
  bool too_large;
};
class RowSizes : public CheckRules, public testing::WithParamInterface<Size> {};
TEST_P(RowSizes, AgainstWhatTheTopicTakes) {
  target_.average_row_bytes = GetParam().row_bytes;
  if (!GetParam().too_large) {
    EXPECT_THAT(target(), IsEmpty());
    return;
  }
  expect_one(target(), Severity::kWarning, ReasonCode::kOk, "RECORD_TOO_LARGE", "max.message.bytes=");
}
INSTANTIATE_TEST_SUITE_P(Table, RowSizes,
                         testing::Values(Size{"unknown", 0, false}, Size{"small", 500, false},
                                         Size{"a_quarter", 262'147, false},
                                         Size{"more_than_a_quarter", 262'148, true},
                                         Size{"more_than_all", 5'000'000, true}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(CheckRules, SettingsThatMayNotBeReadAreNoted) {
  settings_ = {};
  settings_.error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
  expect_one(target(), Severity::kNote, ReasonCode::kOk, "may not be read",
             "--operation DescribeConfigs --topic p.public.orders");
}

TEST_F(CheckRules, CheckpointTopicMustBeCompactedAndOfOnePartition) {
  topic_.partitions = 1;
  settings_.values["cleanup.policy"] = "compact";
  EXPECT_THAT(checkpoints(), IsEmpty());
  settings_.values["cleanup.policy"] = "delete";
  expect_one(checkpoints(), Severity::kError, ReasonCode::kCheckpointTopic, "positions are deleted with time",
             "cleanup.policy=compact");
  settings_.values["cleanup.policy"] = "compact";
  topic_.partitions = 4;
  expect_one(checkpoints(), Severity::kError, ReasonCode::kCheckpointTopic, "has 4 partitions",
             "checkpoint.topic: <another name>");
}

TEST_F(CheckRules, TablesThatShareATopicAreAWarning) {
  check_shared(context_, target_, "public.Orders");
  expect_one(findings_, Severity::kWarning, ReasonCode::kOk, "tables public.Orders and public.orders",
             "table.exclude.list");
}

struct Creation {
  const char* name;
  rd_kafka_resp_err_t error;
  Severity severity;
  ReasonCode reason;
  const char* says;
};
class CreationAnswer : public CheckRules, public testing::WithParamInterface<Creation> {};
TEST_P(CreationAnswer, Means) {
  check_creation(context_, {.name = "t"}, {"t", GetParam().error, "words"}, "topic t",
                 ReasonCode::kTopicRefused);
  expect_one(findings_, GetParam().severity, GetParam().reason, GetParam().says, "");
}
INSTANTIATE_TEST_SUITE_P(
    Table, CreationAnswer,
    testing::Values(Creation{"can_be_made", RD_KAFKA_RESP_ERR_NO_ERROR, Severity::kOk, ReasonCode::kOk,
                             "can be made"},
                    Creation{"may_not", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Severity::kError,
                             ReasonCode::kKafkaPermissionDenied, "may not make it"},
                    Creation{"policy", RD_KAFKA_RESP_ERR_POLICY_VIOLATION, Severity::kError,
                             ReasonCode::kTopicRefused, "cannot be made: words"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(CheckRules, NewTopicsGetTheCopiesOfTheirGroup) {
  const auto found = [this](int copies, int in_sync) {
    findings_.clear();
    check_new_copies(context_, "topics", copies, in_sync, "delivered changes", "fix");
    return findings_.empty() ? std::string() : findings_[0].problem;
  };
  EXPECT_EQ(found(3, 2), "");
  EXPECT_THAT(found(1, 1), HasSubstr("replication factor 1"));
  EXPECT_THAT(found(3, 1), HasSubstr("min.insync.replicas=1"));
  EXPECT_EQ(found(-1, -1), "") << "the broker's defaults may not be read";
}

TEST_F(CheckRules, TopicsBelongToTheFirstGroupThatMatches) {
  TopicCreationGroup wide{.name = "wide"};
  wide.include = *PatternList::parse("p\\.public\\..*");
  wide.exclude = *PatternList::parse("p\\.public\\.secret");
  config_.kafka.creation_groups = {wide, {.name = "default", .partitions = 7}};
  EXPECT_EQ(creation_group(config_.kafka, "p.public.orders").name, "wide");
  EXPECT_EQ(creation_group(config_.kafka, "p.public.secret").partitions, 7);
  config_.kafka.creation_groups.clear();
  EXPECT_EQ(creation_group(config_.kafka, "p.public.orders").partitions, -1);
}

TEST_F(CheckRules, ManyOfAKindAreCounted) {
  for (int i = 0; i < 100; ++i) {
    context_.error(ReasonCode::kTopicMissing, concat("topic t", i), concat("does not exist (", i, "): so"),
                   "fix");
  }
  context_.ok("kafka", "connected");
  shorten(findings_);
  ASSERT_EQ(findings_.size(), 22U);
  EXPECT_EQ(findings_[20].subject, "kafka");
  EXPECT_EQ(findings_[21].severity, Severity::kError);
  EXPECT_THAT(findings_[21].problem, HasSubstr("80 more of the same kind"));
}

}  // namespace
}  // namespace millrace::kafka
