// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_link.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"
#include "kafka/errors.h"
#include "runtime/clock.h"

namespace millrace {

namespace {

// A broker that has just started may not know its users yet.
constexpr std::int64_t kComplaintPatienceUs = 5'000'000;

}  // namespace

Patience Patience::of_ms(std::int64_t ms, std::function<bool()> stopped) {
  const std::int64_t now_us = monotonic_us();
  return {.began_us = now_us, .deadline_us = now_us + ms * 1000, .stopped = std::move(stopped)};
}

bool Patience::over() const { return is_stopped() || monotonic_us() >= deadline_us; }

int Patience::slice_ms(int slice_ms) const {
  if (is_stopped()) return 0;
  const std::int64_t left_ms = (deadline_us - monotonic_us() + 999) / 1000;
  return static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, slice_ms));
}

void Patience::sleep_ms(int ms) const {
  const Patience rest = of_ms(ms, stopped);
  while (!rest.over() && !over()) std::this_thread::sleep_for(std::chrono::milliseconds(rest.slice_ms(20)));
}

absl::StatusOr<std::unique_ptr<KafkaLink>> KafkaLink::open(const KafkaConfig& config, kafka::Purpose purpose,
                                                           const std::string& pipeline, Properties more) {
  kafka::ClientOptions options;
  options.pipeline = pipeline;
  if (purpose == kafka::Purpose::kCheckpointProducer) {
    options.transactional_id = kafka::transactional_id(pipeline);
  }
  options.events = RD_KAFKA_EVENT_ERROR;
  absl::StatusOr<kafka::ConfPtr> conf = kafka::make_conf(config, purpose, options);
  if (!conf.ok()) return conf.status();
  for (const auto& [name, value] : more) {
    std::array<char, 512> text{};
    if (rd_kafka_conf_set(conf->get(), name, value, text.data(), text.size()) != RD_KAFKA_CONF_OK) {
      return reason_error(ReasonCode::kInternal, concat("librdkafka refuses ", name, ": ", text.data()));
    }
  }
  absl::StatusOr<kafka::ClientPtr> client = kafka::make_client(purpose, *std::move(conf));
  if (!client.ok()) return client.status();
  std::unique_ptr<KafkaLink> link(new KafkaLink);
  link->handle_ = *std::move(client);
  link->events_.reset(rd_kafka_queue_get_main(link->handle_.get()));
  return link;
}

void KafkaLink::collect() {
  while (const kafka::EventPtr event{rd_kafka_queue_poll(events_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR) continue;
    // A fatal error is also what the next call returns, with its reason.
    const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    if (error == RD_KAFKA_RESP_ERR__FATAL) continue;
    // That all brokers are down follows from what was said of each.
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && complaint_ != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    complaint_text_ = rd_kafka_event_error_string(event.get());
    if (std::exchange(complaint_, error) != error && tell_) {
      tell_(kafka::error_status(error, "Kafka", complaint_text_));
    }
  }
}

kafka::EventPtr KafkaLink::wait(rd_kafka_queue_t* queue, const Patience& patience) {
  for (;;) {
    kafka::EventPtr event(rd_kafka_queue_poll(queue, patience.slice_ms()));
    if (event != nullptr || patience.over()) return event;
    collect();
  }
}

bool KafkaLink::worth_waiting(const Patience& patience) {
  collect();
  if (patience.over()) return false;
  const bool cured_by_waiting =
      complaint_ == RD_KAFKA_RESP_ERR_NO_ERROR || kafka::may_pass(kafka::classify(complaint_).reason);
  return cured_by_waiting || monotonic_us() - patience.began_us < kComplaintPatienceUs;
}

absl::Status KafkaLink::gave_up(const Patience& patience, std::string_view what) const {
  if (patience.is_stopped()) return reason_error(ReasonCode::kSignal, concat("stopped while ", what));
  if (complaint_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kafka::error_status(complaint_, what, complaint_text_);
  }
  return reason_error(ReasonCode::kKafkaUnreachable, concat(what, ": nobody answers"));
}

absl::Status KafkaLink::failed(const rd_kafka_error_t* error, std::string_view what) const {
  if (error == nullptr) return absl::OkStatus();
  if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__FATAL) return kafka::error_status(error, what);
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(raw(), text.data(), text.size());
  return kafka::error_status(fatal, what, text.data());
}

}  // namespace millrace
