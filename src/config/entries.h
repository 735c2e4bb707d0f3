// SPDX-License-Identifier: Apache-2.0
// From a document's tree to flat lists of `name: value`, one for the process and one per pipeline.
#pragma once
#include "config/document.h"
#include "config/problems.h"

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// An option as it was written; substitutions not done.
struct Entry {
  std::string name;
  std::vector<std::string> items{};
  bool is_list = false;
  Origin origin;
};

struct RawPipeline {
  std::vector<Entry> entries;
  int line = 0;
};

struct RawConfig {
  std::vector<Entry> process;
  std::vector<RawPipeline> pipelines;
  bool one_pipeline_file =
      false;  ///< No `pipelines:` list: the file is one pipeline, as a Debezium connector's is.
};

/// A `--set`.
struct Override {
  std::string key;  ///< As given: an option, or pipeline.<name>.<option>.
  std::string value;
};

/// @return InvalidArgument when there is no '=' or nothing before it.
absl::StatusOr<Override> parse_override(std::string_view text);

/// Three forms: process options and a `pipelines` list; one pipeline's options (and the process's); a
/// Debezium connector {"name": ..., "config": {...}}. Maps inside maps give dotted names. A name that stands
/// twice is a problem.
RawConfig flatten(const Node& root, Problems& problems);

/// Replaces or adds what --set says.
void apply_overrides(std::span<const Override> overrides, RawConfig& config, Problems& problems);

}  // namespace millrace::config
