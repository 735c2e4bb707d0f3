// SPDX-License-Identifier: Apache-2.0
// Looks at everything of a Kafka cluster that a pipeline will need, before it needs it, and says how to put
// it right.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/reason_code.h"
#include "config/config.h"

namespace millrace::kafka {

struct CheckFinding {
  enum class Severity : std::uint8_t { kOk, kNote, kWarning, kError };
  Severity severity = Severity::kOk;
  ReasonCode reason = ReasonCode::kOk;  ///< What a run would stop with.
  std::string subject;                  ///< `topic p.public.orders`
  std::string problem;                  ///< What was found; for kOk what is good about it.
  std::string fix;                      ///< A command or setting; empty when there is none.
};

/// A topic that a captured table's records will go to.
struct TargetTopic {
  std::string name;
  std::string table;                   ///< schema.table, for messages.
  std::int64_t average_row_bytes = 0;  ///< 0: not known.
  bool has_key = true;
};

/// Connects, looks, and changes nothing: no topic is made, no instance is fenced. Brokers that cannot be
/// reached are a finding too.
/// @param targets  of the tables that are captured now; empty when the database could not be asked.
std::vector<CheckFinding> run_check(const PipelineConfig& config, std::span<const TargetTopic> targets);

}  // namespace millrace::kafka
