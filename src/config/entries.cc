// SPDX-License-Identifier: Apache-2.0
#include "config/entries.h"

#include "config/option.h"
#include "config/scalars.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace millrace::config {
namespace {

/// Collects the entries of one map; remembers where each name stands.
class Flattener {
 public:
  explicit Flattener(Problems& problems) : problems_(problems) {}

  void add_map(const Node& map, const std::string& prefix) {
    for (const Node::Member& member : map.members) {
      add_member(member, prefix.empty() ? member.key : concat(prefix, ".", member.key));
    }
  }

  void add_member(const Node::Member& member, const std::string& name) {
    if (member.key.empty()) return problems_.add({member.line, {}}, "a key is empty");
    if (member.value.kind == Node::Kind::kMap) return add_map(member.value, name);
    if (const auto [known, is_new] = lines_.emplace(name, member.line); !is_new) {
      return problems_.add({member.line, {}},
                           concat(shown(name), " stands twice: also in line ", known->second));
    }
    if (member.value.kind == Node::Kind::kNull) {
      return problems_.add({member.line, {}},
                           concat(shown(name), " has no value; leave it out for the default"));
    }
    Entry entry{.name = name, .origin = {member.line, {}}};
    if (member.value.kind == Node::Kind::kScalar) {
      entry.items.push_back(member.value.text);
    } else {
      entry.is_list = true;
      for (const Node& item : member.value.items) {
        if (item.kind != Node::Kind::kScalar) {
          return problems_.add({item.line, {}},
                               concat(shown(name), ": the list has an entry that is not a plain value"));
        }
        entry.items.push_back(item.text);
      }
    }
    entries_.push_back(std::move(entry));
  }

  std::vector<Entry> take() { return std::move(entries_); }

 private:
  Problems& problems_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, int> lines_;
};

const Node::Member* find_member(const Node& map, std::string_view key) {
  const auto found = std::ranges::find(map.members, key, &Node::Member::key);
  return found == map.members.end() ? nullptr : &*found;
}

bool belongs_to_process(const Entry& entry) {
  const Option* const option = find_option(entry.name);
  return option != nullptr && option->scope == Scope::kProcess;
}

void set_entry(std::vector<Entry>& entries, Entry entry) {
  const auto found = std::ranges::find(entries, entry.name, &Entry::name);
  if (found == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *found = std::move(entry);
  }
}

/// The name as written, for `--set pipeline.<name>.`: the `name` entry, else the topic prefix.
std::string_view written_name(const RawPipeline& pipeline) {
  for (const std::string_view key : {"name", "topic.prefix"}) {
    const auto found = std::ranges::find(pipeline.entries, key, &Entry::name);
    if (found != pipeline.entries.end() && found->items.size() == 1) return found->items.front();
  }
  return {};
}

void read_pipelines_list(const Node& root, RawConfig& config, Problems& problems) {
  Flattener process(problems);
  bool seen = false;
  for (const Node::Member& member : root.members) {
    if (member.key != "pipelines") {
      process.add_map(Node{.kind = Node::Kind::kMap, .line = member.line, .members = {member}}, "");
      continue;
    }
    if (std::exchange(seen, true)) {
      problems.add({member.line, {}}, "\"pipelines\" stands twice");
      continue;
    }
    if (member.value.kind != Node::Kind::kList) {
      problems.add({member.line, {}}, "\"pipelines\" is a list: each pipeline begins with `- name: ...`");
      continue;
    }
    for (const Node& item : member.value.items) {
      if (item.kind != Node::Kind::kMap) {
        problems.add({item.line, {}}, "a pipeline is a map of options");
        continue;
      }
      Flattener flattener(problems);
      flattener.add_map(item, "");
      config.pipelines.push_back({flattener.take(), item.line});
    }
    if (member.value.items.empty()) problems.add({member.line, {}}, "\"pipelines\" is empty");
  }
  config.process = process.take();
}

}  // namespace

absl::StatusOr<Override> parse_override(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view key = trimmed(text.substr(0, equals));
  if (equals == std::string_view::npos || key.empty()) {
    return absl::InvalidArgumentError("--set takes key=value, for example --set log.level=debug");
  }
  return Override{std::string(key), std::string(text.substr(equals + 1))};
}

RawConfig flatten(const Node& root, Problems& problems) {
  RawConfig config;
  if (root.kind != Node::Kind::kMap) {
    problems.add({root.line, {}}, "the file is not a map of options");
    return config;
  }
  if (find_member(root, "pipelines") != nullptr) {
    read_pipelines_list(root, config, problems);
    return config;
  }
  config.one_pipeline_file = true;
  Flattener flattener(problems);
  const Node::Member* const connector = find_member(root, "config");
  if (connector != nullptr && connector->value.kind == Node::Kind::kMap) {
    const Node::Member* const inner_name = find_member(connector->value, "name");
    for (const Node::Member& member : root.members) {
      if (&member == connector) {
        flattener.add_map(member.value, "");
      } else if (member.key == "tasks" || member.key == "type") {
        continue;  // what GET /connectors/<name> adds
      } else if (member.key != "name" || inner_name == nullptr ||
                 inner_name->value.text != member.value.text) {
        flattener.add_member(member, member.key);
      }
    }
  } else {
    flattener.add_map(root, "");
  }
  RawPipeline pipeline{.entries = {}, .line = root.line};
  for (Entry& entry : flattener.take()) {
    (belongs_to_process(entry) ? config.process : pipeline.entries).push_back(std::move(entry));
  }
  config.pipelines.push_back(std::move(pipeline));
  return config;
}

void apply_overrides(std::span<const Override> overrides, RawConfig& config, Problems& problems) {
  for (const Override& override : overrides) {
    Entry entry{
        .name = override.key, .items = {override.value}, .is_list = false, .origin = {0, override.key}};
    constexpr std::string_view kOnePipeline = "pipeline.";
    if (!entry.name.starts_with(kOnePipeline)) {
      if (belongs_to_process(entry)) {
        set_entry(config.process, entry);
      } else {
        for (RawPipeline& pipeline : config.pipelines) set_entry(pipeline.entries, entry);
      }
      continue;
    }
    // Names may have dots: the longest that fits is meant.
    const std::string_view rest = std::string_view(override.key).substr(kOnePipeline.size());
    RawPipeline* chosen = nullptr;
    std::size_t chosen_length = 0;
    for (RawPipeline& pipeline : config.pipelines) {
      const std::string_view name = written_name(pipeline);
      if (name.size() > chosen_length && rest.size() > name.size() + 1 && rest.starts_with(name) &&
          rest[name.size()] == '.') {
        chosen = &pipeline;
        chosen_length = name.size();
      }
    }
    if (chosen == nullptr) {
      problems.add(entry.origin, "no pipeline of this name; write pipeline.<name>.<option>=<value>");
      continue;
    }
    entry.name = std::string(rest.substr(chosen_length + 1));
    set_entry(chosen->entries, std::move(entry));
  }
}

}  // namespace millrace::config
