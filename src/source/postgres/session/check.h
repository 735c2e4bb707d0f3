// SPDX-License-Identifier: Apache-2.0
// Looks at everything on a server that a pipeline will need, before it needs it, and says how to put it
// right.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/reason_code.h"
#include "config/config.h"

namespace millrace::postgres {

struct CheckFinding {
  enum class Severity : std::uint8_t { kOk, kNote, kWarning, kError };
  Severity severity = Severity::kOk;
  std::string id;  ///< Stable, for scripts and tests: `replica_identity`.
  ReasonCode reason =
      ReasonCode::kOk;  ///< What a run would stop with; kNotReady when it would go on and lose something.
  std::string subject;  ///< `wal_level`, `table public.orders`
  std::string problem;  ///< What was found; for kOk what is good about it.
  std::string fix;      ///< SQL or setting, one statement a line; empty when there is none.
};
std::string_view name_of(CheckFinding::Severity severity) noexcept;

/// Connects, looks, and changes nothing: no slot, no publication. A server that cannot be reached is a
/// finding too.
std::vector<CheckFinding> run_check(const PipelineConfig& config);

}  // namespace millrace::postgres
