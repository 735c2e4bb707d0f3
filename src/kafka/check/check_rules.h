// SPDX-License-Identifier: Apache-2.0
// What the facts of a cluster mean for a pipeline: no I/O. Part of check.cc's inside.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka/admin.h"
#include "kafka/check/check.h"

namespace millrace::kafka {

struct CheckContext {
  using Severity = CheckFinding::Severity;

  const PipelineConfig& config;
  std::vector<CheckFinding>& findings;
  /// The user that the brokers know this client by, for ACLs; `<user>` when the file does not say.
  std::string principal;
  ClusterFacts cluster;
  TopicSettings broker;  ///< Of a broker; error: they may not be read.

  void ok(std::string subject, std::string problem) {
    findings.push_back({Severity::kOk, ReasonCode::kOk, std::move(subject), std::move(problem), {}});
  }
  void note(std::string subject, std::string problem, std::string fix = {}) {
    findings.push_back(
        {Severity::kNote, ReasonCode::kOk, std::move(subject), std::move(problem), std::move(fix)});
  }
  void warn(std::string subject, std::string problem, std::string fix) {
    findings.push_back(
        {Severity::kWarning, ReasonCode::kOk, std::move(subject), std::move(problem), std::move(fix)});
  }
  void error(ReasonCode reason, std::string subject, std::string problem, std::string fix) {
    findings.push_back({Severity::kError, reason, std::move(subject), std::move(problem), std::move(fix)});
  }
  /// A status as a finding, with the remedy of its reason.
  void failed(std::string subject, const absl::Status& status);

  // Commands of Kafka's own tools.
  std::string tool(std::string_view name) const;
  std::string set_topic(std::string_view topic, std::string_view setting, std::string_view value) const;
  std::string create_topic(std::string_view topic, std::string_view more) const;
  std::string allow(std::string_view resource, std::string_view name,
                    std::initializer_list<std::string_view> operations) const;
};

/// A topic that exists, with what is asked of it.
struct TopicState {
  const TopicFacts& facts;
  const TopicSettings& settings;
};

/// Version, as far as brokers tell it.
void check_brokers(CheckContext& context);
/// Copies: replication factor, min.insync.replicas, unclean elections, replicas in sync.
/// @param loses  what the loss of a broker would lose: `acknowledged records`.
void check_copies(CheckContext& context, const TopicState& topic, std::string_view loses);
/// Rights of this client on the topic.
void check_rights(CheckContext& context, const TopicFacts& topic,
                  std::initializer_list<rd_kafka_AclOperation_t> needed);
/// A topic that tables' records go to: copies, rights, cleanup.policy, sizes.
void check_target(CheckContext& context, const TargetTopic& target, const TopicState& topic);
/// A topic that two tables' records go to, which a run only warns of.
void check_shared(CheckContext& context, const TargetTopic& target, std::string_view other_table);
/// The checkpoint topic that exists.
void check_checkpoints(CheckContext& context, const TopicState& topic);
/// Copies that topics get which are made by the brokers' defaults.
void check_new_copies(CheckContext& context, std::string_view subject, int replication_factor,
                      int min_in_sync, std::string_view loses, std::string_view fix);

/// What creation was answered with, asked for without creating.
void check_creation(CheckContext& context, const NewTopic& topic, const CreatedTopic& answer,
                    std::string_view subject, ReasonCode refused);

/// The group of `topic.creation.*` that a topic belongs to.
const TopicCreationGroup& creation_group(const KafkaConfig& config, std::string_view topic);

/// Keeps the first findings of the same words and counts the others: 10,000 topics must stay readable.
void shorten(std::vector<CheckFinding>& findings);

}  // namespace millrace::kafka
