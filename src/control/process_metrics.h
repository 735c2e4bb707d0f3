// SPDX-License-Identifier: Apache-2.0
// The process_* metrics that every Prometheus client offers, and build and uptime.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/metrics.h"
#include "control/pipeline_snapshot.h"

namespace millrace::control {

/// Reads /proc and sets the series. What cannot be read keeps its last value. Owner: the control thread.
class ProcessMetrics {
 public:
  ProcessMetrics(metrics::Registry& registry, std::string_view version, std::string_view revision, Now now);

  void publish(Now now);
  std::int64_t uptime_ms(Now now) const noexcept { return now.unix_ms - start_unix_ms_; }

 private:
  metrics::Gauge& uptime_;
  metrics::Counter& cpu_;  // counts microseconds
  metrics::Gauge& resident_;
  metrics::Gauge& virtual_;
  metrics::Gauge& open_fds_;
  metrics::Gauge& max_fds_;
  std::int64_t start_unix_ms_;
};

}  // namespace millrace::control
