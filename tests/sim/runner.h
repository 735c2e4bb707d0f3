// SPDX-License-Identifier: Apache-2.0
// Runs seeds in child processes, so that a broken invariant that aborts is a failing seed like any other, and
// shortens what fails.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/scenario.h"

namespace millrace::sim {

struct SeedsReport {
  std::uint64_t seeds = 0;  ///< That passed.
  std::uint64_t records = 0;
  std::uint64_t restarts = 0;
  std::uint64_t stops = 0;
  std::vector<std::uint64_t> failed;  ///< At most one per child: the rest of its seeds is not run.
};

/// Runs `count` seeds from `first` on in `processes` children; ends early when one fails.
SeedsReport run_seeds(std::uint64_t first, std::uint64_t count, unsigned processes);

/// One run in a child. The failure is empty when all is well.
Outcome run_apart(const Scenario& scenario, const std::vector<std::size_t>& keep);

/// Shortens a failing seed and says how to run it: the text for people.
std::string explain_failure(std::uint64_t seed);

}  // namespace millrace::sim
