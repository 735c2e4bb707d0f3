// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/model_edge.h"

#include <utility>

#include "base/concat.h"
#include "base/reason_code.h"

namespace millrace::sim {

namespace {

postgres::TableDescription describe(std::uint32_t table, std::uint32_t version) {
  const TableShape shape = shape_of(table, version);
  postgres::TableDescription out;
  out.oid = shape.oid;
  out.found = true;
  out.schema = "public";
  out.name = shape.name;
  out.replica_identity = shape.identity;
  for (const std::string& name : shape.columns) {
    out.columns.push_back({.name = name, .type = 25, .default_expression = std::nullopt});
  }
  if (shape.identity != 'n') out.primary_key = {"id"};
  return out;
}

postgres::EdgeFailed failed(std::string_view what, bool retryable) {
  return {with_reason(absl::UnavailableError(absl::string_view(what.data(), what.size())),
                      retryable ? ReasonCode::kConnectRefused : ReasonCode::kPermissionDenied),
          retryable};
}

}  // namespace

ModelEdge::ModelEdge(ModelPostgres& server, const ModelClock& clock, ModelEdgeOptions options,
                     Beginnings begins, std::uint64_t seed)
    : server_(server), clock_(clock), options_(options), begins_(std::move(begins)), random_(seed) {}

void ModelEdge::request(postgres::EdgeRequest request) {
  requests_.push_back({std::move(request), clock_.monotonic_us() + random_.between(0, options_.answer_us)});
}

void ModelEdge::reset() {
  requests_.clear();
  server_.drop_slot("temporary");
}

void ModelEdge::fail_next(std::uint64_t count, bool retryable) {
  failures_ = count;
  failures_retryable_ = retryable;
}

std::optional<postgres::EdgeEvent> ModelEdge::poll() {
  if (requests_.empty() || clock_.monotonic_us() < requests_.front().due_us) return std::nullopt;
  const postgres::EdgeRequest request = std::move(requests_.front().request);
  requests_.pop_front();
  if (failures_ > 0) {
    --failures_;
    return failed("the model refuses", failures_retryable_);
  }
  if (!server_.up()) {
    postgres::EdgeFailed refused = failed("the model server takes no connections", true);
    refused.refused = true;
    return refused;
  }
  return answer(request);
}

postgres::EdgeEvent ModelEdge::answer(const postgres::EdgeRequest& request) {
  if (std::holds_alternative<postgres::GatherFacts>(request)) {
    const postgres::ServerFacts facts = server_.facts();
    begins_.met(facts);
    met_ = server_.incarnation();
    return facts;
  }
  if (const auto* create = std::get_if<postgres::CreateSlot>(&request)) {
    const std::uint64_t at = server_.create_slot(create->temporary ? "temporary" : server_.options().slot,
                                                 create->temporary, false);
    snapshot_ = server_.take_snapshot();
    if (!create->export_snapshot) begins_.slot_created(at);
    return postgres::SlotCreated{at, create->export_snapshot ? "00000003-1" : ""};
  }
  if (std::holds_alternative<postgres::OpenSnapshot>(request)) return open_snapshot();
  if (std::holds_alternative<postgres::CloseSnapshot>(request)) {
    server_.drop_slot("temporary");
    return postgres::SnapshotClosed{};
  }
  if (std::holds_alternative<postgres::OpenStream>(request)) {
    // The facts are about the server that streams: the session that told them has to have lived until now.
    if (met_ != server_.incarnation()) return failed("the model server is another one", true);
    return postgres::StreamOpened{
        std::make_unique<ModelStream>(server_.open_replication(), random_.percent(50))};
  }
  if (const auto* table = std::get_if<postgres::DescribeTable>(&request)) {
    // The catalog answers with the shape of now, which the log may not have reached.
    const std::uint32_t index = table->oid - kFirstOid;
    if (index >= kTables) {
      postgres::TableDescription unknown;
      unknown.oid = table->oid;
      return postgres::TableDescribed{std::move(unknown)};
    }
    postgres::TableDescription description = describe(index, server_.database().committed_version(index));
    if (random_.percent(3)) description.found = false;
    return postgres::TableDescribed{std::move(description)};
  }
  if (std::holds_alternative<postgres::CheckTransactions>(request)) {
    // The model says it whenever a subtransaction is rolled back; now and then it does not know any more.
    return postgres::TransactionsChecked{!random_.percent(10)};
  }
  if (std::holds_alternative<postgres::WatchServer>(request)) {
    // A glance for people: it may fail, and see things that nobody knows.
    if (random_.percent(5)) return failed("the model is not watched now", true);
    postgres::ServerFacts facts = server_.facts();
    if (random_.percent(5)) facts.slot.reset();
    if (facts.slot && random_.percent(5)) facts.slot->wal_status = "of a later version";
    return postgres::ServerWatched{facts.end_of_wal, facts.slot};
  }
  server_.drop_slot(server_.options().slot);
  return postgres::SlotDropped{};
}

postgres::SnapshotOpened ModelEdge::open_snapshot() {
  postgres::SnapshotOpened opened;
  opened.transaction_id = snapshot_.transaction_id;
  const std::int64_t read_time_us = clock_.realtime_us();
  std::vector<std::vector<std::string>> copies;
  for (std::uint32_t table = 0; table < kTables; ++table) {
    if (table == kHiddenTable) continue;
    const TableShape shape = shape_of(table, snapshot_.versions[table]);
    postgres::SnapshotTable out;
    out.description = describe(table, snapshot_.versions[table]);
    out.columns = shape.columns;
    out.copy_sql = concat("COPY (SELECT * FROM public.", shape.name, ") TO STDOUT");
    out.read_time_us = read_time_us;
    out.estimated_rows = random_.percent(30) ? -1 : static_cast<std::int64_t>(snapshot_.rows[table].size());
    opened.tables.push_back(std::move(out));
    std::vector<std::string>& lines = copies.emplace_back();
    for (const auto& [id, row] : snapshot_.rows[table]) {
      std::string line = concat(id, "\t", row.tag, "|", std::string(row.padding, 'x'));
      for (std::size_t i = 2; i < shape.columns.size(); ++i)
        append(line, i % 2 == 0 ? "\t\\N" : "\ta\\tb\\\\\\b\\f\\n\\r\\vN");
      lines.push_back(line + "\n");
    }
  }
  begins_.snapshot_opened(snapshot_, read_time_us);
  opened.stream = std::make_unique<ModelStream>(server_.open_copies(std::move(copies)), false);
  return opened;
}

postgres::EdgeFailed classify_report(const postgres::ServerReport& report) {
  const bool passes = report.sqlstate.starts_with("57") || report.sqlstate == "55006" ||
                      report.sqlstate.starts_with("08") || report.sqlstate == "53300";
  const ReasonCode reason = report.sqlstate == "42704"   ? ReasonCode::kSlotMissing
                            : report.sqlstate == "55006" ? ReasonCode::kSlotInUse
                            : passes                     ? ReasonCode::kConnectRefused
                                                         : ReasonCode::kSourceCorrupt;
  return {with_reason(absl::UnavailableError(concat(report.sqlstate, ": ", report.message)), reason), passes};
}

}  // namespace millrace::sim
