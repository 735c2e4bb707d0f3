// SPDX-License-Identifier: Apache-2.0
// The session thread on the command line, for tests against real servers: runs requests in order and prints
// each answer as a line of JSON.
//
//   session_probe FILE [--set KEY=VALUE]... REQUEST...
//   requests: facts, slot, slot:noexport, temporary, snapshot, snapshot:NAME, copy, close, stream, start,
//   describe:OID,
//             transaction:XID, watch, drop, check, reset, sleep:MS, nowait:REQUEST (asks and does not wait
//             for the answer)
#include <poll.h>

#include <boost/json.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include "base/log.h"
#include "config/parse.h"
#include "held_socket.h"
#include "source/postgres/session/check.h"
#include "source/postgres/session/session_thread.h"

namespace {

using namespace millrace;
using namespace millrace::postgres;
using millrace::postgres::testing::HeldSocket;
namespace json = boost::json;

json::array texts(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

json::object to_json(const TableDescription& table) {
  json::array columns;
  for (const ColumnDescription& column : table.columns) {
    columns.push_back(
        {{"name", column.name},
         {"type", column.type},
         {"modifier", column.type_modifier},
         {"not_null", column.not_null},
         {"generated", column.generated},
         {"identity", column.identity},
         {"default", column.default_expression ? json::value(*column.default_expression) : json::value()}});
  }
  json::object types;
  for (const auto& [oid, type] : table.types) {
    types[std::to_string(oid)] = {{"name", type.schema + "." + type.name},
                                  {"kind", std::string(1, type.kind)},
                                  {"category", std::string(1, type.category)},
                                  {"delimiter", std::string(1, type.delimiter)},
                                  {"element", type.element},
                                  {"base", type.base},
                                  {"base_modifier", type.base_modifier},
                                  {"labels", texts(type.labels)}};
  }
  return {{"oid", table.oid},
          {"found", table.found},
          {"schema", table.schema},
          {"name", table.name},
          {"kind", std::string(1, table.kind)},
          {"replica_identity", std::string(1, table.replica_identity)},
          {"columns", columns},
          {"primary_key", texts(table.primary_key)},
          {"unique_key", texts(table.unique_key)},
          {"types", types}};
}

json::value to_json(const std::optional<SlotFacts>& slot) {
  if (!slot) return nullptr;
  return {{"plugin", slot->plugin},
          {"type", slot->type},
          {"database", slot->database},
          {"temporary", slot->temporary},
          {"active", slot->active},
          {"restart_lsn", slot->restart_lsn},
          {"confirmed_flush_lsn", slot->confirmed_flush_lsn},
          {"wal_status", slot->wal_status},
          {"two_phase", slot->two_phase},
          {"failover", slot->failover}};
}

class Probe {
 public:
  explicit Probe(const PipelineConfig& config, SessionOptions options)
      : config_(config),
        session_(
            config, [](TakenSocket socket) { return std::make_unique<HeldSocket>(std::move(socket)); }, [] {},
            options) {}

  json::object run(std::string word) {
    if (word.starts_with("nowait:")) {
      session_.request(request_of(word.substr(7)));
      return {{"event", "asked"}};
    }
    if (word == "reset") {
      session_.reset();
      return {{"event", "reset"}};
    }
    if (word.starts_with("sleep:")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(word.substr(6))));
      return {{"event", "slept"}};
    }
    if (word == "copy") return copy();
    if (word == "start") return start();
    session_.request(request_of(word));
    for (;;) {
      if (std::optional<EdgeEvent> event = session_.poll()) return show(std::move(*event));
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

 private:
  EdgeRequest request_of(const std::string& word) {
    if (word == "facts") return GatherFacts{};
    if (word == "slot") return CreateSlot{};
    if (word == "slot:noexport") return CreateSlot{.temporary = false, .export_snapshot = false};
    if (word == "temporary") return CreateSlot{.temporary = true, .export_snapshot = true};
    if (word == "snapshot") return OpenSnapshot{snapshot_name_};
    if (word.starts_with("snapshot:")) return OpenSnapshot{word.substr(9)};
    if (word == "close") return CloseSnapshot{};
    if (word == "stream") return OpenStream{};
    if (word.starts_with("describe:"))
      return DescribeTable{static_cast<std::uint32_t>(std::stoul(word.substr(9)))};
    if (word.starts_with("transaction:"))
      return CheckTransactions{{static_cast<std::uint32_t>(std::stoul(word.substr(12)))}};
    if (word == "watch") return WatchServer{};
    if (word == "drop") return DropSlot{};
    std::cerr << "session_probe: " << word << "?\n";
    std::exit(2);
  }

  json::object show(EdgeEvent event) {
    return std::visit([this](auto&& made) { return event_json(std::forward<decltype(made)>(made)); },
                      std::move(event));
  }
  json::object event_json(ServerFacts facts) {
    return {{"event", "facts"},
            {"version_num", facts.version_num},
            {"version_text", facts.version_text},
            {"system_identifier", facts.system_identifier},
            {"timeline", facts.timeline},
            {"timeline_history", facts.timeline_history},
            {"database", facts.database},
            {"wal_level", facts.wal_level},
            {"in_recovery", facts.in_recovery},
            {"end_of_wal", facts.end_of_wal},
            {"encoding", facts.encoding},
            {"wal_sender_timeout_ms", facts.wal_sender_timeout_ms},
            {"slot", to_json(facts.slot)}};
  }
  json::object event_json(SlotCreated created) {
    snapshot_name_ = created.snapshot_name;
    return {{"event", "slot_created"},
            {"consistent_point", created.consistent_point},
            {"snapshot", created.snapshot_name}};
  }
  json::object event_json(SnapshotOpened opened) {
    json::array tables;
    for (const SnapshotTable& table : opened.tables) {
      tables.push_back({{"description", to_json(table.description)},
                        {"columns", texts(table.columns)},
                        {"copy_sql", table.copy_sql},
                        {"read_time_us", table.read_time_us},
                        {"estimated_rows", table.estimated_rows}});
      copies_.push_back(table.copy_sql);
    }
    snapshot_.reset(static_cast<HeldSocket*>(opened.stream.release()));
    return {{"event", "snapshot_opened"},
            {"tables", tables},
            {"transaction_id", opened.transaction_id},
            {"encrypted", snapshot_->encrypted()}};
  }
  json::object event_json(SnapshotClosed) {
    snapshot_.reset();
    return {{"event", "snapshot_closed"}};
  }
  json::object event_json(StreamOpened opened) {
    stream_.reset(static_cast<HeldSocket*>(opened.stream.release()));
    return {{"event", "stream_opened"}, {"encrypted", stream_->encrypted()}};
  }
  json::object event_json(TableDescribed described) {
    json::object out = to_json(described.description);
    out["event"] = "described";
    return out;
  }
  json::object event_json(ServerWatched watched) {
    return {{"event", "watched"}, {"end_of_wal", watched.end_of_wal}, {"slot", to_json(watched.slot)}};
  }
  json::object event_json(TransactionsChecked outcome) {
    return {{"event", "checked"}, {"none_rolled_back", outcome.none_rolled_back}};
  }
  json::object event_json(SlotDropped) { return {{"event", "slot_dropped"}}; }
  json::object event_json(EdgeFailed failed) {
    return {{"event", "failed"},
            {"reason", reason_info(reason_of(failed.status)).name},
            {"retryable", failed.retryable},
            {"message", std::string(failed.status.message())}};
  }

  // Runs the snapshot's COPY statements over the taken socket.
  json::object copy() {
    json::array tables;
    for (const std::string& sql : copies_) {
      snapshot_->query(sql);
      json::array rows;
      std::string error;
      for (;;) {
        const testing::Message message = snapshot_->read_message();
        if (message.type == 'd') rows.push_back(json::string(message.body));
        if (message.type == 'E') error = message.body;
        if (message.type == 'Z' || message.type == '\0') break;
      }
      tables.push_back({{"rows", rows}, {"error", error}});
    }
    return {{"event", "copied"}, {"tables", tables}};
  }

  // Starts to stream over the taken socket and shows the first messages' types.
  json::object start() {
    stream_->query("START_REPLICATION SLOT \"" + config_.slot.name +
                   "\" LOGICAL 0/0 (proto_version '1', publication_names '\"" + config_.publication.name +
                   "\"')");
    std::string types;
    std::string payloads;
    std::string error;
    for (;;) {
      const testing::Message message = stream_->read_message(1'500);
      if (message.type == '\0') break;
      types.push_back(message.type);
      if (message.type == 'd' && message.body.size() > 25 && message.body[0] == 'w')
        payloads.push_back(message.body[25]);
      if (message.type == 'E') error = message.body;
      if (message.type == 'd' && message.body[0] == 'w' && message.body[25] == 'C') break;
    }
    for (char& c : error) c = c == '\0' ? '|' : c;
    return {{"event", "streaming"}, {"types", types}, {"payloads", payloads}, {"error", error}};
  }

  const PipelineConfig& config_;
  std::unique_ptr<HeldSocket> snapshot_;
  std::unique_ptr<HeldSocket> stream_;
  std::vector<std::string> copies_;
  std::string snapshot_name_;
  SessionThread session_;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<config::Override> overrides;
  std::vector<std::string> words;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--set" && i + 1 < argc) {
      overrides.push_back(*config::parse_override(argv[++i]));
    } else {
      words.push_back(word);
    }
  }
  if (argc < 2) return 2;
  const auto process = config::load_config(argv[1], overrides, config::Environment::system());
  if (!process.ok()) {
    std::cerr << process.status().message() << "\n";
    return 2;
  }
  configure_log(LogLevel::kInfo, LogFormat::kJson);
  const PipelineConfig& pipeline = process->pipelines.front();
  SessionOptions options;
  if (const char* patience = std::getenv("PROBE_SLOT_PATIENCE_MS")) {
    options.slot_patience = std::chrono::milliseconds(std::stoi(patience));
  }
  if (words == std::vector<std::string>{"check"}) {
    json::array findings;
    for (const CheckFinding& finding : run_check(pipeline)) {
      findings.push_back({{"severity", name_of(finding.severity)},
                          {"id", finding.id},
                          {"subject", finding.subject},
                          {"problem", finding.problem},
                          {"fix", finding.fix},
                          {"reason", reason_info(finding.reason).name}});
    }
    std::cout << json::serialize(findings) << "\n";
    return 0;
  }
  Probe probe(pipeline, options);
  for (const std::string& word : words) {
    const auto begin = std::chrono::steady_clock::now();
    json::object line = probe.run(word);
    line["ms"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    std::cout << json::serialize(line) << std::endl;
  }
  return 0;
}
