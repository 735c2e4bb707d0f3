// SPDX-License-Identifier: Apache-2.0
// What one snapshot cannot say: rates, and how long a stage has been behind.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "control/pipeline_snapshot.h"

namespace millrace::control {

/// Per second, over the last ten seconds or what there is of them.
struct Rates {
  double events = 0;
  double records = 0;
  double received_bytes = 0;
};

/// Remembers a few seconds of every pipeline. Reads no clock; owner: the control thread.
class PipelineHistory {
 public:
  static constexpr std::int64_t kWindowMs = 10'000;

  /// Takes the newest snapshots in; pipelines that are not listed are forgotten.
  /// @return the names of those forgotten.
  std::vector<std::string> observe(Now now, std::span<const PipelineSnapshot> pipelines);

  Rates rates(const std::string& pipeline) const;

  /// How far the stage is behind the source: 0 at the server's head; else the age of the last event that
  /// passed it, but no longer than it has been behind, so that the first change after a quiet night is not a
  /// night late. Nothing when no event has passed yet, or the head is unknown.
  std::optional<std::int64_t> behind_ms(const PipelineSnapshot& pipeline, Stage stage, Now now) const;

 private:
  struct Point {
    std::int64_t monotonic_ms = 0;
    std::uint64_t events = 0;
    std::uint64_t records = 0;
    std::uint64_t received_bytes = 0;
  };
  struct Past {
    std::deque<Point> points;                                       // oldest first
    std::array<std::optional<std::int64_t>, kStages> at_head_ms{};  // monotonic; when last seen at the head
  };
  std::map<std::string, Past> past_;
};

}  // namespace millrace::control
