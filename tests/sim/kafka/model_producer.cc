// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/model_producer.h"

#include <algorithm>
#include <iterator>

#include "base/concat.h"
#include "sink/kafka/partition_lanes.h"

namespace millrace::sim {

namespace {
constexpr std::size_t kInFlightMax = 5;
constexpr std::int64_t kRequestTimeoutUs = 60'000'000;
constexpr std::size_t kReportsMax = 512;
}  // namespace

ModelProducer::ModelProducer(ModelProducerOptions options, ModelKafka& kafka, std::uint64_t seed)
    : options_(options),
      kafka_(kafka),
      random_(seed),
      id_(kafka.new_producer()),
      connections_(static_cast<std::size_t>(kafka.options().brokers)) {}

std::uint32_t ModelProducer::open_topic(const std::string& name) {
  topics_.push_back({name, kafka_.clock().monotonic_us() + random_.between(0, options_.learns_us)});
  return static_cast<std::uint32_t>(topics_.size() - 1);
}

ModelProducer::Lane& ModelProducer::lane(std::uint32_t topic, std::int32_t partition) {
  const auto [found, is_new] = lanes_.try_emplace({topic, partition});
  if (is_new) {
    found->second.topic = topics_[topic].name;
    found->second.partition = partition;
  }
  return found->second;
}

rd_kafka_resp_err_t ModelProducer::produce(std::uint32_t topic, std::int32_t partition, const Record& record,
                                           std::int64_t, InFlightRecord* under_way) {
  if (fails_next_ != RD_KAFKA_RESP_ERR_NO_ERROR && !is_fatal()) fail_for_good(fails_next_);
  if (is_fatal()) return fatal_;
  if (queued_ >= options_.queue_records_max) return RD_KAFKA_RESP_ERR__QUEUE_FULL;
  const std::int64_t now_us = kafka_.clock().monotonic_us();
  OpenTopic& open = topics_[topic];
  open.known |= kafka_.up() && now_us >= open.known_from_us;
  if (!open.known) {
    return random_.percent(50) ? RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
  }
  Lane& to = lane(topic, partition);
  const bool at_rest = to.queue.empty() && to.again.empty() && to.in_flight == 0;
  // By default it takes them a day; here as little as the sink thinks possible.
  if (at_rest && to.acked_us != kNever && now_us - to.acked_us > PartitionLanes::kKnownUs &&
      random_.percent(80))
    kafka_.forget(id_, to.topic, partition);
  if (to.queue.empty()) to.queued_since_us = now_us;
  to.queue.push_back({under_way, record.value, record.value_size, ++to.last_id});
  ++queued_;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

// --- sending

std::int64_t ModelProducer::send_deadline_us(const Lane& lane) const {
  if (lane.again.empty() && lane.queue.empty()) return kNever;
  if (is_fatal() || new_epoch_ || lane.draining || lane.in_flight >= kInFlightMax) return kNever;
  const auto broker = static_cast<std::size_t>(kafka_.broker_of(lane.topic, lane.partition));
  std::int64_t from_us = std::max(lane.not_before_us, connections_[broker].back_until_us);
  if (lane.again.empty() && lane.queue.size() < options_.batch_records_max)
    from_us = std::max(from_us, lane.queued_since_us + options_.linger_us);
  return from_us;
}

bool ModelProducer::may_send(const Lane& lane, std::int64_t now_us) const {
  return send_deadline_us(lane) <= now_us;
}

bool ModelProducer::send(Lane& lane, std::int64_t now_us) {
  if (!may_send(lane, now_us)) return false;
  Batch batch;
  if (!lane.again.empty()) {
    batch = std::move(lane.again.front());
    lane.again.pop_front();
  } else {
    const std::size_t most = std::min(lane.queue.size(), options_.batch_records_max);
    const std::size_t count = 1 + random_.below(most);
    batch.lane = &lane;
    for (std::size_t i = 0; i < count; ++i) {
      batch.messages.push_back(lane.queue.front());
      lane.queue.pop_front();
    }
    lane.queued_since_us = now_us;
  }
  UnderWay sent;
  sent.request.producer = id_;
  sent.request.epoch = epoch_;
  sent.request.topic = lane.topic;
  sent.request.partition = lane.partition;
  sent.request.first_sequence = batch.first_id() - lane.base_id;
  // Read now, and not before: until its report a record's memory is the producer's.
  for (const Message& message : batch.messages) {
    sent.request.records.emplace_back(reinterpret_cast<const char*>(message.value), message.size);
  }
  sent.batch = std::move(batch);
  Connection& connection =
      connections_[static_cast<std::size_t>(kafka_.broker_of(lane.topic, lane.partition))];
  connection.busy_until_us =
      std::max(connection.busy_until_us, now_us) + random_.between(0, kafka_.options().latency_us);
  sent.due_us = connection.busy_until_us;
  connection.under_way.push_back(std::move(sent));
  ++lane.in_flight;
  return true;
}

// --- the brokers

bool ModelProducer::step(std::int64_t now_us) {
  bool worked = false;
  if (!kafka_.up() && std::exchange(outage_told_, kafka_.outages()) != kafka_.outages()) {
    ProducerEvent event;
    event.kind = ProducerEvent::Kind::kTrouble;
    event.error = RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    event.words = "the model's brokers are away";
    tell(std::move(event));
    worked = true;
  }
  for (Connection& connection : connections_) worked |= move(connection, now_us);
  for (auto& [key, lane] : lanes_) worked |= send(lane, now_us);
  return worked;
}

bool ModelProducer::move(Connection& connection, std::int64_t now_us) {
  if (connection.under_way.empty()) return false;
  if (!kafka_.up()) {
    // It does not answer; after a while the request has timed out, as if the connection had broken.
    if (connection.down_since_us == 0) connection.down_since_us = now_us;
    const bool reset = random_.percent(2);
    if (!reset && now_us - connection.down_since_us < kRequestTimeoutUs) return false;
    lose(connection, reset ? RD_KAFKA_RESP_ERR__TRANSPORT : RD_KAFKA_RESP_ERR__TIMED_OUT);
    return true;
  }
  connection.down_since_us = 0;
  // The oldest that is not answered reaches the broker.
  const auto next = std::find_if(connection.under_way.begin(), connection.under_way.end(),
                                 [](const UnderWay& one) { return !one.answered; });
  if (next != connection.under_way.end() && next->due_us <= now_us) {
    next->reply = kafka_.produce(next->request);
    next->answered = true;
    const std::int64_t before_us =
        next == connection.under_way.begin() ? now_us : std::max(now_us, std::prev(next)->due_us);
    next->due_us = before_us + random_.between(0, kafka_.options().latency_us);
    return true;
  }
  UnderWay& first = connection.under_way.front();
  if (!first.answered || first.due_us > now_us) return false;
  const ProduceReply reply = first.reply;
  Batch batch = std::move(first.batch);
  connection.under_way.pop_front();
  answered(std::move(batch), reply);
  return true;
}

void ModelProducer::lose(Connection& connection, rd_kafka_resp_err_t error) {
  // Some of what was on its way to the broker arrives all the same; no answer comes back.
  std::deque<UnderWay> lost = std::exchange(connection.under_way, {});
  bool arrives = kafka_.up();
  connection.down_since_us = 0;
  connection.back_until_us = kafka_.clock().monotonic_us() + random_.between(0, options_.backoff_us);
  for (UnderWay& one : lost) {
    if (!one.answered && arrives) arrives = random_.percent(60);
    if (!one.answered && arrives) (void)kafka_.produce(one.request);
    answered(std::move(one.batch), {error});
  }
  ProducerEvent event;
  event.kind = ProducerEvent::Kind::kTrouble;
  event.error = random_.percent(50) ? RD_KAFKA_RESP_ERR__TRANSPORT : RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
  event.words = "the model's connection broke";
  tell(std::move(event));
}

void ModelProducer::cut() {
  for (Connection& connection : connections_) {
    if (!connection.under_way.empty()) lose(connection, RD_KAFKA_RESP_ERR__TRANSPORT);
  }
}

void ModelProducer::die() {
  for (Connection& connection : connections_) {
    for (const UnderWay& one : connection.under_way) {
      if (one.answered) continue;
      if (!random_.percent(60)) break;
      kafka_.leave_on_the_way(one.request);
    }
    connection.under_way.clear();
  }
  lanes_.clear();
  events_.clear();
  fatal_ = RD_KAFKA_RESP_ERR__DESTROY;
}

// --- answers

void ModelProducer::answered(Batch batch, const ProduceReply& reply) {
  Lane& lane = *batch.lane;
  --lane.in_flight;
  switch (reply.error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      succeeded(batch, reply.offset);
      break;
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
      succeeded(batch, -1);
      break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
      retry(std::move(batch));
      break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
      // Nothing before it is in doubt: from the beginning of a new epoch.
      new_epoch_ = true;
      retry(std::move(batch));
      break;
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
      // An earlier batch of those under way failed; with none, the two disagree about what stands there.
      if (batch.first_id() > lane.acked_id + 1) {
        new_epoch_ = true;
        retry(std::move(batch));
        break;
      }
      fatal(reply.error, "sequence numbers do not follow", &batch, reply.error);
      break;
    default:
      // For good: what follows would leave a gap.
      fatal(RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE,
            concat("a batch failed: ", rd_kafka_err2name(reply.error),
                   ": unable to satisfy gap-less guarantee"),
            &batch, reply.error);
  }
  if (lane.in_flight == 0) lane.draining = false;
  begin_epoch_when_drained();
}

void ModelProducer::succeeded(Batch& batch, std::int64_t offset) {
  Lane& lane = *batch.lane;
  if (lane.acked_id + 1 < batch.first_id()) {
    // Brokers keep order, it says: so what waits to be sent again before this one must stand there.
    while (!lane.again.empty() && lane.again.front().last_id() < batch.first_id()) {
      for (const Message& message : lane.again.front().messages)
        report(message, RD_KAFKA_RESP_ERR_NO_ERROR, -1001);
      lane.again.pop_front();
    }
  }
  for (std::size_t i = 0; i < batch.messages.size(); ++i) {
    report(batch.messages[i], RD_KAFKA_RESP_ERR_NO_ERROR,
           offset < 0 ? -1001 : offset + static_cast<std::int64_t>(i));
  }
  lane.acked_id = std::max(lane.acked_id, batch.last_id());
  lane.acked_us = kafka_.clock().monotonic_us();
}

void ModelProducer::retry(Batch batch) {
  Lane& lane = *batch.lane;
  if (is_fatal()) {
    if (random_.percent(20)) return;  // some are never heard of again
    for (const Message& message : batch.messages) report(message, RD_KAFKA_RESP_ERR__PURGE_QUEUE, -1);
    return;
  }
  lane.draining = true;
  lane.not_before_us = kafka_.clock().monotonic_us() + random_.between(0, options_.backoff_us);
  const auto behind = std::find_if(lane.again.begin(), lane.again.end(),
                                   [&](const Batch& other) { return other.first_id() > batch.first_id(); });
  lane.again.insert(behind, std::move(batch));
}

void ModelProducer::begin_epoch_when_drained() {
  if (!new_epoch_) return;
  for (const auto& [key, lane] : lanes_) {
    if (lane.in_flight != 0) return;
  }
  new_epoch_ = false;
  ++epoch_;
  for (auto& [key, lane] : lanes_) {
    lane.base_id = !lane.again.empty()   ? lane.again.front().first_id()
                   : !lane.queue.empty() ? lane.queue.front().id
                                         : lane.last_id + 1;
  }
}

void ModelProducer::fail_for_good(rd_kafka_resp_err_t error) {
  fatal(error, "the model's producer cannot go on", nullptr, error);
}

void ModelProducer::fatal(rd_kafka_resp_err_t error, std::string words, const Batch* batch,
                          rd_kafka_resp_err_t batch_error) {
  const bool first = !is_fatal();
  if (first) {
    fatal_ = error;
    ProducerEvent event;
    event.kind = ProducerEvent::Kind::kFatal;
    event.error = error;
    event.words = std::move(words);
    tell(std::move(event));
  }
  if (batch != nullptr) {
    for (const Message& message : batch->messages) report(message, batch_error, -1);
  }
  if (!first) return;
  for (auto& [key, lane] : lanes_) {
    for (Batch& waiting : std::exchange(lane.again, {})) {
      for (const Message& message : waiting.messages) report(message, RD_KAFKA_RESP_ERR__PURGE_QUEUE, -1);
    }
    for (const Message& message : std::exchange(lane.queue, {}))
      report(message, RD_KAFKA_RESP_ERR__PURGE_QUEUE, -1);
  }
}

// --- events

void ModelProducer::tell(ProducerEvent event) {
  const std::int64_t now_us = kafka_.clock().monotonic_us();
  const std::int64_t after_us = events_.empty() ? now_us : events_.back().first;
  events_.emplace_back(std::max(after_us, now_us + random_.between(0, options_.report_us)), std::move(event));
}

void ModelProducer::report(const Message& message, rd_kafka_resp_err_t error, std::int64_t offset) {
  --queued_;
  const bool joins = !events_.empty() && events_.back().second.kind == ProducerEvent::Kind::kDeliveries &&
                     events_.back().second.deliveries.size() < kReportsMax;
  if (!joins) {
    ProducerEvent event;
    event.kind = ProducerEvent::Kind::kDeliveries;
    tell(std::move(event));
  }
  events_.back().second.deliveries.push_back({message.under_way, error, offset});
}

bool ModelProducer::next_event(ProducerEvent& event) {
  const std::int64_t now_us = kafka_.clock().monotonic_us();
  if (events_.empty() || std::max(events_.front().first, reports_from_us_) > now_us) return false;
  if (random_.percent(5)) {
    event = {};
    event.kind = ProducerEvent::Kind::kStatistics;
    event.view.known = true;
    event.view.brokers.push_back({.name = "model", .up = kafka_.up()});
    return true;
  }
  event = std::move(events_.front().second);
  events_.pop_front();
  return true;
}

std::int64_t ModelProducer::next_deadline_us() const {
  std::int64_t deadline = kNever;
  for (const Connection& connection : connections_) {
    if (connection.under_way.empty()) continue;
    if (!kafka_.up()) {
      deadline = std::min(deadline, kafka_.down_until_us());
      continue;
    }
    const auto next = std::find_if(connection.under_way.begin(), connection.under_way.end(),
                                   [](const UnderWay& one) { return !one.answered; });
    if (next != connection.under_way.end()) deadline = std::min(deadline, next->due_us);
    if (connection.under_way.front().answered)
      deadline = std::min(deadline, connection.under_way.front().due_us);
  }
  for (const auto& [key, lane] : lanes_) deadline = std::min(deadline, send_deadline_us(lane));
  if (!events_.empty()) deadline = std::min(deadline, std::max(events_.front().first, reports_from_us_));
  return deadline;
}

}  // namespace millrace::sim
