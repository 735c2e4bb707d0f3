// SPDX-License-Identifier: Apache-2.0
#include "config/foreign_options.h"

#include "base/concat.h"
#include "config/scalars.h"

#include <algorithm>
#include <array>

namespace millrace::config {
namespace {

constexpr std::string_view kMySql =
    "an option of the MySQL and MariaDB connectors, which this version does not have";
constexpr std::string_view kKafka = "sink is not kafka";
constexpr std::string_view kNowhere = "sink is not kafka";
constexpr std::string_view kAlike = "kafka.* sets all clients alike";
constexpr std::string_view kJdbc = "the connection is libpq's";
constexpr std::string_view kBudget = "memory.limit bounds what is on its way";

// Debezium 3.6.1's names and defaults. The first fitting row counts.
constexpr std::array kForeign = {
    // Kafka Connect.
    ForeignOption{"connector.class", "io.debezium.connector.postgresql.PostgresConnector|PostgresConnector",
                  "only io.debezium.connector.postgresql.PostgresConnector is supported by this version"},
    ForeignOption{"tasks.max", "1", ""},
    ForeignOption{"key.converter", "org.apache.kafka.connect.json.JsonConverter",
                  "only org.apache.kafka.connect.json.JsonConverter is supported by this version"},
    ForeignOption{"value.converter", "org.apache.kafka.connect.json.JsonConverter",
                  "only org.apache.kafka.connect.json.JsonConverter is supported by this version"},
    ForeignOption{"header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter", ""},
    ForeignOption{"key.converter.replace.null.with.default", "true", ""},
    ForeignOption{"value.converter.replace.null.with.default", "true", ""},
    ForeignOption{"key.converter.decimal.format", "BASE64", ""},
    ForeignOption{"value.converter.decimal.format", "BASE64", ""},
    ForeignOption{"key.converter.schemas.cache.size", "*", "schemas are compiled once per table"},
    ForeignOption{"value.converter.schemas.cache.size", "*", "schemas are compiled once per table"},
    ForeignOption{"transforms", "", ""},
    ForeignOption{"transforms.*", "", ""},
    ForeignOption{"predicates", "", ""},
    ForeignOption{"predicates.*", "", ""},
    ForeignOption{"config.action.reload", "*", "secrets are read once, at the start"},
    ForeignOption{"errors.tolerance", "none", ""},
    ForeignOption{"errors.retry.timeout", "*", "errors.max.retries counts tries"},
    ForeignOption{"errors.retry.delay.max.ms", "*",
                  "retriable.restart.connector.wait.ms is the longest wait"},
    ForeignOption{"errors.log.enable", "*", "errors are always logged"},
    ForeignOption{"errors.log.include.messages", "false", ""},
    ForeignOption{"topic.creation.*", "*", kNowhere},
    ForeignOption{"exactly.once.support", "requested", ""},
    ForeignOption{"transaction.boundary", "poll", ""},
    ForeignOption{"transaction.boundary.interval.ms", "", ""},
    ForeignOption{"offsets.storage.topic", "*", "positions are where checkpoint.store says"},
    ForeignOption{"producer.override.*", "*", kKafka},
    ForeignOption{"admin.override.*", "*", kAlike},
    ForeignOption{"consumer.override.*", "*", kAlike},

    // Debezium, all connectors.
    ForeignOption{"column.include.list", "", ""},
    ForeignOption{"column.exclude.list", "", ""},
    ForeignOption{"column.truncate.to.*", "", ""},
    ForeignOption{"column.mask.*", "", ""},
    ForeignOption{"column.propagate.source.type", "", ""},
    ForeignOption{"datatype.propagate.source.type", "", ""},
    ForeignOption{"message.key.columns", "", ""},
    ForeignOption{"skip.messages.without.change", "false", ""},
    ForeignOption{"decimal.handling.mode", "precise", ""},
    ForeignOption{"time.precision.mode", "adaptive", ""},
    ForeignOption{"binary.handling.mode", "bytes", ""},
    ForeignOption{"schema.name.adjustment.mode", "none", ""},
    ForeignOption{"field.name.adjustment.mode", "none", ""},
    ForeignOption{"snapshot.locking.mode", "none", ""},
    ForeignOption{"snapshot.include.collection.list", "", ""},
    ForeignOption{"snapshot.select.statement.overrides", "", ""},
    ForeignOption{"snapshot.select.statement.overrides.*", "", ""},
    ForeignOption{"snapshot.fetch.size", "*", "a snapshot is read by COPY"},
    ForeignOption{"snapshot.max.threads", "1", ""},
    ForeignOption{"snapshot.max.threads.multiplier", "*", "a snapshot is read table after table"},
    ForeignOption{"legacy.snapshot.max.threads", "*", "a snapshot is read table after table"},
    ForeignOption{"snapshot.lock.timeout.ms", "*", "a snapshot takes no locks"},
    ForeignOption{"snapshot.delay.ms", "0", ""},
    ForeignOption{"streaming.delay.ms", "0", ""},
    ForeignOption{"snapshot.tables.order.by.row.count", "disabled", ""},
    ForeignOption{"snapshot.query.mode", "select_all", ""},
    ForeignOption{"snapshot.query.mode.custom.name", "", ""},
    ForeignOption{"snapshot.mode.custom.name", "", ""},
    ForeignOption{"snapshot.locking.mode.custom.name", "", ""},
    ForeignOption{"snapshot.mode.configuration.based.*", "false", ""},
    ForeignOption{"incremental.snapshot.chunk.size", "*",
                  "there are no incremental snapshots in this version"},
    ForeignOption{"incremental.snapshot.watermarking.strategy", "*",
                  "there are no incremental snapshots in this version"},
    ForeignOption{"incremental.snapshot.allow.schema.changes", "false", ""},
    ForeignOption{"read.only", "false", ""},
    ForeignOption{"signal.data.collection", "", ""},
    ForeignOption{"signal.enabled.channels", "source|", ""},
    ForeignOption{"signal.poll.interval.ms", "*", "there are no signals in this version"},
    ForeignOption{"signal.*", "", ""},
    ForeignOption{"notification.enabled.channels", "", ""},
    ForeignOption{"notification.*", "", ""},
    ForeignOption{"provide.transaction.metadata", "false", ""},
    ForeignOption{"transaction.metadata.factory",
                  "io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory", ""},
    ForeignOption{"heartbeat.interval.ms", "0", ""},
    ForeignOption{"heartbeat.action.query", "", ""},
    ForeignOption{"topic.heartbeat.prefix", "*", "there are no heartbeat records in this version"},
    ForeignOption{"heartbeat.topics.prefix", "*", "there are no heartbeat records in this version"},
    ForeignOption{"topic.heartbeat.name", "*", "there are no heartbeat records in this version"},
    ForeignOption{"topic.transaction", "*", "there are no transaction records in this version"},
    ForeignOption{"topic.delimiter", ".", ""},
    ForeignOption{"topic.cache.size", "*", "topic names are compiled once per table"},
    ForeignOption{"topic.naming.strategy", "io.debezium.schema.SchemaTopicNamingStrategy", ""},
    ForeignOption{"event.processing.failure.handling.mode", "fail", ""},
    ForeignOption{"event.converting.failure.handling.mode", "warn", ""},
    ForeignOption{"max.batch.size", "*", kBudget},
    ForeignOption{"max.queue.size", "*", kBudget},
    ForeignOption{"max.queue.size.in.bytes", "*", kBudget},
    ForeignOption{"poll.interval.ms", "*", "changes are handed on as they arrive"},
    ForeignOption{"queue.provider.type", "*", kBudget},
    ForeignOption{"query.fetch.size", "*", "a snapshot is read by COPY"},
    ForeignOption{"database.query.timeout.ms", "*", "queries of the catalog have a limit of their own"},
    ForeignOption{"connection.validation.timeout.ms", "*", "connect.timeout.ms limits each host"},
    ForeignOption{"executor.shutdown.timeout.ms", "*", "a stop drains within 10 seconds"},
    ForeignOption{"table.ignore.builtin", "true", ""},
    ForeignOption{"include.schema.comments", "false", ""},
    ForeignOption{"converters", "", ""},
    ForeignOption{"post.processors", "", ""},
    ForeignOption{"reselect.*", "", ""},
    ForeignOption{"custom.metric.tags", "", ""},
    ForeignOption{"custom.sanitize.pattern", "*", "secrets are never logged"},
    ForeignOption{"guardrail.collections.max", "0", ""},
    ForeignOption{"guardrail.collections.limit.action", "*", "guardrail.collections.max is off"},
    ForeignOption{"statistics.metrics.enabled", "*", "/metrics always has them"},
    ForeignOption{"sourceinfo.struct.maker", "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker",
                  ""},
    ForeignOption{"openlineage.integration.enabled", "false", ""},
    ForeignOption{"openlineage.integration.*", "*", "there is no OpenLineage integration"},
    ForeignOption{"database.initial.statements", "", ""},
    ForeignOption{"schema.history.internal*", "*", "PostgreSQL needs no schema history"},
    ForeignOption{"include.schema.changes", "*", "PostgreSQL has no schema change records"},

    // Debezium, PostgreSQL.
    ForeignOption{"plugin.name", "pgoutput", "only pgoutput is supported by this version"},
    ForeignOption{"slot.stream.params", "", ""},
    ForeignOption{"replica.identity.autoset.values", "", ""},
    ForeignOption{"hstore.handling.mode", "json", ""},
    ForeignOption{"interval.handling.mode", "numeric", ""},
    ForeignOption{"money.fraction.digits", "2", ""},
    ForeignOption{"include.unknown.datatypes", "false", ""},
    ForeignOption{"schema.refresh.mode", "columns_diff", ""},
    ForeignOption{"snapshot.isolation.mode", "serializable|repeatable_read",
                  "a snapshot is always repeatable read, on the slot's exported snapshot"},
    ForeignOption{"xmin.fetch.interval.ms", "0", ""},
    ForeignOption{"lsn.flush.mode", "connector", ""},
    ForeignOption{"lsn.flush.timeout.ms", "*", "the server is told positions by timer"},
    ForeignOption{"lsn.flush.timeout.action", "*", "the server is told positions by timer"},
    ForeignOption{"flush.lsn.source", "true", ""},
    ForeignOption{"offset.mismatch.strategy", "no_validation",
                  "positions are always validated; see docs/exit-codes.md"},
    ForeignOption{"database.sslfactory", "", kJdbc},
    ForeignOption{"database.tcpKeepAlive", "true", ""},
    ForeignOption{"database.connection.factory.class", "", kJdbc},

    // Debezium, MySQL and MariaDB.
    ForeignOption{"database.server.id", "", kMySql},
    ForeignOption{"database.server.id.offset", "", kMySql},
    ForeignOption{"database.include.list", "", kMySql},
    ForeignOption{"database.exclude.list", "", kMySql},
    ForeignOption{"include.query", "", kMySql},
    ForeignOption{"bigint.unsigned.handling.mode", "", kMySql},
    ForeignOption{"enable.time.adjuster", "", kMySql},
    ForeignOption{"event.deserialization.failure.handling.mode", "", kMySql},
    ForeignOption{"inconsistent.schema.handling.mode", "", kMySql},
    ForeignOption{"connect.keep.alive", "", kMySql},
    ForeignOption{"connect.keep.alive.interval.ms", "", kMySql},
    ForeignOption{"use.nongraceful.disconnect", "", kMySql},
    ForeignOption{"binlog.*", "", kMySql},
    ForeignOption{"min.row.count.to.stream.results", "", kMySql},
    ForeignOption{"gtid.*", "", kMySql},
    ForeignOption{"database.ssl.mode", "", "MySQL's spelling; PostgreSQL's is database.sslmode"},
    ForeignOption{"database.ssl.*", "", kMySql},
    ForeignOption{"database.jdbc.driver", "", kMySql},
    ForeignOption{"database.protocol", "", kMySql},
    ForeignOption{"ddl.parser.type", "", kMySql},
};

bool fits(const ForeignOption& option, std::string_view name) {
  if (!option.name.ends_with('*')) return option.name == name;
  return name.starts_with(option.name.substr(0, option.name.size() - 1));
}

bool accepts(const ForeignOption& option, std::string_view value) {
  std::string_view rest = option.accepted;
  while (true) {
    const std::size_t bar = rest.find('|');
    if (equal_ignoring_case(rest.substr(0, bar), trimmed(value))) return true;
    if (bar == std::string_view::npos) return false;
    rest.remove_prefix(bar + 1);
  }
}

}  // namespace

std::span<const ForeignOption> foreign_options() noexcept { return kForeign; }

ForeignAnswer judge_foreign(std::string_view name, std::string_view value) {
  const auto* const found =
      std::ranges::find_if(kForeign, [name](const auto& option) { return fits(option, name); });
  if (found == kForeign.end()) return {};
  if (found->accepted == "*") return {ForeignVerdict::kNoEffect, concat("has no effect: ", found->why)};
  if (accepts(*found, value)) return {ForeignVerdict::kSame, ""};
  if (!found->why.empty()) return {ForeignVerdict::kUnsupported, std::string(found->why)};
  const std::string_view only = found->accepted.substr(0, found->accepted.find('|'));
  if (only.empty()) return {ForeignVerdict::kUnsupported, "not supported by this version; leave it out"};
  return {ForeignVerdict::kUnsupported, concat("not supported by this version; only ", only, " is")};
}

}  // namespace millrace::config
