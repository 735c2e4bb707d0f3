// SPDX-License-Identifier: Apache-2.0
#include "control/control_pages.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "control/metrics_text.h"
#include "control/snapshot_metrics.h"
#include "control/status_json.h"

namespace millrace::control {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kHtml[] = "text/html; charset=utf-8";

constexpr std::string_view kFrontPage = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>millrace</title></head>
<body><h1>millrace</h1>
<ul>
<li><a href="/status">/status</a>: every pipeline, as JSON</li>
<li><a href="/healthz">/healthz</a>: 200 while there is progress, else 503 with reasons</li>
<li><a href="/readyz">/readyz</a>: 200 when every pipeline streams or takes its snapshot</li>
<li><a href="/metrics">/metrics</a>: for Prometheus</li>
</ul></body></html>
)";

HttpResponse json_page(bool ok, std::string body) {
  return {ok ? 200U : 503U, kJson, std::move(body) + "\n"};
}

}  // namespace

ControlPages::ControlPages(ControlPagesOptions options, metrics::Registry& registry,
                           SnapshotFunction snapshots, std::function<Now()> clock)
    : options_(std::move(options)),
      registry_(registry),
      snapshots_(std::move(snapshots)),
      clock_(std::move(clock)),
      process_(registry, options_.version, options_.revision, clock_()),
      policy_(options_.health) {}

void ControlPages::tick() {
  now_ = clock_();
  pipelines_ = snapshots_();
  for (const std::string& gone : history_.observe(now_, pipelines_)) registry_.remove_pipeline(gone);
  health_ = policy_.judge(now_, pipelines_);
}

HttpResponse ControlPages::answer(const HttpRequest& request) {
  const std::string_view path = request.path();
  if (path == "/") return {200, kHtml, std::string(kFrontPage)};
  if (path != "/metrics" && path != "/status" && path != "/healthz" && path != "/readyz") {
    return {404, "text/plain; charset=utf-8", "no such page; / lists them\n"};
  }
  tick();
  if (path == "/metrics") return metrics_page();
  if (path == "/status") {
    return json_page(
        true, status_json(options_.version, process_.uptime_ms(now_), pipelines_, health_, history_, now_));
  }
  if (path == "/readyz") return json_page(is_ready(health_), ready_json(health_));
  return json_page(std::ranges::all_of(health_, &PipelineHealth::healthy), health_json(health_));
}

HttpResponse ControlPages::metrics_page() {
  process_.publish(now_);
  for (std::size_t i = 0; i < pipelines_.size(); ++i) {
    publish(registry_, pipelines_[i], history_, health_[i].healthy(), now_);
  }
  return {200, kMetricsContentType, metrics_text(registry_.read())};
}

}  // namespace millrace::control
