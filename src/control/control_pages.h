// SPDX-License-Identifier: Apache-2.0
// The pages of the control server as functions of the pipelines' snapshots: no sockets, no clock.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "control/health_policy.h"
#include "control/http_message.h"
#include "control/pipeline_history.h"
#include "control/pipeline_snapshot.h"
#include "control/process_metrics.h"

namespace millrace::control {

struct ControlPagesOptions {
  std::string version;
  std::string revision;
  HealthOptions health;
};

/// Answers /healthz, /readyz, /metrics, /status and /. Owner: the control thread; only there are its
/// functions called.
class ControlPages {
 public:
  /// @param registry  outlives this. @param snapshots  a pipeline that it no longer lists has ended: its
  /// series are removed from the registry. @param clock  the time.
  ControlPages(ControlPagesOptions options, metrics::Registry& registry, SnapshotFunction snapshots,
               std::function<Now()> clock);

  HttpResponse answer(const HttpRequest& request);

  /// Takes snapshots in: call every second, so that rates and stalls are known when somebody asks.
  void tick();

 private:
  HttpResponse metrics_page();

  ControlPagesOptions options_;
  metrics::Registry& registry_;
  SnapshotFunction snapshots_;
  std::function<Now()> clock_;
  ProcessMetrics process_;
  HealthPolicy policy_;
  PipelineHistory history_;
  // As of the last tick or request.
  Now now_;
  std::vector<PipelineSnapshot> pipelines_;
  std::vector<PipelineHealth> health_;
};

}  // namespace millrace::control
