// SPDX-License-Identifier: Apache-2.0
// From the words on the command line to a command, and from a status to an exit code.
#include "base/concat.h"
#include "base/log.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "config/parse.h"
#include "config/problems.h"
#include "config/suggest.h"

#include <chrono>
#include <exception>
#include <vector>

namespace millrace::cli {
namespace {

void log_to(Io& io, std::string_view pipeline, std::string_view message, LogFields fields) {
  io.err << format_log_line(LogFormat::kJson, std::chrono::system_clock::now(), LogLevel::kError, pipeline,
                            "millrace", message, fields);
}

int unknown_command(std::string_view word, Io& io) {
  std::vector<std::string_view> known;
  for (const Command& command : all_commands()) known.push_back(command.name);
  const std::string_view meant = config::nearest(word, known);
  const std::string_view what = word.starts_with('-') ? "unknown flag " : "unknown command ";
  return report(
      reason_error(ReasonCode::kUsage, concat(what, config::shown(word),
                                              meant.empty() ? "; see millrace --help" : "; did you mean ",
                                              meant, meant.empty() ? "" : "?")),
      io);
}

int dispatch(std::span<const std::string_view> words, Io& io) {
  if (words.empty()) {
    io.err << help_text();
    return reason_info(ReasonCode::kUsage).exit_code;
  }
  if (words[0] == "--help" || words[0] == "-h") {
    io.out << help_text();
    return 0;
  }
  if (words[0] == "--version" || words[0] == "-V") return version_command({}, io);
  const Command* const command = find_command(words[0]);
  if (command == nullptr) return unknown_command(words[0], io);
  const absl::StatusOr<Arguments> arguments = parse_arguments(*command, words.subspan(1));
  if (!arguments.ok()) return report(arguments.status(), io);
  if (arguments->wants_help) {
    io.out << help_of(*command);
    return 0;
  }
  return command->run(*arguments, io);
}

}  // namespace

int run_cli(std::span<const std::string_view> words, Io& io) {
  try {
    return dispatch(words, io);
  } catch (const std::exception& error) {
    return report(reason_error(ReasonCode::kInternal, error.what()), io);
  }
}

absl::StatusOr<ProcessConfig> load_from(const Arguments& arguments, std::string_view file, Io& io) {
  std::vector<config::Override> overrides;
  for (const std::string& text : arguments.values(kSetFlag.name)) {
    absl::StatusOr<config::Override> override = config::parse_override(text);
    if (!override.ok()) return with_reason(override.status(), ReasonCode::kUsage);
    overrides.push_back(*std::move(override));
  }
  if (const std::optional<std::string> level = arguments.value(kLogLevelFlag.name)) {
    overrides.push_back({"log.level", *level});
  }
  return config::load_config(std::string(file), overrides, io.environment);
}

int report(const absl::Status& status, Io& io, std::string_view pipeline) {
  const ReasonInfo& info = reason_info(reason_of(status));
  const std::vector<std::string> lines = config::problem_lines(status);
  if (io.err_is_terminal) {
    for (const std::string& line : lines) io.err << "millrace: " << line << "\n";
    if (!pipeline.empty()) io.err << "millrace: pipeline \"" << pipeline << "\" ended: ";
    if (pipeline.empty()) io.err << "millrace: ";
    io.err << info.name << ". " << info.remedy << "\n";
    return info.exit_code;
  }
  for (const std::string& line : lines) {
    log_to(io, pipeline, line,
           {{"reason", info.name}, {"exit_code", info.exit_code}, {"remedy", info.remedy}});
  }
  return info.exit_code;
}

}  // namespace millrace::cli
