// SPDX-License-Identifier: Apache-2.0
#include "control/snapshot_metrics.h"

#include <map>
#include <utility>

namespace millrace::control {
namespace {

using metrics::Family;
using metrics::Registry;

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

void publish_positions(Registry& registry, const PipelineSnapshot& pipeline, const PipelineHistory& history,
                       Now now) {
  for (std::size_t i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    if (!pipeline.at(stage).known()) continue;
    registry.gauge(Family::kPosition, {pipeline.name, kStageNames[i]}).set(pipeline.at(stage).raw);
    if (stage == Stage::kServerHead) continue;
    if (const auto bytes = lag_bytes(pipeline, stage)) {
      registry.gauge(Family::kLagBytes, {pipeline.name, kStageNames[i]}).set(*bytes);
    }
    if (const auto behind_ms = history.behind_ms(pipeline, stage, now)) {
      registry.gauge(Family::kLagSeconds, {pipeline.name, kStageNames[i]}).set(seconds(*behind_ms));
    }
  }
}

void publish_slot(Registry& registry, const std::string& name, const SlotSnapshot& slot) {
  if (slot.restart.known()) registry.gauge(Family::kSlotRestartPosition, {name}).set(slot.restart.raw);
  if (slot.confirmed.known()) registry.gauge(Family::kSlotConfirmedPosition, {name}).set(slot.confirmed.raw);
  if (slot.retained_bytes) registry.gauge(Family::kSlotRetainedBytes, {name}).set(*slot.retained_bytes);
  if (slot.wal_status.empty()) return;
  for (const std::string_view status : kWalStatuses) {
    registry.gauge(Family::kSlotWalStatus, {name, status}).set(slot.wal_status == status);
  }
}

void publish_memory(Registry& registry, const PipelineSnapshot& pipeline) {
  for (const RingSnapshot& ring : pipeline.rings) {
    registry.gauge(Family::kRingUsed, {pipeline.name, ring.name}).set(ring.used);
    registry.gauge(Family::kRingCapacity, {pipeline.name, ring.name}).set(ring.capacity);
  }
  for (const PoolSnapshot& pool : pipeline.pools) {
    registry.gauge(Family::kPoolUsedBytes, {pipeline.name, pool.name}).set(pool.used_bytes);
    registry.gauge(Family::kPoolLimitBytes, {pipeline.name, pool.name}).set(pool.limit_bytes);
  }
  registry.gauge(Family::kCreditsAvailable, {pipeline.name}).set(pipeline.credits_available);
  registry.gauge(Family::kCreditsLimit, {pipeline.name}).set(pipeline.credits_limit);
  registry.gauge(Family::kInFlightRecords, {pipeline.name}).set(pipeline.in_flight_records);
}

void publish_table_copy(Registry& registry, const std::string& name, const TableCopySnapshot& copy) {
  registry.gauge(Family::kSnapshotRunning, {name}).set(copy.running);
  registry.gauge(Family::kSnapshotTables, {name}).set(copy.tables);
  registry.gauge(Family::kSnapshotTablesRemaining, {name}).set(copy.tables_remaining);
  registry.gauge(Family::kSnapshotRows, {name}).set(copy.rows);
  registry.gauge(Family::kSnapshotDuration, {name}).set(static_cast<double>(copy.duration_ms) / 1000);
}

void publish_producer(Registry& registry, const std::string& name, const ProducerSnapshot& producer) {
  registry.gauge(Family::kKafkaQueueRecords, {name}).set(producer.queue_records);
  registry.gauge(Family::kKafkaQueueBytes, {name}).set(producer.queue_bytes);
  registry.counter(Family::kKafkaSentRecords, {name}).set_total(producer.sent_records);
  for (const BrokerSnapshot& broker : producer.brokers) {
    registry.counter(Family::kKafkaBatches, {name, broker.name}).set_total(broker.requests);
    registry.counter(Family::kKafkaRetries, {name, broker.name}).set_total(broker.retries);
    registry.counter(Family::kKafkaErrors, {name, broker.name}).set_total(broker.errors);
    registry.gauge(Family::kKafkaBrokerUp, {name, broker.name}).set(broker.up);
    const auto set_us = [](metrics::Gauge& gauge, std::int64_t us) {
      gauge.set(static_cast<double>(us) / 1'000'000);
    };
    set_us(registry.gauge(Family::kKafkaThrottleSeconds, {name, broker.name}), broker.throttle_us);
    set_us(registry.gauge(Family::kKafkaAckSeconds, {name, broker.name, "0.5"}), broker.ack_p50_us);
    set_us(registry.gauge(Family::kKafkaAckSeconds, {name, broker.name, "0.99"}), broker.ack_p99_us);
    set_us(registry.gauge(Family::kKafkaAckSeconds, {name, broker.name, "1"}), broker.ack_max_us);
  }
}

void publish_counts(Registry& registry, const PipelineSnapshot& pipeline) {
  const std::string& name = pipeline.name;
  registry.counter(Family::kReceivedBytes, {name}).set_total(pipeline.received_bytes);
  registry.counter(Family::kRecords, {name}).set_total(pipeline.records);
  registry.counter(Family::kTransactions, {name}).set_total(pipeline.transactions);
  registry.counter(Family::kReconnects, {name}).set_total(pipeline.reconnects);
  registry.counter(Family::kCheckpointWrites, {name}).set_total(pipeline.checkpoints);
  registry.counter(Family::kCheckpointErrors, {name}).set_total(pipeline.checkpoint_errors);
  for (const ErrorSnapshot& error : pipeline.errors) {
    registry.counter(Family::kErrors, {name, error.name}).set_total(error.count);
  }
  // Tables beyond the registry's bound share a series: it shows their sum.
  std::map<metrics::Counter*, std::uint64_t> totals;
  for (const TableSnapshot& table : pipeline.tables) {
    const std::pair<std::string_view, std::uint64_t> operations[] = {
        {"read", table.reads},     {"create", table.creates},     {"update", table.updates},
        {"delete", table.deletes}, {"truncate", table.truncates}, {"message", table.messages}};
    for (const auto& [operation, count] : operations) {
      if (count != 0) totals[&registry.counter(Family::kEvents, {name, table.name, operation})] += count;
    }
    totals[&registry.counter(Family::kEmittedBytes, {name, table.name})] += table.bytes;
  }
  for (const auto& [counter, total] : totals) counter->set_total(total);
}

}  // namespace

void publish(Registry& registry, const PipelineSnapshot& pipeline, const PipelineHistory& history,
             bool healthy, Now now) {
  publish_counts(registry, pipeline);
  publish_positions(registry, pipeline, history, now);
  publish_slot(registry, pipeline.name, pipeline.slot);
  publish_memory(registry, pipeline);
  if (pipeline.table_copy) publish_table_copy(registry, pipeline.name, *pipeline.table_copy);
  if (pipeline.producer) publish_producer(registry, pipeline.name, *pipeline.producer);
  if (pipeline.last_event_unix_ms != 0) {
    registry.gauge(Family::kLastEventTimestamp, {pipeline.name}).set(seconds(pipeline.last_event_unix_ms));
  }
  if (pipeline.last_checkpoint_unix_ms != 0) {
    registry.gauge(Family::kCheckpointAge, {pipeline.name})
        .set(seconds(now.unix_ms - pipeline.last_checkpoint_unix_ms));
  }
  for (const std::string_view phase : kPhases) {
    registry.gauge(Family::kPhase, {pipeline.name, phase}).set(pipeline.phase == phase);
  }
  registry.gauge(Family::kHealthy, {pipeline.name}).set(healthy);
}

}  // namespace millrace::control
