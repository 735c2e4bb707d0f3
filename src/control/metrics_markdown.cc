// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_markdown.h"

#include <array>
#include <string_view>

#include "base/metric_declarations.h"
#include "control/metrics_text.h"

namespace millrace::control {
namespace {

using metrics::Declaration;
using metrics::Family;

struct Section {
  Family first;
  std::string_view title;
};

// Each goes on until the next one begins.
constexpr std::array kSections{
    Section{Family::kEvents, "What passed through"},
    Section{Family::kPosition, "Where each stage stands"},
    Section{Family::kSlotRestartPosition, "The server's slot"},
    Section{Family::kRingUsed, "Rings, pools, credits"},
    Section{Family::kErrors, "Trouble"},
    Section{Family::kSnapshotRunning, "Snapshot"},
    Section{Family::kCheckpointAge, "Checkpoint and sink"},
    Section{Family::kPhase, "Pipeline and process"},
};

constexpr std::string_view kIntroduction = R"(# Metrics

This file is generated from the declarations in `src/base/metric_declarations.cc`: `millrace docs metrics`.

`GET /metrics` on the control address answers in Prometheus' text format 0.0.4. A family shows once it has a series. Names follow
Prometheus' conventions: base units (seconds, bytes) at the end, counters with `_total`. `deploy/prometheus/alerts.yml` and
`deploy/grafana/millrace.json` use them.

The last column names the attributes of Debezium's MBeans (`debezium.<connector>:type=connector-metrics`) that say the same, for
whoever moves dashboards over. Debezium's milliseconds are seconds here, and its `reset()` does not exist: counters only grow, and
`rate()` needs no reset.

A family holds at most 5,000 label sets per pipeline. Further tables are counted together under `table="other"`, and
`millrace_series_folded_total` says how many there were.
)";

// A bar would end the table's cell.
void append_cell(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  out += " | ";
}

std::string joined_labels(const Declaration& family) {
  std::string out;
  for (const std::string_view label : family.labels) {
    if (!out.empty()) out += ", ";
    out.append("`").append(label).append("`");
  }
  return out;
}

std::string help_with_buckets(const Declaration& family) {
  std::string out(family.help);
  if (family.buckets.empty()) return out;
  out += " Buckets up to ";
  append_metric_value(out, family.buckets.front());
  for (const double bound : family.buckets.subspan(1)) {
    out += ", ";
    append_metric_value(out, bound);
  }
  out += ".";
  return out;
}

void append_row(std::string& out, const Declaration& family) {
  out += "| ";
  append_cell(out, "`" + std::string(family.name) + "`");
  append_cell(out, to_string(family.type));
  append_cell(out, family.unit);
  append_cell(out, joined_labels(family));
  append_cell(out, help_with_buckets(family));
  append_cell(out, family.debezium);
  out.back() = '\n';
}

}  // namespace

std::string metrics_markdown() {
  std::string out(kIntroduction);
  auto section = kSections.begin();
  for (const Declaration& family : metrics::declarations()) {
    if (section != kSections.end() && section->first == family.family) {
      out.append("\n## ").append(section->title).append("\n\n");
      out.append("| Name | Type | Unit | Labels | Meaning | Debezium |\n|---|---|---|---|---|---|\n");
      ++section;
    }
    append_row(out, family);
  }
  return out;
}

}  // namespace millrace::control
