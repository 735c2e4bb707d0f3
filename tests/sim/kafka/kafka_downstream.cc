// SPDX-License-Identifier: Apache-2.0
// Kafka for the scheduler: the model cluster, the product's sink for it, and what must hold between the two.
#include <algorithm>
#include <set>
#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"
#include "sim/downstream.h"
#include "sim/kafka/model_kafka.h"
#include "sim/kafka/model_port.h"
#include "sim/kafka/topic_contents.h"
#include "sim/kafka/watched_sink.h"
#include "sink/kafka/kafka_sink.h"
#include "sink/kafka/partition_offsets.h"

namespace millrace::sim {

namespace {

ModelKafkaOptions cluster_options(Random& random) {
  ModelKafkaOptions options;
  options.brokers = static_cast<int>(1 + random.below(3));
  const std::int64_t latencies[] = {100, 1'000, 20'000};
  options.latency_us = random.pick(latencies);
  const std::int64_t delays[] = {0, 20'000, 300'000};
  options.visible_us = random.pick(delays);
  options.ready_us = random.pick(delays);
  return options;
}

ModelProducerOptions producer_options(Random& random) {
  ModelProducerOptions options;
  const std::size_t batches[] = {1, 3, 100};
  options.batch_records_max = random.pick(batches);
  const std::size_t queues[] = {2, 20, 100'000};
  options.queue_records_max = random.pick(queues);
  const std::int64_t lingers[] = {0, 0, 5'000};
  options.linger_us = random.pick(lingers);
  const std::int64_t reports[] = {0, 2'000, 50'000};
  options.report_us = random.pick(reports);
  const std::int64_t learns[] = {0, 0, 200'000};
  options.learns_us = random.pick(learns);
  return options;
}

class KafkaDownstream final : public Downstream {
 public:
  explicit KafkaDownstream(DownstreamSurroundings around)
      : around_(around),
        random_(around.scenario.seed ^ 0x4B534E4BULL),
        kafka_(cluster_options(random_), around.clock, around.verdict, random_.next()),
        producer_options_(producer_options(random_)),
        contents_(around.ledger, around.verdict) {
    kafka_.on_record = [this](const std::string& topic, std::int32_t partition, std::uint64_t producer,
                              const std::string& record) {
      contents_.add(
          index_of(topic) * around_.ledger.partitions_per_topic() + static_cast<std::size_t>(partition),
          producer, record);
    };
    const std::size_t memory[] = {500, 5'000, 32U << 20};
    const std::size_t busy[] = {1, 300, 3'000, 32U << 10};
    memory_bytes_max_ = random_.pick(memory);
    busy_bytes_ = random_.pick(busy);
    troubles_.hide_settings = random_.percent(10);
    creates_ = random_.percent(80);
    // What is there already; of the others, somebody makes them later when the pipeline may not.
    for (const Topic& topic : around_.ledger.topics()) {
      if (random_.percent(40) || (!creates_ && random_.percent(50))) {
        make_topic(topic.name);
      } else if (!creates_) {
        made_later_.emplace_back(around_.clock.monotonic_us() + random_.between(0, 2'000'000), topic.name);
      }
    }
    std::ranges::sort(made_later_);
  }
  ~KafkaDownstream() override { disconnect(false); }

  // --- the product's process

  RecordSink& connect() override {
    auto port = std::make_unique<ModelPort>(producer_options_, troubles_, kafka_, random_.next());
    port_ = port.get();
    contents_.begin_process(kafka_.newest_producer());
    KafkaSinkOptions options;
    options.pipeline = "sim";
    options.memory_bytes_max = memory_bytes_max_;
    options.busy_bytes = busy_bytes_;
    options.kafka.create_topics = creates_;
    options.kafka.creation_groups = {
        {.name = "default", .partitions = static_cast<std::int32_t>(around_.ledger.partitions_per_topic())}};
    sink_ = std::make_unique<WatchedSink>(make_kafka_sink(std::move(options), std::move(port), around_.clock),
                                          around_.ledger, contents_, around_.verdict);
    sink_->on_new_beginning = [this] { contents_.begin_anew(kafka_.newest_producer()); };
    return *sink_;
  }

  void disconnect(bool) override {
    port_ = nullptr;
    sink_.reset();
  }

  // --- what happens to it

  bool apply(const Step& step) override {
    Random random(step.seed);
    const std::int64_t now_us = around_.clock.monotonic_us();
    switch (step.kind) {
      case StepKind::kStallSink:
      case StepKind::kKafkaAway:
        excused_.insert(ReasonCode::kKafkaUnreachable);
        kafka_.go_down_until(now_us + random.between(1'000, 1'500'000));
        if (random.percent(15)) {
          lasts_until_us_ = now_us + random.between(5'000'000, 90'000'000);
          kafka_.go_down_until(lasts_until_us_);
          kafka_.move_leaders_until(lasts_until_us_ + 100'000);
        }
        return true;
      case StepKind::kFailSink:
      case StepKind::kFailProducer: {
        excused_.insert({ReasonCode::kDeliveryFailed, ReasonCode::kFenced});
        const rd_kafka_resp_err_t errors[] = {
            RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE};
        ModelProducer* producer = any_producer(random);
        if (producer == nullptr) return true;
        // Rather the one with more to do.
        if (random.percent(60)) producer = port_->producers().back().get();
        const rd_kafka_resp_err_t error = random.pick(errors);
        random.percent(40) ? producer->fail_for_good(error) : producer->fail_with_the_next(error);
        return true;
      }
      case StepKind::kLoseAcknowledgements:
      case StepKind::kKafkaCut:
        if (port_ == nullptr) return true;
        for (const auto& producer : port_->producers()) producer->cut();
        return true;
      case StepKind::kMoveLeaders:
        kafka_.move_leaders_until(now_us + random.between(1'000, 500'000));
        return true;
      case StepKind::kRefuseBatches: {
        const rd_kafka_resp_err_t errors[] = {
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR};
        const rd_kafka_resp_err_t error = random.pick(errors);
        if (random.percent(30)) kafka_.refuse_always(error);
        std::deque<rd_kafka_resp_err_t> some(1 + random.below(6));
        for (rd_kafka_resp_err_t& one : some) one = random.percent(80) ? error : RD_KAFKA_RESP_ERR_NO_ERROR;
        kafka_.refuse(std::move(some));
        return true;
      }
      case StepKind::kRefuseBatch: {
        const std::pair<rd_kafka_resp_err_t, ReasonCode> errors[] = {
            {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ReasonCode::kKafkaPermissionDenied},
            {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ReasonCode::kRecordTooLarge},
            {RD_KAFKA_RESP_ERR_INVALID_RECORD, ReasonCode::kRecordRefused}};
        const auto& [error, reason] = random.pick(errors);
        excused_.insert(reason);
        batch_refused_ = true;
        kafka_.refuse({error});
        return true;
      }
      case StepKind::kStallReports:
        reports_stalled_ = true;
        if (ModelProducer* const producer = any_producer(random))
          producer->stall_reports_until(now_us + random.between(1'000, 2'000'000));
        return true;
      case StepKind::kTroubleTopics:
        excused_.insert({ReasonCode::kTopicRefused});
        troubles_.failures_percent = 10 + random.below(60);
        troubles_.answer_us = random.between(1'000, 500'000);
        return true;
      case StepKind::kRefuseTopics:
        excused_.insert(ReasonCode::kKafkaPermissionDenied);
        troubles_.refuse_creation = true;
        return true;
      case StepKind::kLoseTopic:
        lose_topic(random);
        return true;
      case StepKind::kFailSinkOpen:
        return true;
      default:
        return false;
    }
  }

  bool step(std::int64_t now_us) override {
    bool worked = false;
    while (!made_later_.empty() && made_later_.front().first <= now_us) {
      make_topic(made_later_.front().second);
      made_later_.erase(made_later_.begin());
      worked = true;
    }
    worked |= kafka_.step(now_us);
    if (port_ != nullptr) worked |= port_->step(now_us);
    return worked;
  }

  std::int64_t next_event_us() const override {
    std::int64_t next_us = kafka_.next_deadline_us();
    if (!made_later_.empty()) next_us = std::min(next_us, made_later_.front().first);
    if (port_ != nullptr) next_us = std::min(next_us, port_->next_deadline_us());
    return next_us;
  }

  std::int64_t away_until_us() const override { return kafka_.down_until_us(); }
  std::int64_t lasts_until_us() const override { return lasts_until_us_; }

  void heal() override {
    kafka_.heal();
    troubles_.failures_percent = 0;
    troubles_.answer_us = 5'000;
    troubles_.refuse_creation = false;
    if (port_ == nullptr) return;
    port_->heal();
    for (const auto& producer : port_->producers()) producer->stall_reports_until(0);
  }

  // --- the invariants

  std::size_t durable(std::size_t partition) const override { return contents_.held(partition); }
  /// What is lost is held by nobody: who goes on all the same never gets done.
  bool holds_everything() const override { return !over_ && contents_.hold_everything(); }
  std::size_t pieces_under_way() const override { return sink_ == nullptr ? 0 : sink_->pieces_under_way(); }
  bool excuses(const absl::Status& status) const override {
    // A record's own failure is told, unless its report comes late.
    const bool unheard =
        batch_refused_ && reports_stalled_ && reason_of(status) == ReasonCode::kDeliveryFailed;
    return unheard || excused_.contains(reason_of(status));
  }
  bool over() const override { return over_; }
  std::string describe() const override {
    std::string text = concat(pieces_under_way(), " pieces at Kafka, which is ", kafka_.up() ? "up" : "away");
    for (std::size_t i = 0; i < around_.ledger.partition_count(); ++i) {
      append(text, ", partition ", i, " has ", contents_.held(i), " of ", around_.ledger.partition(i).size());
      if (sink_ != nullptr) append(text, " (submitted ", sink_->submitted()[i], ")");
    }
    return text;
  }

 private:
  std::size_t index_of(const std::string& topic) const {
    const auto& topics = around_.ledger.topics();
    const auto found = std::ranges::find(topics, topic, &Topic::name);
    return static_cast<std::size_t>(found - topics.begin());
  }

  void make_topic(const std::string& name) {
    kafka_.create(name, static_cast<std::int32_t>(around_.ledger.partitions_per_topic()));
    // A producer of its own, with smaller batches.
    if (random_.percent(20)) kafka_.set_message_bytes_max(name, 500'000);
  }

  ModelProducer* any_producer(Random& random) const {
    if (port_ == nullptr || port_->producers().empty()) return nullptr;
    return port_->producers()[random.below(port_->producers().size())].get();
  }

  /// Of a topic that the checkpoint knows records of.
  void lose_topic(Random& random) {
    const auto& newest = around_.checkpoints.durable().newest;
    if (over_ || !newest || newest->sink_state.find('|') == std::string::npos) return;
    PartitionOffsets offsets;
    if (!offsets.restore(newest->sink_state.substr(newest->sink_state.find('|') + 1)).ok()) return;
    for (const auto& [name, topic] : offsets.topics()) {
      if (topic.next.empty() || !kafka_.exists(name)) continue;
      const std::uint64_t how = random.below(3);
      if (how == 2) {
        kafka_.cut(name, topic.next.begin()->first, topic.next.begin()->second - 1);
      } else {
        kafka_.remove(name);
        if (how == 1) make_topic(name);
      }
      excused_.insert(ReasonCode::kTopicLostData);
      over_ = true;
      return;
    }
  }

  const DownstreamSurroundings around_;
  Random random_;
  ModelKafka kafka_;
  const ModelProducerOptions producer_options_;
  TopicContents contents_;
  AdminTroubles troubles_;
  std::size_t memory_bytes_max_ = 0;
  std::size_t busy_bytes_ = 0;
  bool creates_ = true;
  std::vector<std::pair<std::int64_t, std::string>> made_later_;

  ModelPort* port_ = nullptr;  ///< The sink's.
  std::unique_ptr<WatchedSink> sink_;
  std::set<ReasonCode> excused_;
  bool batch_refused_ = false;
  bool reports_stalled_ = false;
  std::int64_t lasts_until_us_ = 0;
  bool over_ = false;
};

}  // namespace

std::unique_ptr<Downstream> make_kafka_downstream(DownstreamSurroundings around) {
  return std::make_unique<KafkaDownstream>(around);
}

}  // namespace millrace::sim
