// SPDX-License-Identifier: Apache-2.0
#include "sink/kafka/topic_book.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/concat.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "kafka/errors.h"

namespace millrace {

namespace {

constexpr std::int64_t kAgainUs = 500'000;
constexpr std::int64_t kVisibleUs = 50'000;  // a topic just made spreads to the brokers
constexpr std::int64_t kVisiblePatienceUs = 5'000'000;
constexpr std::size_t kNamesMax = 500;  // in one request

bool is_missing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

/// The same error on a question about a topic or its creation, which is no delivery: what only a restart of
/// the producer would heal there is asked again here.
bool passes(rd_kafka_resp_err_t error) { return kafka::classify(error).handling != kafka::Handling::kStop; }

}  // namespace

void TopicBook::want(const std::string& name, std::int64_t now_us) {
  const auto [found, is_new] = topics_.try_emplace(name);
  if (!is_new) return;
  found->second.known.name = name;
  found->second.wanted_us = found->second.next_us = now_us;
}

TopicBook::Questions TopicBook::due(std::int64_t now_us) {
  Questions questions;
  if (!status_.ok()) return questions;
  const std::array<bool, kSteps> under_way = steps_under_way();
  for (auto& [name, topic] : topics_) {
    if (topic.asked || topic.next_us > now_us || under_way[static_cast<std::size_t>(topic.step)]) continue;
    switch (topic.step) {
      case Step::kDescribe:
        if (questions.describe.size() == kNamesMax) continue;
        questions.describe.push_back(name);
        break;
      case Step::kCreate:
        if (questions.create.size() == kNamesMax) continue;
        questions.create.push_back(*options_.rules.rule_for(name));
        break;
      case Step::kSettings:
        if (questions.settings.size() == kNamesMax) continue;
        questions.settings.push_back(name);
        break;
    }
    topic.asked = true;
  }
  return questions;
}

std::int64_t TopicBook::next_deadline_us() const noexcept {
  std::int64_t deadline = std::numeric_limits<std::int64_t>::max();
  if (!status_.ok()) return deadline;
  const std::array<bool, kSteps> under_way = steps_under_way();
  for (const auto& [name, topic] : topics_) {
    if (!under_way[static_cast<std::size_t>(topic.step)]) deadline = std::min(deadline, topic.next_us);
  }
  return deadline;
}

std::array<bool, TopicBook::kSteps> TopicBook::steps_under_way() const noexcept {
  std::array<bool, kSteps> under_way{};
  for (const auto& [name, topic] : topics_) {
    if (topic.asked) under_way[static_cast<std::size_t>(topic.step)] = true;
  }
  return under_way;
}

TopicBook::Topic* TopicBook::find(const std::string& name, Step step) {
  const auto found = topics_.find(name);
  if (found == topics_.end() || !found->second.asked || found->second.step != step) return nullptr;
  return &found->second;
}

void TopicBook::ask_again(Topic& topic, Step step, std::int64_t now_us, std::int64_t wait_us) {
  topic.step = step;
  topic.asked = false;
  topic.next_us = now_us + wait_us;
}

void TopicBook::fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

void TopicBook::failed(Step step, const absl::Status& status, std::int64_t now_us) {
  // Without an answer nothing is known of the topics: the way to the brokers is what fails, and that passes.
  // An answer that forbids does not.
  if (reason_of(status) == ReasonCode::kKafkaPermissionDenied ||
      reason_of(status) == ReasonCode::kKafkaVersion) {
    return fail(status);
  }
  trouble_ = status;
  for (auto& [name, topic] : topics_) {
    if (topic.asked && topic.step == step) ask_again(topic, step, now_us, kAgainUs);
  }
}

void TopicBook::wait_or_fail(Topic& topic, Step step, absl::Status status, std::int64_t now_us) {
  if (now_us - topic.wanted_us >= options_.patience_us) return fail(std::move(status));
  if (!std::exchange(topic.told, true)) {
    log_warn("kafka", "a topic is not ready yet",
             {{"topic", topic.known.name}, {"error", std::string(status.message())}});
  }
  trouble_ = std::move(status);
  ask_again(topic, step, now_us, kAgainUs);
}

void TopicBook::described(const absl::StatusOr<std::vector<kafka::TopicFacts>>& answer, std::int64_t now_us) {
  MILLRACE_FAILPOINT(kTopicDescribed, return failed(Step::kDescribe, injected, now_us));
  if (!answer.ok()) return failed(Step::kDescribe, answer.status(), now_us);
  trouble_ = absl::OkStatus();
  for (const kafka::TopicFacts& facts : *answer) {
    Topic* const topic = find(facts.name, Step::kDescribe);
    if (topic == nullptr) continue;
    if (facts.exists()) {
      topic->known.id = facts.id;
      topic->known.partitions = facts.partitions;
      ask_again(*topic, Step::kSettings, now_us, 0);
    } else if (is_missing(facts.error) && topic->made_us && now_us - *topic->made_us < kVisiblePatienceUs) {
      ask_again(*topic, Step::kDescribe, now_us, kVisibleUs);
    } else if (is_missing(facts.error) && topic->made_us) {
      // Taken away again, or the brokers do not tell each other: making it once more shows which.
      trouble_ = reason_error(ReasonCode::kTopicMissing,
                              concat("topic ", facts.name, " was created, and brokers do not know it"));
      ask_again(*topic, Step::kCreate, now_us, kAgainUs);
    } else if (is_missing(facts.error) && options_.rules.rule_for(facts.name)) {
      ask_again(*topic, Step::kCreate, now_us, 0);
    } else if (is_missing(facts.error)) {
      wait_or_fail(
          *topic, Step::kDescribe,
          reason_error(ReasonCode::kTopicMissing,
                       concat("topic ", facts.name, " does not exist, and topic.creation.enable is false")),
          now_us);
    } else if (facts.error == RD_KAFKA_RESP_ERR_NO_ERROR || passes(facts.error)) {
      trouble_ = kafka::error_status(
          facts.error == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : facts.error,
          concat("topic ", facts.name), facts.error_text);
      ask_again(*topic, Step::kDescribe, now_us, kAgainUs);
    } else {
      fail(kafka::error_status(facts.error, concat("topic ", facts.name), facts.error_text));
    }
  }
  // Nobody is forgotten by an answer that leaves it out.
  for (auto& [name, topic] : topics_) {
    if (topic.asked && topic.step == Step::kDescribe) ask_again(topic, Step::kDescribe, now_us, kAgainUs);
  }
}

void TopicBook::created(const absl::StatusOr<std::vector<kafka::CreatedTopic>>& answer, std::int64_t now_us) {
  MILLRACE_FAILPOINT(kTopicCreated, return failed(Step::kCreate, injected, now_us));
  if (!answer.ok()) return failed(Step::kCreate, answer.status(), now_us);
  trouble_ = absl::OkStatus();
  for (const kafka::CreatedTopic& result : *answer) {
    Topic* const topic = find(result.name, Step::kCreate);
    if (topic == nullptr) continue;
    const std::string what = concat("topic ", result.name, " cannot be created");
    switch (result.error) {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        log_info("kafka", "topic created", {{"topic", result.name}});
        [[fallthrough]];
      case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        topic->made_us = now_us;
        ask_again(*topic, Step::kDescribe, now_us, 0);
        break;
      case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        // Brokers may be missing that come back.
        wait_or_fail(*topic, Step::kCreate, kafka::error_status(result.error, what, result.error_text),
                     now_us);
        break;
      case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        fail(with_reason(kafka::error_status(result.error, what, result.error_text),
                         ReasonCode::kTopicRefused));
        break;
      default:
        if (!passes(result.error)) {
          fail(kafka::error_status(result.error, what, result.error_text));
          break;
        }
        trouble_ = kafka::error_status(result.error, what, result.error_text);
        ask_again(*topic, Step::kCreate, now_us, kAgainUs);
    }
  }
  for (auto& [name, topic] : topics_) {
    if (topic.asked && topic.step == Step::kCreate) ask_again(topic, Step::kDescribe, now_us, kAgainUs);
  }
}

void TopicBook::settings(const absl::StatusOr<std::vector<kafka::TopicSettings>>& answer,
                         std::int64_t now_us) {
  const ReasonCode reason = reason_of(answer.status());
  const bool hidden = reason == ReasonCode::kKafkaPermissionDenied || reason == ReasonCode::kKafkaVersion;
  if (!answer.ok() && !hidden) return failed(Step::kSettings, answer.status(), now_us);
  trouble_ = absl::OkStatus();
  const auto become_known = [this](Topic& topic, std::int64_t message_bytes_max) {
    topic.known.message_bytes_max = message_bytes_max;
    known_.push_back(topic.known);
    topics_.erase(std::string(topic.known.name));
  };
  if (answer.ok()) {
    for (const kafka::TopicSettings& settings : *answer) {
      Topic* const topic = find(settings.name, Step::kSettings);
      if (topic == nullptr) continue;
      if (settings.error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        become_known(*topic, settings.number("max.message.bytes"));
      } else if (is_missing(settings.error)) {
        ask_again(*topic, Step::kDescribe, now_us, kVisibleUs);
      } else if (kafka::classify(settings.error).reason == ReasonCode::kKafkaPermissionDenied) {
        become_known(*topic, -1);
      } else {
        trouble_ = kafka::error_status(settings.error, concat("settings of topic ", settings.name),
                                       settings.error_text);
        ask_again(*topic, Step::kSettings, now_us, kAgainUs);
      }
    }
  }
  // May not be seen: records are sent, and the broker decides.
  std::vector<std::string> left;
  for (const auto& [name, topic] : topics_) {
    if (topic.asked && topic.step == Step::kSettings) left.push_back(name);
  }
  for (const std::string& name : left) become_known(topics_.find(name)->second, -1);
}

std::vector<TopicBook::Known> TopicBook::take_known() { return std::exchange(known_, {}); }

}  // namespace millrace
