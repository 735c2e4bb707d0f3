// SPDX-License-Identifier: Apache-2.0
// What the commands ask of the program behind them. The commands read files and print; everything that
// connects, streams or touches a checkpoint is behind these functions.
#pragma once
#include "base/reason_code.h"
#include "config/config.h"

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::cli {

/// How a pipeline ended. A stop that was asked for is a status with the reason SIGNAL.
struct PipelineOutcome {
  std::string name;
  absl::Status status;
};

struct RunOptions {
  bool progress_line = false;  ///< stderr is a terminal: show progress by set_log_status_line().
};

/// Runs every pipeline of `config` until each has ended by itself or a signal ended it; the end of one leaves
/// the others running. Serves config.http_listen, tells systemd, drains on SIGTERM and SIGINT. One outcome
/// per pipeline, in the order of the file.
std::vector<PipelineOutcome> run_pipelines(const ProcessConfig& config, const RunOptions& options);

/// Something `check` looked at.
struct Finding {
  enum class Severity : std::uint8_t { kOk, kNote, kWarning, kError };
  Severity severity = Severity::kOk;
  ReasonCode reason = ReasonCode::kOk;  ///< What `run` would stop with.
  std::string subject;                  ///< `wal_level`, `table public.orders`.
  std::string problem;                  ///< What was found; for kOk: what is good about it.
  std::string fix;  ///< The SQL statement or setting that remedies it; empty when there is none.
};

/// Connects to the pipeline's server, and to its Kafka, and looks at everything that `run` will need. Changes
/// nothing there.
std::vector<Finding> check_pipeline(const PipelineConfig& pipeline);

/// What `position get` shows: names and values, in this order.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// @return NotFound when nothing is stored yet.
absl::StatusOr<Facts> get_position(const PipelineConfig& pipeline);

/// Stores `position` as the place to go on from: an LSN such as 0/16B3748. FailedPrecondition with
/// CHECKPOINT_LOCKED or ALREADY_ACTIVE while the pipeline runs; InvalidArgument when it is not a position.
absl::Status set_position(const PipelineConfig& pipeline, std::string_view position);

/// Forgets the stored position: the next start is a first start. Errors as above.
absl::Status reset_position(const PipelineConfig& pipeline);

}  // namespace millrace::cli
