// SPDX-License-Identifier: Apache-2.0
// run FILE: captures until stopped.
#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "config/failpoint_orders.h"

#include <algorithm>
#include <string>
#include <vector>

namespace millrace::cli {

#ifdef MILLRACE_FAILPOINTS
namespace {

absl::Status take_failpoint_orders(Io& io) {
  const std::string orders = io.environment.variable("MILLRACE_FAILPOINTS").value_or("");
  absl::StatusOr<std::vector<FailpointOrder>> parsed = config::parse_failpoints(orders);
  if (!parsed.ok()) return parsed.status();
  log_warn("failpoint", "FAILPOINTS ARE ON: this build is for tests, and nothing else", {{"orders", orders}});
  arm_failpoints(*std::move(parsed));
  return absl::OkStatus();
}

}  // namespace
#endif

int run_command(const Arguments& arguments, Io& io) {
  const absl::StatusOr<ProcessConfig> config = load_from(arguments, arguments.operands[0], io);
  if (!config.ok()) return report(config.status(), io);
  configure_log(config->log_level, config->log_format);
#ifdef MILLRACE_FAILPOINTS
  if (const absl::Status taken = take_failpoint_orders(io); !taken.ok()) return report(taken, io);
#endif
  for (const std::string& note : config->notes) log_info("config", note);

  int exit_code = 0;
  for (const PipelineOutcome& outcome : run_pipelines(*config, {.progress_line = io.err_is_terminal})) {
    const ReasonInfo& info = reason_info(reason_of(outcome.status));
    if (info.exit_code == 0) {
      const LogPipelineScope scope(outcome.name);
      log_info("millrace", info.meaning, {{"reason", info.name}, {"exit_code", info.exit_code}});
    } else {
      report(outcome.status, io, outcome.name);
    }
    exit_code = std::max(exit_code, info.exit_code);
  }
  return exit_code;
}

}  // namespace millrace::cli
