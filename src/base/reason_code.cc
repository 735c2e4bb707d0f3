// SPDX-License-Identifier: Apache-2.0
#include "base/reason_code.h"

#include "base/concat.h"

#include <absl/strings/cord.h>

#include <algorithm>
#include <array>

namespace millrace {
namespace {

constexpr char kPayloadUrl[] = "millrace.io/reason";

constexpr std::array kGroups = {
    ExitCodeGroup{0, "Done, or stopped as asked."},
    ExitCodeGroup{1, "`check` and `status`: something needs attention; what, is in the output."},
    ExitCodeGroup{2, "The command line or the configuration is wrong. Nothing was connected."},
    ExitCodeGroup{
        3, "Stopped until somebody changes something: a permission, a setting, a file. Nothing is lost."},
    ExitCodeGroup{
        4, "Trouble that usually passes, and lasted longer than the configured retries. Nothing is lost."},
    ExitCodeGroup{5, "Going on would lose or falsify data. Stopped before that; a person has to decide."},
    ExitCodeGroup{70, "A defect in millrace. Nothing unacknowledged was acknowledged; please report it."},
};

using enum ReasonCode;
constexpr std::array kReasons = {
    ReasonInfo{kOk, "OK", 0, false, "Finished: all there was to do is done and stored.", "Nothing to do."},
    ReasonInfo{kSignal, "SIGNAL", 0, false, "Stopped by SIGTERM or SIGINT at a stored position.",
               "Start again to go on from exactly there."},
    ReasonInfo{kUsage, "USAGE", 2, false, "The command line has an unknown command, flag or argument.",
               "See `millrace help <command>`."},
    ReasonInfo{kConfigInvalid, "CONFIG_INVALID", 2, false,
               "The configuration has errors; each is listed with its line.",
               "Correct the lines named; `millrace check FILE` repeats the validation."},
    ReasonInfo{kNotReady, "NOT_READY", 1, false, "`check` or `status` found something that needs attention.",
               "Do what its output says, with the SQL or setting given there."},
    ReasonInfo{
        kConnectRefused, "CONNECT_REFUSED", 4, true,
        "The server could not be reached: refused, unknown host, timed out, starting up or shutting down.",
        "Check database.hostname, database.port, the network and that the server runs."},
    ReasonInfo{
        kAuthFailed, "AUTH_FAILED", 3, false, "The server rejected the role or its password or certificate.",
        "Check database.user, database.password, the certificate and pg_hba.conf (a `replication` line)."},
    ReasonInfo{kTlsFailed, "TLS_FAILED", 3, false,
               "No encrypted connection as database.sslmode asks: no TLS on the server, or its certificate "
               "is not trusted.",
               "Check database.sslmode, database.sslrootcert and the server's certificate and name."},
    ReasonInfo{kPermissionDenied, "PERMISSION_DENIED", 3, false,
               "The role lacks REPLICATION, or rights on the database, a schema, a table or the publication.",
               "`millrace check FILE` prints the GRANT and ALTER ROLE statements that are missing."},
    ReasonInfo{kDatabaseMissing, "DATABASE_MISSING", 3, false, "The server has no database of this name.",
               "Check database.dbname."},
    ReasonInfo{
        kServerVersion, "SERVER_VERSION", 3, false,
        "The server's version, or what it is, cannot be used: older than 13, or a standby older than 16.",
        "Use PostgreSQL 13 to 18, or connect to the primary."},
    ReasonInfo{kWalLevel, "WAL_LEVEL", 3, false, "The server does not log what logical decoding needs.",
               "ALTER SYSTEM SET wal_level = logical; then restart the server."},
    ReasonInfo{
        kSlotMissing, "SLOT_MISSING", 5, false,
        "There is a stored position, and the slot it belongs to is gone: changes since then may be lost.",
        "Find out who dropped it; `millrace position reset` starts over with a new slot and snapshot."},
    ReasonInfo{kSlotInUse, "SLOT_IN_USE", 4, true, "Another connection streams from the slot.",
               "Stop the other reader (pg_stat_replication shows it), or give this pipeline a slot.name of "
               "its own."},
    ReasonInfo{
        kSlotInvalidated, "SLOT_INVALIDATED", 5, false,
        "The server invalidated the slot and removed WAL that was not read yet.",
        "Raise max_slot_wal_keep_size; drop the slot, then `millrace position reset` for a new snapshot."},
    ReasonInfo{kSlotWrongPlugin, "SLOT_WRONG_PLUGIN", 3, false,
               "The slot was made for another plugin than pgoutput.",
               "Choose another slot.name, or drop the slot if nothing else reads it."},
    ReasonInfo{kSlotWrongDatabase, "SLOT_WRONG_DATABASE", 3, false, "The slot belongs to another database.",
               "Choose another slot.name, or correct database.dbname."},
    ReasonInfo{kSlotsExhausted, "SLOTS_EXHAUSTED", 3, false,
               "The server has no free replication slot or no free walsender.",
               "Drop slots nobody reads, or raise max_replication_slots and max_wal_senders and restart the "
               "server."},
    ReasonInfo{kPublicationMissing, "PUBLICATION_MISSING", 3, false,
               "The publication does not exist and publication.autocreate.mode does not allow to create it.",
               "CREATE PUBLICATION as `millrace check FILE` prints it."},
    ReasonInfo{kPublicationSkipped, "PUBLICATION_SKIPPED", 5, false,
               "The publication was missing while the server decoded WAL, and the server skipped it: changes "
               "are gone.",
               "Create the publication; `millrace position reset` takes a new snapshot."},
    ReasonInfo{kSourceGap, "SOURCE_GAP", 5, false,
               "The server starts behind the stored position: the changes between the two are not in its log "
               "any more.",
               "The message names both positions. `millrace position reset` takes a new snapshot."},
    ReasonInfo{
        kSourceHistoryChanged, "SOURCE_HISTORY_CHANGED", 5, false,
        "The server's log is not the one that was read before: restored, re-created, failed over with loss.",
        "Decide which server is right; `millrace position reset` takes a new snapshot of it."},
    ReasonInfo{
        kSourceProtocol, "SOURCE_PROTOCOL", 3, false,
        "The server sent something the replication protocol does not allow; position and byte are named.",
        "Check that nothing between (a pooler, a proxy) alters the connection; otherwise please report it."},
    ReasonInfo{kSourceCorrupt, "SOURCE_CORRUPT", 3, false,
               "The server cannot read or decode its own log (SQLSTATE of class XX).",
               "See the server's log; restore or repair it."},
    ReasonInfo{kRowTooLarge, "ROW_TOO_LARGE", 3, false,
               "A row is larger than row.bytes.max, or than the memory limit.",
               "Raise row.bytes.max and memory.limit, or leave the table out."},
    ReasonInfo{kValueUndecodable, "VALUE_UNDECODABLE", 3, false,
               "A value is not of its column's type; table, column and position are named.",
               "Check the row on the server; please report it if the server shows it without complaint."},
    ReasonInfo{kMemoryLimit, "MEMORY_LIMIT", 3, false,
               "The memory limit is too small for what the pipelines need.",
               "Raise memory.limit, or run fewer pipelines or workers in this process."},
    ReasonInfo{kSnapshotFailed, "SNAPSHOT_FAILED", 4, true,
               "The snapshot could not be finished; it starts again from the beginning at the next start.",
               "The message names the table and the server's error."},
    ReasonInfo{kSinkWriteFailed, "SINK_WRITE_FAILED", 4, true,
               "The output could not be written: disk full, closed pipe, missing folder or permission.",
               "Make room or correct file.path; what was not written is read again."},
    ReasonInfo{
        kSinkTailMismatch, "SINK_TAIL_MISMATCH", 5, false,
        "The end of the output is not what the checkpoint says: it was cut, replaced or written by another.",
        "Put the file back, or choose a new file.path and `millrace position reset`."},
    ReasonInfo{
        kCheckpointCorrupt, "CHECKPOINT_CORRUPT", 5, false,
        "Neither the checkpoint file nor its predecessor can be read; the position is unknown.",
        "Restore the file; or `millrace position set` if the position is known, else `position reset`."},
    ReasonInfo{kCheckpointMismatch, "CHECKPOINT_MISMATCH", 5, false,
               "The checkpoint belongs to another pipeline, server, slot or output than the configuration.",
               "Correct the configuration, or choose another checkpoint.file."},
    ReasonInfo{kCheckpointLocked, "CHECKPOINT_LOCKED", 4, true, "Another process holds the checkpoint file.",
               "Stop the other process; two must not run the same pipeline."},
    ReasonInfo{
        kCheckpointWriteFailed, "CHECKPOINT_WRITE_FAILED", 4, true,
        "The position could not be stored: disk full, missing folder or permission.",
        "Make room or correct checkpoint.file and data.dir. Into Kafka it is tried again; see the brokers."},
    ReasonInfo{
        kCheckpointTopic, "CHECKPOINT_TOPIC", 3, false,
        "The checkpoint topic cannot be used: missing and not to be created, not compacted, or of several "
        "partitions.",
        "`millrace check FILE` prints the command that puts it right; or choose another checkpoint.topic."},
    ReasonInfo{kAlreadyActive, "ALREADY_ACTIVE", 4, true,
               "Another instance of this pipeline is running, and it is not to be taken over.",
               "Stop the other instance, or set `checkpoint.conflict: takeover`."},
    ReasonInfo{kFenced, "FENCED", 3, false,
               "Another instance of this pipeline has taken over; this one may not store positions any more.",
               "Keep one of the two. Different pipelines on one Kafka need different names."},
    ReasonInfo{kKafkaUnreachable, "KAFKA_UNREACHABLE", 4, true,
               "No broker of kafka.bootstrap.servers answered in time.",
               "Check kafka.bootstrap.servers, the brokers' advertised listeners, and the network."},
    ReasonInfo{kKafkaAuthFailed, "KAFKA_AUTH_FAILED", 3, false,
               "The brokers rejected the user, its password or its token.",
               "Check kafka.security.protocol, kafka.sasl.mechanism, kafka.sasl.username and "
               "kafka.sasl.password."},
    ReasonInfo{
        kKafkaTlsFailed, "KAFKA_TLS_FAILED", 3, false,
        "No encrypted connection to the brokers: no TLS there, or a certificate that is not trusted.",
        "Check kafka.security.protocol, kafka.ssl.ca.location and the brokers' certificates and names."},
    ReasonInfo{kKafkaPermissionDenied, "KAFKA_PERMISSION_DENIED", 3, false,
               "The user may not do on a topic, the cluster or a transactional.id what a pipeline has to do.",
               "`millrace check FILE` names the ACLs that are missing."},
    ReasonInfo{kKafkaVersion, "KAFKA_VERSION", 3, false,
               "The brokers, or the librdkafka in this build, are too old for what is asked of them.",
               "Use brokers of Kafka 2.4 or newer; build with the librdkafka that deploy/setup pins."},
    ReasonInfo{kTopicMissing, "TOPIC_MISSING", 3, false,
               "A topic does not exist, and topic.creation.enable does not allow to create it.",
               "Create the topic, or set topic.creation.enable: true."},
    ReasonInfo{kTopicRefused, "TOPIC_REFUSED", 3, false,
               "A topic could not be created: its name, its settings or a policy of the cluster.",
               "The message has the broker's words; correct topic.creation.*, or create the topic by hand."},
    ReasonInfo{kTopicLostData, "TOPIC_LOST_DATA", 5, false,
               "A topic that was delivered to is gone, is another one of the same name, or ends earlier.",
               "Find out who deleted or cut it; `millrace position reset` takes a new snapshot, `position "
               "set` goes on without."},
    ReasonInfo{kRecordTooLarge, "RECORD_TOO_LARGE", 3, false,
               "A record is larger than the topic's max.message.bytes, or kafka.message.max.bytes.",
               "Raise the limit of the topic; the message names table, position and size."},
    ReasonInfo{
        kRecordRefused, "RECORD_REFUSED", 3, false,
        "The broker refuses a record for what it is: a compacted topic takes no records without a key, "
        "or a policy of the cluster forbids it.",
        "The message names the topic and has the broker's words."},
    ReasonInfo{kDeliveryFailed, "DELIVERY_FAILED", 4, true,
               "The producer lost its place in a partition; what was not acknowledged is sent again by a new "
               "one.",
               "The message has the broker's words. If it comes back, look at the brokers' logs."},
    ReasonInfo{kRetriesExhausted, "RETRIES_EXHAUSTED", 4, true,
               "A fault that usually passes came back errors.max.retries times.",
               "The message names the last fault; its remedy is the one for that fault."},
    ReasonInfo{kShutdownTimeout, "SHUTDOWN_TIMEOUT", 4, true,
               "Draining took longer than the time to stop; stopped at the last stored position.",
               "Nothing is lost; what was sent after that position is sent again."},
    ReasonInfo{kInternal, "INTERNAL", 70, true, "A condition that must always hold did not.",
               "Please report it with the log. A restart goes on from the last stored position."},
};

constexpr bool table_is_in_enum_order() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].code) != i) return false;
  }
  return kReasons.size() == static_cast<std::size_t>(kInternal) + 1;
}
static_assert(table_is_in_enum_order());

absl::StatusCode absl_code(const ReasonInfo& info) noexcept {
  switch (info.exit_code) {
    case 0:
      return absl::StatusCode::kCancelled;
    case 2:
      return absl::StatusCode::kInvalidArgument;
    case 1:
    case 3:
      return absl::StatusCode::kFailedPrecondition;
    case 4:
      return absl::StatusCode::kUnavailable;
    case 5:
      return absl::StatusCode::kDataLoss;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

const ReasonInfo& reason_info(ReasonCode code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return kReasons[index < kReasons.size() ? index : static_cast<std::size_t>(kInternal)];
}

std::span<const ReasonInfo> all_reasons() noexcept { return kReasons; }
std::span<const ExitCodeGroup> exit_code_groups() noexcept { return kGroups; }

std::optional<ReasonCode> parse_reason(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kReasons, name, &ReasonInfo::name);
  if (found == kReasons.end()) return std::nullopt;
  return found->code;
}

absl::Status with_reason(absl::Status status, ReasonCode code) {
  if (!status.ok()) status.SetPayload(kPayloadUrl, absl::Cord(concat(reason_info(code).name)));
  return status;
}

absl::Status reason_error(ReasonCode code, std::string_view message) {
  return with_reason(absl::Status(absl_code(reason_info(code)), concat(message)), code);
}

ReasonCode reason_of(const absl::Status& status) noexcept {
  if (status.ok()) return kOk;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return kInternal;
  return parse_reason(std::string(*payload)).value_or(kInternal);
}

std::string describe_stop(const absl::Status& status) {
  const ReasonInfo& info = reason_info(reason_of(status));
  if (status.ok()) return std::string(info.name);
  return concat(info.name, ": ", status.message().empty() ? concat(info.meaning) : concat(status.message()),
                "\n  ", info.remedy);
}

std::string exit_codes_markdown() {
  std::string out =
      "<!-- Generated by `millrace docs exit-codes`. Edit src/base/reason_code.cc. -->\n"
      "# How millrace stops\n\n"
      "The process ends with one of these exit codes. With several pipelines it is the largest one among "
      "theirs;\n"
      "a pipeline that stops leaves the others running.\n\n"
      "| Exit code | Meaning |\n|---:|---|\n";
  for (const ExitCodeGroup& group : kGroups) {
    append(out, "| ", group.exit_code, " | ", group.meaning, " |\n");
  }
  append(
      out,
      "\nThe last line of the log names the reason, by a name that stays the same from version to version.\n"
      "*Restart* says whether a restart by a service manager can help with nobody doing anything: the\n"
      "systemd unit restarts on these exit codes and leaves the others alone.\n\n"
      "| Reason | Exit code | Restart | Meaning | What to do |\n|---|---:|---|---|---|\n");
  for (const ReasonInfo& info : kReasons) {
    append(out, "| `", info.name, "` | ", info.exit_code, " | ", info.restart ? "yes" : "no", " | ",
           info.meaning, " | ", info.remedy, " |\n");
  }
  return out;
}

}  // namespace millrace
