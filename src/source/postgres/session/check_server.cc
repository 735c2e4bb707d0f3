// SPDX-License-Identifier: Apache-2.0
// The server's settings and the slot.
#include <map>

#include "millrace/source/postgres/ids.h"
#include "source/postgres/session/check_context.h"
#include "source/postgres/session/facts.h"
#include "source/postgres/session/quoting.h"
#include "source/postgres/session/slot.h"

namespace millrace::postgres {
namespace {

constexpr std::int64_t kRetainedWarning = 1LL << 30;

using Settings = std::map<std::string, std::string, std::less<>>;

std::int64_t number(const Settings& settings, std::string_view name, std::int64_t absent = 0) {
  const auto found = settings.find(name);
  std::int64_t value = 0;
  return found != settings.end() && absl::SimpleAtoi(found->second, &value) ? value : absent;
}

std::string set(std::string_view name, std::string_view value, bool restart) {
  return concat("ALTER SYSTEM SET ", name, " = ", value, ";",
                restart ? "  -- then restart the server" : "\nSELECT pg_reload_conf();");
}

std::optional<Settings> read_settings(CheckContext& context) {
  const std::optional<Result> rows = context.ask("read the server's settings", R"(
SELECT name, setting FROM pg_settings WHERE name IN
  ('wal_level', 'max_replication_slots', 'max_wal_senders', 'wal_sender_timeout', 'max_slot_wal_keep_size',
   'idle_replication_slot_timeout', 'hot_standby_feedback', 'primary_slot_name', 'server_encoding', 'server_version'))");
  if (!rows) return std::nullopt;
  Settings out;
  for (int row = 0; row < rows->rows(); ++row) out[rows->text(row, 0)] = rows->text(row, 1);
  return out;
}

void check_version(CheckContext& context, const Settings& settings) {
  const std::string version = settings.count("server_version") != 0 ? settings.at("server_version") : "";
  if (context.version / 10000 > kNewestServerMajor) {
    context.warn("server_version", "server version",
                 concat(version, " is newer than those millrace is tested with (13 to 18)"), {});
  } else {
    context.ok("server_version", "server version", version);
  }
  if (settings.count("server_encoding") != 0 && settings.at("server_encoding") == "SQL_ASCII") {
    context.warn("encoding", "server_encoding",
                 "SQL_ASCII: texts come as they were stored, and need not be UTF-8", {});
  }
}

void check_wal_level(CheckContext& context, const Settings& settings) {
  context.wal_level = settings.count("wal_level") != 0 ? settings.at("wal_level") : "";
  if (context.wal_level == "logical") return context.ok("wal_level", "wal_level", "logical");
  context.error("wal_level", ReasonCode::kWalLevel, "wal_level",
                concat("is ", context.wal_level, ", logical decoding needs logical"),
                set("wal_level", "'logical'", true));
}

void check_standby(CheckContext& context, const Settings& settings) {
  if (!context.in_recovery) return;
  if (context.version < 160000) {
    return context.error("standby", ReasonCode::kServerVersion, "server",
                         "is a standby; decoding on a standby needs PostgreSQL 16",
                         "database.hostname: <the primary>");
  }
  context.note("standby", "server",
               "is a standby: a new slot waits until the primary logs its running transactions",
               "SELECT pg_log_standby_snapshot();  -- on the primary, when the creation of the slot waits");
  if (settings.count("hot_standby_feedback") != 0 && settings.at("hot_standby_feedback") != "on") {
    context.warn("hot_standby_feedback", "hot_standby_feedback",
                 "is off: the primary removes catalog rows the slot needs and "
                 "the slot is invalidated",
                 set("hot_standby_feedback", "on", false));
  }
  if (settings.count("primary_slot_name") != 0 && settings.at("primary_slot_name").empty()) {
    context.warn("primary_slot_name", "primary_slot_name",
                 "is empty: without a physical slot hot_standby_feedback is forgotten "
                 "whenever the standby is away",
                 "ALTER SYSTEM SET primary_slot_name = '<slot made on the primary>';\n"
                 "SELECT pg_reload_conf();");
  }
}

void check_limits(CheckContext& context, const Settings& settings) {
  const std::optional<Result> rows = context.ask("count slots and walsenders", R"(
SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_stat_replication),
       (SELECT string_agg(quote_ident(slot_name), ', ' ORDER BY slot_name) FROM pg_replication_slots
          WHERE NOT active AND NOT temporary))");
  if (!rows) return;
  const auto slots = rows->number<std::int64_t>(0, 0);
  const auto senders = rows->number<std::int64_t>(0, 1);
  const std::int64_t slots_max = number(settings, "max_replication_slots");
  const std::int64_t senders_max = number(settings, "max_wal_senders");
  const bool data = context.config.snapshot_mode != SnapshotMode::kNoData;
  // A new slot, or a temporary one for the snapshot beside the old slot.
  const std::int64_t slots_needed = !context.slot || data ? 1 : 0;
  const std::string use = concat(slots, " of ", slots_max, " in use");
  if (slots + slots_needed > slots_max) {
    const std::string fix = concat(
        set("max_replication_slots", concat(slots_max + 5), true),
        rows->is_null(0, 2) ? std::string()
                            : concat("\n-- or drop slots nobody needs; not active now: ", rows->view(0, 2)));
    if (!context.slot) {
      context.error("max_replication_slots", ReasonCode::kSlotsExhausted, "max_replication_slots",
                    concat(use, ", none is left for a new slot"), fix);
    } else {
      context.warn("max_replication_slots", "max_replication_slots",
                   concat(use, ", none is left for the temporary slot of a snapshot"), fix);
    }
  } else {
    context.ok("max_replication_slots", "max_replication_slots", use);
  }
  const std::int64_t senders_needed = context.slot && data ? 2 : 1;
  if (senders + senders_needed > senders_max) {
    context.warn(
        "max_wal_senders", "max_wal_senders",
        concat(senders, " of ", senders_max, " in use; ", senders_needed, " may be needed at a start"),
        set("max_wal_senders", concat(senders_max + 5), true));
  } else {
    context.ok("max_wal_senders", "max_wal_senders", concat(senders, " of ", senders_max, " in use"));
  }
}

void check_guards(CheckContext& context, const Settings& settings) {
  if (number(settings, "max_slot_wal_keep_size") == -1) {
    context.warn("max_slot_wal_keep_size", "max_slot_wal_keep_size",
                 "is unlimited: while millrace is down, the slot keeps WAL until the disk is full",
                 set("max_slot_wal_keep_size", "'<what the disk can spare>'", false));
  }
  if (number(settings, "idle_replication_slot_timeout") > 0) {
    context.warn("idle_replication_slot_timeout", "idle_replication_slot_timeout",
                 "is set: a pipeline that is down for longer loses its slot and needs a new snapshot",
                 set("idle_replication_slot_timeout", "0", false));
  }
  const std::int64_t timeout = number(settings, "wal_sender_timeout", 60'000);
  if (timeout > 0 && timeout < 3'000) {
    context.warn(
        "wal_sender_timeout", "wal_sender_timeout",
        concat("is ", timeout, " ms: a short pause of the network or of this machine ends the connection"),
        set("wal_sender_timeout", "'60s'", false));
  } else if (timeout == 0) {
    context.note("wal_sender_timeout", "wal_sender_timeout",
                 "is 0: the server does not notice a client that has gone");
  }
}

// Who would make the creation of a slot wait, or holds back the log that a slot keeps.
void check_transactions(CheckContext& context) {
  const std::optional<Result> rows = context.ask("look for prepared transactions", R"(
SELECT gid, database, extract(epoch FROM now() - prepared)::bigint FROM pg_prepared_xacts ORDER BY prepared LIMIT 20)");
  if (!rows) return;
  for (int row = 0; row < rows->rows(); ++row) {
    context.warn("prepared_transaction", concat("prepared transaction ", quote_literal(rows->view(row, 0))),
                 concat("open for ", rows->view(row, 2), " s in database ", rows->view(row, 1),
                        context.slot ? ": the slot keeps WAL from its beginning on"
                                     : ": a new slot waits for its end"),
                 concat("ROLLBACK PREPARED ", quote_literal(rows->view(row, 0)), ";  -- or COMMIT PREPARED"));
  }
  if (context.slot) return;
  const std::optional<Result> open = context.ask("look for open transactions", R"(
SELECT pid, coalesce(usename::text, ''), coalesce(state, ''), extract(epoch FROM now() - xact_start)::bigint FROM pg_stat_activity
  WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND now() - xact_start > interval '60 s' ORDER BY xact_start LIMIT 20)");
  if (!open) return;
  for (int row = 0; row < open->rows(); ++row) {
    context.warn("open_transaction", concat("process ", open->view(row, 0)),
                 concat("transaction of ", open->view(row, 1), " (", open->view(row, 2), ") open for ",
                        open->view(row, 3), " s: a new slot waits for its end"),
                 concat("SELECT pg_terminate_backend(", open->view(row, 0), ");"));
  }
}

}  // namespace

void check_server(CheckContext& context) {
  const std::optional<Settings> settings = read_settings(context);
  const std::optional<Result> recovery =
      context.ask("ask whether it is a standby", "SELECT pg_is_in_recovery()");
  if (!settings || !recovery) return;
  context.in_recovery = recovery->boolean(0, 0);
  check_version(context, *settings);
  check_wal_level(context, *settings);
  check_standby(context, *settings);
  check_limits(context, *settings);
  check_guards(context, *settings);
  check_transactions(context);
}

void check_slot(CheckContext& context) {
  const std::string& name = context.config.slot.name;
  const std::string subject = concat("slot ", name);
  const std::string drop = concat("SELECT pg_drop_replication_slot(", quote_literal(name), ");");
  const std::string choose = concat("slot.name: <another name>\n-- or, if nothing else reads it: ", drop);
  if (!context.slot) {
    context.ok("slot", subject, "does not exist yet: it is made at the first start");
    if (context.config.slot.failover && context.version < 170000) {
      context.warn("slot_failover", subject, "slot.failover needs PostgreSQL 17: the slot is made without it",
                   "slot.failover: false");
    }
    return;
  }
  const SlotFacts& slot = *context.slot;
  if (slot.type != "logical" || slot.plugin != "pgoutput") {
    return context.error("slot_plugin", ReasonCode::kSlotWrongPlugin, subject,
                         slot.type == "logical"
                             ? concat("was made for plugin ", slot.plugin, ", not for pgoutput")
                             : std::string("is a physical slot"),
                         choose);
  }
  const std::optional<Result> rows = context.ask("look at the slot", concat(R"(
SELECT current_database(), CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
       (SELECT application_name FROM pg_stat_activity WHERE pid = )",
                                                                            slot.active_pid, ")"));
  if (!rows) return;
  if (slot.database != rows->view(0, 0)) {
    return context.error("slot_database", ReasonCode::kSlotWrongDatabase, subject,
                         concat("belongs to database ", slot.database), choose);
  }
  if (slot.wal_status == "lost" || !slot.invalidation_reason.empty()) {
    return context.error(
        "slot_lost", ReasonCode::kSlotInvalidated, subject,
        concat("was invalidated by the server",
               slot.invalidation_reason.empty() ? std::string() : concat(" (", slot.invalidation_reason, ")"),
               ": the log it needs is gone"),
        concat(drop, "\n-- then `millrace position reset FILE` for a new snapshot"));
  }
  if (slot.synced && context.in_recovery) {
    return context.error("slot_synced", ReasonCode::kSlotInUse, subject,
                         "is synchronized from the primary and cannot be read here",
                         "database.hostname: <the primary>");
  }
  if (slot.active) {
    const std::string_view application = rows->view(0, 2);
    if (application == concat("millrace/", context.config.name)) {
      context.ok("slot_active", subject,
                 concat("is being read by this pipeline (process ", slot.active_pid, ")"));
    } else {
      context.error("slot_active", ReasonCode::kSlotInUse, subject,
                    concat("is being read by process ", slot.active_pid, " (", application, ")"),
                    concat("slot.name: <another name>\n-- or stop that reader: SELECT pg_terminate_backend(",
                           slot.active_pid, ");"));
    }
  }
  const std::uint64_t end = rows->lsn(0, 1);
  const std::int64_t retained =
      end > slot.restart_lsn && slot.restart_lsn != 0 ? static_cast<std::int64_t>(end - slot.restart_lsn) : 0;
  if (slot.wal_status == "unreserved") {
    context.warn("slot_unreserved", subject,
                 "is about to be invalidated: it keeps more WAL than max_slot_wal_keep_size",
                 "start the pipeline now, and raise max_slot_wal_keep_size");
  } else if (retained > kRetainedWarning) {
    context.warn("slot_retained", subject, concat("keeps ", retained >> 20, " MiB of WAL"),
                 "start the pipeline, or drop the slot");
  } else {
    context.ok("slot", subject,
               concat("exists, confirmed to ", to_string(Lsn{slot.confirmed_flush_lsn}), ", keeps ",
                      retained >> 20, " MiB of WAL"));
  }
  if (slot.two_phase) {
    context.note("slot_two_phase", subject,
                 "has two_phase: prepared transactions are published when they commit");
  }
  if (context.config.slot.failover && !slot.failover && context.version >= 170000) {
    context.warn("slot_failover", subject, "was made without failover",
                 concat("ALTER_REPLICATION_SLOT ", quote_identifier(name),
                        " (FAILOVER true);  -- on a replication connection"));
  }
}

}  // namespace millrace::postgres
