// SPDX-License-Identifier: Apache-2.0
// The options, declared once. A name that Debezium has means the same here; defaults are config.h's initial
// values.
#include "config/option.h"
#include "config/option_checks.h"
#include "config/words.h"

#include <algorithm>
#include <array>

namespace millrace::config {
namespace {

template <class Member>
Target target_of(Member* member) {
  if constexpr (std::is_enum_v<Member>) {
    return Choice{
        kWords<Member>, member,
        [](const void* from) { return static_cast<std::size_t>(*static_cast<const Member*>(from)); },
        [](void* to, std::size_t index) { *static_cast<Member*>(to) = static_cast<Member>(index); }};
  } else {
    return member;
  }
}

#define MILLRACE_PROCESS(member) \
  [](ProcessConfig& process, PipelineConfig&) { return target_of(&process.member); }
#define MILLRACE_PIPELINE(member) \
  [](ProcessConfig&, PipelineConfig& pipeline) { return target_of(&pipeline.member); }

constexpr std::int64_t kMiB = 1LL << 20;
constexpr std::int64_t kDayMs = 86'400'000;

constexpr std::array kOptions = {
    // The process.
    Option{.name = "log.level",
           .scope = Scope::kProcess,
           .group = Group::kProcess,
           .target = MILLRACE_PROCESS(log_level),
           .help = "The least important lines that are logged."},
    Option{.name = "log.format",
           .scope = Scope::kProcess,
           .group = Group::kProcess,
           .target = MILLRACE_PROCESS(log_format),
           .help = "JSON lines or plain text; auto is text on a terminal and JSON elsewhere."},
    Option{.name = "http.listen",
           .scope = Scope::kProcess,
           .group = Group::kProcess,
           .target = MILLRACE_PROCESS(http_listen),
           .help = "Where /healthz, /readyz, /metrics and /status are served; `off` serves nothing.",
           .valid = is_listen_address,
           .allowed = "host:port, [IPv6 address]:port, or off"},
    Option{.name = "memory.limit",
           .scope = Scope::kProcess,
           .group = Group::kProcess,
           .target = MILLRACE_PROCESS(memory_limit_bytes),
           .help = "Memory for rows on their way, all pipelines together; each gets an equal part.",
           .min = 16 * kMiB,
           .max = 1LL << 42},
    Option{.name = "data.dir",
           .scope = Scope::kProcess,
           .group = Group::kProcess,
           .target = MILLRACE_PROCESS(data_dir),
           .help = "Folder for checkpoints and scratch files; made when missing.",
           .valid = is_path,
           .allowed = "a path"},

    // The pipeline.
    Option{
        .name = "name",
        .group = Group::kPipeline,
        .target = MILLRACE_PIPELINE(name),
        .help =
            "Names the pipeline in logs, metrics and file names; a file with one pipeline may leave it out.",
        .default_text = "topic.prefix, when the file has one pipeline",
        .valid = is_pipeline_name,
        .allowed = "1 to 64 letters, digits, '.', '_' or '-'"},
    Option{.name = "connector",
           .group = Group::kPipeline,
           .target = MILLRACE_PIPELINE(connector),
           .help = "The kind of database. `connector.class` of a Debezium file says the same.",
           .later = "mysql,mariadb"},
    Option{.name = "topic.prefix",
           .group = Group::kPipeline,
           .target = MILLRACE_PIPELINE(topic_prefix),
           .help = "Logical name of the server: the front of every topic and schema name.",
           .valid = is_topic_prefix,
           .allowed = "letters, digits, '.', '_' or '-'",
           .required = true,
           .shapes_messages = true},

    // Connection.
    Option{.name = "database.hostname",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.hosts),
           .help = "Host, or several with commas, tried in order; a path is a folder with a Unix socket.",
           .required = true},
    Option{.name = "database.port",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.ports),
           .help = "Port of all hosts, or as many ports with commas as there are hosts.",
           .min = 1,
           .max = 65'535},
    Option{.name = "database.user",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.user),
           .help = "Role to log in as; it needs REPLICATION, and SELECT on the tables for the snapshot.",
           .required = true},
    Option{.name = "database.password",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.password),
           .help = "Password of the role; better ${env:NAME} or ${file:/path} than the password itself."},
    Option{.name = "database.dbname",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.dbname),
           .help = "Database to capture.",
           .required = true,
           .shapes_messages = true},
    Option{.name = "database.sslmode",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.sslmode),
           .help = "Whether the connection is encrypted and the server's certificate checked, as in libpq."},
    Option{.name = "database.sslcert",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.sslcert),
           .help = "File with the client's certificate."},
    Option{.name = "database.sslkey",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.sslkey),
           .help = "File with the key of the client's certificate."},
    Option{.name = "database.sslpassword",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.sslpassword),
           .help = "Passphrase of that key."},
    Option{.name = "database.sslrootcert",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.sslrootcert),
           .help = "File with the certificates of the authorities to trust; `system` takes the system's."},
    Option{.name = "database.passfile",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.passfile),
           .help = "Password file in the form of .pgpass, used when there is no database.password."},
    Option{.name = "database.channel_binding",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.channel_binding),
           .help = "Whether the login is tied to the encrypted connection (SCRAM over TLS)."},
    Option{.name = "database.target_session_attrs",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.target_session_attrs),
           .help = "Which of several hosts will do."},
    Option{.name = "connect.timeout.ms",
           .group = Group::kConnection,
           .target = MILLRACE_PIPELINE(database.connect_timeout_ms),
           .help = "How long one host may take to answer and log in.",
           .min = 1'000,
           .max = 3'600'000,
           .unit = "ms"},

    // Slot and publication.
    Option{.name = "slot.name",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(slot.name),
           .help = "Replication slot; made when it does not exist.",
           .valid = is_slot_name,
           .allowed = "1 to 63 lower-case letters, digits or '_'"},
    Option{.name = "slot.drop.on.stop",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(slot.drop_on_stop),
           .help = "Drop the slot at an orderly stop; the next start takes a new snapshot."},
    Option{.name = "slot.failover",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(slot.failover),
           .help = "Make the slot one that standbys keep up with (PostgreSQL 17 and newer)."},
    Option{.name = "slot.max.retries",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(slot.max_retries),
           .help = "How often to try again to start streaming while another connection holds the slot.",
           .max = 1'000'000},
    Option{.name = "slot.retry.delay.ms",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(slot.retry_delay_ms),
           .help = "Wait between those tries; all together should outlast the server's wal_sender_timeout.",
           .max = kDayMs,
           .unit = "ms"},
    Option{.name = "publication.name",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(publication.name),
           .help = "Publication that says which tables the server sends.",
           .valid = is_identifier,
           .allowed = "1 to 63 bytes",
           .shapes_messages = true},
    Option{.name = "publication.autocreate.mode",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(publication.autocreate),
           .help = "Which publication to make when there is none: for all tables, for the captured ones, "
                   "none, empty."},
    Option{.name = "publish.via.partition.root",
           .group = Group::kSlot,
           .target = MILLRACE_PIPELINE(publication.via_partition_root),
           .help = "Publish rows of partitions as rows of the partitioned table.",
           .shapes_messages = true},

    // What is captured.
    Option{.name = "schema.include.list",
           .group = Group::kCapture,
           .target = MILLRACE_PIPELINE(schemas.include),
           .help = "Schemas to capture; all others are left out.",
           .shapes_messages = true},
    Option{.name = "schema.exclude.list",
           .group = Group::kCapture,
           .target = MILLRACE_PIPELINE(schemas.exclude),
           .help = "Schemas to leave out; not together with schema.include.list.",
           .shapes_messages = true},
    Option{.name = "table.include.list",
           .group = Group::kCapture,
           .target = MILLRACE_PIPELINE(tables.include),
           .help = "Tables to capture, as schema.table; all others are left out.",
           .shapes_messages = true},
    Option{.name = "table.exclude.list",
           .group = Group::kCapture,
           .target = MILLRACE_PIPELINE(tables.exclude),
           .help = "Tables to leave out, as schema.table; not together with table.include.list.",
           .shapes_messages = true},
    Option{
        .name = "message.prefix.include.list",
        .group = Group::kCapture,
        .target = MILLRACE_PIPELINE(message_prefixes.include),
        .help = "Prefixes of logical messages (pg_logical_emit_message) to publish; all others are left out.",
        .shapes_messages = true},
    Option{
        .name = "message.prefix.exclude.list",
        .group = Group::kCapture,
        .target = MILLRACE_PIPELINE(message_prefixes.exclude),
        .help = "Prefixes of logical messages to leave out; not together with message.prefix.include.list.",
        .shapes_messages = true},
    Option{.name = "snapshot.mode",
           .group = Group::kCapture,
           .target = MILLRACE_PIPELINE(snapshot_mode),
           .help = "What a first start does: rows and then changes, rows only, changes only.",
           .later = "always,when_needed,configuration_based,custom"},
    Option{
        .name = "skipped.operations",
        .group = Group::kCapture,
        .target = MILLRACE_PIPELINE(skipped_operations),
        .help =
            "Operations that are not published: c (insert), u (update), d (delete), t (truncate), or none.",
        .shapes_messages = true},

    // Messages.
    Option{
        .name = "schemas.enable",
        .group = Group::kMessages,
        .target = MILLRACE_PIPELINE(schemas_enable),
        .help = "Put the schema into every key and value, as Kafka Connect's JsonConverter does by default.",
        .shapes_messages = true},
    Option{.name = "key.converter.schemas.enable",
           .group = Group::kMessages,
           .target = MILLRACE_PIPELINE(key_schemas_enable),
           .help = "The same for keys alone.",
           .default_text = "schemas.enable",
           .shapes_messages = true},
    Option{.name = "value.converter.schemas.enable",
           .group = Group::kMessages,
           .target = MILLRACE_PIPELINE(value_schemas_enable),
           .help = "The same for values alone.",
           .default_text = "schemas.enable",
           .shapes_messages = true},
    Option{
        .name = "tombstones.on.delete",
        .group = Group::kMessages,
        .target = MILLRACE_PIPELINE(tombstones_on_delete),
        .help =
            "Follow a delete with a record that has the key and no value, so that compaction drops the key.",
        .shapes_messages = true},
    Option{.name = "extended.headers.enabled",
           .group = Group::kMessages,
           .target = MILLRACE_PIPELINE(extended_headers_enabled),
           .help = "Add the four __debezium.context headers.",
           .shapes_messages = true},
    Option{.name = "unavailable.value.placeholder",
           .group = Group::kMessages,
           .target = MILLRACE_PIPELINE(unavailable_value_placeholder),
           .help = "Stands for a large value that an update left alone and the server did not send; hex: "
                   "gives bytes.",
           .valid = is_placeholder,
           .allowed = "UTF-8 text, or hex: and pairs of hexadecimal digits",
           .shapes_messages = true},

    // Faults.
    Option{.name = "errors.max.retries",
           .group = Group::kFaults,
           .target = MILLRACE_PIPELINE(errors_max_retries),
           .help = "How often a fault that usually passes is tried again before the pipeline stops; -1 is "
                   "without end.",
           .min = -1,
           .max = 1'000'000'000},
    Option{.name = "retriable.restart.connector.wait.ms",
           .group = Group::kFaults,
           .target = MILLRACE_PIPELINE(retriable_restart_wait_ms),
           .help = "Longest wait before such a try; the first ones come sooner.",
           .max = kDayMs,
           .unit = "ms"},
    Option{.name = "status.update.interval.ms",
           .group = Group::kFaults,
           .target = MILLRACE_PIPELINE(status_update_interval_ms),
           .help = "How often the server is told the stored position; shorter than its wal_sender_timeout.",
           .min = 100,
           .max = 3'600'000,
           .unit = "ms"},

    // Engine.
    Option{.name = "workers",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(workers),
           .help = "Threads that encode; 0 does everything on one thread; auto is 0 on two cores or fewer.",
           .min = -1,
           .max = 64,
           .minus_one = "auto"},
    Option{
        .name = "cores",
        .group = Group::kEngine,
        .target = MILLRACE_PIPELINE(cores),
        .help = "Processor numbers to pin the pipeline's threads to, in order: ingest, workers, order stage.",
        .max = 1'023},
    Option{.name = "io",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(io),
           .help = "How sockets are read; auto falls back to plain calls where io_uring is not allowed."},
    Option{.name = "gather.mode",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(gather),
           .help = "Let bytes gather before a read: while the stream is busy, never, always."},
    Option{.name = "pgoutput.streaming",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(streaming),
           .help = "Whether the server sends large transactions while they are in progress (PostgreSQL 14 "
                   "and newer)."},
    Option{.name = "pgoutput.binary",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(binary),
           .help = "Whether the server sends values in binary form; messages are the same."},
    Option{.name = "row.bytes.max",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(row_bytes_max),
           .help = "Largest row on the wire; a larger one stops the pipeline with ROW_TOO_LARGE.",
           .min = 1 * kMiB,
           .max = 1LL << 31,
           .default_text = "a quarter of the pipeline's part of memory.limit"},
    Option{.name = "held.memory.percent",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(held_memory_percent),
           .help = "Share of the pipeline's memory for transactions not committed yet; what is more goes to "
                   "spill.dir.",
           .min = 1,
           .max = 90,
           .unit = "percent"},
    Option{.name = "spill.dir",
           .group = Group::kEngine,
           .target = MILLRACE_PIPELINE(spill_dir),
           .help = "Folder for the scratch files of large transactions; made when missing.",
           .default_text = "<data.dir>/spill",
           .valid = is_path,
           .allowed = "a path"},

    // Sink.
    Option{
        .name = "sink",
        .group = Group::kSink,
        .target = MILLRACE_PIPELINE(sink),
        .help = "Where records go: standard output, a file of JSON lines, nowhere (for measuring), Kafka."},
    Option{.name = "file.path",
           .group = Group::kSink,
           .target = MILLRACE_PIPELINE(file.path),
           .help = "The output file; required with `sink: file`. It is continued after a restart.",
           .valid = is_path,
           .allowed = "a path"},
    Option{.name = "file.rotate.bytes",
           .group = Group::kSink,
           .target = MILLRACE_PIPELINE(file.rotate_bytes),
           .help = "Begin a new file once this one has so many bytes, or a batch more; 0 is never.",
           .max = 1LL << 50},
    Option{.name = "file.rotate.interval.ms",
           .group = Group::kSink,
           .target = MILLRACE_PIPELINE(file.rotate_interval_ms),
           .help = "Begin a new file when this one is older; 0 is never.",
           .max = 366 * kDayMs,
           .unit = "ms"},
    Option{.name = "file.fsync",
           .group = Group::kSink,
           .target = MILLRACE_PIPELINE(file.fsync),
           .help = "When written lines are forced to disk: left to the system, by time and before a "
                   "checkpoint, per batch."},
    Option{.name = "file.fsync.interval.ms",
           .group = Group::kSink,
           .target = MILLRACE_PIPELINE(file.fsync_interval_ms),
           .help = "The time for `file.fsync: interval`.",
           .min = 1,
           .max = 3'600'000,
           .unit = "ms"},

    // Kafka.
    Option{.name = "kafka.bootstrap.servers",
           .group = Group::kKafka,
           .target = MILLRACE_PIPELINE(kafka.bootstrap_servers),
           .help = "Brokers to ask first, as host:port with commas; `bootstrap.servers` says the same.",
           .valid = is_broker_list,
           .allowed = "host:port, or several with commas"},
    Option{.name = "topic.creation.enable",
           .group = Group::kKafka,
           .target = MILLRACE_PIPELINE(kafka.create_topics),
           .help = "Make a topic when the first record for it comes; else it must exist, or the pipeline "
                   "stops."},

    // Checkpoint.
    Option{.name = "checkpoint.store",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.store),
           .help = "Where the position is stored: in a local file, or in a compacted topic.",
           .default_text = "kafka with `sink: kafka`, else file"},
    Option{.name = "checkpoint.topic",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.topic),
           .help = "The topic for `checkpoint.store: kafka`; pipelines share it, the key is the name.",
           .valid = is_topic_prefix,
           .allowed = "letters, digits, '.', '_' or '-'"},
    Option{.name = "checkpoint.conflict",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.conflict),
           .help = "When another instance of the pipeline runs: take over from it, or stop with "
                   "ALREADY_ACTIVE."},
    Option{.name = "checkpoint.heartbeat.ms",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.heartbeat_ms),
           .help =
               "With `checkpoint.store: kafka`: how often an instance that has nothing to store says that "
               "it lives.",
           .min = 100,
           .max = 3'600'000,
           .unit = "ms"},
    Option{.name = "checkpoint.interval.ms",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.interval_ms),
           .help = "How often the position is stored.",
           .min = 1,
           .max = 3'600'000,
           .unit = "ms"},
    Option{.name = "checkpoint.file",
           .group = Group::kCheckpoint,
           .target = MILLRACE_PIPELINE(checkpoint.file),
           .help = "The file for `checkpoint.store: file`; its predecessor is kept beside it.",
           .default_text = "<data.dir>/<name>.checkpoint",
           .valid = is_path,
           .allowed = "a path"},
};

#undef MILLRACE_PROCESS
#undef MILLRACE_PIPELINE

}  // namespace

std::string_view title_of(Group group) noexcept {
  switch (group) {
    case Group::kProcess:
      return "Process";
    case Group::kPipeline:
      return "Pipeline";
    case Group::kConnection:
      return "Connection";
    case Group::kSlot:
      return "Slot and publication";
    case Group::kCapture:
      return "What is captured";
    case Group::kMessages:
      return "Messages";
    case Group::kFaults:
      return "Faults and timing";
    case Group::kEngine:
      return "Engine";
    case Group::kSink:
      return "Sink";
    case Group::kKafka:
      return "Kafka";
    case Group::kCheckpoint:
      return "Checkpoint";
  }
  return "";
}

std::span<const Option> all_options() noexcept { return kOptions; }

const Option* find_option(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kOptions, name, &Option::name);
  return found == kOptions.end() ? nullptr : found;
}

}  // namespace millrace::config
