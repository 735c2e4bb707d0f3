// SPDX-License-Identifier: Apache-2.0
// What a configuration file says, after it was read and checked. Names, ranges and help: options.cc.
//
// The initial values of the members are the defaults; options.cc reads them from here.
#pragma once
#include "base/log.h"
#include "config/pattern_list.h"
#include "config/secret.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

enum class Connector : std::uint8_t { kPostgresql };
enum class SslMode : std::uint8_t { kDisable, kAllow, kPrefer, kRequire, kVerifyCa, kVerifyFull };
enum class ChannelBinding : std::uint8_t { kDisable, kPrefer, kRequire };
enum class TargetSessionAttrs : std::uint8_t {
  kAny,
  kReadWrite,
  kReadOnly,
  kPrimary,
  kStandby,
  kPreferStandby
};
enum class PublicationAutocreate : std::uint8_t { kAllTables, kFiltered, kDisabled, kNoTables };
enum class SnapshotMode : std::uint8_t { kInitial, kInitialOnly, kNoData };
enum class StreamingMode : std::uint8_t { kAuto, kOff, kOn, kParallel };  // transactions in progress
enum class BinaryMode : std::uint8_t { kAuto, kTrue, kFalse };
enum class GatherMode : std::uint8_t { kAdaptive, kOff, kAlways };
enum class IoBackend : std::uint8_t { kAuto, kIoUring, kPlain };
enum class SinkKind : std::uint8_t { kStdout, kFile, kNull, kKafka };
enum class CheckpointStoreKind : std::uint8_t { kFile, kKafka };
enum class CheckpointConflict : std::uint8_t { kTakeover, kStop };
enum class FsyncPolicy : std::uint8_t { kNever, kInterval, kAlways };

/// Where the database is and how to log in. Encryption by GSS is always off: the socket is taken over from
/// libpq.
struct DatabaseConfig {
  std::vector<std::string> hosts;          ///< Tried in order. A leading '/' is a folder with a Unix socket.
  std::vector<std::uint16_t> ports{5432};  ///< One for all hosts, or one per host.
  std::string user;
  Secret password;
  std::string dbname;
  SslMode sslmode = SslMode::kPrefer;
  std::string sslcert;
  std::string sslkey;
  Secret sslpassword;
  std::string sslrootcert;
  std::string passfile;
  ChannelBinding channel_binding = ChannelBinding::kPrefer;
  TargetSessionAttrs target_session_attrs = TargetSessionAttrs::kAny;
  std::int64_t connect_timeout_ms = 30'000;
};

struct SlotConfig {
  std::string name = "debezium";
  bool drop_on_stop = false;
  bool failover = false;  ///< PostgreSQL 17 and newer.
  std::int64_t max_retries = 6;
  std::int64_t retry_delay_ms = 10'000;
};

struct PublicationConfig {
  std::string name = "dbz_publication";
  PublicationAutocreate autocreate = PublicationAutocreate::kAllTables;
  bool via_partition_root = false;
};

/// Operations that are read and not published.
struct SkippedOperations {
  bool create = false;
  bool update = false;
  bool remove = false;
  bool truncate = true;
  friend bool operator==(const SkippedOperations&, const SkippedOperations&) = default;
};

struct FileSinkConfig {
  std::string path;
  std::uint64_t rotate_bytes = 0;              ///< 0: never by size.
  std::int64_t rotate_interval_ms = 0;         ///< 0: never by time.
  FsyncPolicy fsync = FsyncPolicy::kInterval;  ///< A checkpoint always forces one first, except with kNever.
  std::int64_t fsync_interval_ms = 1'000;
};

/// A property of librdkafka as a file sets it. Any of them may be a secret, so none is shown.
struct KafkaProperty {
  std::string name;  ///< Without `kafka.`.
  Secret value;
};

/// How topics are made that match: `topic.creation.<group>.*`, as Kafka Connect has them.
struct TopicCreationGroup {
  std::string name;
  PatternList include{};  ///< Of whole topic names. The group `default` takes what is left.
  PatternList exclude{};
  std::int32_t partitions = -1;                                 ///< -1: as the broker has it.
  std::int32_t replication_factor = -1;                         ///< -1: as the broker has it.
  std::vector<std::pair<std::string, std::string>> settings{};  ///< The topic's own, such as cleanup.policy.
};

struct KafkaConfig {
  std::string bootstrap_servers;
  std::vector<KafkaProperty> properties;  ///< In the file's order.
  bool create_topics = true;
  std::vector<TopicCreationGroup> creation_groups{{.name = "default"}};  ///< In order; `default` is last.
};

struct CheckpointConfig {
  std::int64_t interval_ms = 1'000;
  CheckpointStoreKind store = CheckpointStoreKind::kFile;  ///< Filled in: kKafka with `sink: kafka`.
  std::string file;                                        ///< Filled in: <data.dir>/<name>.checkpoint.
  std::string topic = "millrace-checkpoints";
  CheckpointConflict conflict = CheckpointConflict::kTakeover;
  std::int64_t heartbeat_ms = 3'000;  ///< In a topic: the longest silence of an instance that lives.
};

/// One pipeline: a database, what is captured, where it goes.
struct PipelineConfig {
  std::string name;
  Connector connector = Connector::kPostgresql;
  std::string topic_prefix;

  DatabaseConfig database;
  SlotConfig slot;
  PublicationConfig publication;

  NameFilter schemas;           ///< Matched against the schema's name.
  NameFilter tables;            ///< Matched against schema.table.
  NameFilter message_prefixes;  ///< Matched against a logical message's prefix.
  SnapshotMode snapshot_mode = SnapshotMode::kInitial;

  bool tombstones_on_delete = true;
  SkippedOperations skipped_operations;
  bool schemas_enable = true;      ///< What the file says; the two below are what counts.
  bool key_schemas_enable = true;  ///< schemas.enable, unless key.converter.schemas.enable says otherwise.
  bool value_schemas_enable =
      true;  ///< schemas.enable, unless value.converter.schemas.enable says otherwise.
  bool extended_headers_enabled = true;
  std::string unavailable_value_placeholder = "__debezium_unavailable_value";

  std::int64_t status_update_interval_ms = 10'000;
  std::int64_t errors_max_retries = -1;  ///< -1: without end.
  std::int64_t retriable_restart_wait_ms = 10'000;

  int workers = -1;        ///< -1: auto, see effective_workers().
  std::vector<int> cores;  ///< Cores to pin to; empty: no pinning.
  StreamingMode streaming = StreamingMode::kAuto;
  BinaryMode binary = BinaryMode::kAuto;
  GatherMode gather = GatherMode::kAdaptive;
  IoBackend io = IoBackend::kAuto;
  std::uint64_t row_bytes_max = 64ULL << 20;
  std::string spill_dir;  ///< Filled in: <data.dir>/spill.
  int held_memory_percent =
      50;  ///< Share of the pipeline's memory for transactions that are not committed yet.

  SinkKind sink = SinkKind::kStdout;
  FileSinkConfig file;
  KafkaConfig kafka;
  CheckpointConfig checkpoint;
};

/// A whole process: what its pipelines share, and the pipelines.
struct ProcessConfig {
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kAuto;
  std::string http_listen = "127.0.0.1:8083";  ///< host:port; "off" serves nothing.
  std::uint64_t memory_limit_bytes = 256ULL << 20;
  std::string data_dir = "./millrace-data";
  std::vector<PipelineConfig> pipelines;

  /// What `check` tells besides errors: options that are accepted and change nothing here.
  std::vector<std::string> notes;
};

/// Whether anything of the pipeline is in Kafka.
inline bool uses_kafka(const PipelineConfig& pipeline) noexcept {
  return pipeline.sink == SinkKind::kKafka || pipeline.checkpoint.store == CheckpointStoreKind::kKafka;
}

/// The number of worker threads `pipeline.workers` stands for on a machine with this many cores.
int effective_workers(const PipelineConfig& pipeline, int machine_cores) noexcept;

/// A pipeline's part of memory_limit_bytes: equal parts.
std::uint64_t pipeline_memory_bytes(const ProcessConfig& process) noexcept;

}  // namespace millrace
