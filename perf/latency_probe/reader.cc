// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <librdkafka/rdkafka.h>

#include <charconv>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace millrace::latency {
namespace {

constexpr std::int64_t kPatienceUs = 20'000'000;

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char error[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), error, sizeof error) != RD_KAFKA_CONF_OK)
    throw std::runtime_error(error);
}

/// The last number of this name: it stands in "after", behind "before" and the schema if there is one.
std::int64_t number_of(std::string_view text, std::string_view name) {
  const std::size_t at = text.rfind(name);
  std::int64_t number = -1;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + name.size(), text.data() + text.size(), number);
  }
  return number;
}

}  // namespace

std::vector<Sample> read_rows(const Options& options, std::size_t count, void (*ready)()) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", options.bootstrap);
  set(conf, "group.id", "latency");
  set(conf, "enable.auto.commit", "false");
  set(conf, "fetch.min.bytes", "1");
  set(conf, "fetch.wait.max.ms", "100");
  char error[256];
  const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> consumer(
      rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof error), &rd_kafka_destroy);
  if (!consumer) throw std::runtime_error(error);
  rd_kafka_poll_set_consumer(consumer.get());

  std::int64_t low = 0;
  std::int64_t high = 0;
  rd_kafka_resp_err_t failed =
      rd_kafka_query_watermark_offsets(consumer.get(), options.topic.c_str(), 0, &low, &high, 30'000);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(failed));
  const std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>
      partitions(rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
  rd_kafka_topic_partition_list_add(partitions.get(), options.topic.c_str(), 0)->offset = high;
  failed = rd_kafka_assign(consumer.get(), partitions.get());
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(failed));
  ready();

  std::vector<Sample> samples;
  samples.reserve(count);
  std::int64_t last_us = now_us();
  while (samples.size() < count && now_us() - last_us < kPatienceUs) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer.get(), 100);
    if (message == nullptr) continue;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->payload != nullptr) {
      last_us = now_us();
      const std::string_view value(static_cast<const char*>(message->payload), message->len);
      rd_kafka_timestamp_type_t type{};
      const std::int64_t appended_ms = rd_kafka_message_timestamp(message, &type);
      if (type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME)
        throw std::runtime_error("the topic has no LogAppendTime");
      samples.push_back(
          {number_of(value, "\"id\":"), number_of(value, "\"sent_us\":"), appended_ms, last_us});
    }
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(consumer.get());
  return samples;
}

}  // namespace millrace::latency
