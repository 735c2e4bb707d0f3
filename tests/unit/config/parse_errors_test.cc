// SPDX-License-Identifier: Apache-2.0
#include "base/reason_code.h"
#include "unit/config/parsing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

struct BadFile {
  const char* name;
  std::string text;
  const char* complaint;  // the whole message
};

class RefusesFile : public testing::TestWithParam<BadFile> {};

TEST_P(RefusesFile, WithLineKeyAndWhatIsAllowed) {
  const absl::StatusOr<ProcessConfig> config = parse_text(GetParam().text);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(std::string(config.status().message()), GetParam().complaint);
  EXPECT_EQ(reason_of(config.status()), ReasonCode::kConfigInvalid);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesFile,
    testing::Values(
        BadFile{"empty", "", "f.yaml: empty"},
        BadFile{"a_word", "hello", "f.yaml:1: the file is not a map of options"},
        BadFile{"broken_yaml", "name: [1, 2\n", "f.yaml:2: end of sequence flow not found"},
        BadFile{"two_documents", file_with("---\nname: x\n"), "f.yaml: more than one document"},
        BadFile{"not_utf8", file_with("slot.name: \xFF\n"), "f.yaml:6: not UTF-8"},
        BadFile{"end_of_transmission", file_with("\x04slot.name: a\n"), "f.yaml:6: control character 4"},
        BadFile{"unknown_key", file_with("slot.nmae: a\n"),
                "f.yaml:6: unknown option \"slot.nmae\"; did you mean slot.name?"},
        BadFile{"unknown_key_nested", file_with("slot:\n  nmae: a\n"),
                "f.yaml:7: unknown option \"slot.nmae\"; did you mean slot.name?"},
        BadFile{"unknown_key_like_nothing", file_with("zzzzzzzzzz: a\n"),
                "f.yaml:6: unknown option \"zzzzzzzzzz\""},
        BadFile{"underscores_for_dots", file_with("memory_limit: 1 GiB\n"),
                "f.yaml:6: unknown option \"memory_limit\"; did you mean memory.limit?"},
        BadFile{"twice", file_with("slot.name: a\nslot.name: b\n"),
                "f.yaml:7: \"slot.name\" stands twice: also in line 6"},
        BadFile{"twice_nested_and_dotted", file_with("slot.name: a\nslot: {name: b}\n"),
                "f.yaml:7: \"slot.name\" stands twice: also in line 6"},
        BadFile{"no_value", file_with("slot.name:\n"),
                "f.yaml:6: \"slot.name\" has no value; leave it out for the default"},
        BadFile{"empty_key", file_with("'': a\n"), "f.yaml:6: a key is empty"},
        BadFile{"list_key", file_with("[a, b]: c\n"), "f.yaml:6: a key that is not a word"},
        BadFile{"list_of_maps", file_with("table.include.list:\n  - {a: b}\n"),
                "f.yaml:7: \"table.include.list\": the list has an entry that is not a plain value"},
        BadFile{"list_for_one_value", file_with("slot.name: [a, b]\n"),
                "f.yaml:6: slot.name: the list: one value is expected, not a list; "
                "allowed: 1 to 63 lower-case letters, digits or '_'"},
        BadFile{
            "port_not_a_number", file_with("database.port: 54x\n"),
            "f.yaml:6: database.port: \"54x\": allowed: whole number, 1 to 65535, or several with commas"},
        BadFile{
            "port_too_large", file_with("database.port: 65536\n"),
            "f.yaml:6: database.port: \"65536\": allowed: whole number, 1 to 65535, or several with commas"},
        BadFile{"ports_for_other_hosts", file_with("database.port: 1,2,3\n"),
                "f.yaml:6: database.port has 3 ports for 1 hosts; allowed: one for all, or one each"},
        BadFile{"time_below_range", file_with("status.update.interval.ms: 99\n"),
                "f.yaml:6: status.update.interval.ms: \"99\": allowed: whole number, 100 to 3600000 (ms)"},
        BadFile{"time_with_unit", file_with("checkpoint.interval.ms: 1s\n"),
                "f.yaml:6: checkpoint.interval.ms: \"1s\": allowed: whole number, 1 to 3600000 (ms)"},
        BadFile{"number_beyond_64_bits", file_with("slot.max.retries: 99999999999999999999\n"),
                "f.yaml:6: slot.max.retries: \"99999999999999999999\": allowed: whole number, 0 to 1000000"},
        BadFile{"yes_is_no_boolean", file_with("slot.failover: yes\n"),
                "f.yaml:6: slot.failover: \"yes\": allowed: true or false"},
        BadFile{"size_with_wrong_unit", file_with("memory.limit: 1 gallon\n"),
                "f.yaml:6: memory.limit: \"1 gallon\": allowed: size such as 512 KiB, 64 MiB or 1 GiB, 16 "
                "MiB to 4 TiB"},
        BadFile{
            "size_beyond_64_bits", file_with("file.rotate.bytes: 99999999 TiB\n"),
            "f.yaml:6: file.rotate.bytes: \"99999999 TiB\": allowed: size such as 512 KiB, 64 MiB or 1 GiB, "
            "0 to 1024 TiB"},
        BadFile{"choice", file_with("database.sslmode: maybe\n"),
                "f.yaml:6: database.sslmode: \"maybe\": allowed: disable, allow, prefer, require, verify-ca, "
                "verify-full"},
        BadFile{"snapshot_mode_of_debezium", file_with("snapshot.mode: when_needed\n"),
                "f.yaml:6: snapshot.mode: \"when_needed\": not supported by this version; allowed: initial, "
                "initial_only, no_data"},
        BadFile{"snapshot_mode_of_nobody", file_with("snapshot.mode: never\n"),
                "f.yaml:6: snapshot.mode: \"never\": allowed: initial, initial_only, no_data"},
        BadFile{"connector_of_debezium", file_with("connector: mysql\n"),
                "f.yaml:6: connector: \"mysql\": not supported by this version; allowed: postgresql"},
        BadFile{"operation", file_with("skipped.operations: c,x\n"),
                "f.yaml:6: skipped.operations: \"c,x\": allowed: c, u, d, t with commas, or none"},
        BadFile{"none_beside_operations", file_with("skipped.operations: none,t\n"),
                "f.yaml:6: skipped.operations: \"none,t\": allowed: c, u, d, t with commas, or none"},
        BadFile{"expression", file_with("table.include.list: public.a,public.(b\n"),
                "f.yaml:6: table.include.list: \"public.a,public.(b\": entry 2: not a regular expression, "
                "at character 10"},
        BadFile{"both_lists", file_with("table.include.list: a\ntable.exclude.list: b\n"),
                "f.yaml:7: table.exclude.list cannot stand beside table.include.list"},
        BadFile{"slot_name", file_with("slot.name: Orders\n"),
                "f.yaml:6: slot.name: \"Orders\": allowed: 1 to 63 lower-case letters, digits or '_'"},
        BadFile{"slot_name_64", file_with("slot.name: " + std::string(64, 'a') + "\n"),
                "f.yaml:6: slot.name: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"...: "
                "allowed: 1 to 63 "
                "lower-case letters, digits or '_'"},
        BadFile{"listen", file_with("http.listen: localhost\n"),
                "f.yaml:6: http.listen: \"localhost\": allowed: host:port, [IPv6 address]:port, or off"},
        BadFile{
            "placeholder", file_with("unavailable.value.placeholder: hex:0\n"),
            "f.yaml:6: unavailable.value.placeholder: \"hex:0\": allowed: UTF-8 text, or hex: and pairs of "
            "hexadecimal digits"},
        BadFile{"file_without_path", file_with("sink: file\n"),
                "f.yaml:6: pipeline \"orders\": file.path is required with sink: file"},
        BadFile{"row_larger_than_memory", file_with("memory.limit: 32 MiB\nrow.bytes.max: 64 MiB\n"),
                "f.yaml:7: row.bytes.max is larger than the pipeline's part of memory.limit, 32 MiB"},
        BadFile{"key_without_certificate", file_with("database.sslkey: k.pem\n"),
                "f.yaml:6: database.sslkey needs database.sslcert beside it"},
        BadFile{
            "binding_without_tls",
            file_with("database.sslmode: disable\ndatabase.channel_binding: require\n"),
            "f.yaml:7: database.channel_binding: require needs encryption, and database.sslmode is disable"},
        BadFile{"output_is_checkpoint", file_with("sink: file\nfile.path: a\ncheckpoint.file: ./a\n"),
                "f.yaml:7: pipeline \"orders\": file.path is the file that pipeline \"orders\" has as its "
                "checkpoint.file"},
        BadFile{"foreign_value", file_with("decimal.handling.mode: double\n"),
                "f.yaml:6: \"decimal.handling.mode\": not supported by this version; only precise is"},
        BadFile{"foreign_set_at_all", file_with("message.key.columns: a:b\n"),
                "f.yaml:6: \"message.key.columns\": not supported by this version; leave it out"},
        BadFile{"foreign_plugin", file_with("plugin.name: decoderbufs\n"),
                "f.yaml:6: \"plugin.name\": only pgoutput is supported by this version"},
        BadFile{"of_mysql", file_with("database.server.id: 1\n"),
                "f.yaml:6: \"database.server.id\": an option of the MySQL and MariaDB connectors, which this "
                "version "
                "does not have"},
        BadFile{"variable_missing", file_with("slot.name: ${env:NOPE}\n"),
                "f.yaml:6: \"slot.name\": \"env:NOPE\": no such environment variable"},
        BadFile{"file_missing", file_with("slot.name: ${file:/nope}\n"),
                "f.yaml:6: \"slot.name\": \"file:/nope\": cannot be opened: no such file"},
        BadFile{"property_missing", file_with("slot.name: ${file:/etc/db.properties:nope}\n"),
                "f.yaml:6: \"slot.name\": \"file:/etc/db.properties:nope\": the file has no such key"},
        BadFile{"provider_unknown", file_with("slot.name: ${vault:x}\n"),
                "f.yaml:6: \"slot.name\": \"vault:x\": unknown provider; there are env and file"},
        BadFile{"required", "name: a\n",
                "f.yaml:1: pipeline \"a\": topic.prefix is required\n"
                "f.yaml:1: pipeline \"a\": database.hostname is required\n"
                "f.yaml:1: pipeline \"a\": database.user is required\n"
                "f.yaml:1: pipeline \"a\": database.dbname is required"},
        BadFile{"all_at_once", file_with("slot.nmae: a\ndatabase.port: 0\nsnapshot.mode: x\n"),
                "f.yaml:6: unknown option \"slot.nmae\"; did you mean slot.name?\n"
                "f.yaml:7: database.port: \"0\": allowed: whole number, 1 to 65535, or several with commas\n"
                "f.yaml:8: snapshot.mode: \"x\": allowed: initial, initial_only, no_data"}),
    [](const auto& row) { return std::string(row.param.name); });

constexpr std::string_view kTwo =
    "pipelines:\n"
    "  - name: a\n"
    "    topic.prefix: a\n"
    "    slot.name: a\n"
    "    database: &db\n"
    "      hostname: db1,db2\n"
    "      user: u\n"
    "      dbname: d\n"
    "  - name: b\n"
    "    topic.prefix: b\n"
    "    slot.name: b\n"
    "    database: *db\n";

struct BadPair {
  const char* name;
  std::vector<std::string> sets;
  const char* complaint;
};

class RefusesPipelinesThatCollide : public testing::TestWithParam<BadPair> {};

TEST_P(RefusesPipelinesThatCollide, WithBothNamed) {
  ASSERT_EQ(complaint(kTwo), "ok");
  EXPECT_EQ(complaint(kTwo, GetParam().sets), GetParam().complaint);
}

INSTANTIATE_TEST_SUITE_P(
    Table, RefusesPipelinesThatCollide,
    testing::Values(
        BadPair{"name",
                {"name=c"},
                "f.yaml:9: pipeline \"c\": checkpoint.file is the file that pipeline \"c\" has as its "
                "checkpoint.file\n"
                "--set name: two pipelines have this name; the other begins in line 2"},
        BadPair{"slot",
                {"slot.name=s"},
                "--set slot.name: pipeline \"b\" has the slot.name of pipeline \"a\" on the same server"},
        BadPair{"slot_on_one_shared_host",
                {"slot.name=s", "pipeline.b.database.hostname=db9,DB2"},
                "--set slot.name: pipeline \"b\" has the slot.name of pipeline \"a\" on the same server"},
        BadPair{"slot_on_other_ports", {"slot.name=s", "pipeline.b.database.port=5433"}, "ok"},
        BadPair{"slot_on_other_hosts", {"slot.name=s", "pipeline.b.database.hostname=db3"}, "ok"},
        BadPair{"checkpoint",
                {"checkpoint.file=x"},
                "--set checkpoint.file: pipeline \"b\": checkpoint.file is the file that pipeline \"a\" has "
                "as its "
                "checkpoint.file"},
        BadPair{"output",
                {"sink=file", "pipeline.a.file.path=/tmp/o", "pipeline.b.file.path=/tmp/./x/../o"},
                "--set pipeline.b.file.path: pipeline \"b\": file.path is the file that pipeline \"a\" has "
                "as its "
                "file.path"},
        BadPair{"memory_for_two",
                {"memory.limit=31 MiB"},
                "f.yaml: memory.limit leaves less than 16 MiB to each of 2 pipelines"},
        BadPair{
            "no_such_pipeline",
            {"pipeline.c.slot.name=x"},
            "--set pipeline.c.slot.name: no pipeline of this name; write pipeline.<name>.<option>=<value>"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ConfigPlaces, OptionsInTheWrongPlaceAreSentToTheRightOne) {
  EXPECT_EQ(
      complaint(
          "slot.name: x\npipelines: [{name: a, topic.prefix: a, database.hostname: h, database.user: u, "
          "database.dbname: d, log.level: info}]\n"),
      "f.yaml:1: slot.name belongs to a pipeline: move it under `pipelines`\n"
      "f.yaml:2: log.level belongs to the process: move it out of the pipeline");
}

TEST(ConfigPlaces, PipelinesIsAListOfMaps) {
  EXPECT_EQ(complaint("pipelines: {a: b}\n"),
            "f.yaml:1: \"pipelines\" is a list: each pipeline begins with `- name: ...`");
  EXPECT_EQ(complaint("pipelines: []\n"), "f.yaml:1: \"pipelines\" is empty");
  EXPECT_EQ(complaint("pipelines: [a]\n"), "f.yaml:1: a pipeline is a map of options");
}

TEST(ConfigPlaces, PipelineOfAListNeedsAName) {
  EXPECT_EQ(
      complaint(
          "pipelines: [{topic.prefix: a, database.hostname: h, database.user: u, database.dbname: d}]\n"),
      "f.yaml:1: pipeline 1: name is required");
}

TEST(ConfigOverride, MistakesPointAtTheOverride) {
  EXPECT_EQ(
      complaint(kRequired, {"database.port=x"}),
      "--set database.port: database.port: \"x\": allowed: whole number, 1 to 65535, or several with commas");
  EXPECT_EQ(complaint(kRequired, {"slot.nmae=x"}),
            "--set slot.nmae: unknown option \"slot.nmae\"; did you mean slot.name?");
}

struct SecretPlace {
  const char* name;
  std::string text;
};

class HidesSecrets : public testing::TestWithParam<SecretPlace> {};

TEST_P(HidesSecrets, InMessages) {
  const std::string message = complaint(GetParam().text);
  EXPECT_NE(message, "ok");
  EXPECT_THAT(message, testing::Not(testing::HasSubstr(kMarker)));
}

const std::string kSecret(kMarker);
INSTANTIATE_TEST_SUITE_P(
    Table, HidesSecrets,
    testing::Values(
        SecretPlace{"password_as_list", file_with("database.password: [" + kSecret + ", a]\n")},
        SecretPlace{"password_beside_a_mistake", file_with("database.password: " + kSecret + "\nx: y\n")},
        SecretPlace{"password_twice",
                    file_with("database.password: " + kSecret + "\ndatabase.password: " + kSecret + "\n")},
        SecretPlace{"misspelt_password", file_with("database.pasword: " + kSecret + "\n")},
        SecretPlace{"variable_in_a_number", file_with("database.port: ${env:PASSWORD}\n")},
        SecretPlace{"variable_in_a_choice", file_with("database.sslmode: ${env:PASSWORD}\n")},
        SecretPlace{"variable_in_a_name", file_with("slot.name: ${env:PASSWORD}\n")},
        SecretPlace{"variable_in_an_expression", file_with("table.include.list: (${env:PASSWORD}\n")},
        SecretPlace{"file_in_a_boolean", file_with("slot.failover: ${file:/run/secret}\n")},
        SecretPlace{"variable_in_a_foreign_option", file_with("plugin.name: ${env:PASSWORD}\n")},
        SecretPlace{"variable_in_a_path", file_with("sink: file\nfile.path: ${env:PASSWORD}\n"
                                                    "checkpoint.file: ${env:PASSWORD}\n")}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace millrace::config
