// SPDX-License-Identifier: Apache-2.0
// check FILE: the file, then the servers, and what to fix.
#include "base/concat.h"
#include "base/json_text.h"
#include "base/reason_code.h"
#include "cli/check_report.h"
#include "cli/commands.h"
#include "config/parse.h"

#include <algorithm>

namespace millrace::cli {

int check_command(const Arguments& arguments, Io& io) {
  CheckReport found{.file = arguments.operands[0], .mistakes = {}, .notes = {}, .pipelines = {}};
  const absl::StatusOr<ProcessConfig> config = load_from(arguments, found.file, io);
  if (!config.ok()) {
    if (reason_of(config.status()) != ReasonCode::kConfigInvalid) return report(config.status(), io);
    found.mistakes = config::problem_lines(config.status());
  } else {
    found.notes = config->notes;
    for (const PipelineConfig& pipeline : config->pipelines) {
      found.pipelines.push_back({pipeline.name, check_pipeline(pipeline)});
    }
  }
  io.out << (arguments.has(kJsonFlag.name) ? check_json(found) : check_text(found));
  return exit_code_of(found);
}

}  // namespace millrace::cli
