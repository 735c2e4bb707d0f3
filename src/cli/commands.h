// SPDX-License-Identifier: Apache-2.0
// The subcommands, and what several of them need. One file each: run.cc, check.cc, status.cc and so on.
#pragma once
#include "cli/command_line.h"
#include "cli/io.h"
#include "config/config.h"

#include <absl/status/statusor.h>

#include <span>
#include <string_view>

namespace millrace::cli {

/// In the order in which help lists them.
std::span<const Command> all_commands() noexcept;
const Command* find_command(std::string_view name) noexcept;

/// The whole program: `words` are the arguments without the program's name. Returns the exit code; throws
/// nothing.
int run_cli(std::span<const std::string_view> words, Io& io);

// The commands. Arguments have been checked against the declaration.
int run_command(const Arguments& arguments, Io& io);
int check_command(const Arguments& arguments, Io& io);
int status_command(const Arguments& arguments, Io& io);
int position_command(const Arguments& arguments, Io& io);
int version_command(const Arguments& arguments, Io& io);
int help_command(const Arguments& arguments, Io& io);
int docs_command(const Arguments& arguments, Io& io);

/// The flags by which a configuration is changed, for the commands that read one.
inline constexpr Flag kSetFlag{
    "--set", "KEY=VALUE", "Replace an option of the file: KEY, or pipeline.NAME.KEY for one pipeline.", true};
inline constexpr Flag kLogLevelFlag{"--log-level", "LEVEL", "The same as --set log.level=LEVEL."};
inline constexpr Flag kPipelineFlag{"--pipeline", "NAME",
                                    "The pipeline meant; only needed when there are several."};
inline constexpr Flag kJsonFlag{"--json", "", "Print JSON."};

/// Reads the file that the arguments name, with their --set and --log-level.
absl::StatusOr<ProcessConfig> load_from(const Arguments& arguments, std::string_view file, Io& io);

/// Tells on stderr why something stopped: words on a terminal, log lines elsewhere. @return the exit code.
int report(const absl::Status& status, Io& io, std::string_view pipeline = {});

std::string help_text();
std::string help_of(const Command& command);

}  // namespace millrace::cli
