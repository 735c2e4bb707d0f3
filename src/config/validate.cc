// SPDX-License-Identifier: Apache-2.0
#include "config/validate.h"

#include "base/concat.h"
#include "config/option.h"
#include "config/scalars.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

namespace millrace::config {
namespace {

constexpr std::uint64_t kPipelineMemoryMin = 16ULL << 20;

/// One spelling per file: two pipelines that name it differently are still caught.
std::string resolved(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  return error ? path : absolute.lexically_normal().string();
}

void require_written(const ReadPipeline& pipeline, Problems& problems) {
  for (const Option& option : all_options()) {
    if (!option.required) continue;
    ProcessConfig process;
    PipelineConfig copy = pipeline.config;
    if (text_of(option, process, copy).empty()) {
      problems.add(pipeline.origin_of(option.name),
                   concat(pipeline.label, ": ", option.name, " is required"));
    }
  }
}

void refuse_both_lists(const ReadPipeline& pipeline, const NameFilter& filter, std::string_view include,
                       std::string_view exclude, Problems& problems) {
  if (filter.include.empty() || filter.exclude.empty()) return;
  problems.add(pipeline.origin_of(exclude), concat(exclude, " cannot stand beside ", include));
}

void validate_database(const ReadPipeline& pipeline, Problems& problems) {
  const DatabaseConfig& database = pipeline.config.database;
  if (database.ports.size() > 1 && database.ports.size() != database.hosts.size()) {
    problems.add(pipeline.origin_of("database.port"),
                 concat("database.port has ", database.ports.size(), " ports for ", database.hosts.size(),
                        " hosts; allowed: one for all, or one each"));
  }
  if (database.sslmode == SslMode::kDisable && database.channel_binding == ChannelBinding::kRequire) {
    problems.add(pipeline.origin_of("database.channel_binding"),
                 "database.channel_binding: require needs encryption, and database.sslmode is disable");
  }
  if (!database.sslkey.empty() && database.sslcert.empty()) {
    problems.add(pipeline.origin_of("database.sslkey"), "database.sslkey needs database.sslcert beside it");
  }
}

void validate_one(const ProcessConfig& process, const ReadPipeline& pipeline, Problems& problems,
                  std::vector<std::string>& notes) {
  const PipelineConfig& config = pipeline.config;
  require_written(pipeline, problems);
  if (config.name.empty() && pipeline.has("topic.prefix")) {
    problems.add(pipeline.origin_of("name"), concat(pipeline.label, ": name is required"));
  }
  refuse_both_lists(pipeline, config.schemas, "schema.include.list", "schema.exclude.list", problems);
  refuse_both_lists(pipeline, config.tables, "table.include.list", "table.exclude.list", problems);
  refuse_both_lists(pipeline, config.message_prefixes, "message.prefix.include.list",
                    "message.prefix.exclude.list", problems);
  validate_database(pipeline, problems);
  const std::uint64_t share = pipeline_memory_bytes(process);
  if (pipeline.has("row.bytes.max") && config.row_bytes_max > share) {
    problems.add(
        pipeline.origin_of("row.bytes.max"),
        concat("row.bytes.max is larger than the pipeline's part of memory.limit, ", format_bytes(share)));
  }
  if (config.sink == SinkKind::kFile && config.file.path.empty()) {
    problems.add(pipeline.origin_of("sink"),
                 concat(pipeline.label, ": file.path is required with sink: file"));
  }
  if (uses_kafka(config) && config.kafka.bootstrap_servers.empty()) {
    const std::string_view who = config.sink == SinkKind::kKafka ? "sink" : "checkpoint.store";
    problems.add(pipeline.origin_of(who),
                 concat(pipeline.label, ": kafka.bootstrap.servers is required with ", who, ": kafka"));
  }
  if (config.checkpoint.store == CheckpointStoreKind::kKafka && pipeline.has("checkpoint.file")) {
    notes.push_back(concat(pipeline.label, ": checkpoint.file has no effect: checkpoint.store is kafka"));
  }
  if (config.checkpoint.store == CheckpointStoreKind::kFile) {
    for (const std::string_view name :
         {"checkpoint.topic", "checkpoint.conflict", "checkpoint.heartbeat.ms"}) {
      if (!pipeline.has(name)) continue;
      notes.push_back(concat(pipeline.label, ": ", name, " has no effect: checkpoint.store is file"));
    }
  }
  if (config.sink != SinkKind::kFile) {
    for (const auto& [name, origin] : pipeline.origins) {
      if (name.starts_with("file."))
        notes.push_back(concat(pipeline.label, ": ", name, " has no effect: sink is not file"));
    }
  }
  if (config.file.fsync != FsyncPolicy::kInterval && pipeline.has("file.fsync.interval.ms")) {
    notes.push_back(
        concat(pipeline.label, ": file.fsync.interval.ms has no effect: file.fsync is not interval"));
  }
}

bool share_a_server(const DatabaseConfig& a, const DatabaseConfig& b) {
  const auto port_of = [](const DatabaseConfig& database, std::size_t i) {
    if (database.ports.empty()) return std::uint16_t{0};
    return database.ports[database.ports.size() == database.hosts.size() ? i : 0];
  };
  for (std::size_t i = 0; i < a.hosts.size(); ++i) {
    for (std::size_t j = 0; j < b.hosts.size(); ++j) {
      if (equal_ignoring_case(a.hosts[i], b.hosts[j]) && port_of(a, i) == port_of(b, j)) return true;
    }
  }
  return false;
}

/// A file a pipeline writes, with the option that names it.
struct WrittenFile {
  const ReadPipeline* pipeline;
  std::string_view option;
  std::string path;
};

void refuse_shared_files(std::span<const ReadPipeline> pipelines, Problems& problems) {
  std::vector<WrittenFile> files;
  for (const ReadPipeline& pipeline : pipelines) {
    if (!pipeline.config.checkpoint.file.empty() &&
        pipeline.config.checkpoint.store == CheckpointStoreKind::kFile) {
      files.push_back({&pipeline, "checkpoint.file", resolved(pipeline.config.checkpoint.file)});
    }
    if (pipeline.config.sink == SinkKind::kFile && !pipeline.config.file.path.empty()) {
      files.push_back({&pipeline, "file.path", resolved(pipeline.config.file.path)});
    }
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (files[i].path != files[j].path) continue;
      problems.add(files[i].pipeline->origin_of(files[i].option),
                   concat(files[i].pipeline->label, ": ", files[i].option, " is the file that ",
                          files[j].pipeline->label, " has as its ", files[j].option));
      break;
    }
  }
}

void validate_together(std::span<const ReadPipeline> pipelines, Problems& problems) {
  for (std::size_t i = 0; i < pipelines.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const PipelineConfig& a = pipelines[i].config;
      const PipelineConfig& b = pipelines[j].config;
      if (!a.name.empty() && a.name == b.name) {
        problems.add(pipelines[i].origin_of("name"),
                     concat("two pipelines have this name; the other begins in line ", pipelines[j].line));
        break;
      }
      if (a.slot.name == b.slot.name && share_a_server(a.database, b.database)) {
        problems.add(pipelines[i].origin_of("slot.name"), concat(pipelines[i].label, " has the slot.name of ",
                                                                 pipelines[j].label, " on the same server"));
        break;
      }
    }
  }
  refuse_shared_files(pipelines, problems);
}

}  // namespace

void fill_in(ProcessConfig& process, std::span<ReadPipeline> pipelines) {
  const std::uint64_t share = process.memory_limit_bytes / std::max<std::size_t>(pipelines.size(), 1);
  const std::filesystem::path data_dir(process.data_dir);
  for (ReadPipeline& pipeline : pipelines) {
    PipelineConfig& config = pipeline.config;
    if (!pipeline.has("key.converter.schemas.enable")) config.key_schemas_enable = config.schemas_enable;
    if (!pipeline.has("value.converter.schemas.enable")) config.value_schemas_enable = config.schemas_enable;
    if (!pipeline.has("row.bytes.max")) config.row_bytes_max = share / 4;
    if (config.spill_dir.empty()) config.spill_dir = (data_dir / "spill").string();
    if (!pipeline.has("checkpoint.store") && config.sink == SinkKind::kKafka) {
      config.checkpoint.store = CheckpointStoreKind::kKafka;
    }
    if (config.checkpoint.file.empty() && !config.name.empty()) {
      config.checkpoint.file = (data_dir / concat(config.name, ".checkpoint")).string();
    }
  }
}

void validate(const ProcessConfig& process, std::span<const ReadPipeline> pipelines, Problems& problems,
              std::vector<std::string>& notes) {
  for (const ReadPipeline& pipeline : pipelines) validate_one(process, pipeline, problems, notes);
  if (pipelines.size() > 1 && process.memory_limit_bytes / pipelines.size() < kPipelineMemoryMin) {
    problems.add({}, concat("memory.limit leaves less than ", format_bytes(kPipelineMemoryMin),
                            " to each of ", pipelines.size(), " pipelines"));
  }
  validate_together(pipelines, problems);
}

}  // namespace millrace::config
