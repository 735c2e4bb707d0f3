// SPDX-License-Identifier: Apache-2.0
#include "sim/runner.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <string_view>

#include "base/concat.h"
#include "sim/shrink.h"

namespace millrace::sim {

namespace {

constexpr unsigned kSecondsPerRun = 60;

/// Memory that parent and children share; for the life of the object.
template <class T>
class Shared {
 public:
  Shared() {
    void* const at = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();
    object_ = new (at) T();
  }
  ~Shared() { ::munmap(object_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() noexcept { return object_; }

 private:
  T* object_;
};

struct RunBoard {
  Outcome numbers;  // its text stays empty: it would point into the child
  char failure[4000] = {};
};

struct SeedsBoard {
  static constexpr std::size_t kChildrenMax = 64;
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> passed{0};
  std::atomic<std::uint64_t> records{0};
  std::atomic<std::uint64_t> restarts{0};
  std::atomic<std::uint64_t> stops{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> running[kChildrenMax] = {};
};

void quiet_child() {
  // A broken invariant says so on stderr and aborts: no core file for each.
  std::signal(SIGABRT, [](int) { ::_exit(3); });
  ::alarm(kSecondsPerRun);
}

}  // namespace

Outcome run_apart(const Scenario& scenario, const std::vector<std::size_t>& keep) {
  Shared<RunBoard> board;
  const pid_t child = ::fork();
  if (child == 0) {
    quiet_child();
    Outcome outcome = run(scenario, keep);
    const std::string failure = std::exchange(outcome.failure, {});
    std::strncpy(board->failure, failure.c_str(), sizeof(board->failure) - 1);
    board->numbers.records = outcome.records;
    board->numbers.restarts = outcome.restarts;
    board->numbers.stops = outcome.stops;
    board->numbers.turns = outcome.turns;
    board->numbers.simulated_us = outcome.simulated_us;
    // Not exit(): the parent's buffers are not this process's to write. Coverage is kept by hand.
    std::_Exit(failure.empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  Outcome outcome = board->numbers;
  outcome.failure = board->failure;
  if (outcome.failure.empty() && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
    outcome.failure = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
                          ? concat("did not end within ", kSecondsPerRun, " s")
                          : "a broken invariant stopped the program (see its line above)";
  }
  return outcome;
}

SeedsReport run_seeds(std::uint64_t first, std::uint64_t count, unsigned processes) {
  Shared<SeedsBoard> board;
  processes = std::clamp(processes, 1U, static_cast<unsigned>(SeedsBoard::kChildrenMax));
  std::vector<pid_t> children;
  for (unsigned i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    if (child != 0) {
      children.push_back(child);
      continue;
    }
    for (;;) {
      const std::uint64_t n = board->next.fetch_add(1);
      if (n >= count || board->stop.load()) std::exit(0);
      board->running[i] = first + n;
      quiet_child();
      const Outcome outcome = run_all(make_scenario(first + n));
      if (!outcome.failure.empty()) std::_Exit(1);
      board->passed.fetch_add(1);
      board->records.fetch_add(outcome.records);
      board->restarts.fetch_add(outcome.restarts);
      board->stops.fetch_add(outcome.stops);
    }
  }
  SeedsReport report;
  for (unsigned i = 0; i < processes; ++i) {
    int status = 0;
    ::waitpid(children[i], &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    board->stop = true;
    report.failed.push_back(board->running[i]);
  }
  report.seeds = board->passed;
  report.records = board->records;
  report.restarts = board->restarts;
  report.stops = board->stops;
  return report;
}

std::string explain_failure(std::uint64_t seed) {
  const Scenario scenario = make_scenario(seed);
  std::vector<std::size_t> all(scenario.steps.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const Outcome first = run_apart(scenario, all);
  if (first.failure.empty()) return concat("seed ", seed, " passes when it runs alone");
  const std::vector<std::size_t> least = shrink(
      all, [&](const std::vector<std::size_t>& keep) { return !run_apart(scenario, keep).failure.empty(); });
  const Outcome outcome = run_apart(scenario, least);
  std::string text = concat("seed ", seed, " fails: ", first.failure, "\n  shortest form, ", least.size(),
                            " of ", all.size(), " steps: ", outcome.failure, "\n");
  for (const std::size_t index : least)
    append(text, "    ", index, ": ", describe(scenario.steps[index]), "\n");
  append(text, "  run it: sim_test --seed=", seed, " --steps=", steps_text(least), "\n");
  return text;
}

}  // namespace millrace::sim
