// SPDX-License-Identifier: Apache-2.0
// What a seed stands for: how the pipeline is set up, and what happens to it when.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sim {

enum class StepKind : std::uint8_t {
  // What clients of the database do.
  kTransaction,
  kMessage,
  kNoise,
  // The product's process.
  kCrash,     ///< kill -9
  kPowerCut,  ///< The machine: what the sink did not sync is gone.
  kStop,      ///< SIGTERM, then a start.
  // The network.
  kCut,
  kStallNetwork,
  // The server.
  kServerStop,
  kServerCrash,
  kPromote,
  kTerminate,
  kSlotBusy,
  kRefuse,          ///< Requests fail and may be tried again.
  kRefuseForGood,   ///< A request fails and may not.
  kHostile,         ///< The server sends what it never should.
  kAnotherHistory,  ///< Restored, replaced, another cluster: the product must stop by itself.
  // Where records and positions go.
  kStallSink,
  kFailSink,
  kFailSinkOpen,
  kLoseAcknowledgements,
  kStallCheckpoints,
  kFailCheckpoint,
  kDamageCheckpoint,
  kLockCheckpoint,
  kSpoilCheckpoint,  ///< Edited by somebody: the product must stop by itself.
  kFence,            ///< Another instance took over.
  // Kafka.
  kKafkaAway,      ///< All brokers.
  kKafkaCut,       ///< Its connections: requests or their answers are lost.
  kMoveLeaders,    ///< Partitions have no leader for a while.
  kRefuseBatches,  ///< Batches fail and may be sent again.
  kRefuseBatch,    ///< A batch fails for good.
  kFailProducer,   ///< Fenced, out of order: it is done for.
  kStallReports,   ///< Delivery reports come late.
  kTroubleTopics,  ///< Questions about topics fail, and their creation.
  kRefuseTopics,   ///< Creation is forbidden.
  kLoseTopic,      ///< One is deleted, made anew or cut: the product must stop by itself.
  // Inside.
  kFullScratch,
  kPoison,
  kBadTable,
};
std::string_view to_string(StepKind kind) noexcept;

struct Step {
  std::int64_t at_us = 0;
  StepKind kind = StepKind::kTransaction;
  std::uint64_t seed = 0;  ///< All else about it.
};

enum class SourceKind : std::uint8_t { kPostgres, kGtid };
enum class OutputKind : std::uint8_t { kModel, kKafka };

struct Scenario {
  std::uint64_t seed = 0;
  SourceKind source = SourceKind::kPostgres;
  std::size_t workers = 1;  ///< 0: one thread does everything.
  OutputKind output = OutputKind::kModel;
  std::size_t partitions = 1;  ///< Of a topic.
  std::size_t topics = 1;
  bool exactly_once = true;
  bool checkpoints_in_kafka = false;  ///< They wait for its brokers, too.
  std::vector<Step> steps;            ///< Ascending in time.
};

Scenario make_scenario(std::uint64_t seed);

/// What a run ended with.
struct Outcome {
  std::string failure;  ///< Empty: every promise was kept.
  std::uint64_t records = 0;
  std::uint64_t restarts = 0;
  std::uint64_t stops = 0;  ///< The product ended by itself, with a reason.
  std::uint64_t turns = 0;
  std::int64_t simulated_us = 0;
};

/// Runs it. @param keep  indices of the steps that happen.
Outcome run(const Scenario& scenario, const std::vector<std::size_t>& keep);
/// With all of them.
Outcome run_all(const Scenario& scenario);

/// "0-4,9" and back.
std::string steps_text(const std::vector<std::size_t>& steps);
bool parse_steps(std::string_view text, std::vector<std::size_t>& out);
/// A line for a step, for people.
std::string describe(const Step& step);

}  // namespace millrace::sim
