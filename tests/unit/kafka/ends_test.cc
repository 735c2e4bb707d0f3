// SPDX-License-Identifier: Apache-2.0
// Where partitions end, asked of librdkafka's mock broker, which loses connections when it is told to.
#include "kafka/admin.h"

#include <gtest/gtest.h>

#include <librdkafka/rdkafka_mock.h>  // needs what admin.h includes

#include <array>
#include <vector>

namespace millrace::kafka {
namespace {

constexpr std::int16_t kListOffsets = 2;  // its ApiKey

class Ends : public testing::Test {
 protected:
  Ends() : client_(rd_kafka_new(RD_KAFKA_PRODUCER, configured(), words_.data(), words_.size())) {
    rd_kafka_mock_topic_create(mock(), "t", 2, 1);
  }

  static rd_kafka_conf_t* configured() {
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    std::array<char, 256> words{};
    for (const auto& [name, value] : {std::pair{"test.mock.num.brokers", "1"}, {"log_level", "0"}}) {
      EXPECT_EQ(rd_kafka_conf_set(conf, name, value, words.data(), words.size()), RD_KAFKA_CONF_OK);
    }
    return conf;
  }

  rd_kafka_mock_cluster_t* mock() { return rd_kafka_handle_mock_cluster(client_.get()); }

  absl::StatusOr<std::vector<PartitionEnd>> ask() {
    const std::vector<PartitionEnd> wanted{{.topic = "t", .partition = 0}, {.topic = "t", .partition = 1}};
    return describe_ends(client_.get(), wanted, EndOf::kEverything, Timeout(3'000));
  }

  std::array<char, 256> words_{};
  ClientPtr client_;
};

TEST_F(Ends, AreWhereTheLeaderSays) {
  const auto ends = ask();
  ASSERT_TRUE(ends.ok()) << ends.status();
  ASSERT_EQ(ends->size(), 2U);
  for (const PartitionEnd& end : *ends) {
    EXPECT_EQ(end.error, RD_KAFKA_RESP_ERR_NO_ERROR);
    EXPECT_EQ(end.offset, 0);
  }
}

TEST_F(Ends, AreNotKnownWhenTheConnectionIsLost) {
  const std::vector<rd_kafka_resp_err_t> losses(20, RD_KAFKA_RESP_ERR__TRANSPORT);
  rd_kafka_mock_push_request_errors_array(mock(), kListOffsets, losses.size(), losses.data());
  const auto ends = ask();
  if (!ends.ok()) return;
  for (const PartitionEnd& end : *ends) {
    EXPECT_NE(end.error, RD_KAFKA_RESP_ERR_NO_ERROR) << "offset " << end.offset;
  }
}

}  // namespace
}  // namespace millrace::kafka
