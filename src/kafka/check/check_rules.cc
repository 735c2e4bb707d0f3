// SPDX-License-Identifier: Apache-2.0
#include "kafka/check/check_rules.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "base/concat.h"

namespace millrace::kafka {

namespace {

constexpr std::size_t kFindingsMax = 20;  // of one kind
// An update's record may hold a row twice, and JSON takes more room than the row on disk.
constexpr std::int64_t kRecordPerRow = 4;

std::string_view name_of(rd_kafka_AclOperation_t operation) {
  switch (operation) {
    case RD_KAFKA_ACL_OPERATION_READ:
      return "Read";
    case RD_KAFKA_ACL_OPERATION_WRITE:
      return "Write";
    case RD_KAFKA_ACL_OPERATION_DESCRIBE:
      return "Describe";
    case RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS:
      return "DescribeConfigs";
    case RD_KAFKA_ACL_OPERATION_CREATE:
      return "Create";
    default:
      return "All";
  }
}

std::string subject_of(const CheckContext& context, std::string_view topic) {
  return concat(topic == context.config.checkpoint.topic ? "checkpoint topic " : "topic ", topic);
}

bool is_compacted(const TopicSettings& settings) {
  const auto policy = settings.values.find("cleanup.policy");
  return policy != settings.values.end() && policy->second.find("compact") != std::string::npos;
}

/// "2.3-IV1": before 2.4. What is no version is nobody's fault.
bool is_too_old(std::string_view version) {
  int major = 0;
  int minor = 0;
  const char* const end = version.data() + version.size();
  const auto [dot, no_major] = std::from_chars(version.data(), end, major);
  if (no_major != std::errc() || dot == end || *dot != '.') return false;
  if (std::from_chars(dot + 1, end, minor).ec != std::errc()) return false;
  return std::pair(major, minor) < std::pair(2, 4);
}

std::string kibibytes(std::int64_t bytes) {
  return bytes >= 10 * 1024 ? concat(bytes / 1024, " KiB") : concat(bytes, " bytes");
}

}  // namespace

void CheckContext::failed(std::string subject, const absl::Status& status) {
  error(reason_of(status), std::move(subject), std::string(status.message()),
        std::string(reason_info(reason_of(status)).remedy));
}

std::string CheckContext::tool(std::string_view name) const {
  return concat(name, " --bootstrap-server ", config.kafka.bootstrap_servers);
}

std::string CheckContext::set_topic(std::string_view topic, std::string_view setting,
                                    std::string_view value) const {
  return concat(tool("kafka-configs.sh"), " --alter --entity-type topics --entity-name ", topic,
                " --add-config ", setting, "=", value);
}

std::string CheckContext::create_topic(std::string_view topic, std::string_view more) const {
  return concat(tool("kafka-topics.sh"), " --create --topic ", topic, more);
}

std::string CheckContext::allow(std::string_view resource, std::string_view name,
                                std::initializer_list<std::string_view> operations) const {
  std::string command = concat(tool("kafka-acls.sh"), " --add --allow-principal User:", principal);
  for (const std::string_view operation : operations) append(command, " --operation ", operation);
  append(command, " --", resource);
  if (!name.empty()) append(command, " ", name);
  return command;
}

void check_brokers(CheckContext& context) {
  if (context.broker.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    context.note("broker version", "is not known: this user may not read the brokers' settings",
                 context.allow("cluster", "", {"DescribeConfigs"}));
    return;
  }
  // Brokers tell which protocols they speak, not which version they are; up to 3.x a setting has it.
  const auto version = context.broker.values.find("inter.broker.protocol.version");
  if (version == context.broker.values.end()) return context.ok("broker version", "4.0 or newer");
  if (is_too_old(version->second)) {
    return context.error(ReasonCode::kKafkaVersion, "broker version",
                         concat("inter.broker.protocol.version is ", version->second,
                                ": the brokers are older than Kafka 2.4, or speak as if they were"),
                         std::string(reason_info(ReasonCode::kKafkaVersion).remedy));
  }
  context.ok("broker version", version->second);
}

void check_copies(CheckContext& context, const TopicState& topic, std::string_view loses) {
  const std::string subject = subject_of(context, topic.facts.name);
  const int copies = topic.facts.replicas_min;
  if (topic.facts.leaderless > 0) {
    context.error(ReasonCode::kKafkaUnreachable, subject,
                  concat(topic.facts.leaderless, " of ", topic.facts.partitions,
                         " partitions have no leader: what belongs there waits"),
                  concat(context.tool("kafka-topics.sh"), " --describe --topic ", topic.facts.name,
                         "  # and start the brokers that hold them"));
  }
  if (copies == 1) {
    context.warn(subject,
                 concat("replication factor 1: the loss of a broker loses ", loses,
                        "; \"nothing lost\" does not hold"),
                 context.cluster.brokers < 2
                     ? std::string("run three brokers, and give the topic three replicas")
                     : concat(context.tool("kafka-reassign-partitions.sh"),
                              " --execute --reassignment-json-file <every partition on ",
                              std::min(3, context.cluster.brokers), " brokers>"));
    return;
  }
  if (topic.settings.error != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const std::int64_t in_sync_needed = topic.settings.number("min.insync.replicas");
  if (in_sync_needed >= 0 && in_sync_needed < 2) {
    context.warn(
        subject,
        concat("min.insync.replicas=", in_sync_needed,
               ": a record counts as delivered when one broker has it, and that broker's loss loses ", loses,
               "; \"nothing lost\" does not hold"),
        context.set_topic(topic.facts.name, "min.insync.replicas", "2"));
  } else if (in_sync_needed >= copies) {
    context.note(subject, concat("min.insync.replicas=", in_sync_needed, " with ", copies,
                                 " replicas: while any of them is away, deliveries wait"));
  }
  if (in_sync_needed > topic.facts.in_sync_min) {
    context.warn(subject,
                 concat("only ", topic.facts.in_sync_min, " replicas of a partition are in sync, ",
                        in_sync_needed, " are needed: deliveries wait"),
                 concat(context.tool("kafka-topics.sh"), " --describe --under-min-isr-partitions --topic ",
                        topic.facts.name, "  # and start the brokers that hold them"));
  }
  const auto unclean = topic.settings.values.find("unclean.leader.election.enable");
  if (unclean != topic.settings.values.end() && unclean->second == "true") {
    context.warn(
        subject,
        concat("unclean.leader.election.enable=true: a replica that lags may become leader, which loses ",
               loses),
        context.set_topic(topic.facts.name, "unclean.leader.election.enable", "false"));
  }
}

void check_rights(CheckContext& context, const TopicFacts& topic,
                  std::initializer_list<rd_kafka_AclOperation_t> needed) {
  if (topic.operations.empty()) return;  // an old broker does not tell
  std::string missing;
  std::string fix =
      concat(context.tool("kafka-acls.sh"), " --add --allow-principal User:", context.principal);
  for (const rd_kafka_AclOperation_t operation : needed) {
    if (std::ranges::find(topic.operations, operation) != topic.operations.end()) continue;
    append(missing, missing.empty() ? "" : ", ", name_of(operation));
    append(fix, " --operation ", name_of(operation));
  }
  if (missing.empty()) return;
  context.error(ReasonCode::kKafkaPermissionDenied, subject_of(context, topic.name),
                concat("the user may not ", missing), concat(fix, " --topic ", topic.name));
}

void check_target(CheckContext& context, const TargetTopic& target, const TopicState& topic) {
  const std::string subject = subject_of(context, target.name);
  check_rights(context, topic.facts, {RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_OPERATION_DESCRIBE});
  check_copies(context, topic, "delivered changes");
  if (topic.settings.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    context.note(
        subject,
        "its settings may not be read: a record that is too large is noticed when the broker refuses it",
        context.allow("topic", target.name, {"DescribeConfigs"}));
    return;
  }
  if (is_compacted(topic.settings)) {
    if (!target.has_key) {
      context.error(
          ReasonCode::kRecordRefused, subject,
          concat("is compacted, and events of table ", target.table, " have no key: the broker refuses them"),
          concat("ALTER TABLE ", target.table, " ADD PRIMARY KEY (...);  -- or ",
                 context.set_topic(target.name, "cleanup.policy", "delete")));
    } else if (!context.config.tombstones_on_delete) {
      context.warn(subject, "is compacted, and deletes leave no tombstones: deleted rows stay in it",
                   "tombstones.on.delete: true");
    } else {
      context.note(subject, "is compacted: of each key only the newest event stays");
    }
  }
  const std::int64_t limit = topic.settings.number("max.message.bytes");
  if (limit > 0 && target.average_row_bytes * kRecordPerRow > limit) {
    context.warn(
        subject,
        concat("takes records of up to ", kibibytes(limit), ", and rows of table ", target.table, " have ",
               kibibytes(target.average_row_bytes),
               " on average: a larger record stops the pipeline with RECORD_TOO_LARGE"),
        context.set_topic(target.name, "max.message.bytes",
                          concat(std::max<std::int64_t>(10 * limit, 10 * target.average_row_bytes))));
  }
}

void check_shared(CheckContext& context, const TargetTopic& target, std::string_view other_table) {
  context.warn(
      subject_of(context, target.name),
      concat("tables ", other_table, " and ", target.table,
             " share it: rows of the two that have the same key are one row to a consumer that goes by "
             "keys, and to compaction"),
      "table.exclude.list: <one of them>");
}

void check_checkpoints(CheckContext& context, const TopicState& topic) {
  const std::string subject = concat("checkpoint topic ", topic.facts.name);
  if (topic.facts.partitions != 1) {
    context.error(ReasonCode::kCheckpointTopic, subject,
                  concat("has ", topic.facts.partitions, " partitions; it needs one"),
                  "checkpoint.topic: <another name>\n# or, if nothing else uses it: " +
                      concat(context.tool("kafka-topics.sh"), " --delete --topic ", topic.facts.name));
  }
  check_rights(context, topic.facts,
               {RD_KAFKA_ACL_OPERATION_READ, RD_KAFKA_ACL_OPERATION_WRITE, RD_KAFKA_ACL_OPERATION_DESCRIBE});
  check_copies(context, topic, "stored positions");
  if (topic.settings.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    context.note(subject, "its settings may not be read, so nobody checks that it is compacted",
                 context.allow("topic", topic.facts.name, {"DescribeConfigs"}));
    return;
  }
  const auto policy = topic.settings.values.find("cleanup.policy");
  if (policy != topic.settings.values.end() && policy->second != "compact") {
    context.error(ReasonCode::kCheckpointTopic, subject,
                  concat("has cleanup.policy=", policy->second, ": positions are deleted with time"),
                  context.set_topic(topic.facts.name, "cleanup.policy", "compact"));
  } else if (topic.facts.partitions == 1) {
    context.ok(subject, concat("exists, compacted, ", topic.facts.replicas_min,
                               topic.facts.replicas_min == 1 ? " replica" : " replicas"));
  }
}

void check_new_copies(CheckContext& context, std::string_view subject, int replication_factor,
                      int min_in_sync, std::string_view loses, std::string_view fix) {
  if (replication_factor == 1) {
    context.warn(std::string(subject),
                 concat("will be made with replication factor 1: the loss of a broker loses ", loses,
                        "; \"nothing lost\" does not hold"),
                 context.cluster.brokers < 2 ? std::string("run three brokers") : std::string(fix));
  } else if (min_in_sync >= 0 && min_in_sync < 2) {
    context.warn(
        std::string(subject),
        concat("will be made with min.insync.replicas=", min_in_sync,
               ": a record counts as delivered when one broker has it, and that broker's loss loses ", loses,
               "; \"nothing lost\" does not hold"),
        std::string(fix));
  }
}

void check_creation(CheckContext& context, const NewTopic& topic, const CreatedTopic& answer,
                    std::string_view subject, ReasonCode refused) {
  switch (answer.error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return context.ok(std::string(subject), "does not exist yet; it can be made");
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return;  // it was made a moment ago
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return context.error(ReasonCode::kKafkaPermissionDenied, std::string(subject),
                           "does not exist, and the user may not make it",
                           context.allow("topic", topic.name, {"Create"}));
    default:
      return context.error(
          refused, std::string(subject),
          concat("does not exist, and cannot be made: ",
                 answer.error_text.empty() ? std::string(rd_kafka_err2str(answer.error)) : answer.error_text),
          std::string(reason_info(refused).remedy));
  }
}

const TopicCreationGroup& creation_group(const KafkaConfig& config, std::string_view topic) {
  for (const TopicCreationGroup& group : config.creation_groups) {
    if (group.name == "default") continue;
    const std::string name(topic);
    if (group.include.matches(name) && !group.exclude.matches(name)) return group;
  }
  const auto standard = std::ranges::find(config.creation_groups, "default", &TopicCreationGroup::name);
  static const TopicCreationGroup kNone{.name = "default"};
  return standard == config.creation_groups.end() ? kNone : *standard;
}

void shorten(std::vector<CheckFinding>& findings) {
  // Of one kind: the same words but for names and numbers, which the words before the first colon tell.
  std::map<std::tuple<CheckFinding::Severity, ReasonCode, std::string>, std::size_t> seen;
  std::vector<CheckFinding> kept;
  for (CheckFinding& finding : findings) {
    std::string kind = finding.problem.substr(0, finding.problem.find(':'));
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    if (++seen[{finding.severity, finding.reason, kind}] <= kFindingsMax) kept.push_back(std::move(finding));
  }
  for (const auto& [key, count] : seen) {
    if (count <= kFindingsMax) continue;
    const auto& [severity, reason, kind] = key;
    kept.push_back(
        {severity, reason, "topics", concat(count - kFindingsMax, " more of the same kind: ", kind), {}});
  }
  findings = std::move(kept);
}

}  // namespace millrace::kafka
