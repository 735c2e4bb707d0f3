// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_topic.h"

#include <algorithm>
#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "kafka/admin.h"
#include "kafka/errors.h"
#include "runtime/clock.h"

namespace millrace {

namespace {

constexpr kafka::Timeout kRequestTimeout{5'000};
constexpr int kRetryMs = 200;
constexpr std::int64_t kOutageMs = 30'000;
constexpr std::int64_t kWatchStepMs = 2'000;

/// Asks until there is an answer that waiting would not change.
/// @param ask   asks on the queue; @param read  the answer in an event.
template <class Ask, class Read>
auto answer_of(KafkaLink& link, const Patience& patience, std::string_view what, Ask ask, Read read)
    -> decltype(read(nullptr)) {
  for (;;) {
    const kafka::QueuePtr queue(rd_kafka_queue_new(link.raw()));
    ask(queue.get());
    const kafka::EventPtr event = link.wait(queue.get(), patience);
    if (event == nullptr) {
      link.worth_waiting(patience);  // for what the library has complained about
      return link.gave_up(patience, what);
    }
    auto answer = read(event.get());
    if (answer.ok() || !kafka::may_pass(reason_of(answer.status()))) return answer;
    if (!link.worth_waiting(patience)) return link.gave_up(patience, what);
    patience.sleep_ms(kRetryMs);
  }
}

absl::StatusOr<kafka::TopicFacts> describe(KafkaLink& link, const std::string& topic,
                                           const Patience& patience) {
  const auto read = [](rd_kafka_event_t* event) -> absl::StatusOr<kafka::TopicFacts> {
    absl::StatusOr<std::vector<kafka::TopicFacts>> topics = kafka::topics_in(event);
    if (!topics.ok()) return topics.status();
    if (topics->size() != 1) return reason_error(ReasonCode::kInternal, "one topic was asked for");
    return std::move(topics->front());
  };
  return answer_of(
      link, patience, "looking at the checkpoint topic",
      [&](rd_kafka_queue_t* queue) { kafka::ask_topics(link.raw(), {&topic, 1}, kRequestTimeout, queue); },
      read);
}

absl::Status create_topic(KafkaLink& link, const std::string& topic, const std::string& servers,
                          const Patience& patience) {
  const absl::StatusOr<kafka::ClusterFacts> cluster = kafka::describe_cluster(link.raw(), kRequestTimeout);
  if (!cluster.ok()) return cluster.status();
  const int replication = checkpoint_replication(cluster->brokers);
  const kafka::NewTopic wanted{.name = topic,
                               .partitions = 1,
                               .replication_factor = replication,
                               .settings = checkpoint_topic_settings(replication)};
  const auto read = [](rd_kafka_event_t* event) -> absl::StatusOr<kafka::CreatedTopic> {
    absl::StatusOr<std::vector<kafka::CreatedTopic>> created = kafka::created_in(event);
    if (!created.ok()) return created.status();
    if (created->size() != 1) return reason_error(ReasonCode::kInternal, "one topic was to be made");
    return std::move(created->front());
  };
  const absl::StatusOr<kafka::CreatedTopic> created = answer_of(
      link, patience, "making the checkpoint topic",
      [&](rd_kafka_queue_t* queue) {
        kafka::ask_to_create(link.raw(), {&wanted, 1}, kRequestTimeout, queue);
      },
      read);
  if (!created.ok()) return created.status();
  if (created->error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return absl::OkStatus();
  if (created->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return reason_error(ReasonCode::kCheckpointTopic,
                        concat("checkpoint topic \"", topic, "\" does not exist and could not be made: ",
                               created->error_text.empty() ? std::string(rd_kafka_err2str(created->error))
                                                           : created->error_text,
                               ". Make it with ", create_topic_command(servers, topic, replication)));
  }
  log_info("checkpoint", "checkpoint topic made", {{"topic", topic}, {"replication", replication}});
  if (replication == 1) {
    log_warn("checkpoint", "positions are on one broker only: its loss loses them", {{"topic", topic}});
  }
  return absl::OkStatus();
}

/// @return settings, or nothing when this user may not see them.
absl::StatusOr<std::optional<std::map<std::string, std::string>>> settings_of(KafkaLink& link,
                                                                              const std::string& topic,
                                                                              const Patience& patience) {
  const auto read = [](rd_kafka_event_t* event) -> absl::StatusOr<kafka::TopicSettings> {
    absl::StatusOr<std::vector<kafka::TopicSettings>> settings = kafka::settings_in(event);
    if (!settings.ok()) return settings.status();
    if (settings->size() != 1) return reason_error(ReasonCode::kInternal, "one topic was asked for");
    return std::move(settings->front());
  };
  absl::StatusOr<kafka::TopicSettings> settings = answer_of(
      link, patience, "reading the checkpoint topic's settings",
      [&](rd_kafka_queue_t* queue) { kafka::ask_settings(link.raw(), {&topic, 1}, kRequestTimeout, queue); },
      read);
  if (!settings.ok()) return settings.status();
  if (settings->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    log_warn("checkpoint",
             "the checkpoint topic's settings may not be read, so nobody checks that it is compacted",
             {{"topic", topic}, {"error", settings->error_text}});
    return std::nullopt;
  }
  return std::map<std::string, std::string>(settings->values.begin(), settings->values.end());
}

/// Where the partition ends.
absl::StatusOr<std::int64_t> end_offset(KafkaLink& link, const std::string& topic, ReadTo to,
                                        const Patience& patience) {
  const kafka::PartitionEnd wanted{.topic = topic};
  const auto what = to == ReadTo::kCommitted ? kafka::EndOf::kCommitted : kafka::EndOf::kEverything;
  const auto read = [](rd_kafka_event_t* event) -> absl::StatusOr<std::int64_t> {
    const absl::StatusOr<std::vector<kafka::PartitionEnd>> ends = kafka::ends_in(event);
    if (!ends.ok()) return ends.status();
    if (ends->size() != 1) return reason_error(ReasonCode::kInternal, "one offset was asked for");
    const kafka::PartitionEnd& end = ends->front();
    if (end.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return kafka::error_status(end.error, "asking for the end of the checkpoint topic");
    }
    return end.offset;
  };
  return answer_of(
      link, patience, "asking for the end of the checkpoint topic",
      [&](rd_kafka_queue_t* queue) {
        kafka::ask_ends(link.raw(), {&wanted, 1}, what, kRequestTimeout, queue);
      },
      read);
}

std::string_view bytes(const void* at, std::size_t size) { return {static_cast<const char*>(at), size}; }

/// Shows `visit` each record from `from` to `end`, until it returns true.
/// @return whether it did. DeadlineExceeded when the end did not come in time.
template <class Visit>
absl::StatusOr<bool> scan(KafkaLink& reader, const std::string& topic, std::int64_t from, std::int64_t end,
                          const Patience& patience, Visit visit) {
  const kafka::TopicPtr handle(rd_kafka_topic_new(reader.raw(), topic.c_str(), nullptr));
  if (handle == nullptr ||
      rd_kafka_consume_start(handle.get(), 0, from == 0 ? RD_KAFKA_OFFSET_BEGINNING : from) != 0) {
    return kafka::error_status(rd_kafka_last_error(), "reading the checkpoint topic");
  }
  const auto stop = [](rd_kafka_topic_t* started) { rd_kafka_consume_stop(started, 0); };
  const std::unique_ptr<rd_kafka_topic_t, decltype(stop)> started(handle.get(), stop);
  for (;;) {
    const kafka::MessagePtr message(rd_kafka_consume(handle.get(), 0, patience.slice_ms()));
    if (message == nullptr) {
      if (!reader.worth_waiting(patience)) break;
      continue;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      if (message->offset >= end) return false;
    } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const kafka::ErrorClass error = kafka::classify(message->err);
      if (error.handling == kafka::Handling::kStop) {
        return kafka::error_status(message->err, "reading the checkpoint topic",
                                   rd_kafka_message_errstr(message.get()));
      }
    } else {
      if (message->offset >= end) return false;
      if (visit(*message)) return true;
      if (message->offset + 1 == end) return false;
    }
    if (patience.over()) break;
  }
  if (patience.is_stopped()) return reader.gave_up(patience, "reading the checkpoint topic");
  return absl::DeadlineExceededError("");
}

}  // namespace

absl::StatusOr<bool> prepare_checkpoint_topic(KafkaLink& link, const std::string& topic,
                                              const std::string& servers, bool create,
                                              const Patience& patience) {
  bool made = false;
  for (;;) {
    absl::StatusOr<kafka::TopicFacts> facts = describe(link, topic, patience);
    if (!facts.ok()) return facts.status();
    const bool missing = facts->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (missing && !create) return absl::NotFoundError(concat("there is no topic \"", topic, "\""));
    if (missing && !made) {
      if (absl::Status status = create_topic(link, topic, servers, patience); !status.ok()) return status;
      made = true;
    }
    if (!missing && facts->error != RD_KAFKA_RESP_ERR_NO_ERROR &&
        kafka::classify(facts->error).handling == kafka::Handling::kStop) {
      return kafka::error_status(facts->error, concat("checkpoint topic \"", topic, "\""), facts->error_text);
    }
    if (facts->exists() && facts->leaderless == 0) {
      CheckpointTopicFacts found{
          .partitions = facts->partitions, .replication = facts->replicas_min, .settings = {}};
      auto settings = settings_of(link, topic, patience);
      if (!settings.ok()) return settings.status();
      found.settings = *std::move(settings);
      if (absl::Status status = check_checkpoint_topic(topic, found); !status.ok()) return status;
      return made;
    }
    // It was made just now, or its leader is being moved.
    if (!link.worth_waiting(patience)) {
      return link.gave_up(patience, concat("waiting for a leader of checkpoint topic \"", topic, "\""));
    }
    patience.sleep_ms(kRetryMs);
  }
}

std::optional<Owner> CheckpointRecords::known_owner() const {
  return owner.value ? parse_owner(*owner.value) : std::nullopt;
}

absl::StatusOr<StoredCheckpoints> CheckpointRecords::checkpoints(const std::string& topic,
                                                                 const CheckpointKeys& keys) const {
  const auto copy = [&topic](const KeyState& state, const std::string& key) {
    return CheckpointCopy{.name = concat(topic, " at offset ", state.offset, ", key ", key),
                          .text = state.value};
  };
  return choose_checkpoints(copy(newest, keys.newest), copy(previous, keys.previous));
}

absl::StatusOr<CheckpointRecords> read_checkpoint_records(KafkaLink& reader, const std::string& topic,
                                                          const CheckpointKeys& keys, ReadTo to,
                                                          const Patience& patience) {
  const absl::StatusOr<std::int64_t> end = end_offset(reader, topic, to, patience);
  if (!end.ok()) return end.status();
  for (const std::int64_t window : {std::int64_t{512}, std::int64_t{32'768}, *end}) {
    const std::int64_t from = std::max<std::int64_t>(0, *end - window);
    CheckpointRecords records;
    if (*end == 0) return records;
    const auto note = [&](const rd_kafka_message_t& message) {
      const std::string_view key = bytes(message.key, message.key_len);
      for (const auto& [name, state] : {std::pair{&keys.newest, &records.newest},
                                        {&keys.previous, &records.previous},
                                        {&keys.owner, &records.owner}}) {
        if (key != *name) continue;
        state->seen = true;
        state->offset = message.offset;
        state->value = message.payload == nullptr
                           ? std::nullopt
                           : std::optional(std::string(bytes(message.payload, message.len)));
      }
      return false;
    };
    const absl::StatusOr<bool> scanned = scan(reader, topic, from, *end, patience, note);
    if (absl::IsDeadlineExceeded(scanned.status())) {
      return with_reason(
          absl::DeadlineExceededError(
              concat("reading checkpoint topic \"", topic,
                     "\": its end did not come in time; a transaction of another pipeline may be open (see "
                     "kafka-transactions.sh find-hanging), or the broker is slow")),
          ReasonCode::kKafkaUnreachable);
    }
    if (!scanned.ok()) return scanned.status();
    if (from == 0 || (records.newest.seen && records.previous.seen && records.owner.seen)) return records;
  }
  return reason_error(ReasonCode::kInternal, "the last window begins at 0");
}

absl::StatusOr<std::unique_ptr<KafkaLink>> open_checkpoint_reader(const KafkaConfig& config,
                                                                  const std::string& pipeline) {
  // The beginning may move while it is read: compaction, or records deleted by hand.
  return KafkaLink::open(config, kafka::Purpose::kReader, pipeline,
                         {{"auto.offset.reset", "earliest"}, {"fetch.wait.max.ms", "100"}});
}

absl::StatusOr<bool> watch_owner(const KafkaConfig& config, const std::string& pipeline,
                                 const std::string& topic, const Owner& owner,
                                 const std::function<bool()>& stopped) {
  // Uncommitted records are signs of life, too, and are not held back by others' open transactions.
  absl::StatusOr<std::unique_ptr<KafkaLink>> reader =
      KafkaLink::open(config, kafka::Purpose::kReader, pipeline,
                      {{"isolation.level", "read_uncommitted"},
                       {"auto.offset.reset", "earliest"},
                       {"fetch.wait.max.ms", "100"}});
  if (!reader.ok()) return reader.status();
  const std::string key = CheckpointKeys(pipeline).owner;
  const auto is_sign_of_life = [&](const rd_kafka_message_t& message) {
    if (bytes(message.key, message.key_len) != key || message.payload == nullptr) return false;
    const std::optional<Owner> written = parse_owner(bytes(message.payload, message.len));
    return written && written->state == Owner::State::kActive &&
           (written->instance != owner.instance || written->beat != owner.beat);
  };
  // Records that stand there already prove nothing: a transaction that died open may be among them. Time
  // counts only while the broker answers: the owner could not write, either, while it does not.
  const Patience patience = Patience::of_ms(owner_patience_ms(owner) + kOutageMs, stopped);
  std::int64_t from = -1;
  std::int64_t quiet_since_us = monotonic_us();
  while (!patience.over()) {
    const Patience step = Patience::of_ms(kWatchStepMs, stopped);
    const absl::StatusOr<std::int64_t> end = end_offset(**reader, topic, ReadTo::kEverything, step);
    absl::Status status = end.status();
    if (end.ok() && from >= 0 && *end > from) {
      const absl::StatusOr<bool> seen = scan(**reader, topic, from, *end, step, is_sign_of_life);
      if (seen.ok() && *seen) return true;
      status = absl::IsDeadlineExceeded(seen.status()) ? reason_error(ReasonCode::kKafkaUnreachable, "")
                                                       : seen.status();
    }
    if (!status.ok()) {
      if (!kafka::may_pass(reason_of(status))) return status;
      quiet_since_us = monotonic_us();
    } else {
      from = *end;
      if (monotonic_us() - quiet_since_us >= owner_patience_ms(owner) * 1000) return false;
    }
    patience.sleep_ms(kRetryMs);
  }
  return (*reader)->gave_up(patience, "waiting for a sign of life of the pipeline's owner");
}

}  // namespace millrace
