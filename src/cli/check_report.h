// SPDX-License-Identifier: Apache-2.0
// What `check` found, as words for a person and as JSON for a script.
#pragma once
#include "cli/engine.h"

#include <string>
#include <vector>

namespace millrace::cli {

struct PipelineFindings {
  std::string pipeline;
  std::vector<Finding> findings;
};

struct CheckReport {
  std::string file;
  std::vector<std::string> mistakes;  ///< In the file; then no server was asked.
  std::vector<std::string> notes;     ///< Options that change nothing.
  std::vector<PipelineFindings> pipelines;
};

/// 0: ready; 1: a finding is an error; 2: the file has mistakes.
int exit_code_of(const CheckReport& report) noexcept;

std::string check_text(const CheckReport& report);

/// {"file","ok","mistakes":[],"notes":[],"pipelines":[{"name","ok","findings":[{"severity","reason","subject","problem",
/// "fix"}]}]}, on one line. `fix` is null when there is none.
std::string check_json(const CheckReport& report);

}  // namespace millrace::cli
