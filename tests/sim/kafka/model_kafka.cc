// SPDX-License-Identifier: Apache-2.0
#include "sim/kafka/model_kafka.h"

#include <algorithm>

#include "base/concat.h"

namespace millrace::sim {

namespace {
constexpr std::size_t kBatchesKept = 5;
}

ProduceReply ModelKafka::produce(const ProduceRequest& request) {
  const auto found = topics_.find(request.topic);
  if (found == topics_.end()) return {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
  auto& partitions = found->second.partitions;
  if (request.partition < 0 || static_cast<std::size_t>(request.partition) >= partitions.size()) {
    verdict_.fail(concat("a record was sent to partition ", request.partition, " of ", partitions.size()));
    return {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
  }
  Partition& partition = partitions[static_cast<std::size_t>(request.partition)];
  if (clock_.monotonic_us() < partition.led_from_us) {
    return {random_.percent(50) ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                                : RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION};
  }
  rd_kafka_resp_err_t error = refusal_;
  if (!refusals_.empty()) {
    error = refusals_.front();
    refusals_.pop_front();
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return append(request, partition);
  if (error == RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND) (void)append(request, partition);
  return {error};
}

ProduceReply ModelKafka::append(const ProduceRequest& request, Partition& partition) {
  const std::uint64_t last = request.first_sequence + request.records.size() - 1;
  const bool known = partition.producers.contains(request.producer);
  ProducerState& state = partition.producers[request.producer];
  if (known) {
    if (request.epoch < state.epoch) return {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH};
    if (request.epoch > state.epoch) {
      if (request.first_sequence != 0) return {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER};
      state = {};
    } else {
      for (const ProducerState::Batch& batch : state.batches) {
        if (batch.first != request.first_sequence || batch.last != last) continue;
        // Older brokers said that it is one, newer ones where it stands.
        if (random_.percent(50)) return {RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER};
        return {RD_KAFKA_RESP_ERR_NO_ERROR, batch.offset};
      }
      if (request.first_sequence != state.batches.back().last + 1)
        return {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER};
    }
  }
  state.epoch = request.epoch;
  state.batches.push_back({request.first_sequence, last, partition.end});
  if (state.batches.size() > kBatchesKept) state.batches.pop_front();
  const std::int64_t offset = partition.end;
  for (const std::string& record : request.records) {
    ++partition.end;
    on_record(request.topic, request.partition, request.producer, record);
  }
  return {RD_KAFKA_RESP_ERR_NO_ERROR, offset};
}

bool ModelKafka::step(std::int64_t now_us) {
  if (next_deadline_us() > now_us) return false;
  (void)produce(on_the_way_.front().second);
  on_the_way_.pop_front();
  return true;
}

void ModelKafka::create(const std::string& topic, std::int32_t partitions) {
  const std::int64_t now_us = clock_.monotonic_us();
  Topic made;
  made.id = concat("id", ++topics_made_);
  made.visible_from_us = now_us + random_.between(0, options_.visible_us);
  for (std::int32_t i = 0; i < partitions; ++i) {
    made.partitions.push_back({0, made.visible_from_us + random_.between(0, options_.ready_us), {}});
  }
  topics_[topic] = std::move(made);
}

const ModelKafka::Topic* ModelKafka::described(const std::string& topic) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || clock_.monotonic_us() < found->second.visible_from_us) return nullptr;
  return &found->second;
}

int ModelKafka::broker_of(const std::string& topic, std::int32_t partition) const {
  return static_cast<int>((topic.size() + static_cast<std::size_t>(partition)) %
                          static_cast<std::size_t>(options_.brokers));
}

void ModelKafka::move_leaders_until(std::int64_t until_us) {
  for (auto& [name, topic] : topics_) {
    for (Partition& partition : topic.partitions) {
      if (random_.percent(50)) partition.led_from_us = std::max(partition.led_from_us, until_us);
    }
  }
}

void ModelKafka::cut(const std::string& topic, std::int32_t partition, std::int64_t end) {
  Partition& shorter = topics_.at(topic).partitions[static_cast<std::size_t>(partition)];
  shorter.end = std::min(shorter.end, end);
}

void ModelKafka::heal() {
  down_until_us_ = 0;
  refusals_.clear();
  refusal_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  const std::int64_t now_us = clock_.monotonic_us();
  for (auto& [name, topic] : topics_) {
    for (Partition& partition : topic.partitions)
      partition.led_from_us = std::min(partition.led_from_us, now_us + options_.ready_us);
  }
}

}  // namespace millrace::sim
