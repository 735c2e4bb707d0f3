// SPDX-License-Identifier: Apache-2.0
#include "cli/check_report.h"

#include "base/concat.h"
#include "base/json_text.h"

#include <algorithm>

namespace millrace::cli {
namespace {

using Severity = Finding::Severity;

bool is_ready(const PipelineFindings& pipeline) {
  return std::ranges::none_of(pipeline.findings,
                              [](const Finding& f) { return f.severity == Severity::kError; });
}

std::string_view word(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

/// Every line of `text` set in by `indent`.
std::string indented(std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    append(out, indent, text.substr(0, end), "\n");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

std::string json_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) append(out, out.empty() ? "" : ",", json_quoted(text));
  return concat("[", out, "]");
}

std::string finding_json(const Finding& finding) {
  return concat("{\"severity\":\"", word(finding.severity), "\",\"reason\":\"",
                reason_info(finding.reason).name, "\",\"subject\":", json_quoted(finding.subject),
                ",\"problem\":", json_quoted(finding.problem),
                ",\"fix\":", finding.fix.empty() ? "null" : json_quoted(finding.fix), "}");
}

}  // namespace

int exit_code_of(const CheckReport& report) noexcept {
  if (!report.mistakes.empty()) return reason_info(ReasonCode::kConfigInvalid).exit_code;
  return std::ranges::all_of(report.pipelines, is_ready) ? 0 : reason_info(ReasonCode::kNotReady).exit_code;
}

std::string check_text(const CheckReport& report) {
  std::string out;
  if (!report.mistakes.empty()) {
    append(out, report.file, " has ", report.mistakes.size(),
           report.mistakes.size() == 1 ? " mistake:\n" : " mistakes:\n");
    for (const std::string& mistake : report.mistakes) append(out, "  ", mistake, "\n");
    return out;
  }
  append(out, report.file, " is valid.\n");
  for (const std::string& note : report.notes) append(out, "  note     ", note, "\n");
  for (const PipelineFindings& pipeline : report.pipelines) {
    append(out, "\nPipeline ", pipeline.pipeline, is_ready(pipeline) ? ": ready\n" : ": not ready\n");
    for (const Finding& finding : pipeline.findings) {
      std::string label(word(finding.severity));
      label.resize(9, ' ');
      append(out, "  ", label, finding.subject, ": ", finding.problem);
      if (finding.severity == Severity::kError) append(out, " (", reason_info(finding.reason).name, ")");
      append(out, "\n", indented(finding.fix, "             "));
    }
  }
  return out;
}

std::string check_json(const CheckReport& report) {
  std::string pipelines;
  for (const PipelineFindings& pipeline : report.pipelines) {
    std::string findings;
    for (const Finding& finding : pipeline.findings)
      append(findings, findings.empty() ? "" : ",", finding_json(finding));
    append(pipelines, pipelines.empty() ? "" : ",", "{\"name\":", json_quoted(pipeline.pipeline),
           ",\"ok\":", is_ready(pipeline) ? "true" : "false", ",\"findings\":[", findings, "]}");
  }
  return concat("{\"file\":", json_quoted(report.file),
                ",\"ok\":", exit_code_of(report) == 0 ? "true" : "false",
                ",\"mistakes\":", json_list(report.mistakes), ",\"notes\":", json_list(report.notes),
                ",\"pipelines\":[", pipelines, "]}\n");
}

}  // namespace millrace::cli
