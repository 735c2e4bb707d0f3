// SPDX-License-Identifier: Apache-2.0
#include "config/kafka_options.h"

#include "config/scalars.h"
#include "config/suggest.h"
#include "kafka/properties.h"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::config {
namespace {

constexpr std::string_view kKafka = "kafka.";
constexpr std::string_view kOverride = "producer.override.";
constexpr std::string_view kCreation = "topic.creation.";
constexpr std::string_view kGroups = "topic.creation.groups";
constexpr std::string_view kDefault = "default";

std::string_view nearest_property(std::string_view name) {
  std::vector<std::string_view> names;
  for (const kafka::Property& property : kafka::properties()) {
    if (!property.callback && property.clients != kafka::Property::Clients::kConsumers) {
      names.push_back(property.name);
    }
  }
  return nearest(name, names);
}

/// Kafka Connect minds letter case here; Debezium's own lists do not.
/// Source: Apache Kafka, org.apache.kafka.connect.util.TopicCreationGroup.
absl::StatusOr<PatternList> topic_patterns(std::string_view text) {
  absl::StatusOr<PatternList> patterns = PatternList::parse(text);
  if (!patterns.ok()) return patterns;
  std::vector<std::string> entries;
  for (const std::string& entry : patterns->entries()) entries.push_back(concat("(?-i)", entry));
  return PatternList::compile(std::move(entries));
}

class KafkaReader {
 public:
  KafkaReader(std::string_view label, KafkaConfig& kafka, Problems& problems, std::vector<std::string>& notes)
      : label_(label), kafka_(kafka), problems_(problems), notes_(notes) {}

  void read(std::span<const OpenEntry> entries) {
    std::vector<TopicCreationGroup> groups;
    for (const OpenEntry& entry : entries) {
      if (entry.name != kGroups) continue;
      for (std::string& name : split_words(entry.value)) {
        if (name == kDefault) continue;  // it is there anyway, and last
        if (std::ranges::find(groups, name, &TopicCreationGroup::name) != groups.end()) {
          problems_.add(entry.origin, concat(kGroups, ": ", shown(name), " stands twice"));
          continue;
        }
        groups.push_back({.name = std::move(name)});
      }
    }
    groups.push_back({.name = std::string(kDefault)});
    kafka_.creation_groups = std::move(groups);
    // What kafka.* says counts before producer.override.*.
    for (const OpenEntry& entry : entries) {
      if (entry.name.starts_with(kKafka)) take_property(entry, entry.name.substr(kKafka.size()));
    }
    for (const OpenEntry& entry : entries) {
      if (entry.name.starts_with(kOverride)) take_override(entry, entry.name.substr(kOverride.size()));
      if (entry.name.starts_with(kCreation) && entry.name != kGroups) take_creation(entry);
    }
    finish_groups(entries);
  }

 private:
  bool take_property(const OpenEntry& entry, const std::string& property) {
    const std::optional<std::string> problem = kafka::property_problem(property, entry.value);
    if (problem && kafka::find_property(property) == nullptr) {
      const std::string_view meant = nearest_property(property);
      problems_.add(entry.origin,
                    concat("unknown option ", shown(entry.name), ": librdkafka has no such property",
                           meant.empty() ? "" : "; did you mean ",
                           meant.empty()                    ? ""
                           : entry.name.starts_with(kKafka) ? kKafka
                                                            : kOverride,
                           meant, meant.empty() ? "" : "?"));
      return false;
    }
    if (problem) {
      problems_.add(entry.origin, concat(shown(entry.name), ": ", *problem));
      return false;
    }
    kafka_.properties.push_back({property, Secret(entry.value)});
    return true;
  }

  void take_override(const OpenEntry& entry, std::string property) {
    if (const kafka::JavaName* const java = kafka::find_java_name(property)) {
      if (java->property.empty() && java->refused) {
        return problems_.add(entry.origin, concat(shown(entry.name), ": not supported: ", java->words));
      }
      if (java->property.empty()) {
        notes_.push_back(concat(label_, ": ", shown(entry.name), " has no effect: ", java->words));
        return;
      }
      property = std::string(java->property);
    }
    if (property == "bootstrap.servers") {
      if (kafka_.bootstrap_servers.empty()) kafka_.bootstrap_servers = entry.value;
      return;
    }
    const auto same = std::ranges::find(kafka_.properties, property, &KafkaProperty::name);
    if (same != kafka_.properties.end()) {
      notes_.push_back(
          concat(label_, ": ", shown(entry.name), " has no effect: kafka.", property, " is set beside it"));
      return;
    }
    take_property(entry, property);
  }

  void take_creation(const OpenEntry& entry) {
    const std::string_view rest = std::string_view(entry.name).substr(kCreation.size());
    TopicCreationGroup* group = nullptr;
    for (TopicCreationGroup& candidate : kafka_.creation_groups) {
      const std::string& name = candidate.name;
      const bool fits = rest.size() > name.size() + 1 && rest.starts_with(name) && rest[name.size()] == '.';
      // Names may have dots: the longest that fits is meant.
      if (fits && (group == nullptr || name.size() > group->name.size())) group = &candidate;
    }
    if (group == nullptr) {
      return problems_.add(entry.origin, concat(shown(entry.name), ": no such group in ", kGroups));
    }
    const std::string_view what = rest.substr(group->name.size() + 1);
    if (what == "include" || what == "exclude") {
      if (group->name == kDefault) {
        return problems_.add(entry.origin,
                             concat(shown(entry.name), ": the default group takes every topic"));
      }
      absl::StatusOr<PatternList> patterns = topic_patterns(entry.value);
      if (!patterns.ok()) {
        return problems_.add(entry.origin, concat(shown(entry.name), ": ", patterns.status().message()));
      }
      (what == "include" ? group->include : group->exclude) = *std::move(patterns);
    } else if (what == "partitions") {
      take_count(entry, 1'000'000, group->partitions);
      sized_.insert({group->name, std::string(what)});
    } else if (what == "replication.factor") {
      take_count(entry, 32'767, group->replication_factor);
      sized_.insert({group->name, std::string(what)});
    } else {
      group->settings.emplace_back(what, entry.value);
    }
  }

  void take_count(const OpenEntry& entry, std::int64_t most, std::int32_t& member) {
    const std::optional<std::int64_t> count = parse_integer(entry.value);
    if (!count || *count == 0 || *count < -1 || *count > most) {
      return problems_.add(entry.origin, concat(shown(entry.name), ": allowed: whole number, 1 to ", most,
                                                ", or -1 for the broker's default"));
    }
    member = static_cast<std::int32_t>(*count);
  }

  void finish_groups(std::span<const OpenEntry> entries) {
    const TopicCreationGroup& otherwise = kafka_.creation_groups.back();
    for (TopicCreationGroup& group : kafka_.creation_groups) {
      if (group.name == kDefault) continue;
      if (!sized_.contains({group.name, "partitions"})) group.partitions = otherwise.partitions;
      if (!sized_.contains({group.name, "replication.factor"})) {
        group.replication_factor = otherwise.replication_factor;
      }
      if (group.include.empty()) {
        const auto at = std::ranges::find(entries, kGroups, &OpenEntry::name);
        problems_.add(at == entries.end() ? Origin{} : at->origin,
                      concat(kCreation, group.name, ".include is required: which topics the group takes"));
      }
    }
  }

  std::string_view label_;
  KafkaConfig& kafka_;
  Problems& problems_;
  std::vector<std::string>& notes_;
  std::set<std::pair<std::string, std::string>> sized_;  // what a group says itself
};

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

bool is_kafka_property(std::string_view name) noexcept { return name.starts_with(kKafka); }

bool is_open_for_kafka(std::string_view name) noexcept {
  return name.starts_with(kOverride) || name.starts_with(kCreation);
}

void read_kafka_entries(std::span<const OpenEntry> entries, std::string_view label, KafkaConfig& kafka,
                        Problems& problems, std::vector<std::string>& notes) {
  KafkaReader(label, kafka, problems, notes).read(entries);
}

std::string kafka_markdown() {
  std::string out =
      "\n### Properties of librdkafka\n\n"
      "`kafka.<name>` is librdkafka's property `<name>` (its CONFIGURATION.md lists them): "
      "`kafka.security.protocol`,\n"
      "`kafka.sasl.password`, `kafka.compression.type`, `kafka.linger.ms`. Each is checked when the file is "
      "read, and\n"
      "none is ever shown. Those that would break a promise, or that are set here, are refused:\n\n"
      "| Property | Accepted | Why |\n|---|---|---|\n";
  for (const kafka::Promise& promise : kafka::promises()) {
    std::string accepted;
    std::string_view rest = promise.allowed;
    while (!rest.empty()) {
      const std::size_t bar = std::min(rest.find('|'), rest.size());
      append(accepted, accepted.empty() ? "`" : ", `", rest.substr(0, bar), "`");
      rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    append(out, "| `kafka.", promise.name, "` | ", accepted.empty() ? "not set" : accepted, " | ",
           cell(promise.why), " |\n");
  }
  out +=
      "\n`producer.override.<name>` of a Debezium file says the same with the Java client's names. Most are "
      "librdkafka's;\nof the others, some have another name here, some no effect, and some are refused:\n\n"
      "| Java client | Here |\n|---|---|\n";
  for (const std::string_view name :
       {"max.request.size", "send.buffer.bytes", "receive.buffer.bytes", "metadata.max.age.ms",
        "buffer.memory", "max.block.ms", "partitioner.class", "interceptor.classes", "sasl.jaas.config",
        "ssl.truststore.location", "ssl.keystore.type"}) {
    const kafka::JavaName* const java = kafka::find_java_name(name);
    append(out, "| `", name, "` | ",
           java->property.empty() ? concat(java->refused ? "refused: " : "no effect: ", java->words)
                                  : concat("`kafka.", java->property, "`"),
           " |\n");
  }
  out +=
      "\n### How topics are made\n\n"
      "A topic that a record needs and that does not exist is created, by the first group that takes its "
      "name; topics\n"
      "that exist are never altered. `topic.creation.groups` names groups in order; the group `default` is "
      "always\n"
      "there, and last. Beside Kafka Connect's meaning, the group `default` needs no settings: without them "
      "a topic is\n"
      "made with the broker's `num.partitions` and `default.replication.factor`.\n\n"
      "| Option | What it does |\n|---|---|\n"
      "| `topic.creation.groups` | Names of groups, with commas. |\n"
      "| `topic.creation.<group>.include` | Regular expressions of whole topic names that the group takes, "
      "in their letter case; required but for `default`. |\n"
      "| `topic.creation.<group>.exclude` | Those it leaves to the next group. |\n"
      "| `topic.creation.<group>.partitions` | How many; -1 is the broker's default. Without it, as in the "
      "group "
      "`default`. |\n"
      "| `topic.creation.<group>.replication.factor` | The same for replicas. |\n"
      "| `topic.creation.<group>.<setting>` | Any setting of a topic: `cleanup.policy`, `retention.ms`, "
      "`min.insync.replicas`. |\n";
  return out;
}

}  // namespace millrace::config
