// SPDX-License-Identifier: Apache-2.0
// Reading a configuration in tests: an environment without a system behind it, and a small valid file to
// vary.
#pragma once
#include "config/parse.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

inline constexpr std::string_view kMarker = "s3cr3t-marker";

/// Variables and files from maps; nothing from the machine.
inline Environment environment_of(std::map<std::string, std::string> variables,
                                  std::map<std::string, std::string> files = {}) {
  return {.variable = [variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          },
          .read_file = [files](const std::string& path) -> absl::StatusOr<std::string> {
            const auto found = files.find(path);
            if (found == files.end()) return absl::NotFoundError("cannot be opened: no such file");
            return found->second;
          }};
}

inline constexpr std::string_view kRequired =
    "name: orders\n"
    "topic.prefix: shop\n"
    "database.hostname: db\n"
    "database.user: millrace\n"
    "database.dbname: shop\n";

/// A file with one pipeline: what is required, then `more`, whose first line is line 6.
inline std::string file_with(std::string_view more) { return std::string(kRequired) + std::string(more); }

inline absl::StatusOr<ProcessConfig> parse_text(std::string_view text, std::vector<std::string> sets = {}) {
  std::vector<Override> overrides;
  for (const std::string& set : sets) overrides.push_back(parse_override(set).value());
  const Environment environment =
      environment_of({{"PASSWORD", std::string(kMarker)}, {"PORT", "6543"}, {"EMPTY", ""}},
                     {{"/run/secret", std::string(kMarker) + "\n"},
                      {"/etc/db.properties", "user=scott\npassword = tiger\n"}});
  return parse_config(text, "f.yaml", overrides, environment);
}

/// What parsing `text` complains about, all lines; "ok" when there is nothing.
inline std::string complaint(std::string_view text, std::vector<std::string> sets = {}) {
  const absl::StatusOr<ProcessConfig> config = parse_text(text, std::move(sets));
  return config.ok() ? "ok" : std::string(config.status().message());
}

}  // namespace millrace::config
