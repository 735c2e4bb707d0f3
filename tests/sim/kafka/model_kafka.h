// SPDX-License-Identifier: Apache-2.0
// A Kafka cluster: topics that appear slowly, logs that know their producers, and brokers that go away.
//
// A partition accepts a batch as a real one does (Apache Kafka, ProducerAppendInfo.checkSequence): from a
// producer that it does not know it takes any sequence number; from one that it knows only what follows, or
// one of the last five batches again. A new epoch begins at 0.
#pragma once
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/model_clock.h"
#include "sim/random.h"
#include "sim/verdict.h"

namespace millrace::sim {

struct ProduceRequest {
  std::uint64_t producer = 0;
  std::int32_t epoch = 0;
  std::string topic;
  std::int32_t partition = 0;
  std::uint64_t first_sequence = 0;
  std::vector<std::string> records;
};
struct ProduceReply {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::int64_t offset = -1;  ///< Of the first record.
};

/// How large the troubles of a run are.
struct ModelKafkaOptions {
  int brokers = 1;
  std::int64_t latency_us = 1'000;   ///< A message to or from a broker takes up to this long.
  std::int64_t visible_us = 20'000;  ///< A topic just made appears within this time,
  std::int64_t ready_us = 20'000;    ///< and leads each of its partitions within this one after.
};

class ModelKafka {
 public:
  ModelKafka(ModelKafkaOptions options, ModelClock& clock, Verdict& verdict, std::uint64_t seed)
      : options_(options), clock_(clock), verdict_(verdict), random_(seed) {}

  struct ProducerState {
    struct Batch {
      std::uint64_t first = 0;
      std::uint64_t last = 0;
      std::int64_t offset = 0;
    };
    std::int32_t epoch = 0;
    std::deque<Batch> batches;  ///< The last five.
  };
  struct Partition {
    std::int64_t end = 0;
    std::int64_t led_from_us = 0;  ///< Before, its leader is not ready.
    std::map<std::uint64_t, ProducerState> producers;
  };
  struct Topic {
    std::string id;
    std::int64_t visible_from_us = 0;
    std::int64_t message_bytes_max = 1'048'588;
    std::vector<Partition> partitions;
  };

  // --- what clients do

  ProduceReply produce(const ProduceRequest& request);
  /// Not `visible` to everybody yet.
  void create(const std::string& topic, std::int32_t partitions);
  /// What metadata say; nullptr: no such topic.
  const Topic* described(const std::string& topic) const;
  bool exists(const std::string& topic) const { return topics_.contains(topic); }
  int broker_of(const std::string& topic, std::int32_t partition) const;
  std::uint64_t new_producer() noexcept { return ++producers_; }
  std::uint64_t newest_producer() const noexcept { return producers_; }

  /// A request of a client that is gone; requests arrive in the order they were left.
  void leave_on_the_way(ProduceRequest request) {
    const std::int64_t after_us = on_the_way_.empty() ? clock_.monotonic_us() : on_the_way_.back().first;
    on_the_way_.emplace_back(after_us + random_.between(0, options_.latency_us), std::move(request));
  }
  bool step(std::int64_t now_us);
  std::int64_t next_deadline_us() const noexcept {
    return on_the_way_.empty() ? kNever : std::max(on_the_way_.front().first, down_until_us_);
  }

  // --- what happens to it

  bool up() const noexcept { return clock_.monotonic_us() >= down_until_us_; }
  std::int64_t down_until_us() const noexcept { return down_until_us_; }
  void go_down_until(std::int64_t until_us) noexcept {
    down_until_us_ = until_us;
    ++outages_;
  }
  std::uint64_t outages() const noexcept { return outages_; }
  /// Leaders of some partitions are not ready until then.
  void move_leaders_until(std::int64_t until_us);
  /// The next requests to produce are answered so, of any partition; NO_ERROR takes one as usual.
  void refuse(std::deque<rd_kafka_resp_err_t> errors) { refusals_ = std::move(errors); }
  /// And all others, until heal().
  void refuse_always(rd_kafka_resp_err_t error) noexcept { refusal_ = error; }
  /// Brokers forget producers that are silent for long. At once their partition has no leader for a moment:
  /// it is then that it matters.
  void forget(std::uint64_t producer, const std::string& topic, std::int32_t partition) {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return;
    Partition& silent = found->second.partitions[static_cast<std::size_t>(partition)];
    silent.producers.erase(producer);
    silent.led_from_us = clock_.monotonic_us() + random_.between(0, 2 * options_.latency_us);
  }
  bool remove(const std::string& topic) { return topics_.erase(topic) != 0; }
  /// The end of a partition moves back.
  void cut(const std::string& topic, std::int32_t partition, std::int64_t end);
  void set_message_bytes_max(const std::string& topic, std::int64_t bytes) {
    topics_.at(topic).message_bytes_max = bytes;
  }
  void heal();

  const ModelKafkaOptions& options() const noexcept { return options_; }
  ModelClock& clock() const noexcept { return clock_; }
  Verdict& verdict() const noexcept { return verdict_; }
  Random& random() noexcept { return random_; }

  /// Told of each record that a partition takes.
  std::function<void(const std::string& topic, std::int32_t partition, std::uint64_t producer,
                     const std::string& record)>
      on_record = [](const std::string&, std::int32_t, std::uint64_t, const std::string&) {};

 private:
  ProduceReply append(const ProduceRequest& request, Partition& partition);

  const ModelKafkaOptions options_;
  ModelClock& clock_;
  Verdict& verdict_;
  Random random_;
  std::map<std::string, Topic> topics_;
  std::uint64_t topics_made_ = 0;
  std::uint64_t producers_ = 0;
  std::int64_t down_until_us_ = 0;
  std::uint64_t outages_ = 0;
  std::deque<std::pair<std::int64_t, ProduceRequest>> on_the_way_;
  rd_kafka_resp_err_t refusal_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::deque<rd_kafka_resp_err_t> refusals_;
};

}  // namespace millrace::sim
