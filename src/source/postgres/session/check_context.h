// SPDX-License-Identifier: Apache-2.0
// What the parts of the check share. Part of check.cc's inside.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "source/postgres/session/catalog.h"
#include "source/postgres/session/check.h"
#include "source/postgres/session/connection.h"
#include "source/postgres/session/publication.h"

namespace millrace::postgres {

struct CheckContext {
  using Severity = CheckFinding::Severity;

  const PipelineConfig& config;
  Connection& sql;
  std::vector<CheckFinding>& findings;
  int version = 0;
  bool in_recovery = false;
  std::string wal_level;
  std::optional<SlotFacts> slot;
  std::optional<PublicationFacts> publication;

  void ok(std::string_view id, std::string subject, std::string problem) {
    add(Severity::kOk, id, ReasonCode::kOk, std::move(subject), std::move(problem), {});
  }
  void note(std::string_view id, std::string subject, std::string problem, std::string fix = {}) {
    add(Severity::kNote, id, ReasonCode::kOk, std::move(subject), std::move(problem), std::move(fix));
  }
  void warn(std::string_view id, std::string subject, std::string problem, std::string fix) {
    add(Severity::kWarning, id, ReasonCode::kOk, std::move(subject), std::move(problem), std::move(fix));
  }
  void error(std::string_view id, ReasonCode reason, std::string subject, std::string problem,
             std::string fix) {
    add(Severity::kError, id, reason, std::move(subject), std::move(problem), std::move(fix));
  }
  /// A query that the check itself needs; its failure is a finding, and nothing is returned.
  std::optional<Result> ask(std::string_view what, std::string_view statement);
  /// A status as a finding: its text is cut into the problem and the fix.
  void failed(std::string_view id, std::string subject, const absl::Status& status);
  /// Operations that come or would come: of the publication, else of what would be created.
  bool publishes_updates() const {
    return publication ? publication->updates : !config.skipped_operations.update;
  }
  bool publishes_deletes() const {
    return publication ? publication->deletes : !config.skipped_operations.remove;
  }

 private:
  void add(Severity severity, std::string_view id, ReasonCode reason, std::string subject,
           std::string problem, std::string fix) {
    findings.push_back(
        {severity, std::string(id), reason, std::move(subject), std::move(problem), std::move(fix)});
  }
};

void check_server(CheckContext& context);
void check_slot(CheckContext& context);
void check_publication(CheckContext& context);
void check_tables(CheckContext& context);

}  // namespace millrace::postgres
