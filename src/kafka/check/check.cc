// SPDX-License-Identifier: Apache-2.0
#include "kafka/check/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <set>

#include "base/concat.h"
#include "checkpoint/kafka_records.h"
#include "kafka/admin.h"
#include "kafka/check/check_rules.h"
#include "kafka/client_config.h"
#include "kafka/errors.h"

namespace millrace::kafka {

namespace {

using std::chrono::steady_clock;

constexpr Timeout kConnectPatience{10'000};
constexpr Timeout kRequestTimeout{5'000};
constexpr Timeout kMetadataTimeout{2'000};  // of whoever answered before
constexpr std::size_t kTopicsAtOnce = 500;

std::string written(const PipelineConfig& config, std::string_view property) {
  const auto found = std::ranges::find(config.kafka.properties, property, &KafkaProperty::name);
  return found == config.kafka.properties.end() ? std::string() : found->value.reveal();
}

/// What the client has complained about: the first complaint that says more than that nobody is there.
class Complaints {
 public:
  explicit Complaints(rd_kafka_t* client) : queue_(rd_kafka_queue_get_main(client)) {}

  absl::Status collect() {
    while (const EventPtr event{rd_kafka_queue_poll(queue_.get(), 0)}) {
      if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR) continue;
      const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
      const bool vague = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
      if (!first_.ok() && (vague || reason_of(first_) != ReasonCode::kKafkaUnreachable)) continue;
      first_ = error_status(error, "connecting", rd_kafka_event_error_string(event.get()));
    }
    return first_;
  }

 private:
  QueuePtr queue_;
  absl::Status first_;
};

/// Asks until there is an answer, or a complaint that waiting does not cure.
absl::StatusOr<ClusterFacts> reach(rd_kafka_t* client) {
  Complaints complaints(client);
  const auto until = steady_clock::now() + kConnectPatience;
  for (;;) {
    absl::StatusOr<ClusterFacts> cluster = describe_cluster(client, Timeout(2'000), true);
    if (cluster.ok() || !may_pass(reason_of(cluster.status()))) return cluster;
    const absl::Status complaint = complaints.collect();
    const bool hopeless = !complaint.ok() && !may_pass(reason_of(complaint));
    if (hopeless || steady_clock::now() >= until) return complaint.ok() ? cluster.status() : complaint;
  }
}

TopicSettings unreadable(rd_kafka_resp_err_t error) {
  TopicSettings settings;
  settings.error = error;
  return settings;
}

/// A broker's settings: asked of that broker itself, so its advertised listener is tried, too.
TopicSettings broker_settings(rd_kafka_t* client, std::int32_t id) {
  const ConfigResourcePtr resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, concat(id).c_str()));
  rd_kafka_ConfigResource_t* list = resource.get();
  const QueuePtr queue(rd_kafka_queue_new(client));
  const AdminOptionsPtr options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
  std::array<char, 256> ignored{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(kRequestTimeout.count()),
                                            ignored.data(), ignored.size());
  rd_kafka_DescribeConfigs(client, &list, 1, options.get(), queue.get());
  const EventPtr event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kRequestTimeout.count()) + 1'000));
  if (event == nullptr) return unreadable(RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get())) return unreadable(error);
  const absl::StatusOr<std::vector<TopicSettings>> settings = settings_in(event.get());
  return settings.ok() && settings->size() == 1 ? settings->front() : unreadable(RD_KAFKA_RESP_ERR__FAIL);
}

/// Each broker by the address it advertises: a wrong one is the most common mistake there is.
/// @return false when one does not answer there.
bool check_addresses(CheckContext& context, rd_kafka_t* client) {
  const struct rd_kafka_metadata* raw = nullptr;
  if (rd_kafka_metadata(client, 0, nullptr, &raw, static_cast<int>(kMetadataTimeout.count())) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return true;
  }
  const std::unique_ptr<const struct rd_kafka_metadata, Deleter<rd_kafka_metadata_destroy>> metadata(raw);
  bool all = true;
  for (int i = 0; i < metadata->broker_cnt; ++i) {
    const struct rd_kafka_metadata_broker& broker = metadata->brokers[i];
    TopicSettings settings = broker_settings(client, broker.id);
    const ErrorClass error = classify(settings.error);
    if (settings.error != RD_KAFKA_RESP_ERR_NO_ERROR && may_pass(error.reason)) {
      all = false;
      context.error(ReasonCode::kKafkaUnreachable, concat("broker ", broker.id),
                    concat("does not answer at ", broker.host, ":", broker.port,
                           ", where it says that it is: ", rd_kafka_err2str(settings.error)),
                    concat("advertised.listeners=<an address that this machine reaches>  # in the broker's "
                           "server.properties, or start the broker"));
    } else if (i == 0 || context.broker.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      context.broker = std::move(settings);
    }
  }
  if (all) {
    context.ok("brokers", concat(metadata->broker_cnt, metadata->broker_cnt == 1 ? " answers" : " answer",
                                 " at the addresses they advertise"));
  }
  return all;
}

void check_encryption(CheckContext& context) {
  const std::string protocol = written(context.config, "security.protocol");
  if (protocol.ends_with("ssl") || protocol.ends_with("SSL")) return;
  const std::string& servers = context.config.kafka.bootstrap_servers;
  const bool near =
      servers.starts_with("127.") || servers.starts_with("localhost") || servers.starts_with("[::1]");
  if (near) return;
  context.warn(
      "kafka", "records and the password's proof travel unencrypted",
      "kafka.security.protocol: SASL_SSL\nkafka.ssl.ca.location: <file with the authority's certificate>");
}

/// Asks whether the client may write under the pipeline's transactional.id. An InitProducerId with a timeout
/// that no broker allows is authorised first and then refused, before anything is fenced.
void check_transactional_id(CheckContext& context) {
  const PipelineConfig& config = context.config;
  const std::string subject = concat("transactional.id ", transactional_id(config.name));
  ClientOptions options;
  options.pipeline = config.name;
  options.transactional_id = transactional_id(config.name);
  options.events = RD_KAFKA_EVENT_ERROR;
  absl::StatusOr<ConfPtr> conf = make_conf(config.kafka, Purpose::kCheckpointProducer, options);
  std::array<char, 256> ignored{};
  if (!conf.ok()) return context.failed(subject, conf.status());
  const auto set = [&](const char* name, const char* value) {
    return rd_kafka_conf_set(conf->get(), name, value, ignored.data(), ignored.size()) == RD_KAFKA_CONF_OK;
  };
  // The refusal is what is hoped for: nothing for the log.
  if (!set("transaction.timeout.ms", "2147483647") || !set("log_level", "0")) return;
  const absl::StatusOr<ClientPtr> client = make_client(Purpose::kCheckpointProducer, *std::move(conf));
  if (!client.ok()) return context.failed(subject, client.status());
  const auto until = steady_clock::now() + kConnectPatience;
  for (;;) {
    const ErrorPtr error(rd_kafka_init_transactions(client->get(), 2'000));
    rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__FATAL) code = rd_kafka_fatal_error(client->get(), nullptr, 0);
    if (code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT || code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      return context.ok(subject, "the user may store positions under it");
    }
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
      return context.error(
          ReasonCode::kKafkaPermissionDenied, subject, "the user may not use it",
          context.allow("transactional-id", transactional_id(config.name), {"Write", "Describe"}));
    }
    if (rd_kafka_error_is_retriable(error.get()) != 0 && steady_clock::now() < until) continue;
    return context.failed(subject, error_status(code, "asking for a producer id"));
  }
}

absl::StatusOr<CreatedTopic> try_creation(rd_kafka_t* client, const NewTopic& topic) {
  std::array<char, 256> text{};
  const NewTopicPtr wanted(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                                 topic.replication_factor, text.data(), text.size()));
  if (wanted == nullptr) return CreatedTopic{topic.name, RD_KAFKA_RESP_ERR__INVALID_ARG, text.data()};
  for (const auto& [name, value] : topic.settings) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  const AdminOptionsPtr options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_validate_only(options.get(), 1, text.data(), text.size());
  const QueuePtr queue(rd_kafka_queue_new(client));
  rd_kafka_NewTopic_t* list = wanted.get();
  rd_kafka_CreateTopics(client, &list, 1, options.get(), queue.get());
  const EventPtr event(rd_kafka_queue_poll(queue.get(), static_cast<int>(kConnectPatience.count())));
  if (event == nullptr)
    return reason_error(ReasonCode::kKafkaUnreachable, "asking for a topic: no answer in time");
  const absl::StatusOr<std::vector<CreatedTopic>> created = created_in(event.get());
  if (!created.ok()) return created.status();
  return created->front();
}

void check_checkpoint_topic(CheckContext& context, rd_kafka_t* client) {
  const std::string& name = context.config.checkpoint.topic;
  const std::string subject = concat("checkpoint topic ", name);
  const auto facts = describe_topics(client, {&name, 1}, kRequestTimeout, true);
  if (!facts.ok()) return context.failed(subject, facts.status());
  const TopicFacts& topic = facts->front();
  if (topic.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    const int replication = checkpoint_replication(context.cluster.brokers);
    const NewTopic wanted{name, 1, replication, checkpoint_topic_settings(replication)};
    const absl::StatusOr<CreatedTopic> answer = try_creation(client, wanted);
    if (!answer.ok()) return context.failed(subject, answer.status());
    check_creation(context, wanted, *answer, subject, ReasonCode::kCheckpointTopic);
    return check_new_copies(context, subject, replication, replication - 1, "stored positions",
                            create_topic_command(context.config.kafka.bootstrap_servers, name, 3));
  }
  if (topic.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (classify(topic.error).reason == ReasonCode::kKafkaPermissionDenied) {
      return context.error(
          ReasonCode::kKafkaPermissionDenied, subject, "the user may not see it",
          context.allow("topic", name, {"Read", "Write", "Describe", "DescribeConfigs", "Create"}));
    }
    return context.failed(subject, error_status(topic.error, "looking at it", topic.error_text));
  }
  const auto settings = describe_settings(client, {&name, 1}, kRequestTimeout);
  if (!settings.ok()) return context.failed(subject, settings.status());
  check_checkpoints(context, {topic, settings->front()});
}

void check_missing_targets(CheckContext& context, rd_kafka_t* client,
                           const std::vector<const TargetTopic*>& missing) {
  std::set<std::string> groups_said;
  for (const TargetTopic* target : missing) {
    const std::string subject = concat("topic ", target->name);
    const TopicCreationGroup& group = creation_group(context.config.kafka, target->name);
    const NewTopic wanted{target->name, group.partitions, group.replication_factor, group.settings};
    if (!context.config.kafka.create_topics) {
      const std::int64_t partitions =
          group.partitions > 0 ? group.partitions
                               : std::max<std::int64_t>(1, context.broker.number("num.partitions"));
      const int replication = std::clamp(static_cast<int>(context.cluster.brokers), 1, 3);
      context.error(ReasonCode::kTopicMissing, subject, "does not exist, and topics are not made here",
                    concat(context.create_topic(target->name, concat(" --partitions ", partitions,
                                                                     " --replication-factor ", replication)),
                           "\n# or topic.creation.enable: true"));
      continue;
    }
    // One of a group stands for all: the rights may differ by name, the settings do not.
    const absl::StatusOr<CreatedTopic> answer = try_creation(client, wanted);
    if (!answer.ok()) return context.failed(subject, answer.status());
    check_creation(context, wanted, *answer, subject, ReasonCode::kTopicRefused);
    if (answer->error != RD_KAFKA_RESP_ERR_NO_ERROR || !groups_said.insert(group.name).second) continue;
    const std::string prefix = concat("topic.creation.", group.name);
    const auto own =
        std::ranges::find(group.settings, "min.insync.replicas", &std::pair<std::string, std::string>::first);
    TopicSettings given;
    if (own != group.settings.end()) given.values.insert(*own);
    const std::int64_t in_sync = own != group.settings.end() ? given.number("min.insync.replicas")
                                                             : context.broker.number("min.insync.replicas");
    const std::int64_t copies = group.replication_factor > 0
                                    ? group.replication_factor
                                    : context.broker.number("default.replication.factor");
    check_new_copies(context, concat("topics of ", prefix), static_cast<int>(copies),
                     static_cast<int>(in_sync), "delivered changes",
                     concat(prefix, ".replication.factor: 3\n", prefix, ".min.insync.replicas: 2"));
  }
}

void check_targets(CheckContext& context, rd_kafka_t* client, std::span<const TargetTopic> targets) {
  std::map<std::string, std::string> tables;
  std::size_t existing = 0;
  std::vector<const TargetTopic*> missing;
  for (std::size_t from = 0; from < targets.size(); from += kTopicsAtOnce) {
    const auto some = targets.subspan(from, std::min(kTopicsAtOnce, targets.size() - from));
    std::vector<std::string> names;
    for (const TargetTopic& target : some) {
      const auto [other, is_new] = tables.emplace(target.name, target.table);
      if (is_new) {
        names.push_back(target.name);
        continue;
      }
      check_shared(context, target, other->second);
    }
    if (names.empty()) continue;
    const auto facts = describe_topics(client, names, kRequestTimeout, true);
    if (!facts.ok()) return context.failed("topics", facts.status());
    std::vector<std::string> present;
    for (const TopicFacts& topic : *facts) {
      if (topic.exists()) present.push_back(topic.name);
    }
    std::map<std::string, TopicSettings> settings;
    if (!present.empty()) {
      const auto described = describe_settings(client, present, kRequestTimeout);
      if (!described.ok()) return context.failed("topics", described.status());
      for (const TopicSettings& one : *described) settings.emplace(one.name, one);
    }
    for (const TargetTopic& target : some) {
      const auto topic = std::ranges::find(*facts, target.name, &TopicFacts::name);
      if (topic == facts->end()) continue;
      if (topic->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
        missing.push_back(&target);
      } else if (classify(topic->error).reason == ReasonCode::kKafkaPermissionDenied) {
        context.error(
            ReasonCode::kKafkaPermissionDenied, concat("topic ", target.name), "the user may not see it",
            context.allow("topic", target.name, {"Write", "Describe", "DescribeConfigs", "Create"}));
      } else if (topic->error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        context.failed(concat("topic ", target.name),
                       error_status(topic->error, "looking at it", topic->error_text));
      } else {
        ++existing;
        check_target(context, target, {*topic, settings[target.name]});
      }
    }
  }
  if (existing > 0) context.ok("topics", concat(existing, " of ", targets.size(), " exist"));
  check_missing_targets(context, client, missing);
}

}  // namespace

std::vector<CheckFinding> run_check(const PipelineConfig& config, std::span<const TargetTopic> targets) {
  std::vector<CheckFinding> findings;
  std::string principal = written(config, "sasl.username");
  CheckContext context{config, findings, principal.empty() ? std::string("<user>") : principal, {}, {}};
  context.broker.error = RD_KAFKA_RESP_ERR__NOENT;
  const std::string subject = concat("kafka ", config.kafka.bootstrap_servers);
  ClientOptions options;
  options.pipeline = config.name;
  options.events = RD_KAFKA_EVENT_ERROR;
  const absl::StatusOr<ClientPtr> client = make_client(config.kafka, Purpose::kAdmin, options);
  if (!client.ok()) {
    context.failed(subject, client.status());
    return findings;
  }
  absl::StatusOr<ClusterFacts> cluster = reach(client->get());
  if (!cluster.ok()) {
    // What answers at the first address may send us to one where nobody is.
    const bool sent_away = may_pass(reason_of(cluster.status())) && !check_addresses(context, client->get());
    if (!sent_away) {
      findings.clear();
      context.failed(subject, cluster.status());
    }
    return findings;
  }
  context.cluster = *std::move(cluster);
  context.ok(subject, concat("connected", principal.empty() ? std::string() : concat(" as ", principal),
                             ", cluster ", context.cluster.id, ", ", context.cluster.brokers,
                             context.cluster.brokers == 1 ? " broker" : " brokers"));
  check_encryption(context);
  check_addresses(context, client->get());
  check_brokers(context);
  if (config.checkpoint.store == CheckpointStoreKind::kKafka) {
    check_transactional_id(context);
    check_checkpoint_topic(context, client->get());
  }
  if (config.sink == SinkKind::kKafka) check_targets(context, client->get(), targets);
  shorten(findings);
  return findings;
}

}  // namespace millrace::kafka
