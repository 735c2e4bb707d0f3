// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/model_port.h"

#include <algorithm>

#include "base/concat.h"
#include "kafka/errors.h"

namespace millrace::sim {

namespace {
constexpr std::int32_t kDefaultPartitions = 1;
constexpr std::int64_t kTimeoutUs = 10'000'000;
}  // namespace

absl::StatusOr<ProducerPort*> ModelPort::make_producer(Way, std::int64_t) {
  producers_.push_back(std::make_unique<ModelProducer>(options_, kafka_, random_.next()));
  return producers_.back().get();
}

absl::Status ModelPort::unreachable() const {
  return kafka::error_status(RD_KAFKA_RESP_ERR__TIMED_OUT, "the model's brokers do not answer");
}

bool ModelPort::reached(kafka::Timeout timeout) {
  const std::int64_t now_us = kafka_.clock().monotonic_us();
  if (kafka_.up()) return true;
  kafka_.clock().advance_to(std::min(now_us + 1000 * timeout.count(), kafka_.down_until_us()));
  return kafka_.up();
}

absl::StatusOr<kafka::ClusterFacts> ModelPort::describe_cluster(kafka::Timeout timeout) {
  if (!reached(timeout)) return unreachable();
  return kafka::ClusterFacts{.id = "model", .brokers = kafka_.options().brokers};
}

absl::StatusOr<std::vector<kafka::TopicFacts>> ModelPort::describe_topics(
    std::span<const std::string> names) {
  if (!reached(kafka::Timeout{10'000})) return unreachable();
  std::vector<kafka::TopicFacts> facts;
  for (const std::string& name : names) facts.push_back(facts_of(name, false));
  return facts;
}

absl::StatusOr<std::vector<kafka::PartitionEnd>> ModelPort::describe_ends(
    std::span<const kafka::PartitionEnd> wanted) {
  if (!reached(kafka::Timeout{10'000})) return unreachable();
  std::vector<kafka::PartitionEnd> ends;
  for (kafka::PartitionEnd end : wanted) {
    const ModelKafka::Topic* const topic = kafka_.described(end.topic);
    if (topic == nullptr || static_cast<std::size_t>(end.partition) >= topic->partitions.size()) {
      end.error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    } else {
      end.offset = topic->partitions[static_cast<std::size_t>(end.partition)].end;
    }
    ends.push_back(std::move(end));
  }
  return ends;
}

void ModelPort::pause(kafka::Timeout time) {
  kafka_.clock().advance_to(kafka_.clock().monotonic_us() + 1000 * time.count());
}

// --- asked

void ModelPort::ask(const TopicBook::Questions& questions) {
  if (!questions.describe.empty()) add({.kind = Kind::kDescribe, .names = questions.describe, .topics = {}});
  if (!questions.create.empty()) add({.kind = Kind::kCreate, .names = {}, .topics = questions.create});
  if (!questions.settings.empty()) add({.kind = Kind::kSettings, .names = questions.settings, .topics = {}});
}

void ModelPort::add(Question question) {
  for (const Question& other : questions_) {
    if (other.kind == question.kind)
      kafka_.verdict().fail("a question was asked before the one before was answered");
  }
  question.fails = random_.percent(troubles_.failures_percent);
  question.asked_us = kafka_.clock().monotonic_us();
  question.due_us =
      question.asked_us +
      random_.between(0, question.fails && random_.percent(20) ? kTimeoutUs : troubles_.answer_us);
  questions_.push_back(std::move(question));
}

std::int64_t ModelPort::answered_us(const Question& question) const {
  return std::max(question.due_us, std::min(question.asked_us + kTimeoutUs, kafka_.down_until_us()));
}

kafka::TopicFacts ModelPort::facts_of(const std::string& name, bool troubled) {
  kafka::TopicFacts facts;
  facts.name = name;
  const ModelKafka::Topic* const topic = kafka_.described(name);
  if (topic == nullptr) {
    facts.error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return facts;
  }
  if (troubled && random_.percent(troubles_.failures_percent)) {
    // As it looks while leaders are chosen.
    if (random_.percent(50)) facts.error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    return facts;
  }
  facts.id = topic->id;
  facts.partitions = static_cast<std::int32_t>(topic->partitions.size());
  return facts;
}

kafka::CreatedTopic ModelPort::create(const kafka::NewTopic& topic) {
  kafka::CreatedTopic result;
  result.name = topic.name;
  if (troubles_.refuse_creation) {
    result.error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    return result;
  }
  if (kafka_.exists(topic.name)) {
    result.error = RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    return result;
  }
  const bool fails = random_.percent(troubles_.failures_percent);
  const rd_kafka_resp_err_t errors[] = {RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                        RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
                                        RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED};
  if (fails) result.error = random_.pick(errors);
  // What timed out may have happened.
  const bool happens = !fails || (result.error == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT && random_.percent(50));
  if (happens) kafka_.create(topic.name, topic.partitions < 0 ? kDefaultPartitions : topic.partitions);
  return result;
}

kafka::TopicSettings ModelPort::settings_of(const std::string& name) {
  kafka::TopicSettings settings;
  settings.name = name;
  const ModelKafka::Topic* const topic = kafka_.described(name);
  if (topic == nullptr) {
    settings.error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  } else if (troubles_.hide_settings) {
    settings.error = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
  } else if (random_.percent(troubles_.failures_percent)) {
    settings.error =
        random_.percent(50) ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
  } else {
    settings.values["max.message.bytes"] = concat(topic->message_bytes_max);
  }
  return settings;
}

void ModelPort::ask_about(const std::string& topic) {
  add({.kind = Kind::kAboutOne, .names = {topic}, .topics = {}});
}

std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> ModelPort::take_answers(TopicBook& book,
                                                                                      std::int64_t now_us) {
  std::optional<absl::StatusOr<std::vector<kafka::TopicFacts>>> about_one;
  for (std::size_t i = 0; i < questions_.size();) {
    if (now_us < answered_us(questions_[i])) {
      ++i;
      continue;
    }
    Question question = std::move(questions_[i]);
    if (!kafka_.up()) {
      question.fails = true;
      question.topics.clear();  // nobody makes them
    }
    questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(i));
    // Now and then a topic is left out of an answer.
    const auto answers = [&](const auto& asked, auto&& answer) {
      std::vector<std::decay_t<decltype(answer(asked[0]))>> all;
      for (const auto& one : asked) {
        if (!random_.percent(troubles_.failures_percent / 4)) all.push_back(answer(one));
      }
      return all;
    };
    switch (question.kind) {
      case Kind::kDescribe:
        if (question.fails) book.described(unreachable(), now_us);
        if (!question.fails)
          book.described(
              answers(question.names, [&](const std::string& name) { return facts_of(name, true); }), now_us);
        break;
      case Kind::kCreate: {
        auto created = answers(question.topics, [&](const kafka::NewTopic& topic) { return create(topic); });
        if (question.fails) book.created(unreachable(), now_us);
        if (!question.fails) book.created(std::move(created), now_us);
        break;
      }
      case Kind::kSettings:
        if (question.fails) book.settings(unreachable(), now_us);
        if (!question.fails)
          book.settings(answers(question.names, [&](const std::string& name) { return settings_of(name); }),
                        now_us);
        break;
      case Kind::kAboutOne:
        about_one.emplace(unreachable());
        if (!question.fails) about_one.emplace(std::vector{facts_of(question.names.front(), true)});
        break;
    }
  }
  return about_one;
}

void ModelPort::close() {
  for (const auto& producer : producers_) producer->die();
  producers_.clear();
  questions_.clear();
}

void ModelPort::heal() {
  const std::int64_t now_us = kafka_.clock().monotonic_us();
  for (Question& question : questions_)
    question.due_us = std::min(question.due_us, now_us + troubles_.answer_us);
}

bool ModelPort::step(std::int64_t now_us) {
  bool worked = false;
  for (const auto& producer : producers_) worked |= producer->step(now_us);
  return worked;
}

std::int64_t ModelPort::next_deadline_us() const {
  std::int64_t deadline = kNever;
  for (const auto& producer : producers_) deadline = std::min(deadline, producer->next_deadline_us());
  for (const Question& question : questions_) deadline = std::min(deadline, answered_us(question));
  return deadline;
}

}  // namespace millrace::sim
