// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/producer.h"

#include "runtime/clock.h"
#include "sink/kafka/record_size.h"

namespace millrace {

namespace {

constexpr std::uint64_t kOne = 1;  // what librdkafka writes to the eventfd
constexpr std::int64_t kPurgePatienceUs = 1'500'000;

void add_header(rd_kafka_headers_t* headers, std::string_view name, const void* value, std::size_t size) {
  rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value,
                      static_cast<ssize_t>(size));
}

std::string_view own_name(const Record& record) noexcept {
  return record.own_header_is_new_key ? "__debezium.newkey" : "__debezium.oldkey";
}

}  // namespace

RecordHeaders::RecordHeaders(std::vector<Header> context) : context_(std::move(context)) {
  if (context_.empty()) return;
  shared_.reset(rd_kafka_headers_new(context_.size()));
  for (const auto& [name, value] : context_) {
    add_header(shared_.get(), name, value.data(), value.size());
    shared_wire_bytes_ += header_wire_bytes(name.size(), value.size());
  }
}

kafka::HeadersPtr RecordHeaders::make(const Record& record) const {
  const bool shared = record.context_headers && shared_ != nullptr;
  if (record.own_header == nullptr) {
    return kafka::HeadersPtr(shared ? rd_kafka_headers_copy(shared_.get()) : nullptr);
  }
  kafka::HeadersPtr headers(rd_kafka_headers_new(1 + context_.size()));
  add_header(headers.get(), own_name(record), record.own_header, record.own_header_size);
  if (shared) {
    for (const auto& [name, value] : context_) add_header(headers.get(), name, value.data(), value.size());
  }
  return headers;
}

std::pair<std::size_t, std::size_t> RecordHeaders::wire_size(const Record& record) const noexcept {
  std::size_t count = 0;
  std::size_t bytes = 0;
  if (record.context_headers) {
    count = context_.size();
    bytes = shared_wire_bytes_;
  }
  if (record.own_header != nullptr) {
    ++count;
    bytes += header_wire_bytes(own_name(record).size(), record.own_header_size);
  }
  return {count, bytes};
}

absl::StatusOr<std::unique_ptr<Producer>> Producer::create(const KafkaConfig& config,
                                                           const std::string& pipeline,
                                                           std::int64_t batch_bytes_max, int wake_fd) {
  kafka::ClientOptions options;
  options.pipeline = pipeline;
  options.events = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;
  options.batch_bytes_max = batch_bytes_max;
  absl::StatusOr<kafka::ClientPtr> client = kafka::make_client(config, kafka::Purpose::kProducer, options);
  if (!client.ok()) return client.status();
  return std::unique_ptr<Producer>(new Producer(*std::move(client), wake_fd));
}

Producer::Producer(kafka::ClientPtr client, int wake_fd)
    : client_(std::move(client)), queue_(rd_kafka_queue_get_main(client_.get())) {
  rd_kafka_queue_io_event_enable(queue_.get(), wake_fd, &kOne, sizeof kOne);
}

Producer::~Producer() {
  rd_kafka_queue_io_event_enable(queue_.get(), -1, nullptr, 0);
  rd_kafka_purge(client_.get(),
                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  // With every report served nothing is left for rd_kafka_destroy() to wait for.
  const std::int64_t until_us = system_clock().monotonic_us() + kPurgePatienceUs;
  while (rd_kafka_outq_len(client_.get()) > 0 && system_clock().monotonic_us() < until_us) {
    const kafka::EventPtr event(rd_kafka_queue_poll(queue_.get(), 50));
  }
  queue_.reset();
}

kafka::TopicPtr Producer::open_topic(const std::string& name) {
  return kafka::TopicPtr(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
}

rd_kafka_resp_err_t Producer::produce(rd_kafka_topic_t* topic, std::int32_t partition, const Record& record,
                                      kafka::HeadersPtr headers, InFlightRecord* opaque) {
  rd_kafka_vu_t fields[6];
  std::size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_RKT;
  fields[count++].u.rkt = topic;
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = partition;
  // No flags: the value is neither copied nor freed. librdkafka only reads what it is given.
  fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[count].u.mem.ptr = const_cast<std::byte*>(record.value);
  fields[count++].u.mem.size = record.value_size;
  fields[count].vtype = RD_KAFKA_VTYPE_KEY;
  fields[count].u.mem.ptr = const_cast<std::byte*>(record.key);
  fields[count++].u.mem.size = record.key_size;
  fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
  fields[count++].u.ptr = opaque;
  if (headers != nullptr) {
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers.get();
  }
  const kafka::ErrorPtr error(rd_kafka_produceva(client_.get(), fields, count));
  if (error != nullptr) return rd_kafka_error_code(error.get());
  [[maybe_unused]] const auto* const theirs = headers.release();  // the message's now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace millrace
