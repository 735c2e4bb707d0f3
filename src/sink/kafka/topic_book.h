// SPDX-License-Identifier: Apache-2.0
// What has to be known of a topic before its first record: that it exists (or is made), how many partitions
// it has, how large a record may be. No I/O: questions come out, answers go in.
//
//   wanted -> described --missing--> created -> described -> settings asked -> known
#pragma once
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/admin.h"
#include "sink/kafka/topic_rules.h"

namespace millrace {

/// Owner: the order stage's thread.
class TopicBook {
 public:
  struct Options {
    TopicRules rules;
    /// How long a topic that nobody may create, or whose creation fails for want of brokers, is waited for.
    std::int64_t patience_us = 30'000'000;
  };
  struct Known {
    std::string name;
    std::string id;
    std::int32_t partitions = 0;
    std::int64_t message_bytes_max = -1;  ///< max.message.bytes; -1: not to be seen.
  };
  /// At most one question of each kind is under way: each is answered before the next.
  struct Questions {
    std::vector<std::string> describe;
    std::vector<kafka::NewTopic> create;
    std::vector<std::string> settings;
    bool empty() const noexcept { return describe.empty() && create.empty() && settings.empty(); }
  };

  explicit TopicBook(Options options) : options_(std::move(options)) {}

  void want(const std::string& topic, std::int64_t now_us);

  /// What is to be asked now; counts as asked.
  Questions due(std::int64_t now_us);
  /// When due() has something though nothing was answered; INT64_MAX: never.
  std::int64_t next_deadline_us() const noexcept;

  void described(const absl::StatusOr<std::vector<kafka::TopicFacts>>& answer, std::int64_t now_us);
  void created(const absl::StatusOr<std::vector<kafka::CreatedTopic>>& answer, std::int64_t now_us);
  void settings(const absl::StatusOr<std::vector<kafka::TopicSettings>>& answer, std::int64_t now_us);

  /// Topics that became known since the last call.
  std::vector<Known> take_known();

  /// Why a topic will never be known, once that is so; else OK.
  const absl::Status& status() const noexcept { return status_; }
  /// What is being retried, for people; OK: nothing.
  const absl::Status& trouble() const noexcept { return trouble_; }
  /// Nothing to ask, and nothing to take.
  bool idle() const noexcept { return topics_.empty() && known_.empty(); }

 private:
  enum class Step : std::uint8_t { kDescribe, kCreate, kSettings };
  static constexpr std::size_t kSteps = 3;
  struct Topic {
    Step step = Step::kDescribe;
    bool asked = false;
    /// By us, or found there when we would have: it may take a moment until every broker knows it.
    std::optional<std::int64_t> made_us;
    std::int64_t next_us = 0;
    std::int64_t wanted_us = 0;
    bool told = false;  ///< That it is waited for.
    Known known;
  };

  /// Of which a question is under way: the next one waits for its answer.
  std::array<bool, kSteps> steps_under_way() const noexcept;
  void ask_again(Topic& topic, Step step, std::int64_t now_us, std::int64_t wait_us);
  /// A request that failed as a whole: its topics again, or the end.
  void failed(Step step, const absl::Status& status, std::int64_t now_us);
  /// A topic's own failure that may pass within the patience.
  void wait_or_fail(Topic& topic, Step step, absl::Status status, std::int64_t now_us);
  void fail(absl::Status status);
  Topic* find(const std::string& name, Step step);

  const Options options_;
  std::map<std::string, Topic, std::less<>> topics_;  ///< Not known yet.
  std::vector<Known> known_;
  absl::Status status_;
  absl::Status trouble_;
};

}  // namespace millrace
