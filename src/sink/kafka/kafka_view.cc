// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/kafka_view.h"

#include <algorithm>
#include <boost/json.hpp>

namespace millrace {

namespace {

std::int64_t number(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr) return 0;
  boost::json::error_code error;
  const auto result = value->to_number<std::int64_t>(error);
  return error ? 0 : result;
}

std::uint64_t count(const boost::json::object& object, std::string_view name) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number(object, name)));
}

const boost::json::object* inside(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains({name.data(), name.size()});
  return value == nullptr ? nullptr : value->if_object();
}

KafkaBrokerView broker_of(std::string_view name, const boost::json::object& fields) {
  KafkaBrokerView broker;
  broker.name = std::string(name);
  const auto* state = fields.if_contains("state");
  broker.up = state != nullptr && state->is_string() && state->get_string() == "UP";
  if (const auto* requests = inside(fields, "req")) broker.requests = count(*requests, "Produce");
  broker.retries = count(fields, "txretries");
  broker.errors = count(fields, "txerrs") + count(fields, "rxerrs") + count(fields, "req_timeouts");
  if (const auto* rtt = inside(fields, "rtt")) {
    broker.ack_p50_us = number(*rtt, "p50");
    broker.ack_p99_us = number(*rtt, "p99");
    broker.ack_max_us = number(*rtt, "max");
  }
  if (const auto* throttle = inside(fields, "throttle")) broker.throttle_us = number(*throttle, "avg") * 1000;
  return broker;
}

boost::json::value parsed(std::string_view text) {
  boost::json::error_code error;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, error);
  return error ? boost::json::value() : value;
}

}  // namespace

KafkaView parse_statistics(std::string_view json) {
  // {..., "brokers":{...}, "topics":{ thousands }, "tx":..., "txmsgs":...}: the ends are read, the middle
  // not.
  const std::size_t topics_at = json.find("\"topics\":{");
  const std::size_t totals_at = json.rfind("\"tx\":");
  KafkaView view;
  if (topics_at == std::string_view::npos || totals_at == std::string_view::npos || totals_at < topics_at) {
    return view;
  }
  std::string front(json.substr(0, topics_at));
  while (!front.empty() && front.back() != ',') front.pop_back();
  if (!front.empty()) front.back() = '}';
  const boost::json::value head = parsed(front);
  const boost::json::value tail = parsed("{" + std::string(json.substr(totals_at)));
  if (!head.is_object() || !tail.is_object()) return view;
  view.known = true;
  view.queue_records = count(head.get_object(), "msg_cnt");
  view.queue_bytes = count(head.get_object(), "msg_size");
  view.sent_records = count(tail.get_object(), "txmsgs");
  view.sent_bytes = count(tail.get_object(), "txmsg_bytes");
  if (const auto* brokers = inside(head.get_object(), "brokers")) {
    for (const auto& [name, fields] : *brokers) {
      // Bootstrap addresses and the group coordinator are no brokers of their own.
      if (!fields.is_object() || number(fields.get_object(), "nodeid") < 0) continue;
      view.brokers.push_back(broker_of({name.data(), name.size()}, fields.get_object()));
    }
  }
  return view;
}

void add(KafkaView& view, const KafkaView& other) {
  if (!other.known) return;
  view.known = true;
  view.queue_records += other.queue_records;
  view.queue_bytes += other.queue_bytes;
  view.sent_records += other.sent_records;
  view.sent_bytes += other.sent_bytes;
  for (const KafkaBrokerView& broker : other.brokers) {
    const auto found = std::ranges::find(view.brokers, broker.name, &KafkaBrokerView::name);
    if (found == view.brokers.end()) {
      view.brokers.push_back(broker);
      continue;
    }
    found->up |= broker.up;
    found->requests += broker.requests;
    found->retries += broker.retries;
    found->errors += broker.errors;
    found->ack_p50_us = std::max(found->ack_p50_us, broker.ack_p50_us);
    found->ack_p99_us = std::max(found->ack_p99_us, broker.ack_p99_us);
    found->ack_max_us = std::max(found->ack_max_us, broker.ack_max_us);
    found->throttle_us = std::max(found->throttle_us, broker.throttle_us);
  }
}

}  // namespace millrace
