// SPDX-License-Identifier: Apache-2.0
// sim_test                                  the smoke run: seeds that must hold (more with MILLRACE_FULL=1)
// sim_test --seed=N [--steps=LIST] [--log]  one seed, shortened when it fails; --here: for a debugger
// sim_test --from=N --seeds=M               a range
// sim_test --history=MODE --seed=N          for conformance/run: SQL, and what the model sends for it
// sim_test --broker --seed=N                for conformance/run_kafka: requests, and what the model answers
//
// MILLRACE_SIM_SEEDS says how many seeds the smoke run takes, MILLRACE_SIM_PROCESSES how many at a time.
#include <absl/strings/numbers.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>

#include "base/concat.h"
#include "base/log.h"
#include "sim/conformance/history.h"
#include "sim/kafka/conformance/broker_script.h"
#include "sim/runner.h"
#include "sim/shrink.h"

namespace millrace::sim {
namespace {

std::uint64_t number_or(const char* text, std::uint64_t otherwise) {
  std::uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

unsigned processes() {
  return static_cast<unsigned>(
      number_or(std::getenv("MILLRACE_SIM_PROCESSES"), std::max(1U, std::thread::hardware_concurrency())));
}

/// @return how many failed.
int run_range(std::uint64_t first, std::uint64_t count, std::string& failures) {
  const auto began = std::chrono::steady_clock::now();
  const SeedsReport report = run_seeds(first, count, processes());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%llu seeds in %.1f s: %llu records, %llu starts after the first, %llu stops with a reason\n",
      static_cast<unsigned long long>(report.seeds), seconds, static_cast<unsigned long long>(report.records),
      static_cast<unsigned long long>(report.restarts), static_cast<unsigned long long>(report.stops));
  for (const std::uint64_t seed : report.failed) failures += explain_failure(seed);
  return static_cast<int>(report.failed.size());
}

TEST(Simulation, EverySeedKeepsEveryPromise) {
  const std::uint64_t standard = std::getenv("MILLRACE_FULL") != nullptr ? 50'000 : 5'000;
  const std::uint64_t count = number_or(std::getenv("MILLRACE_SIM_SEEDS"), standard);
  std::string failures;
  EXPECT_EQ(run_range(1, count, failures), 0) << failures;
}

TEST(Simulation, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Outcome once = run_all(make_scenario(seed));
    const Outcome again = run_all(make_scenario(seed));
    EXPECT_EQ(once.turns, again.turns) << "seed " << seed;
    EXPECT_EQ(once.simulated_us, again.simulated_us) << "seed " << seed;
    EXPECT_EQ(once.records, again.records) << "seed " << seed;
  }
}

TEST(Shrink, KeepsOnlyWhatTheFailureNeeds) {
  std::vector<std::size_t> all(40);
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto has = [](const std::vector<std::size_t>& steps, std::size_t step) {
    return std::find(steps.begin(), steps.end(), step) != steps.end();
  };
  const auto fails = [&](const std::vector<std::size_t>& steps) { return has(steps, 3) && has(steps, 31); };
  EXPECT_EQ(shrink(all, fails), (std::vector<std::size_t>{3, 31}));
}

TEST(Steps, AreWrittenAndReadAsRanges) {
  struct Case {
    std::vector<std::size_t> steps;
    const char* text;
  };
  for (const Case& c : {Case{{}, "none"}, Case{{4}, "4"}, Case{{0, 1, 2, 5, 7, 8}, "0-2,5,7-8"}}) {
    EXPECT_EQ(steps_text(c.steps), c.text);
    std::vector<std::size_t> read{99};
    EXPECT_TRUE(parse_steps(c.text, read));
    EXPECT_EQ(read, c.steps);
  }
  std::vector<std::size_t> read;
  for (const char* bad : {"", "x", "3-1", "1,,2"}) EXPECT_FALSE(parse_steps(bad, read)) << bad;
}

int run_one(std::uint64_t seed, const std::string* steps, bool here) {
  const Scenario scenario = make_scenario(seed);
  std::vector<std::size_t> keep(scenario.steps.size());
  std::iota(keep.begin(), keep.end(), std::size_t{0});
  if (steps != nullptr && !parse_steps(*steps, keep)) {
    std::fprintf(stderr, "--steps wants numbers and ranges, such as 0-4,9\n");
    return 2;
  }
  for (const std::size_t index : keep) {
    if (index < scenario.steps.size()) {
      std::printf("%zu: %s\n", index, describe(scenario.steps[index]).c_str());
    }
  }
  const Outcome outcome = here ? run(scenario, keep) : run_apart(scenario, keep);
  std::printf("%llu records, %llu starts after the first, %llu stops, %.3f s simulated, %llu turns\n",
              static_cast<unsigned long long>(outcome.records),
              static_cast<unsigned long long>(outcome.restarts),
              static_cast<unsigned long long>(outcome.stops), static_cast<double>(outcome.simulated_us) / 1e6,
              static_cast<unsigned long long>(outcome.turns));
  if (outcome.failure.empty()) return 0;
  std::printf("%s\n", steps == nullptr ? explain_failure(seed).c_str() : outcome.failure.c_str());
  return 1;
}

}  // namespace
}  // namespace millrace::sim

int main(int argc, char** argv) {
  using namespace millrace;
  testing::InitGoogleTest(&argc, argv);
  const char* seed = nullptr;
  const char* from = nullptr;
  const char* seeds = nullptr;
  std::string steps;
  bool has_steps = false;
  const char* history = nullptr;
  bool here = false;
  bool broker = false;
  LogLevel level = LogLevel::kOff;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&](std::string_view name) {
      return argument.starts_with(name) ? argv[i] + name.size() : nullptr;
    };
    if (const char* text = value("--seed=")) {
      seed = text;
    } else if (const char* list = value("--steps=")) {
      steps = list;
      has_steps = true;
    } else if (const char* first = value("--from=")) {
      from = first;
    } else if (const char* count = value("--seeds=")) {
      seeds = count;
    } else if (const char* mode_text = value("--history=")) {
      history = mode_text;
    } else if (argument == "--broker") {
      broker = true;
    } else if (argument == "--here") {
      here = true;
    } else if (argument == "--log") {
      level = LogLevel::kDebug;
    } else {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return 2;
    }
  }
  configure_log(level, LogFormat::kJson);
  if (history != nullptr) return sim::print_history(sim::number_or(seed, 1), history);
  if (broker) return sim::print_broker_script(sim::number_or(seed, 1));
  if (seed != nullptr) return sim::run_one(sim::number_or(seed, 1), has_steps ? &steps : nullptr, here);
  if (seeds != nullptr) {
    std::string failures;
    const int failed = sim::run_range(sim::number_or(from, 1), sim::number_or(seeds, 1), failures);
    std::printf("%s", failures.c_str());
    return failed == 0 ? 0 : 1;
  }
  return RUN_ALL_TESTS();
}
