// SPDX-License-Identifier: Apache-2.0
#include "config/parse.h"

#include "base/concat.h"
#include "config/document.h"
#include "config/foreign_options.h"
#include "config/kafka_options.h"
#include "config/option.h"
#include "config/problems.h"
#include "config/suggest.h"
#include "config/validate.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace millrace::config {
namespace {

constexpr std::size_t kPipelinesMax = 64;

std::vector<std::string_view> known_names() {
  std::vector<std::string_view> names;
  for (const Option& option : all_options()) names.push_back(option.name);
  for (const ForeignOption& option : foreign_options()) {
    if (!option.name.ends_with('*')) names.push_back(option.name);
  }
  return names;
}

/// Turns entries into members, one at a time; what depends on several is validate()'s.
class Reader {
 public:
  Reader(const Environment& environment, Problems& problems, std::vector<std::string>& notes)
      : environment_(environment), problems_(problems), notes_(notes), known_(known_names()) {}

  void read_process(std::span<const Entry> entries, ProcessConfig& process) {
    PipelineConfig none;
    for (const Entry& entry : entries) {
      const Option* const option = find_option(entry.name);
      if (option != nullptr && option->scope == Scope::kProcess) {
        take(*option, entry, process, none);
      } else if (option != nullptr) {
        problems_.add(entry.origin,
                      concat(option->name, " belongs to a pipeline: move it under `pipelines`"));
      } else {
        refuse_unknown(entry);
      }
    }
  }

  ReadPipeline read_pipeline(const RawPipeline& raw, std::size_t number) {
    ReadPipeline pipeline{.label = concat("pipeline ", number), .line = raw.line};
    ProcessConfig none;
    for (const Entry& entry : raw.entries) {
      if (entry.name == "name" && entry.items.size() == 1)
        pipeline.label = concat("pipeline ", shown(entry.items[0]));
    }
    std::vector<const Entry*> open;
    for (const Entry& entry : raw.entries) {
      const Option* const option = find_option(full_name(entry.name));
      if (option != nullptr && option->scope == Scope::kPipeline) {
        if (pipeline.has(option->name)) {
          problems_.add(entry.origin,
                        concat(shown(entry.name), " is ", option->name, ", which is set already"));
          continue;
        }
        pipeline.origins.emplace(option->name, entry.origin);
        take(*option, entry, none, pipeline.config);
      } else if (option != nullptr) {
        problems_.add(entry.origin,
                      concat(option->name, " belongs to the process: move it out of the pipeline"));
      } else if (is_kafka_property(entry.name) || is_open_for_kafka(entry.name)) {
        open.push_back(&entry);
      } else {
        take_foreign(entry, pipeline.label);
      }
    }
    read_open(open, pipeline);
    return pipeline;
  }

 private:
  /// A Connect worker's file has it without the front.
  static std::string_view full_name(std::string_view name) {
    return name == "bootstrap.servers" ? std::string_view("kafka.bootstrap.servers") : name;
  }

  /// kafka.*, producer.override.* and topic.creation.*: what they mean depends on the sink.
  void read_open(std::span<const Entry* const> open, ReadPipeline& pipeline) {
    std::vector<OpenEntry> entries;
    for (const Entry* const entry : open) {
      if (!uses_kafka(pipeline.config) && !is_kafka_property(entry->name)) {
        take_foreign(*entry, pipeline.label);
        continue;
      }
      const std::optional<Written> value = written(*entry);
      if (!value) continue;
      std::string joined;
      for (const std::string& item : value->items) append(joined, joined.empty() ? "" : ",", item);
      entries.push_back({entry->name, std::move(joined), entry->origin});
    }
    read_kafka_entries(entries, pipeline.label, pipeline.config.kafka, problems_, notes_);
    if (!entries.empty() && !uses_kafka(pipeline.config)) {
      notes_.push_back(concat(pipeline.label,
                              ": kafka.* has no effect: neither sink nor checkpoint.store is "
                              "kafka"));
    }
  }

  /// The values with substitutions done, or nothing after a problem was added.
  std::optional<Written> written(const Entry& entry) {
    Written result{.items = {}, .is_list = entry.is_list};
    for (const std::string& item : entry.items) {
      absl::StatusOr<std::string> text = substitute(item, environment_);
      if (!text.ok()) {
        problems_.add(entry.origin, concat(shown(entry.name), ": ", std::string(text.status().message())));
        return std::nullopt;
      }
      result.items.push_back(*std::move(text));
    }
    return result;
  }

  /// What the message shows of a value: as it was written, before substitution, and nothing of a secret.
  static std::string shown_value(const Entry& entry) {
    return entry.is_list || entry.items.empty() ? std::string("the list") : shown(entry.items.front());
  }

  void take(const Option& option, const Entry& entry, ProcessConfig& process, PipelineConfig& pipeline) {
    const std::optional<Written> value = written(entry);
    if (!value) return;
    const std::optional<std::string> problem = assign(option, *value, process, pipeline);
    if (!problem) return;
    if (is_secret(option)) return problems_.add(entry.origin, concat(option.name, ": ", *problem));
    problems_.add(entry.origin, concat(option.name, ": ", shown_value(entry), ": ", *problem));
  }

  void take_foreign(const Entry& entry, std::string_view label) {
    const std::optional<Written> value = written(entry);
    if (!value) return;
    std::string joined;
    for (const std::string& item : value->items) append(joined, joined.empty() ? "" : ",", item);
    const ForeignAnswer answer = judge_foreign(entry.name, joined);
    switch (answer.verdict) {
      case ForeignVerdict::kUnknown:
        return refuse_unknown(entry);
      case ForeignVerdict::kSame:
        return;
      case ForeignVerdict::kNoEffect:
        notes_.push_back(concat(label, ": ", shown(entry.name), " ", answer.words));
        return;
      case ForeignVerdict::kUnsupported:
        problems_.add(entry.origin, concat(shown(entry.name), ": ", answer.words));
    }
  }

  void refuse_unknown(const Entry& entry) {
    if (problems_.full()) return;
    const std::string_view meant = nearest(entry.name, known_);
    problems_.add(entry.origin,
                  concat("unknown option ", shown(entry.name), meant.empty() ? "" : "; did you mean ", meant,
                         meant.empty() ? "" : "?"));
  }

  const Environment& environment_;
  Problems& problems_;
  std::vector<std::string>& notes_;
  std::vector<std::string_view> known_;
};

absl::StatusOr<ProcessConfig> parse(std::string_view text, std::string_view file_name,
                                    std::span<const Override> overrides, const Environment& environment) {
  Problems problems(file_name);
  std::variant<Node, DocumentError> document = read_document(text);
  if (const auto* error = std::get_if<DocumentError>(&document)) {
    problems.add({error->line, {}}, error->what);
    return problems.status();
  }
  RawConfig raw = flatten(std::get<Node>(document), problems);
  if (raw.pipelines.size() > kPipelinesMax) {
    problems.add({}, concat("more than ", kPipelinesMax, " pipelines"));
    return problems.status();
  }
  apply_overrides(overrides, raw, problems);

  ProcessConfig process;
  Reader reader(environment, problems, process.notes);
  reader.read_process(raw.process, process);
  std::vector<ReadPipeline> pipelines;
  for (const RawPipeline& pipeline : raw.pipelines) {
    pipelines.push_back(reader.read_pipeline(pipeline, pipelines.size() + 1));
  }
  if (raw.one_pipeline_file && !pipelines.empty() && !pipelines.front().has("name") &&
      pipelines.front().config.topic_prefix.size() <= 64) {
    pipelines.front().config.name = pipelines.front().config.topic_prefix;
  }
  fill_in(process, pipelines);
  validate(process, pipelines, problems, process.notes);
  if (!problems.empty()) return problems.status();
  for (ReadPipeline& pipeline : pipelines) process.pipelines.push_back(std::move(pipeline.config));
  return process;
}

}  // namespace

absl::StatusOr<ProcessConfig> parse_config(std::string_view text, std::string_view file_name,
                                           std::span<const Override> overrides,
                                           const Environment& environment) {
  try {
    return parse(text, file_name, overrides, environment);
  } catch (const std::exception& error) {
    return reason_error(ReasonCode::kInternal, concat(file_name, ": reading failed: ", error.what()));
  }
}

absl::StatusOr<ProcessConfig> load_config(const std::string& path, std::span<const Override> overrides,
                                          const Environment& environment) {
  const absl::StatusOr<std::string> text = read_small_file(path, kFileBytesMax);
  if (!text.ok()) {
    return reason_error(ReasonCode::kConfigInvalid, concat(path, ": ", std::string(text.status().message())));
  }
  return parse_config(*text, path == "-" ? "stdin" : path, overrides, environment);
}

std::vector<std::string> problem_lines(const absl::Status& status) {
  std::vector<std::string> lines;
  std::string_view rest(status.message().data(), status.message().size());
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    lines.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace millrace::config
