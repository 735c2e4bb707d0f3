// SPDX-License-Identifier: Apache-2.0
#include "unit/config/parsing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

using testing::ElementsAre;

PipelineConfig only_pipeline(std::string_view text, std::vector<std::string> sets = {}) {
  const absl::StatusOr<ProcessConfig> config = parse_text(text, std::move(sets));
  EXPECT_TRUE(config.ok()) << config.status();
  if (!config.ok() || config->pipelines.size() != 1) return {};
  return config->pipelines.front();
}

TEST(ParseConfig, WhatIsRequiredIsEnough) {
  const absl::StatusOr<ProcessConfig> config = parse_text(kRequired);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->pipelines.size(), 1U);
  const PipelineConfig& pipeline = config->pipelines.front();
  EXPECT_EQ(pipeline.name, "orders");
  EXPECT_EQ(pipeline.topic_prefix, "shop");
  EXPECT_THAT(pipeline.database.hosts, ElementsAre("db"));
  EXPECT_THAT(pipeline.database.ports, ElementsAre(5432));
  EXPECT_EQ(pipeline.slot.name, "debezium");
  EXPECT_EQ(pipeline.publication.name, "dbz_publication");
  EXPECT_EQ(pipeline.publication.autocreate, PublicationAutocreate::kAllTables);
  EXPECT_EQ(pipeline.sink, SinkKind::kStdout);
  EXPECT_EQ(pipeline.checkpoint.file, "./millrace-data/orders.checkpoint");
  EXPECT_EQ(pipeline.spill_dir, "./millrace-data/spill");
  EXPECT_EQ(config->memory_limit_bytes, 256U << 20);
  EXPECT_EQ(pipeline.row_bytes_max, 64U << 20);
  EXPECT_TRUE(config->notes.empty());
}

TEST(ParseConfig, NestedAndDottedNamesAreTheSame) {
  const PipelineConfig pipeline = only_pipeline(
      "name: a\ntopic: {prefix: p}\ndatabase:\n  hostname: h\n  user: u\n  dbname: d\n  port: 1\n"
      "slot:\n  name: s\n  max.retries: 3\n  retry: {delay: {ms: 5}}\n");
  EXPECT_EQ(pipeline.topic_prefix, "p");
  EXPECT_THAT(pipeline.database.ports, ElementsAre(1));
  EXPECT_EQ(pipeline.slot.name, "s");
  EXPECT_EQ(pipeline.slot.max_retries, 3);
  EXPECT_EQ(pipeline.slot.retry_delay_ms, 5);
}

TEST(ParseConfig, PipelinesShareTheProcess) {
  const absl::StatusOr<ProcessConfig> config = parse_text(
      "log.level: debug\nmemory.limit: 512 MiB\ndata.dir: /var/lib/m\nhttp.listen: "
      "\"[::1]:9000\"\npipelines:\n"
      "  - {name: a, topic.prefix: a, slot.name: a, database: &db {hostname: h, user: u, dbname: d}}\n"
      "  - name: b.c\n    topic.prefix: b\n    slot.name: b\n    database: {<<: *db, dbname: e}\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->pipelines.size(), 2U);
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
  EXPECT_EQ(config->http_listen, "[::1]:9000");
  EXPECT_EQ(pipeline_memory_bytes(*config), 256U << 20);
  EXPECT_EQ(config->pipelines[0].row_bytes_max, 64U << 20);
  EXPECT_EQ(config->pipelines[1].name, "b.c");
  EXPECT_EQ(config->pipelines[1].database.dbname, "e");
  EXPECT_THAT(config->pipelines[1].database.hosts, ElementsAre("h"));
  EXPECT_EQ(config->pipelines[1].checkpoint.file, "/var/lib/m/b.c.checkpoint");
}

constexpr std::string_view kDebezium = R"({
  "name": "inventory-connector",
  "config": {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "tasks.max": "1",
    "plugin.name": "pgoutput",
    "database.hostname": "postgres",
    "database.port": "5433",
    "database.user": "debezium",
    "database.password": "${file:/etc/db.properties:password}",
    "database.dbname": "inventory",
    "topic.prefix": "dbserver1",
    "table.include.list": "inventory\\.orders,inventory\\.customers",
    "tombstones.on.delete": false,
    "max.batch.size": 2048,
    "decimal.handling.mode": "precise",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false"
  }
})";

TEST(ParseConfig, TakesADebeziumConnector) {
  const absl::StatusOr<ProcessConfig> config = parse_text(kDebezium);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->pipelines.size(), 1U);
  const PipelineConfig& pipeline = config->pipelines.front();
  EXPECT_EQ(pipeline.name, "inventory-connector");
  EXPECT_EQ(pipeline.topic_prefix, "dbserver1");
  EXPECT_THAT(pipeline.database.ports, ElementsAre(5433));
  EXPECT_EQ(pipeline.database.password.reveal(), "tiger");
  EXPECT_THAT(pipeline.tables.include.entries(), ElementsAre("inventory\\.orders", "inventory\\.customers"));
  EXPECT_FALSE(pipeline.tombstones_on_delete);
  EXPECT_TRUE(pipeline.key_schemas_enable);
  EXPECT_FALSE(pipeline.value_schemas_enable);
  EXPECT_THAT(
      config->notes,
      ElementsAre(
          "pipeline \"inventory-connector\": \"max.batch.size\" has no effect: memory.limit bounds what "
          "is on its way"));
}

TEST(ParseConfig, TakesADebeziumConfigurationAlone) {
  const PipelineConfig pipeline = only_pipeline(
      R"({"connector.class":"io.debezium.connector.postgresql.PostgresConnector","topic.prefix":"p",
          "database.hostname":"h","database.user":"u","database.dbname":"d"})");
  EXPECT_EQ(pipeline.name, "p");
}

TEST(ParseConfig, TakesWhatConnectAnswers) {
  const PipelineConfig pipeline = only_pipeline(
      R"({"name":"c","config":{"name":"c","topic.prefix":"p","database.hostname":"h","database.user":"u",
          "database.dbname":"d"},"tasks":[{"connector":"c","task":0}],"type":"source"})");
  EXPECT_EQ(pipeline.name, "c");
}

TEST(ParseConfig, ConnectorNamedTwoWaysIsRefused) {
  EXPECT_THAT(complaint(R"({"name":"c","config":{"name":"x","topic.prefix":"p","database.hostname":"h",
                            "database.user":"u","database.dbname":"d"}})"),
              testing::HasSubstr("\"name\" stands twice"));
}

TEST(ParseConfig, SchemasEnableIsForBothUnlessOneSaysOtherwise) {
  const PipelineConfig off = only_pipeline(file_with("schemas.enable: false\n"));
  EXPECT_FALSE(off.key_schemas_enable);
  EXPECT_FALSE(off.value_schemas_enable);
  const PipelineConfig keys =
      only_pipeline(file_with("schemas.enable: false\nkey.converter.schemas.enable: TRUE\n"));
  EXPECT_TRUE(keys.key_schemas_enable);
  EXPECT_FALSE(keys.value_schemas_enable);
}

TEST(ParseConfig, SkippedOperationsReplaceTheDefault) {
  EXPECT_EQ(only_pipeline(kRequired).skipped_operations, (SkippedOperations{.truncate = true}));
  EXPECT_EQ(only_pipeline(file_with("skipped.operations: none\n")).skipped_operations,
            (SkippedOperations{.truncate = false}));
  EXPECT_EQ(only_pipeline(file_with("skipped.operations: c, d\n")).skipped_operations,
            (SkippedOperations{.create = true, .remove = true, .truncate = false}));
}

TEST(ParseConfig, WorkersTakesAWordOrANumber) {
  EXPECT_EQ(only_pipeline(file_with("workers: auto\n")).workers, -1);
  EXPECT_EQ(only_pipeline(file_with("workers: 3\ncores: [0, 2, 4]\n")).workers, 3);
  EXPECT_THAT(only_pipeline(file_with("cores: 0,2\n")).cores, ElementsAre(0, 2));
}

TEST(ParseConfig, ListEntriesOfYamlMayHoldCommas) {
  const PipelineConfig pipeline =
      only_pipeline(file_with("table.include.list: [\"public.a{1,2}\", public.b]\n"));
  EXPECT_TRUE(pipeline.tables.accepts("public.aa"));
  EXPECT_TRUE(pipeline.tables.accepts("PUBLIC.B"));
  EXPECT_FALSE(pipeline.tables.accepts("public.aaa"));
}

TEST(ParseConfig, EmptyListIsNoList) {
  EXPECT_TRUE(only_pipeline(file_with("table.include.list: ''\n")).tables.empty());
}

TEST(ParseConfig, HostsMayBeSeveralOrASocketFolder) {
  const PipelineConfig two = only_pipeline(kRequired, {"database.hostname=a, b", "database.port=1,2"});
  EXPECT_THAT(two.database.hosts, ElementsAre("a", "b"));
  EXPECT_THAT(two.database.ports, ElementsAre(1, 2));
  EXPECT_THAT(only_pipeline(kRequired, {"database.hostname=/run/postgresql"}).database.hosts,
              ElementsAre("/run/postgresql"));
}

TEST(ParseConfig, SubstitutionsAreDoneOnce) {
  const PipelineConfig pipeline =
      only_pipeline(file_with("database.password: ${env:PASSWORD}\ndatabase.port: ${env:PORT}\n"
                              "slot.name: a_${file:/etc/db.properties:user}\n"));
  EXPECT_EQ(pipeline.database.password.reveal(), kMarker);
  EXPECT_THAT(pipeline.database.ports, ElementsAre(6543));
  EXPECT_EQ(pipeline.slot.name, "a_scott");
}

TEST(ParseConfig, OverridesReplaceAndTheLastOneCounts) {
  const absl::StatusOr<ProcessConfig> config =
      parse_text(file_with("slot.name: a\n"), {"slot.name=b", "log.level=error", "slot.name=c"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pipelines.front().slot.name, "c");
  EXPECT_EQ(config->log_level, LogLevel::kError);
}

TEST(ParseConfig, OverrideOfOnePipelineLeavesTheOthers) {
  const absl::StatusOr<ProcessConfig> config = parse_text(
      "pipelines:\n  - &p {name: a, topic.prefix: a, slot.name: a, database: {hostname: h, user: u, dbname: "
      "d}}\n"
      "  - {<<: *p, name: a.b, slot.name: b}\n",
      {"pipeline.a.b.checkpoint.interval.ms=7"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pipelines[0].checkpoint.interval_ms, 1000);
  EXPECT_EQ(config->pipelines[1].checkpoint.interval_ms, 7);
}

TEST(ParseConfig, OptionsOfAnotherSinkAreNoted) {
  const absl::StatusOr<ProcessConfig> config = parse_text(file_with("file.path: x\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->notes, ElementsAre("pipeline \"orders\": file.path has no effect: sink is not file"));
}

TEST(EffectiveWorkers, AutoIsNoneOnTwoCores) {
  PipelineConfig pipeline;
  EXPECT_EQ(effective_workers(pipeline, 1), 0);
  EXPECT_EQ(effective_workers(pipeline, 2), 0);
  EXPECT_EQ(effective_workers(pipeline, 4), 2);
  EXPECT_EQ(effective_workers(pipeline, 64), 8);
  pipeline.workers = 5;
  EXPECT_EQ(effective_workers(pipeline, 2), 5);
}

}  // namespace
}  // namespace millrace::config
