// SPDX-License-Identifier: Apache-2.0
// Reading a configuration: text in, a checked ProcessConfig or every mistake in it out.
#pragma once
#include "config/config.h"
#include "config/entries.h"
#include "config/substitute.h"

#include <absl/status/statusor.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// Reads and checks a configuration; connects to nothing.
/// @param text       millrace YAML, or a Debezium connector as JSON (see flatten() for the forms).
/// @param file_name  for messages.
/// @return InvalidArgument with the reason CONFIG_INVALID; its message has a line per mistake, in the file's
/// order,
///         each `file:line: what is wrong, what is allowed`. Secrets and substituted values are never
///         repeated.
/// Throws nothing, whatever the text.
absl::StatusOr<ProcessConfig> parse_config(std::string_view text, std::string_view file_name,
                                           std::span<const Override> overrides,
                                           const Environment& environment);

/// The same from a file; `-` is standard input.
absl::StatusOr<ProcessConfig> load_config(const std::string& path, std::span<const Override> overrides,
                                          const Environment& environment);

/// The mistakes of a status from above, one each.
std::vector<std::string> problem_lines(const absl::Status& status);

/// A hash of every option that shapes messages or decides which are made. A checkpoint keeps it: after a
/// change of one of them, records that are made again need not equal those that were delivered.
std::uint64_t start_options_hash(const PipelineConfig& pipeline);

}  // namespace millrace::config
