// SPDX-License-Identifier: Apache-2.0
// Rules between options, and between pipelines.
#pragma once
#include "config/config.h"
#include "config/problems.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// A pipeline whose options were read one by one, and where each of them stands.
struct ReadPipeline {
  PipelineConfig config{};
  std::map<std::string_view, Origin> origins{};  ///< By Option::name; only those that were written.
  std::string label;  ///< For messages: `pipeline "orders"`, as written in the file.
  int line = 0;

  bool has(std::string_view option) const { return origins.contains(option); }
  /// Where to point for an option: where it stands, or the pipeline's first line.
  Origin origin_of(std::string_view option) const {
    const auto found = origins.find(option);
    return found != origins.end() ? found->second : Origin{line, {}};
  }
};

/// Fills in the defaults that are computed from other options.
void fill_in(ProcessConfig& process, std::span<ReadPipeline> pipelines);

/// Adds what is wrong to `problems`, and to `notes` what is merely useless.
void validate(const ProcessConfig& process, std::span<const ReadPipeline> pipelines, Problems& problems,
              std::vector<std::string>& notes);

}  // namespace millrace::config
