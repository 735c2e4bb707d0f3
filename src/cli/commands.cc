// SPDX-License-Identifier: Apache-2.0
// The declaration of every subcommand; help and parsing follow it.
#include "cli/commands.h"

#include <algorithm>
#include <array>

namespace millrace::cli {
namespace {

constexpr std::array kRunFlags = {kSetFlag, kLogLevelFlag};
constexpr std::array kCheckFlags = {kSetFlag, kLogLevelFlag, kJsonFlag};
constexpr std::array kStatusFlags = {kSetFlag, kJsonFlag};
constexpr std::array kPositionFlags = {kPipelineFlag, kSetFlag, kJsonFlag};
constexpr std::array kVersionFlags = {kJsonFlag};

constexpr std::array kCommands = {
    Command{.name = "run",
            .operands = "FILE [--set KEY=VALUE]...",
            .summary = "Capture changes until stopped.",
            .description = "Reads FILE, checks it, connects and publishes the changes of every pipeline in\n"
                           "it. A first start takes a snapshot, a later one goes on behind the last change\n"
                           "that was delivered.\n"
                           "\n"
                           "SIGTERM and SIGINT let what is on its way arrive, store the position and end\n"
                           "the program within 10 seconds. A pipeline that stops for a reason of its own\n"
                           "leaves the others running. The exit code says why the program ended; the last\n"
                           "line of the log names the reason. docs/exit-codes.md lists them.\n"
                           "\n"
                           "FILE is YAML with one or more pipelines, or a Debezium connector as JSON; `-`\n"
                           "is standard input. `millrace help options` lists what it may hold.\n",
            .flags = kRunFlags,
            .operands_min = 1,
            .operands_max = 1,
            .run = run_command},
    Command{.name = "check",
            .operands = "FILE [--set KEY=VALUE]... [--json]",
            .summary = "Check a file and the servers it names; print what to fix.",
            .description = "Reads FILE and reports every mistake in it. When there is none, connects to\n"
                           "each pipeline's server and looks at what `run` will need: the version,\n"
                           "wal_level, free slots and walsenders, the role's permissions, the publication,\n"
                           "each table's replica identity; in Kafka the brokers' addresses, the user's\n"
                           "rights, the checkpoint topic, and copies, cleanup and size limits of topics.\n"
                           "What is missing is printed with the SQL statement, command or setting that\n"
                           "remedies it. Nothing is changed, and no instance that runs is troubled.\n"
                           "\n"
                           "Exit code 0: ready. 1: something must be fixed. 2: the file has mistakes.\n",
            .flags = kCheckFlags,
            .operands_min = 1,
            .operands_max = 1,
            .run = check_command},
    Command{.name = "status",
            .operands = "[FILE] [--json]",
            .summary = "Show what a running millrace is doing.",
            .description = "Asks the millrace that listens at http.listen, as FILE has it or at its\n"
                           "default, and prints for each pipeline what it does, how far it is and how far\n"
                           "behind the server.\n"
                           "\n"
                           "Exit code 0: every pipeline is healthy. 1: one is not, or nobody answers.\n",
            .flags = kStatusFlags,
            .operands_max = 1,
            .run = status_command},
    Command{.name = "position",
            .operands = "get|set|reset FILE [POSITION] [--pipeline NAME]",
            .summary = "Show, set or forget the stored position of a pipeline.",
            .description = "get FILE            prints what is stored.\n"
                           "set FILE POSITION   stores another place to go on from, such as 0/16B3748.\n"
                           "                    Changes before it that were not delivered are never sent.\n"
                           "reset FILE          forgets the position. The next start is a first start: it\n"
                           "                    takes a new snapshot as snapshot.mode says.\n"
                           "\n"
                           "set and reset need the pipeline to be stopped.\n",
            .flags = kPositionFlags,
            .operands_min = 2,
            .operands_max = 3,
            .run = position_command},
    Command{.name = "version",
            .operands = "[--json]",
            .summary = "Print the versions of millrace and of the libraries in it.",
            .flags = kVersionFlags,
            .run = version_command},
    Command{.name = "help",
            .operands = "[COMMAND] | options [NAME]",
            .summary = "Explain a command, or the options of a file.",
            .description = "help COMMAND        explains a command.\n"
                           "help options        lists every option a file may hold.\n"
                           "help options NAME   tells all about one.\n",
            .operands_max = 2,
            .run = help_command},
    Command{.name = "docs",
            .operands = "configuration|exit-codes|metrics|schema",
            .description = "Prints the parts of docs/ that are generated; schema is a JSON Schema of the\n"
                           "configuration file, for editors.\n",
            .operands_min = 1,
            .operands_max = 1,
            .run = docs_command},
};

}  // namespace

std::span<const Command> all_commands() noexcept { return kCommands; }

const Command* find_command(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(kCommands, name, &Command::name);
  return found == kCommands.end() ? nullptr : found;
}

}  // namespace millrace::cli
