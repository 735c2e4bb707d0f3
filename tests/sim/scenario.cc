// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <numeric>

#include "base/concat.h"
#include "sim/random.h"

namespace millrace::sim {

namespace {

struct Kind {
  StepKind kind;
  const char* name;
  std::uint64_t weight;  ///< Among faults; 0: not drawn as one.
  bool postgres_only;
  std::uint64_t kafka_weight = 0;  ///< Among the faults that come on top where records go to Kafka.
};

constexpr Kind kKinds[] = {
    {StepKind::kTransaction, "transaction", 0, false},
    {StepKind::kMessage, "message outside transactions", 0, true},
    {StepKind::kNoise, "log of no interest", 0, false},
    {StepKind::kCrash, "kill -9", 12, false},
    {StepKind::kPowerCut, "power cut", 4, false},
    {StepKind::kStop, "stop and start", 6, false},
    {StepKind::kCut, "connection cut", 14, false},
    {StepKind::kStallNetwork, "network stalls", 6, true},
    {StepKind::kServerStop, "server stops in order", 6, true},
    {StepKind::kServerCrash, "server crashes", 6, true},
    {StepKind::kPromote, "server is promoted", 2, true},
    {StepKind::kTerminate, "server terminates connections", 5, true},
    {StepKind::kSlotBusy, "slot is busy for a while", 3, true},
    {StepKind::kRefuse, "requests fail", 5, true},
    {StepKind::kRefuseForGood, "a request is refused", 2, true},
    {StepKind::kHostile, "server sends nonsense", 8, true},
    {StepKind::kAnotherHistory, "another history", 0, true},
    {StepKind::kStallSink, "sink stalls", 10, false},
    {StepKind::kFailSink, "sink fails", 4, false},
    {StepKind::kFailSinkOpen, "sink does not open", 2, false},
    {StepKind::kLoseAcknowledgements, "acknowledgements are lost", 6, false},
    {StepKind::kStallCheckpoints, "checkpoints stall", 6, false},
    {StepKind::kFailCheckpoint, "checkpoint write fails", 3, false},
    {StepKind::kDamageCheckpoint, "newest checkpoint is damaged", 4, false},
    {StepKind::kLockCheckpoint, "checkpoint is locked", 1, false},
    {StepKind::kSpoilCheckpoint, "checkpoint is edited", 0, true},
    {StepKind::kFence, "another instance takes over", 0, false, 2},
    {StepKind::kKafkaAway, "brokers are away", 0, false, 10},
    {StepKind::kKafkaCut, "connections to brokers break", 0, false, 16},
    {StepKind::kMoveLeaders, "partitions have no leader", 0, false, 12},
    {StepKind::kRefuseBatches, "batches are refused for a while", 0, false, 12},
    {StepKind::kRefuseBatch, "a batch is refused for good", 0, false, 4},
    {StepKind::kFailProducer, "the producer is done for", 0, false, 5},
    {StepKind::kStallReports, "delivery reports come late", 0, false, 6},
    {StepKind::kTroubleTopics, "questions about topics fail", 0, false, 8},
    {StepKind::kRefuseTopics, "topics may not be made", 0, false, 2},
    {StepKind::kLoseTopic, "a topic is lost", 0, false, 0},
    {StepKind::kFullScratch, "scratch disk is full", 3, true},
    {StepKind::kPoison, "a change cannot be encoded", 2, false},
    {StepKind::kBadTable, "a table cannot be mapped", 2, true},
};

const Kind& kind_of(StepKind kind) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.kind == kind; });
}

StepKind draw_fault(Random& random, SourceKind source) {
  std::uint64_t all = 0;
  for (const Kind& kind : kKinds) all += source == SourceKind::kGtid && kind.postgres_only ? 0 : kind.weight;
  std::uint64_t at = random.below(all);
  for (const Kind& kind : kKinds) {
    const std::uint64_t weight = source == SourceKind::kGtid && kind.postgres_only ? 0 : kind.weight;
    if (at < weight) return kind.kind;
    at -= weight;
  }
  return StepKind::kCrash;
}

StepKind draw_kafka_fault(Random& random) {
  std::uint64_t all = 0;
  for (const Kind& kind : kKinds) all += kind.kafka_weight;
  std::uint64_t at = random.below(all);
  for (const Kind& kind : kKinds) {
    if (at < kind.kafka_weight) return kind.kind;
    at -= kind.kafka_weight;
  }
  return StepKind::kKafkaCut;
}

/// Some runs write into Kafka. By numbers of its own: the others stay what they were.
void draw_output(Scenario& scenario, std::int64_t horizon_us) {
  Random random(Random(scenario.seed ^ 0x4B41464B41ULL).next());
  if (!random.percent(35)) return;
  scenario.output = OutputKind::kKafka;
  scenario.exactly_once = false;
  scenario.partitions = 1 + random.below(7);
  scenario.topics = random.percent(50) ? 1 : 1 + random.below(4);
  const std::uint64_t faults = random.percent(15) ? 0 : random.below(8);
  for (std::uint64_t n = faults; n > 0; --n) {
    scenario.steps.push_back({random.between(0, horizon_us), draw_kafka_fault(random), random.next()});
  }
  if (random.percent(5))
    scenario.steps.push_back({random.between(0, horizon_us), StepKind::kLoseTopic, random.next()});
  scenario.checkpoints_in_kafka = random.percent(60);
  // With minutes between what happens.
  if (random.percent(6)) {
    for (Step& step : scenario.steps) step.at_us *= 100;
  }
}

}  // namespace

std::string_view to_string(StepKind kind) noexcept { return kind_of(kind).name; }

Scenario make_scenario(std::uint64_t seed) {
  Random random(Random(seed).next());
  Scenario scenario;
  scenario.seed = seed;
  scenario.source = random.percent(20) ? SourceKind::kGtid : SourceKind::kPostgres;
  scenario.workers = random.below(5);
  scenario.exactly_once = random.percent(60);
  scenario.partitions = scenario.exactly_once && random.percent(50) ? 1 : 1 + random.below(4);
  const std::int64_t horizon_us = random.between(50'000, 1'500'000);
  const auto add = [&](StepKind kind) {
    scenario.steps.push_back({random.between(0, horizon_us), kind, random.next()});
  };
  for (std::uint64_t n = 3 + random.below(25); n > 0; --n) add(StepKind::kTransaction);
  for (std::uint64_t n = random.below(4); n > 0; --n) add(StepKind::kMessage);
  for (std::uint64_t n = random.below(4); n > 0; --n) add(StepKind::kNoise);
  const std::uint64_t faults = random.percent(15) ? 0 : random.below(9);
  for (std::uint64_t n = faults; n > 0; --n) add(draw_fault(random, scenario.source));
  if (scenario.source == SourceKind::kPostgres && random.percent(6)) add(StepKind::kAnotherHistory);
  if (scenario.source == SourceKind::kPostgres && random.percent(3)) add(StepKind::kSpoilCheckpoint);
  draw_output(scenario, horizon_us);
  std::sort(scenario.steps.begin(), scenario.steps.end(), [](const Step& a, const Step& b) {
    return a.at_us != b.at_us ? a.at_us < b.at_us : a.seed < b.seed;
  });
  return scenario;
}

Outcome run_all(const Scenario& scenario) {
  std::vector<std::size_t> keep(scenario.steps.size());
  std::iota(keep.begin(), keep.end(), std::size_t{0});
  return run(scenario, keep);
}

std::string steps_text(const std::vector<std::size_t>& steps) {
  if (steps.empty()) return "none";
  std::string text;
  for (std::size_t i = 0; i < steps.size();) {
    std::size_t last = i;
    while (last + 1 < steps.size() && steps[last + 1] == steps[last] + 1) ++last;
    append(text, text.empty() ? "" : ",", steps[i]);
    if (last > i) append(text, "-", steps[last]);
    i = last + 1;
  }
  return text;
}

bool parse_steps(std::string_view text, std::vector<std::size_t>& out) {
  out.clear();
  if (text == "none") return true;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last) || last < first)
      return false;
    for (; first <= last; ++first) out.push_back(static_cast<std::size_t>(first));
  }
  return true;
}

std::string describe(const Step& step) {
  return concat(step.at_us / 1000, ".", step.at_us / 100 % 10, " ms: ", to_string(step.kind), " #",
                step.seed % 1000);
}

}  // namespace millrace::sim
