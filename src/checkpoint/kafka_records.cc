// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/kafka_records.h"

#include <absl/strings/str_split.h>
#include <absl/time/time.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/concat.h"
#include "base/reason_code.h"
#include "checkpoint/checkpoint_text.h"

namespace millrace {

namespace {

constexpr std::int64_t kHeartbeatMaxMs = 3'600'000;  // of records that another version may have written

absl::Status refuse(std::string_view message) { return reason_error(ReasonCode::kCheckpointTopic, message); }

std::string time_text(std::int64_t unix_ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(unix_ms), absl::UTCTimeZone());
}

std::string text_in(const boost::json::object& object, std::string_view key) {
  const auto* field = object.if_contains(key);
  return field != nullptr && field->is_string() ? std::string(std::string_view(field->get_string()))
                                                : std::string();
}

std::int64_t number_in(const boost::json::object& object, std::string_view key) {
  const auto* field = object.if_contains(key);
  boost::json::error_code error;
  if (field == nullptr || !field->is_number()) return 0;
  const auto value = field->to_number<std::int64_t>(error);
  return error ? 0 : value;
}

}  // namespace

CheckpointKeys::CheckpointKeys(std::string_view pipeline)
    : newest(pipeline), previous(concat(pipeline, "/previous")), owner(concat(pipeline, "/owner")) {}

std::string to_text(const Owner& owner) {
  boost::json::object object;
  object["instance"] = owner.instance;
  object["state"] = owner.state == Owner::State::kActive ? "active" : "released";
  object["host"] = owner.process.host;
  object["pid"] = owner.process.pid;
  object["pid_started"] = owner.process.started;
  object["boot"] = owner.process.boot;
  object["pid_namespace"] = owner.process.pid_namespace;
  object["beat"] = owner.beat;
  object["heartbeat_ms"] = owner.heartbeat_ms;
  object["written"] = time_text(owner.written_ms);
  return concat(boost::json::serialize(object), "\n");
}

std::optional<Owner> parse_owner(std::string_view text) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  Owner owner;
  owner.instance = text_in(*object, "instance");
  const std::string state = text_in(*object, "state");
  if (owner.instance.empty() || (state != "active" && state != "released")) return std::nullopt;
  owner.state = state == "active" ? Owner::State::kActive : Owner::State::kReleased;
  owner.process.host = text_in(*object, "host");
  owner.process.pid = number_in(*object, "pid");
  owner.process.started = number_in(*object, "pid_started");
  owner.process.boot = text_in(*object, "boot");
  owner.process.pid_namespace = text_in(*object, "pid_namespace");
  owner.beat = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_in(*object, "beat")));
  owner.heartbeat_ms = std::clamp<std::int64_t>(number_in(*object, "heartbeat_ms"), 1, kHeartbeatMaxMs);
  absl::Time written;
  std::string ignored;
  if (absl::ParseTime(absl::RFC3339_full, text_in(*object, "written"), &written, &ignored)) {
    owner.written_ms = absl::ToUnixMillis(written);
  }
  return owner;
}

std::string describe(const Owner& owner) {
  return concat("process ", owner.process.pid, " on ",
                owner.process.host.empty() ? std::string("an unknown host") : owner.process.host,
                ", which last wrote at ", time_text(owner.written_ms));
}

std::int64_t owner_patience_ms(const Owner& owner) { return 3 * owner.heartbeat_ms + 1'000; }

SettingList checkpoint_topic_settings(int replication) {
  return {
      {"cleanup.policy", "compact"},
      // Two brokers of three keep every position; with two, one may be away.
      {"min.insync.replicas", concat(std::max(1, replication - 1))},
      // The largest checkpoint, twice in a batch, whatever the brokers' own limit.
      {"max.message.bytes", concat(2 * kCheckpointBytesMax + (1U << 20))},
      // A few records a second: small segments, so that compaction keeps up.
      {"segment.bytes", concat(64U << 20)},
      {"segment.ms", "3600000"},
      {"min.cleanable.dirty.ratio", "0.1"},
  };
}

int checkpoint_replication(int brokers) { return std::clamp(brokers, 1, 3); }

absl::Status check_checkpoint_topic(std::string_view topic, const CheckpointTopicFacts& facts) {
  if (facts.partitions != 1) {
    return refuse(
        concat("checkpoint topic \"", topic, "\" has ", facts.partitions,
               " partitions; it needs one, or positions would be spread. Choose another checkpoint.topic, "
               "or delete this one if nothing else uses it"));
  }
  if (!facts.settings) return absl::OkStatus();
  const auto policy = facts.settings->find("cleanup.policy");
  if (policy != facts.settings->end() && policy->second != "compact") {
    return refuse(concat("checkpoint topic \"", topic, "\" has cleanup.policy=", policy->second,
                         "; it needs compact, or positions are deleted with time. Run kafka-configs.sh "
                         "--bootstrap-server <servers> --alter --entity-type topics --entity-name ",
                         topic, " --add-config cleanup.policy=compact"));
  }
  return absl::OkStatus();
}

std::string create_topic_command(std::string_view servers, std::string_view topic, int replication) {
  std::string command = concat("kafka-topics.sh --bootstrap-server ", servers, " --create --topic ", topic,
                               " --partitions 1 --replication-factor ", replication);
  for (const auto& [name, value] : checkpoint_topic_settings(replication)) {
    append(command, " --config ", name, "=", value);
  }
  return command;
}

}  // namespace millrace
