// SPDX-License-Identifier: Apache-2.0
// Records into Kafka: key of 33 bytes, value of 500, the four context headers. The broker is librdkafka's
// mock broker in a process of its own: it does little with what it gets, but takes its share of the cores.
//
//   items_per_second  everything, from the first record's way in to the last report read
//   cpu_ns            of this process a record, librdkafka's threads and all system calls included
//   order_ns          the order thread's part of it
//
// BM_Bare is the reference: rd_kafka_produceva() in a loop, without headers and without our code. Ratios want
// --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true.
#include <benchmark/benchmark.h>
#include <time.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "format/debezium/context_headers.h"
#include "kafka/admin.h"
#include "kafka/client_config.h"
#include "runtime/clock.h"
#include "runtime/reactor.h"
#include "sink/kafka/described_port.h"
#include "sink/kafka/encoded_pieces.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/kafka/mock_broker.h"
#include "sink/kafka/rdkafka_port.h"

namespace millrace {
namespace {

constexpr const char* kTopic = "shop.public.orders";
constexpr std::size_t kPiecesToCheck = 50;
constexpr std::size_t kPiecesToTime = 1'000;
constexpr std::size_t kPiecesUnderWay = 90;  // about what the sink's limit comes to
constexpr std::int64_t kWaitUs = 1'000;
constexpr std::int64_t kPatienceUs = 30'000'000;

KafkaConfig config() {
  static const MockBroker broker(kTopic);
  KafkaConfig config;
  config.bootstrap_servers = broker.address();
  return config;
}

std::vector<ContextHeader> context_headers() {
  const debezium::ContextHeaders headers = debezium::make_context_headers(
      "shop", "postgresql", debezium::uuid_v7(1'700'000'000'000, std::array<std::byte, 10>{}));
  std::vector<ContextHeader> out;
  for (const auto& [name, value] : headers.pairs()) out.emplace_back(name, value);
  return out;
}

/// A way of pieces to the broker. All of it is on one thread.
class Route {
 public:
  virtual ~Route() = default;
  virtual bool ready() const = 0;
  virtual void send(Piece* piece) = 0;
  /// The next piece of which all records have arrived; nullptr: not now.
  virtual Piece* arrived() = 0;
  virtual void wait() = 0;
  bool failed = false;
};

/// Pieces whose records arrive in order, as those of one partition do.
class InOrder {
 public:
  void sent(Piece* piece) { pieces_.emplace_back(piece, piece->records.size()); }
  void arrived(std::size_t records) { arrived_ += records; }
  std::size_t size() const { return pieces_.size(); }
  Piece* take() {
    if (pieces_.empty() || arrived_ < pieces_.front().second) return nullptr;
    const auto [piece, records] = pieces_.front();
    pieces_.pop_front();
    arrived_ -= records;
    return piece;
  }

 private:
  std::deque<std::pair<Piece*, std::size_t>> pieces_;
  std::size_t arrived_ = 0;
};

class BareRoute final : public Route {
 public:
  BareRoute() {
    auto client =
        kafka::make_client(config(), kafka::Purpose::kProducer, {.pipeline = "bare", .gathers = true});
    failed = !client.ok();
    if (failed) return;
    client_ = *std::move(client);
    queue_.reset(rd_kafka_queue_get_main(client_.get()));
    topic_.reset(rd_kafka_topic_new(client_.get(), kTopic, nullptr));
  }

  bool ready() const override { return in_order_.size() < kPiecesUnderWay; }
  void send(Piece* piece) override {
    rd_kafka_vu_t fields[5];
    fields[0].vtype = RD_KAFKA_VTYPE_RKT;
    fields[0].u.rkt = topic_.get();
    fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[1].u.i32 = 0;
    fields[2].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    fields[2].u.i64 = system_clock().realtime_us() / 1000;
    fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[4].vtype = RD_KAFKA_VTYPE_KEY;
    for (const Record& record : piece->records) {
      fields[3].u.mem = {const_cast<std::byte*>(record.value), record.value_size};
      fields[4].u.mem = {const_cast<std::byte*>(record.key), record.key_size};
      const kafka::ErrorPtr error(rd_kafka_produceva(client_.get(), fields, std::size(fields)));
      failed |= error != nullptr;
    }
    in_order_.sent(piece);
  }
  Piece* arrived() override {
    while (event_ != nullptr || (event_.reset(rd_kafka_queue_poll(queue_.get(), 0)), event_ != nullptr)) {
      take_reports();
    }
    return in_order_.take();
  }
  void wait() override { event_.reset(rd_kafka_queue_poll(queue_.get(), kWaitUs / 1000)); }

 private:
  void take_reports() {
    while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(event_.get())) {
      failed |= message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
      in_order_.arrived(1);
    }
    event_.reset();
  }

  kafka::ClientPtr client_;
  kafka::QueuePtr queue_;
  kafka::TopicPtr topic_;
  kafka::EventPtr event_;
  InOrder in_order_;
};

/// What our routes have in common: a port that wakes a reactor.
class ReactorRoute : public Route {
 public:
  void wait() override { reactor_->wait(monotonic_us() + kWaitUs); }

 protected:
  std::unique_ptr<KafkaPort> make_port() {
    return make_rdkafka_port(config(), "bench", context_headers(), *reactor_);
  }
  const std::unique_ptr<Reactor> reactor_ = *Reactor::create(Reactor::Kind::kAuto);
};

class PortRoute final : public ReactorRoute {
 public:
  PortRoute() {
    const auto producer = port_->make_producer(Way::kBulk, 0);
    failed = !producer.ok();
    if (failed) return;
    producer_ = *producer;
    topic_ = producer_->open_topic(kTopic);
  }
  ~PortRoute() override { port_->close(); }

  bool ready() const override { return in_order_.size() < kPiecesUnderWay; }
  void send(Piece* piece) override {
    const std::int64_t now_ms = system_clock().realtime_us() / 1000;
    for (const Record& record : piece->records) {
      failed |= producer_->produce(topic_, 0, record, now_ms, nullptr) != RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    in_order_.sent(piece);
  }
  Piece* arrived() override {
    port_->arm();
    while (producer_->next_event(event_)) {
      if (event_.kind != ProducerEvent::Kind::kDeliveries) continue;
      for (const Delivery& delivery : event_.deliveries) {
        failed |= delivery.error != RD_KAFKA_RESP_ERR_NO_ERROR;
      }
      in_order_.arrived(event_.deliveries.size());
    }
    return in_order_.take();
  }

 private:
  const std::unique_ptr<KafkaPort> port_ = make_port();
  ProducerPort* producer_ = nullptr;
  std::uint32_t topic_ = 0;
  ProducerEvent event_;
  InOrder in_order_;
};

class SinkRoute final : public ReactorRoute {
 public:
  SinkRoute() { failed = !sink_->open("", false).ok(); }
  ~SinkRoute() override { sink_->let_go(); }

  bool ready() const override { return sink_->ready(); }
  void send(Piece* piece) override { sink_->submit(piece); }
  Piece* arrived() override {
    failed |= !sink_->status().ok();
    return sink_->poll(monotonic_us());
  }

 private:
  const std::unique_ptr<RecordSink> sink_ =
      make_kafka_sink({.kafka = config(), .pipeline = "bench", .context_headers = context_headers()},
                      std::make_unique<DescribedPort>(make_port()), system_clock());
};

bool run(Route& route, EncodedPieces& pieces, std::size_t count) {
  std::size_t sent = 0, arrived = 0;
  std::int64_t moved_us = monotonic_us();
  while (arrived < count && !route.failed) {
    bool moved = false;
    if (Piece* const piece = sent < count && route.ready() ? pieces.take() : nullptr) {
      route.send(piece);
      ++sent;
      moved = true;
    }
    while (Piece* const piece = route.arrived()) {
      pieces.give_back(piece);
      ++arrived;
      moved = true;
    }
    if (moved) {
      moved_us = monotonic_us();
    } else {
      if (monotonic_us() - moved_us > kPatienceUs) return false;
      route.wait();
    }
  }
  return !route.failed;
}

/// What stands in the topic; -1: cannot be told.
std::int64_t records_in_topic() {
  const auto client = kafka::make_client(config(), kafka::Purpose::kAdmin, {.pipeline = "bench"});
  if (!client.ok()) return -1;
  const kafka::PartitionEnd wanted{.topic = kTopic};
  const auto ends =
      kafka::describe_ends(client->get(), {&wanted, 1}, kafka::EndOf::kEverything, kafka::Timeout{10'000});
  return ends.ok() && ends->size() == 1 ? ends->front().offset : -1;
}

std::int64_t cpu_time_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

template <typename Kind>
void produce(benchmark::State& state, Headers headers) {
  static const Topic topic{.name = kTopic};
  EncodedPieces pieces(topic, headers);
  Kind route;
  // The answer first: every record arrived once. The producer is connected then, and its memory is warm.
  const std::int64_t before = records_in_topic();
  const bool sent = !route.failed && run(route, pieces, kPiecesToCheck);
  const auto expected = static_cast<std::int64_t>(kPiecesToCheck * pieces.records_each());
  if (!sent || before < 0 || records_in_topic() - before != expected) {
    return state.SkipWithError("the records are not in the topic");
  }
  const std::int64_t cpu_ns = cpu_time_ns(CLOCK_PROCESS_CPUTIME_ID);
  const std::int64_t order_ns = cpu_time_ns(CLOCK_THREAD_CPUTIME_ID);
  for (auto _ : state) {
    if (!run(route, pieces, kPiecesToTime)) state.SkipWithError("records were not delivered");
  }
  const auto records = state.iterations() * static_cast<std::int64_t>(kPiecesToTime * pieces.records_each());
  const auto a_record = [records](std::int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(records);
  };
  state.SetItemsProcessed(records);
  state.counters["cpu_ns"] = a_record(cpu_time_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns);
  state.counters["order_ns"] = a_record(cpu_time_ns(CLOCK_THREAD_CPUTIME_ID) - order_ns);
}

void BM_Bare(benchmark::State& state) { produce<BareRoute>(state, Headers::kNone); }
void BM_Port(benchmark::State& state, Headers headers) { produce<PortRoute>(state, headers); }
void BM_Sink(benchmark::State& state, Headers headers) { produce<SinkRoute>(state, headers); }

void once(benchmark::internal::Benchmark* bench) {
  bench->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(BM_Bare)->Apply(once);
BENCHMARK_CAPTURE(BM_Port, no_headers, Headers::kNone)->Apply(once);
BENCHMARK_CAPTURE(BM_Port, context, Headers::kContext)->Apply(once);
BENCHMARK_CAPTURE(BM_Port, context_and_own, Headers::kContextAndOwn)->Apply(once);
BENCHMARK_CAPTURE(BM_Sink, no_headers, Headers::kNone)->Apply(once);
BENCHMARK_CAPTURE(BM_Sink, context, Headers::kContext)->Apply(once);
BENCHMARK_CAPTURE(BM_Sink, context_and_own, Headers::kContextAndOwn)->Apply(once);

}  // namespace
}  // namespace millrace
