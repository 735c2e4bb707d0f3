// SPDX-License-Identifier: Apache-2.0
// When /healthz is red: a pipeline failed, or makes no progress though there should be some.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "control/pipeline_snapshot.h"

namespace millrace::control {

struct HealthOptions {
  std::int64_t stall_ms = 60'000;  ///< How long nothing may move. Above the server's 30 s between keepalives.
};

struct PipelineHealth {
  std::string name;
  std::string phase;
  std::vector<std::string> reasons;  ///< Why it is red, in words.
  bool healthy() const noexcept { return reasons.empty(); }
};

/// Judges pipelines by comparing each snapshot with the ones before. Red when
/// - the phase is failed;
/// - progress is due and for stall_ms nothing moved: no stage's position, no record, no snapshot row, no
/// phase. Due is
///   it while records are in flight, a stage is behind the server's head, or the phase is one that should
///   end;
/// - acknowledged, checkpointed or told stands still for stall_ms while the stage before it goes on: a
/// checkpoint that
///   cannot be written stops nothing at once, but the server keeps its log.
/// Paused and stopped pipelines are green: somebody wanted that. Reads no clock; owner: the control thread.
class HealthPolicy {
 public:
  explicit HealthPolicy(HealthOptions options = {}) : options_(options) {}

  /// Takes the newest snapshots in and judges them. Call every second or so: what happens between two calls
  /// is one movement. Pipelines that are not listed are forgotten.
  std::vector<PipelineHealth> judge(Now now, std::span<const PipelineSnapshot> pipelines);

 private:
  struct Seen {
    bool before = false;
    std::array<std::uint64_t, kStages> raw{};
    std::uint64_t records = 0;
    std::uint64_t rows = 0;
    std::string phase;
    std::int64_t moved_at_ms = 0;                       // anything, or nothing was due
    std::array<std::uint32_t, kStages> moves_missed{};  // of the stage before, since this one last moved
    std::array<std::int64_t, kStages> missed_since_ms{};
    std::uint64_t round = 0;  // of the last call that listed it
  };

  void observe(Seen& seen, Now now, const PipelineSnapshot& pipeline) const;
  void add_reasons(const Seen& seen, Now now, const PipelineSnapshot& pipeline,
                   std::vector<std::string>& reasons) const;

  HealthOptions options_;
  std::map<std::string, Seen> seen_;
  std::uint64_t round_ = 0;
};

}  // namespace millrace::control
