// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/kafka_sink.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <optional>

#include "base/check.h"
#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "kafka/errors.h"
#include "sink/kafka/delivered_topics.h"
#include "sink/kafka/in_flight.h"
#include "sink/kafka/kafka_trouble.h"
#include "sink/kafka/partition_lanes.h"
#include "sink/kafka/partition_offsets.h"
#include "sink/kafka/partitioner.h"
#include "sink/kafka/rdkafka_port.h"
#include "sink/kafka/record_size.h"
#include "sink/kafka/topic_book.h"

namespace millrace {

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr kafka::Timeout kOpenSlice{1'000};
constexpr std::int64_t kStaleAgainUs = 100'000;
constexpr std::int64_t kStalePatienceUs = 60'000'000;
/// A fatal error is told before the report of the record that caused it: what it says is better.
constexpr std::int64_t kFatalPatienceUs = 500'000;

/// Where in the source's log a change stands, as its envelope says: for messages about one record.
std::string_view place_of(const Record& record) {
  const std::string_view value(reinterpret_cast<const char*>(record.value), record.value_size);
  const std::size_t begin = value.rfind("\"schema\":\"");
  const std::size_t end = begin == std::string_view::npos ? begin : value.find(",\"xmin\":", begin);
  return end == std::string_view::npos ? std::string_view() : value.substr(begin, end - begin);
}

std::int64_t setting(const KafkaConfig& config, std::string_view name, std::int64_t otherwise) {
  std::int64_t value = otherwise;
  for (const KafkaProperty& property : config.properties) {
    if (property.name == name) value = std::strtoll(property.value.reveal().c_str(), nullptr, 10);
  }
  return value;
}

bool compresses(const KafkaConfig& config) {
  bool does = false;
  for (const KafkaProperty& property : config.properties) {
    if (property.name == "compression.type" || property.name == "compression.codec") {
      does = property.value.reveal() != "none";
    }
  }
  return does;
}

bool sets_linger(const KafkaConfig& config) {
  return std::ranges::any_of(config.properties, [](const KafkaProperty& property) {
    return property.name == "linger.ms" || property.name == "queue.buffering.max.ms";
  });
}

class KafkaSink final : public RecordSink {
 public:
  KafkaSink(KafkaSinkOptions options, std::unique_ptr<KafkaPort> kafka, const Clock& clock)
      : options_(std::move(options)),
        kafka_(std::move(kafka)),
        clock_(clock),
        headers_(options_.context_headers),
        book_(TopicBook::Options{
            .rules = TopicRules(options_.kafka.create_topics, options_.kafka.creation_groups)}),
        batch_bytes_(setting(options_.kafka, "batch.size", 1'000'000)),
        message_bytes_max_(setting(options_.kafka, "message.max.bytes", 100'000'000)),
        compresses_(compresses(options_.kafka)),
        adapts_(!sets_linger(options_.kafka)),
        trouble_(options_.on_trouble),
        lanes_(static_cast<std::size_t>(batch_bytes_),
               adapts_ ? options_.busy_bytes : std::numeric_limits<std::size_t>::max()) {}
  KafkaSink(const KafkaSink&) = delete;
  KafkaSink& operator=(const KafkaSink&) = delete;

  ~KafkaSink() override { let_go(); }

  absl::StatusOr<SinkResume> open(std::string_view state, bool) override {
    if (absl::Status status = offsets_.restore(state); !status.ok()) return status;
    if (const auto first = producer_for(Way::kPrompt, -1); !first.ok()) return first.status();
    const absl::StatusOr<std::string> cluster = wait_for_cluster();
    if (!cluster.ok()) return cluster.status();
    if (!offsets_.cluster().empty() && !cluster->empty() && offsets_.cluster() != *cluster) {
      return with_reason(absl::DataLossError(concat("the checkpoint belongs to the Kafka cluster ",
                                                    offsets_.cluster(), ", and this one is ", *cluster)),
                         ReasonCode::kCheckpointMismatch);
    }
    if (!cluster->empty()) offsets_.set_cluster(*cluster);
    absl::Status status = look_at_delivered(*kafka_, offsets_.topics(), options_.stop_requested);
    if (!status.ok()) return status;
    return SinkResume{};
  }

  bool ready() const noexcept override {
    return status_.ok() && in_flight_.memory_bytes() < options_.memory_bytes_max;
  }

  void submit(Piece* piece) override {
    now_us_ = std::max(now_us_, clock_.monotonic_us());
    realtime_ms_ = clock_.realtime_us() / 1000;
    std::size_t memory_bytes = 0;
    for (const Record& record : piece->records) {
      const auto [headers, header_bytes] = headers_.of(record);
      memory_bytes += message_memory_bytes(record.key_size, headers, header_bytes);
    }
    if (in_flight_.empty()) trouble_.oldest_moved(now_us_);
    InFlightPieces::Entry& entry = in_flight_.add(piece, memory_bytes);
    for (std::size_t i = 0; i < piece->records.size() && status_.ok(); ++i) {
      hand_over(piece->records[i], entry.records[i]);
    }
  }

  Piece* poll(std::int64_t now_us) override {
    if (!status_.ok()) return nullptr;
    now_us_ = now_us;
    realtime_ms_ = clock_.realtime_us() / 1000;
    kafka_->arm();
    drain_events();
    move_topics();
    if (fatal_until_us_ <= now_us && status_.ok()) status_ = fatal_;
    if (!status_.ok()) return nullptr;
    pass_rest();
    const InFlightPieces::Entry* const done = in_flight_.take_delivered();
    if (done == nullptr) {
      watch_for_stall();
      return nullptr;
    }
    trouble_.oldest_moved(now_us);
    passing_ = done;
    passed_records_ = 0;
    return done->piece;
  }

  absl::Status status() const override { return status_; }

  void pass(const Piece& piece, std::size_t mark) override {
    MILLRACE_CHECK(passing_ != nullptr && passing_->piece == &piece, "marks pass with the piece handed back");
    pass_records(piece.marks[mark].record_end);
  }

  std::string state() const override { return offsets_.to_json(); }

  /// What waits here waits for records before it, and follows them at once.
  void flush() override {}

  std::int64_t next_deadline_us() const noexcept override {
    if (!status_.ok()) return kNever;
    std::int64_t deadline = std::min(book_.next_deadline_us(), fatal_until_us_);
    if (!stale_.empty()) deadline = std::min(deadline, stale_next_us_);
    if (!in_flight_.empty() && book_.idle()) deadline = std::min(deadline, trouble_.next_us());
    return deadline;
  }

  void let_go() override {
    if (producers_.empty()) return;
    const std::int64_t began_us = clock_.monotonic_us();
    const std::uint64_t outstanding = in_flight_.outstanding();
    producers_.clear();
    kafka_->close();
    const std::int64_t took_ms = (clock_.monotonic_us() - began_us) / 1000;
    if (outstanding > 0 || took_ms > 1'000) {
      log_info("kafka", "producer closed", {{"records_given_up", outstanding}, {"ms", took_ms}});
    }
    if (status_.ok()) status_ = absl::CancelledError("closed");
  }

 private:
  /// A topic by Topic::id.
  struct TopicState {
    std::string name;
    /// By Way; where there is one way, only the first.
    struct {
      ProducerPort* producer = nullptr;     ///< nullptr: not known yet.
      std::optional<std::uint32_t> handle;  ///< The producer's; none: it has not met the topic.
    } ways[kWays];
    std::int32_t partitions = 0;
    std::uint32_t first_place = 0;
    std::size_t bytes_max = 0;  ///< Of a record.
    bool asked = false;
    std::vector<InFlightRecord*> waiting;  ///< Until it is known, in order.
  };

  struct ProducerSlot {
    Way way;
    std::int64_t batch_bytes_max;  ///< -1: as configured.
    ProducerPort* producer;
    KafkaView view;
  };

  // --- producers
  // ---------------------------------------------------------------------------------------------

  /// Brokers compare a whole batch with max.message.bytes, and librdkafka's batch.size is one for all topics:
  /// topics with a smaller limit have a producer with smaller batches.
  absl::StatusOr<ProducerPort*> producer_for(Way way, std::int64_t message_bytes_max) {
    std::int64_t batch_bytes_max = -1;
    if (message_bytes_max >= 0 && message_bytes_max < batch_bytes_) {
      batch_bytes_max = static_cast<std::int64_t>(
          std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(message_bytes_max, 1))));
    }
    for (ProducerSlot& slot : producers_) {
      if (slot.way == way && slot.batch_bytes_max == batch_bytes_max) return slot.producer;
    }
    const auto made = kafka_->make_producer(way, std::max<std::int64_t>(batch_bytes_max, 0));
    if (!made.ok()) return made.status();
    producers_.push_back({way, batch_bytes_max, *made, {}});
    return *made;
  }

  absl::StatusOr<std::string> wait_for_cluster() {
    const std::int64_t until_us = clock_.monotonic_us() + options_.open_patience_us;
    for (;;) {
      const absl::StatusOr<kafka::ClusterFacts> facts = kafka_->describe_cluster(kOpenSlice);
      now_us_ = clock_.monotonic_us();
      drain_events();  // what the connections met: better words than "timed out"
      if (!status_.ok()) return status_;
      if (facts.ok()) {
        trouble_.passed();
        return facts->id;
      }
      if (options_.stop_requested()) return absl::CancelledError("stopped while Kafka was waited for");
      const ReasonCode reason = reason_of(trouble_.status());
      const bool refused = reason == ReasonCode::kKafkaAuthFailed || reason == ReasonCode::kKafkaTlsFailed ||
                           reason_of(facts.status()) == ReasonCode::kKafkaPermissionDenied;
      if (refused || now_us_ >= until_us) {
        return trouble_.status().ok() ? facts.status() : trouble_.status();
      }
    }
  }

  // --- records
  // -----------------------------------------------------------------------------------------------

  void hand_over(const Record& record, InFlightRecord& under_way) {
    TopicState& topic = state_of(*record.topic);
    if (topic.ways[0].producer == nullptr) {
      topic.waiting.push_back(&under_way);
      return;
    }
    send(topic, record, under_way);
  }

  /// Into its partition's lane, of a topic that is known.
  void send(TopicState& topic, const Record& record, InFlightRecord& under_way) {
    const std::size_t bytes = size_of(record);
    if (bytes > topic.bytes_max) {
      status_ = too_large(topic, record, bytes);
      return;
    }
    under_way.bytes = static_cast<std::uint32_t>(bytes);
    const std::int32_t partition = partition_of(record.partition_hash, topic.partitions);
    under_way.place = topic.first_place + static_cast<std::uint32_t>(partition);
    if (lanes_.open(under_way.place, now_us_) && produce(topic, record, under_way)) return;
    lanes_.wait(under_way.place, &under_way);
  }

  TopicState& state_of(const Topic& topic) {
    if (topic.id >= topics_.size()) topics_.resize(topic.id + 1);
    TopicState& state = topics_[topic.id];
    if (!state.asked) {
      state.asked = true;
      state.name = topic.name;
      ids_[topic.name] = topic.id;
      book_.want(topic.name, clock_.monotonic_us());
    }
    return state;
  }

  std::size_t size_of(const Record& record) const noexcept {
    const auto [headers, header_bytes] = headers_.of(record);
    const auto size = [](const std::byte* data, std::uint32_t bytes) {
      return data == nullptr ? std::int64_t{-1} : std::int64_t{bytes};
    };
    return batch_of_one_bytes(size(record.key, record.key_size), size(record.value, record.value_size),
                              headers, header_bytes);
  }

  /// False: not now; it keeps its turn. After a failure `status_` is set.
  bool produce(TopicState& topic, const Record& record, InFlightRecord& under_way) {
    // Nothing goes by the other producer past what this one has not taken.
    if (fatal_until_us_ != kNever) return false;
    const auto partition = static_cast<std::int32_t>(under_way.place - topic.first_place);
    auto& way = topic.ways[static_cast<std::size_t>(lanes_.way(under_way.place))];
    // Not before: a topic costs a producer some 30 KiB, and few topics are ever busy.
    if (!way.handle) way.handle = way.producer->open_topic(topic.name);
    const rd_kafka_resp_err_t error =
        way.producer->produce(*way.handle, partition, record, realtime_ms_, &under_way);
    switch (error) {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        lanes_.sent(under_way.place);
        if (!stale_.empty()) stale_.erase(under_way.place);
        return true;
      case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: {
        // The producer's own picture of the topic is older than the book's: it will learn, but not while the
        // brokers are away. A queue is full for just as long.
        now_us_ = std::max(now_us_, clock_.monotonic_us());
        std::int64_t& since_us = stale_.try_emplace(under_way.place, now_us_).first->second;
        if (trouble_.away() || error == RD_KAFKA_RESP_ERR__QUEUE_FULL) since_us = now_us_;
        if (now_us_ - since_us > kStalePatienceUs) {
          status_ = kafka::error_status(error, concat("topic ", topic.name));
          return true;
        }
        stale_next_us_ = now_us_ + kStaleAgainUs;
        return false;
      }
      default:
        stale_.erase(under_way.place);
        failed(error, record);
        return true;
    }
  }

  absl::Status too_large(const TopicState& topic, const Record& record, std::size_t size) const {
    return reason_error(ReasonCode::kRecordTooLarge,
                        concat("a record for topic ", topic.name, " (", place_of(record), ") has ", size,
                               " bytes, and the topic takes ", topic.bytes_max));
  }

  const Record& record_of(const InFlightRecord& under_way) {
    const InFlightPieces::Entry& entry = in_flight_.entry(under_way.entry);
    return entry.piece->records[static_cast<std::size_t>(&under_way - entry.records.data())];
  }

  /// What waits in a partition's lane, as far as it may go.
  void serve_lane(std::uint32_t place) {
    std::size_t bytes = lanes_.may_go_bytes(place, now_us_);
    while (bytes > 0 && status_.ok()) {
      InFlightRecord* const next = lanes_.next(place);
      if (next == nullptr) return;
      bytes -= std::min<std::size_t>(bytes, next->bytes);
      const Record& record = record_of(*next);
      if (!produce(topics_[record.topic->id], record, *next)) return;
      lanes_.went(place);
    }
  }

  void failed(rd_kafka_resp_err_t error, const Record& record) {
    if (!status_.ok()) return;
    if (error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
        error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
      return note_fatal();
    }
    const std::string_view place = place_of(record);
    absl::Status status = kafka::error_status(
        error, concat("a record for topic ", record.topic->name, place.empty() ? "" : " (", place,
                      place.empty() ? "" : ")", " was not taken"));
    if (kafka::classify(error).handling == kafka::Handling::kRestart) {
      // A producer that is done for refuses every record: what ended it is told in its events.
      if (fatal_.ok()) fatal_ = std::move(status);
      return note_fatal();
    }
    status_ = std::move(status);
  }

  // --- events
  // ------------------------------------------------------------------------------------------------

  void drain_events() {
    for (ProducerSlot& slot : producers_) {
      while (slot.producer->next_event(event_)) on_event(slot);
    }
    if (const auto about_one = kafka_->take_answers(book_, now_us_)) {
      trouble_.explain_stall(*about_one, now_us_, in_flight_.outstanding());
    }
  }

  void on_event(ProducerSlot& slot) {
    switch (event_.kind) {
      case ProducerEvent::Kind::kDeliveries:
        return on_deliveries();
      case ProducerEvent::Kind::kTrouble:
        return trouble_.connection_met(kafka::error_status(event_.error, "Kafka", event_.words), now_us_,
                                       in_flight_.outstanding());
      case ProducerEvent::Kind::kFatal:
        fatal_ = kafka::error_status(event_.error, "the producer cannot go on", event_.words);
        return note_fatal();
      case ProducerEvent::Kind::kStatistics: {
        slot.view = event_.view;
        KafkaView all;
        for (const ProducerSlot& each : producers_) add(all, each.view);
        // With nothing to acknowledge, a connection is the proof.
        const bool met = std::ranges::any_of(all.brokers, &KafkaBrokerView::up);
        if (met) trouble_.connection_seen();
        if (met && in_flight_.outstanding() == 0 && book_.trouble().ok()) trouble_.passed();
        return options_.on_statistics(all);
      }
    }
  }

  void on_deliveries() {
    for (const Delivery& delivery : event_.deliveries) {
      InFlightRecord& under_way = *delivery.record;
      if (delivery.error == RD_KAFKA_RESP_ERR_NO_ERROR) [[likely]] {
        in_flight_.delivered(under_way, delivery.offset);
        trouble_.connection_seen();
        prove(under_way, delivery.offset);
        if (lanes_.acknowledged(under_way.place, now_us_)) serve_lane(under_way.place);
        continue;
      }
      failed(delivery.error, record_of(under_way));
    }
    // What is acknowledged of other partitions proves nothing for the oldest.
    if (status_.ok() && fatal_.ok() && !trouble_.status().ok() && !trouble_.stalled()) trouble_.passed();
  }

  void prove(const InFlightRecord& under_way, std::int64_t offset) {
    const auto proof = lanes_.prove(under_way.place, offset);
    if (proof == PartitionLanes::Proof::kStands || !status_.ok()) [[likely]]
      return;
    const TopicState& topic = topics_[record_of(under_way).topic->id];
    const std::string where =
        concat("topic ", topic.name, " partition ", under_way.place - topic.first_place);
    status_ = proof == PartitionLanes::Proof::kCutBehind
                  ? reason_error(ReasonCode::kTopicLostData,
                                 concat(where, " went back: a record was appended at offset ", offset,
                                        ", behind which others had been delivered"))
                  : reason_error(ReasonCode::kDeliveryFailed,
                                 concat(where, ": records were reported as delivered, and up to offset ",
                                        offset, " there is no room for them"));
  }

  void note_fatal() {
    if (fatal_.ok()) fatal_ = reason_error(ReasonCode::kDeliveryFailed, "the producer cannot go on");
    fatal_until_us_ = std::min(fatal_until_us_, now_us_ + kFatalPatienceUs);
  }

  /// Topics that are waited for are the book's trouble.
  void watch_for_stall() {
    if (in_flight_.empty() || !book_.idle() || !trouble_.stall_is_due(now_us_)) return;
    if (const Record* const oldest = in_flight_.oldest()) kafka_->ask_about(oldest->topic->name);
  }

  // --- topics
  // ------------------------------------------------------------------------------------------------

  void move_topics() {
    if (book_.idle() && stale_.empty()) return;
    for (const TopicBook::Known& known : book_.take_known()) meet(known);
    const TopicBook::Questions questions = book_.due(now_us_);
    if (!questions.empty()) kafka_->ask(questions);
    if (!book_.status().ok() && status_.ok()) status_ = book_.status();
    if (!book_.trouble().ok()) trouble_.met(book_.trouble(), now_us_, in_flight_.outstanding());
    if (!stale_.empty() && now_us_ >= stale_next_us_) {
      stale_next_us_ = now_us_ + kStaleAgainUs;
      std::vector<std::uint32_t> places;
      for (const auto& [place, since_us] : stale_) places.push_back(place);
      for (const std::uint32_t place : places) serve_lane(place);
    }
  }

  void meet(const TopicBook::Known& known) {
    TopicState& topic = topics_[ids_.at(known.name)];
    for (std::size_t way = 0; way < (adapts_ ? kWays : 1); ++way) {
      const absl::StatusOr<ProducerPort*> producer =
          producer_for(static_cast<Way>(way), known.message_bytes_max);
      if (!producer.ok()) {
        status_ = producer.status();
        return;
      }
      topic.ways[way].producer = *producer;
    }
    topic.partitions = known.partitions;
    topic.first_place = offsets_.add_topic(known.name, known.id, known.partitions);
    lanes_.add(topic.first_place, known.partitions);
    for (std::int32_t p = 0; p < known.partitions; ++p) {
      const std::uint32_t place = topic.first_place + static_cast<std::uint32_t>(p);
      lanes_.ends_at(place, offsets_.next(place));
    }
    // A compressed record may pass where the plain one would not: the broker decides.
    std::int64_t bytes_max = message_bytes_max_;
    if (known.message_bytes_max >= 0 && !compresses_)
      bytes_max = std::min(bytes_max, known.message_bytes_max);
    topic.bytes_max = static_cast<std::size_t>(bytes_max);
    for (InFlightRecord* const under_way : std::exchange(topic.waiting, {})) {
      if (status_.ok()) send(topic, record_of(*under_way), *under_way);
    }
  }

  // --- positions
  // ---------------------------------------------------------------------------------------------

  void pass_records(std::size_t end) {
    for (; passed_records_ < end; ++passed_records_) {
      const InFlightRecord& record = passing_->records[passed_records_];
      offsets_.passed(record.place, record.offset);
    }
  }

  /// Of the piece handed back before: what stands behind its last mark.
  void pass_rest() {
    if (passing_ == nullptr) return;
    pass_records(passing_->records.size());
    passing_ = nullptr;
  }

  const KafkaSinkOptions options_;
  const std::unique_ptr<KafkaPort> kafka_;
  const Clock& clock_;
  const HeaderSizes headers_;
  TopicBook book_;
  const std::int64_t batch_bytes_;
  const std::int64_t message_bytes_max_;
  const bool compresses_;
  const bool adapts_;  ///< Has two producers: see Way.

  absl::Status status_;
  std::int64_t now_us_ = 0;
  std::int64_t realtime_ms_ = 0;  ///< Records' timestamps: when they are handed over, about.
  absl::Status fatal_;
  std::int64_t fatal_until_us_ = kNever;
  KafkaTrouble trouble_;

  std::vector<ProducerSlot> producers_;
  ProducerEvent event_;
  std::vector<TopicState> topics_;  ///< By Topic::id.
  std::map<std::string, std::uint32_t, std::less<>> ids_;
  PartitionLanes lanes_;
  /// Partitions whose producer does not know what the book knows, or has no room, and since when.
  std::map<std::uint32_t, std::int64_t> stale_;
  std::int64_t stale_next_us_ = kNever;

  InFlightPieces in_flight_;
  PartitionOffsets offsets_;
  const InFlightPieces::Entry* passing_ = nullptr;
  std::size_t passed_records_ = 0;
};

}  // namespace

std::unique_ptr<RecordSink> make_kafka_sink(KafkaSinkOptions options, std::unique_ptr<KafkaPort> kafka,
                                            const Clock& clock) {
  return std::make_unique<KafkaSink>(std::move(options), std::move(kafka), clock);
}

std::unique_ptr<RecordSink> make_kafka_sink(KafkaSinkOptions options, Reactor& reactor, const Clock& clock) {
  auto port = make_rdkafka_port(options.kafka, options.pipeline, options.context_headers, reactor);
  return make_kafka_sink(std::move(options), std::move(port), clock);
}

}  // namespace millrace
