// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/producer.h"

#include "base/failpoint.h"
#include "runtime/clock.h"

namespace millrace {

namespace {

constexpr std::uint64_t kOne = 1;  // what librdkafka writes to the eventfd
constexpr std::int64_t kPurgePatienceUs = 1'500'000;
constexpr std::size_t kReportsMax = 512;  // read at a time

void add_header(rd_kafka_headers_t* headers, std::string_view name, const void* value, std::size_t size) {
  rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value,
                      static_cast<ssize_t>(size));
}

}  // namespace

RecordHeaders::RecordHeaders(std::vector<ContextHeader> context) : context_(std::move(context)) {
  if (context_.empty()) return;
  shared_.reset(rd_kafka_headers_new(context_.size()));
  for (const auto& [name, value] : context_) add_header(shared_.get(), name, value.data(), value.size());
}

kafka::HeadersPtr RecordHeaders::make(const Record& record) {
  const bool shared = record.context_headers && shared_ != nullptr;
  if (record.own_header == nullptr) {
    if (!shared) return nullptr;
    if (spares_.empty()) return kafka::HeadersPtr(rd_kafka_headers_copy(shared_.get()));
    kafka::HeadersPtr headers = std::move(spares_.back());
    spares_.pop_back();
    return headers;
  }
  kafka::HeadersPtr headers(rd_kafka_headers_new(1 + context_.size()));
  add_header(headers.get(), own_header_name(record), record.own_header, record.own_header_size);
  if (shared) {
    for (const auto& [name, value] : context_) add_header(headers.get(), name, value.data(), value.size());
  }
  return headers;
}

void RecordHeaders::give_back(kafka::HeadersPtr headers) {
  // A record's own header comes on top of the shared ones, or alone.
  const bool only_shared = context_.size() > 1 && rd_kafka_header_cnt(headers.get()) == context_.size();
  if (only_shared && spares_.size() < kSparesMax) spares_.push_back(std::move(headers));
}

absl::StatusOr<std::unique_ptr<Producer>> Producer::create(const KafkaConfig& config,
                                                           const std::string& pipeline, Way way,
                                                           std::int64_t batch_bytes_max,
                                                           RecordHeaders& headers, int wake_fd) {
  kafka::ClientOptions options;
  options.pipeline = pipeline;
  options.events = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS;
  options.batch_bytes_max = batch_bytes_max;
  options.gathers = way == Way::kBulk;
  absl::StatusOr<kafka::ClientPtr> client = kafka::make_client(config, kafka::Purpose::kProducer, options);
  if (!client.ok()) return client.status();
  return std::unique_ptr<Producer>(new Producer(*std::move(client), headers, wake_fd));
}

Producer::Producer(kafka::ClientPtr client, RecordHeaders& headers, int wake_fd)
    : client_(std::move(client)), headers_(headers), queue_(rd_kafka_queue_get_main(client_.get())) {
  rd_kafka_queue_io_event_enable(queue_.get(), wake_fd, &kOne, sizeof kOne);
}

Producer::~Producer() {
  reports_.reset();
  topics_.clear();
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

std::uint32_t Producer::open_topic(const std::string& name) {
  topics_.emplace_back(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  return static_cast<std::uint32_t>(topics_.size() - 1);
}

rd_kafka_resp_err_t Producer::produce(std::uint32_t topic, std::int32_t partition, const Record& record,
                                      std::int64_t timestamp_ms, InFlightRecord* under_way) {
  MILLRACE_FAILPOINT(kRecordProduced, return RD_KAFKA_RESP_ERR__QUEUE_FULL);
  rd_kafka_vu_t fields[7];
  std::size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_RKT;
  fields[count++].u.rkt = topics_[topic].get();
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = partition;
  fields[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;  // else librdkafka asks the clock for each record
  fields[count++].u.i64 = timestamp_ms;
  // No flags: the value is neither copied nor freed. librdkafka only reads what it is given.
  fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[count].u.mem.ptr = const_cast<std::byte*>(record.value);
  fields[count++].u.mem.size = record.value_size;
  fields[count].vtype = RD_KAFKA_VTYPE_KEY;
  fields[count].u.mem.ptr = const_cast<std::byte*>(record.key);
  fields[count++].u.mem.size = record.key_size;
  fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
  fields[count++].u.ptr = under_way;
  kafka::HeadersPtr headers = headers_.make(record);
  if (headers != nullptr) {
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers.get();
  }
  const kafka::ErrorPtr error(rd_kafka_produceva(client_.get(), fields, count));
  if (error != nullptr) return rd_kafka_error_code(error.get());
  [[maybe_unused]] const auto* const theirs = headers.release();  // the message's now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool Producer::next_event(ProducerEvent& event) {
  for (;;) {
    if (next_deliveries(event)) return true;
    kafka::EventPtr next(rd_kafka_queue_poll(queue_.get(), 0));
    if (next == nullptr) return false;
    switch (rd_kafka_event_type(next.get())) {
      case RD_KAFKA_EVENT_DR:
        reports_ = std::move(next);
        break;
      case RD_KAFKA_EVENT_ERROR:
        read_error(next.get(), event);
        return true;
      case RD_KAFKA_EVENT_STATS:
        event.kind = ProducerEvent::Kind::kStatistics;
        event.view = parse_statistics(rd_kafka_event_stats(next.get()));
        return true;
      default:
        break;
    }
  }
}

bool Producer::next_deliveries(ProducerEvent& event) {
  if (reports_ == nullptr) return false;
  event.kind = ProducerEvent::Kind::kDeliveries;
  event.deliveries.clear();
  while (event.deliveries.size() < kReportsMax) {
    const rd_kafka_message_t* const message = rd_kafka_event_message_next(reports_.get());
    if (message == nullptr) {
      reports_.reset();
      break;
    }
    event.deliveries.push_back(
        {static_cast<InFlightRecord*>(message->_private), message->err, message->offset});
    rd_kafka_headers_t* headers = nullptr;
    rd_kafka_message_detach_headers(const_cast<rd_kafka_message_t*>(message), &headers);
    if (headers != nullptr) headers_.give_back(kafka::HeadersPtr(headers));
  }
  MILLRACE_FAILPOINT(kDeliveryReported, for (Delivery& each : event.deliveries) each.error =
                                            RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE);
  return !event.deliveries.empty();
}

void Producer::read_error(rd_kafka_event_t* from, ProducerEvent& event) const {
  const char* const words = rd_kafka_event_error_string(from);
  event.kind = ProducerEvent::Kind::kTrouble;
  event.error = rd_kafka_event_error(from);
  event.words = words == nullptr ? "" : words;
  if (rd_kafka_event_error_is_fatal(from) == 0 && event.error != RD_KAFKA_RESP_ERR__FATAL) return;
  event.kind = ProducerEvent::Kind::kFatal;
  char fatal_words[512] = "";
  const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client_.get(), fatal_words, sizeof fatal_words);
  if (cause != RD_KAFKA_RESP_ERR_NO_ERROR) event.error = cause;
  event.words = fatal_words;
}

}  // namespace millrace
