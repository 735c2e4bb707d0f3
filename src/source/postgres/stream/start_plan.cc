// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/start_plan.h"

#include <absl/strings/numbers.h>
#include <absl/strings/str_split.h>

#include <boost/json.hpp>

#include "base/concat.h"
#include "base/reason_code.h"
#include "millrace/source/postgres/ids.h"

namespace millrace::postgres {

namespace {

std::string text(std::uint64_t lsn) { return to_string(Lsn{lsn}); }

template <class... Parts>
absl::Status refuse(ReasonCode code, const Parts&... parts) {
  return with_reason(absl::FailedPreconditionError(concat(parts...)), code);
}

std::string restart_hint(const std::string& slot_name) {
  return concat(
      "To take a new snapshot, reset the stored position (millrace position reset) and drop the slot: "
      "SELECT pg_drop_replication_slot('",
      slot_name, "')");
}

/// Where timeline `timeline` was left for the next one, by the history file of a later timeline:
/// "1\t0/3000148\treason".
std::optional<std::uint64_t> switch_point(const std::string& history, std::uint32_t timeline) {
  for (const absl::string_view line : absl::StrSplit(history, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    std::uint32_t number = 0;
    if (fields.size() < 2 || !absl::SimpleAtoi(fields[0], &number) || number != timeline) continue;
    if (const auto lsn = parse_lsn(fields[1])) return value_of(*lsn);
  }
  return std::nullopt;
}

absl::Status check_identity(const ServerFacts& server, const SourceIdentity& before,
                            const LogPosition& position) {
  if (before.system_identifier != server.system_identifier) {
    return refuse(ReasonCode::kSourceHistoryChanged, "postgres: this is another cluster: system identifier ",
                  server.system_identifier, ", but the stored position ", text(position.lsn), " belongs to ",
                  before.system_identifier,
                  ". Point the pipeline at the old cluster, or start anew with `millrace position "
                  "reset`");
  }
  if (server.timeline < before.timeline) {
    return refuse(ReasonCode::kSourceHistoryChanged, "postgres: the server is on timeline ", server.timeline,
                  ", but position ", text(position.lsn), " was read on the later timeline ", before.timeline,
                  ": this server is an old primary or was restored");
  }
  if (server.timeline > before.timeline) {
    const auto left = switch_point(server.timeline_history, before.timeline);
    if (!left) {
      return refuse(ReasonCode::kSourceHistoryChanged, "postgres: the server is on timeline ",
                    server.timeline, ", whose history does not contain timeline ", before.timeline,
                    " that position ", text(position.lsn), " was read on");
    }
    if (position.lsn > *left) {
      return refuse(ReasonCode::kSourceHistoryChanged, "postgres: timeline ", before.timeline,
                    " was left at ", text(*left), ", but changes up to ", text(position.lsn),
                    " were delivered from it: the new primary never had them. ",
                    "Consumers hold changes that the database has lost; compare them before starting anew "
                    "with `millrace "
                    "position reset`");
    }
  }
  if (server.end_of_wal < position.lsn) {
    return refuse(ReasonCode::kSourceHistoryChanged, "postgres: the server's log ends at ",
                  text(server.end_of_wal), ", below the delivered position ", text(position.lsn),
                  ": it was restored from an older copy");
  }
  return absl::OkStatus();
}

absl::Status check_slot(const ServerFacts& server, const std::string& name) {
  const SlotFacts& slot = *server.slot;
  if (slot.type != "logical" || slot.plugin != "pgoutput") {
    return refuse(ReasonCode::kSlotWrongPlugin, "postgres: slot \"", name, "\" is ",
                  slot.type == "logical" ? concat("of plugin ", slot.plugin) : std::string("physical"),
                  ", not a logical slot of pgoutput. Choose another slot.name, or drop it: SELECT "
                  "pg_drop_replication_slot('",
                  name, "')");
  }
  if (slot.database != server.database) {
    return refuse(ReasonCode::kSlotWrongDatabase, "postgres: slot \"", name, "\" belongs to database \"",
                  slot.database, "\", not \"", server.database,
                  "\". Choose another slot.name, or another database.dbname");
  }
  if (slot.wal_status == "lost" || !slot.invalidation_reason.empty()) {
    return refuse(ReasonCode::kSlotInvalidated, "postgres: slot \"", name, "\" was invalidated by the server",
                  slot.invalidation_reason.empty() ? "" : concat(" (", slot.invalidation_reason, ")"),
                  ": log behind ", text(slot.confirmed_flush_lsn), " is gone. ", restart_hint(name));
  }
  if (slot.synced && server.in_recovery) {
    return refuse(ReasonCode::kSlotInUse, "postgres: slot \"", name,
                  "\" is synchronized from the primary and cannot be "
                  "read on a standby. Connect to the primary, or wait for the promotion");
  }
  return absl::OkStatus();
}

absl::Status check_gap(const SlotFacts& slot, const std::string& name, const LogPosition& position) {
  if (slot.confirmed_flush_lsn > position.lsn) {
    return refuse(ReasonCode::kSourceGap, "postgres: slot \"", name, "\" is confirmed up to ",
                  text(slot.confirmed_flush_lsn), ", above the delivered position ", text(position.lsn),
                  ": what lies between was acknowledged by somebody else, or the slot was dropped and "
                  "created again. It will "
                  "not be sent. ",
                  restart_hint(name));
  }
  return absl::OkStatus();
}

}  // namespace

std::string to_json(const SourceIdentity& identity) {
  return boost::json::serialize(boost::json::object{{"system_identifier", identity.system_identifier},
                                                    {"timeline", identity.timeline},
                                                    {"timeline_history", identity.timeline_history},
                                                    {"database", identity.database},
                                                    {"slot", identity.slot}});
}

absl::StatusOr<SourceIdentity> parse_identity(const std::string& json) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr)
    return absl::InvalidArgumentError("the checkpoint's source identity is no JSON object");
  SourceIdentity identity;
  const auto read = [&](std::string_view key, std::string& to) {
    const auto* field = object->if_contains(key);
    if (field == nullptr || !field->is_string()) return false;
    to = std::string(std::string_view(field->get_string()));
    return true;
  };
  const auto* timeline = object->if_contains("timeline");
  boost::json::error_code none;
  if (timeline != nullptr) identity.timeline = timeline->to_number<std::uint32_t>(none);
  if (timeline == nullptr || none || !read("system_identifier", identity.system_identifier) ||
      !read("timeline_history", identity.timeline_history) || !read("database", identity.database) ||
      !read("slot", identity.slot)) {
    return absl::InvalidArgumentError("the checkpoint's source identity lacks a field");
  }
  return identity;
}

absl::Status check_slot_is_its_own(const SourceIdentity& before, const std::string& database,
                                   const std::string& slot_name) {
  const auto refuse_other = [](std::string_view what, std::string_view theirs, std::string_view ours) {
    return refuse(ReasonCode::kCheckpointMismatch, "postgres: the stored position belongs to ", what, " \"",
                  theirs, "\", and the configuration says ", what, " \"", ours,
                  "\". Set it back, or give one of two pipelines another name; `millrace position set` or "
                  "`position reset` say where this one begins");
  };
  if (before.database != database) return refuse_other("database", before.database, database);
  if (before.slot != slot_name) return refuse_other("slot", before.slot, slot_name);
  return absl::OkStatus();
}

absl::StatusOr<StartPlan> plan_start(const ServerFacts& server, const std::string& slot_name,
                                     SnapshotWish wish, const std::optional<SourceResume>& resume) {
  if (server.version_num < 130000) {
    return refuse(ReasonCode::kServerVersion, "postgres: the server is version ", server.version_text,
                  ", millrace reads 13 and newer");
  }
  if (server.wal_level != "logical") {
    return refuse(ReasonCode::kWalLevel, "postgres: wal_level is '", server.wal_level,
                  "', it must be 'logical': ALTER SYSTEM SET wal_level = 'logical', then restart the server");
  }
  if (server.in_recovery && server.version_num < 160000) {
    return refuse(ReasonCode::kServerVersion, "postgres: the server is a standby of version ",
                  server.version_text,
                  "; logical decoding on a standby needs 16 or newer. Connect to the primary");
  }
  const bool finished_snapshot = resume && !resume->snapshot_unfinished;
  if (wish == SnapshotWish::kInitialOnly) {
    return StartPlan{finished_snapshot ? StartPlan::Kind::kDone : StartPlan::Kind::kSnapshotOnly, {}};
  }
  std::optional<SourceIdentity> before;
  if (resume && !resume->identity.empty()) {
    absl::StatusOr<SourceIdentity> identity = parse_identity(resume->identity);
    if (!identity.ok()) return with_reason(identity.status(), ReasonCode::kCheckpointCorrupt);
    if (absl::Status status = check_slot_is_its_own(*identity, server.database, slot_name); !status.ok()) {
      return status;
    }
    before = *std::move(identity);
  }
  if (server.slot) {
    if (absl::Status status = check_slot(server, slot_name); !status.ok()) return status;
  }
  if (!finished_snapshot) {
    if (wish == SnapshotWish::kNoData) {
      if (!server.slot) return StartPlan{StartPlan::Kind::kCreateAndStream, {}};
      // Nothing was delivered: whatever the slot still has is the beginning.
      StartPlan plan{StartPlan::Kind::kStream, {}};
      plan.position.lsn = plan.position.tell = server.slot->confirmed_flush_lsn;
      return plan;
    }
    return StartPlan{server.slot ? StartPlan::Kind::kSnapshotBesideSlot : StartPlan::Kind::kCreateAndSnapshot,
                     {}};
  }
  const absl::StatusOr<LogPosition> position = parse_position(resume->position);
  if (!position.ok()) return with_reason(position.status(), ReasonCode::kCheckpointCorrupt);
  if (before) {
    if (absl::Status status = check_identity(server, *before, *position); !status.ok()) return status;
  }
  if (!server.slot) {
    return refuse(ReasonCode::kSlotMissing, "postgres: slot \"", slot_name,
                  "\" is gone, and with it the log behind the "
                  "delivered position ",
                  text(position->lsn), " (the server is at ", text(server.end_of_wal), "). ",
                  restart_hint(slot_name));
  }
  if (absl::Status status = check_gap(*server.slot, slot_name, *position); !status.ok()) return status;
  return StartPlan{StartPlan::Kind::kStream, *position};
}

absl::Status check_reconnect(const ServerFacts& server, const SourceIdentity& identity,
                             const LogPosition& position) {
  if (absl::Status status = check_identity(server, identity, position); !status.ok()) return status;
  if (!server.slot) {
    return refuse(ReasonCode::kSlotMissing, "postgres: slot \"", identity.slot,
                  "\" is gone, and with it the log behind the "
                  "delivered position ",
                  text(position.lsn), " (the server is at ", text(server.end_of_wal), "). ",
                  restart_hint(identity.slot));
  }
  if (absl::Status status = check_slot(server, identity.slot); !status.ok()) return status;
  return check_gap(*server.slot, identity.slot, position);
}

}  // namespace millrace::postgres
