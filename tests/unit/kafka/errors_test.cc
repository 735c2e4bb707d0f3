// SPDX-License-Identifier: Apache-2.0
#include "kafka/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

struct Classified {
  rd_kafka_resp_err_t error;
  Handling handling;
  ReasonCode reason;
};

class KafkaError : public testing::TestWithParam<Classified> {};

TEST_P(KafkaError, HasItsHandlingAndReason) {
  const ErrorClass found = classify(GetParam().error);
  EXPECT_EQ(found.handling, GetParam().handling);
  EXPECT_EQ(found.reason, GetParam().reason);
}

// A row per class of docs/kafka.md.
INSTANTIATE_TEST_SUITE_P(
    Table, KafkaError,
    testing::Values(
        Classified{RD_KAFKA_RESP_ERR__TRANSPORT, Handling::kRetry, ReasonCode::kKafkaUnreachable},
        Classified{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, Handling::kRetry, ReasonCode::kKafkaUnreachable},
        Classified{RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Handling::kRetry,
                   ReasonCode::kKafkaUnreachable},
        Classified{RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, Handling::kRetry, ReasonCode::kKafkaUnreachable},
        Classified{RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, Handling::kRetry, ReasonCode::kKafkaUnreachable},
        Classified{RD_KAFKA_RESP_ERR__AUTHENTICATION, Handling::kRetry, ReasonCode::kKafkaAuthFailed},
        Classified{RD_KAFKA_RESP_ERR__SSL, Handling::kRetry, ReasonCode::kKafkaTlsFailed},
        Classified{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Handling::kStop,
                   ReasonCode::kKafkaPermissionDenied},
        Classified{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, Handling::kStop,
                   ReasonCode::kKafkaPermissionDenied},
        Classified{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, Handling::kStop, ReasonCode::kTopicMissing},
        Classified{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, Handling::kStop, ReasonCode::kTopicRefused},
        Classified{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Handling::kStop, ReasonCode::kRecordTooLarge},
        Classified{RD_KAFKA_RESP_ERR_INVALID_RECORD, Handling::kStop, ReasonCode::kRecordRefused},
        Classified{RD_KAFKA_RESP_ERR__FENCED, Handling::kStop, ReasonCode::kFenced},
        Classified{RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, Handling::kRestart, ReasonCode::kDeliveryFailed},
        Classified{RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, Handling::kRestart,
                   ReasonCode::kDeliveryFailed},
        Classified{RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Handling::kRestart,
                   ReasonCode::kDeliveryFailed}),
    [](const auto& row) {
      std::string name = rd_kafka_err2name(row.param.error);
      while (name.starts_with('_')) name.erase(0, 1);
      return name;
    });

TEST(KafkaErrorStatus, NamesWhatWasDoneAndTheError) {
  const absl::Status status =
      error_status(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "a record for topic t", "Broker: too large\n");
  EXPECT_EQ(reason_of(status), ReasonCode::kRecordTooLarge);
  EXPECT_EQ(std::string(status.message()), "a record for topic t: Broker: too large (MSG_SIZE_TOO_LARGE)");
  EXPECT_TRUE(error_status(RD_KAFKA_RESP_ERR_NO_ERROR, "x").ok());
  EXPECT_TRUE(error_status(nullptr, "x").ok());
}

TEST(KafkaErrorStatus, OnlyWhatMayPassIsTriedAgain) {
  EXPECT_TRUE(may_pass(ReasonCode::kKafkaUnreachable));
  EXPECT_TRUE(may_pass(ReasonCode::kDeliveryFailed));
  for (const ReasonCode stays : {ReasonCode::kFenced, ReasonCode::kRecordTooLarge, ReasonCode::kTopicMissing,
                                 ReasonCode::kKafkaPermissionDenied, ReasonCode::kTopicLostData}) {
    EXPECT_FALSE(may_pass(stays));
  }
}

}  // namespace
}  // namespace millrace::kafka
