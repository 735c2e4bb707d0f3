// SPDX-License-Identifier: Apache-2.0
// help, and --help everywhere.
#include "config/help.h"
#include "base/concat.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "config/problems.h"
#include "config/suggest.h"

#include <algorithm>

namespace millrace::cli {
namespace {

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, text.size()), ' ');
}

std::string flag_with_value(const Flag& flag) {
  return flag.value.empty() ? std::string(flag.name) : concat(flag.name, " ", flag.value);
}

int help_on_option(const std::string& name, Io& io) {
  const std::optional<std::string> text = config::option_help(name);
  if (text) {
    io.out << *text;
    return 0;
  }
  const std::string_view meant = config::nearest_option(name);
  return report(reason_error(ReasonCode::kUsage,
                             concat("unknown option ", config::shown(name),
                                    meant.empty() ? "" : "; did you mean ", meant, meant.empty() ? "" : "?")),
                io);
}

}  // namespace

std::string help_text() {
  std::string out =
      "millrace reads PostgreSQL's log and publishes every committed change as a Debezium\n"
      "event.\n"
      "\n"
      "Usage: millrace COMMAND [ARGUMENTS]\n"
      "\n"
      "Commands:\n";
  for (const Command& command : all_commands()) {
    if (!command.summary.empty()) append(out, "  ", padded(command.name, 10), command.summary, "\n");
  }
  out +=
      "\n"
      "A first file, shop.yaml:\n"
      "\n"
      "  pipelines:\n"
      "    - name: shop\n"
      "      topic.prefix: shop\n"
      "      database.hostname: localhost\n"
      "      database.user: postgres\n"
      "      database.password: ${env:PGPASSWORD}\n"
      "      database.dbname: shop\n"
      "      slot.name: millrace_shop\n"
      "\n"
      "Then:\n"
      "\n"
      "  millrace check shop.yaml    says what is missing on the server, with the fix\n"
      "  millrace run shop.yaml      writes every row, then every change, to stdout\n"
      "\n"
      "`millrace help COMMAND` explains a command, `millrace help options` what a file may\n"
      "hold. docs/exit-codes.md lists every way to stop and what to do then.\n";
  return out;
}

std::string help_of(const Command& command) {
  std::string out = concat("Usage: millrace ", command.name, " ", command.operands, "\n\n");
  if (!command.summary.empty()) append(out, command.summary, "\n");
  if (!command.description.empty()) append(out, command.summary.empty() ? "" : "\n", command.description);
  if (command.flags.empty()) return out;
  out += "\nFlags:\n";
  for (const Flag& flag : command.flags)
    append(out, "  ", padded(flag_with_value(flag), 20), flag.help, "\n");
  return out;
}

int help_command(const Arguments& arguments, Io& io) {
  if (arguments.operands.empty()) {
    io.out << help_text();
    return 0;
  }
  const std::string& topic = arguments.operands[0];
  if (topic == "options") {
    if (arguments.operands.size() == 2) return help_on_option(arguments.operands[1], io);
    io.out << config::options_help();
    return 0;
  }
  const Command* const command = find_command(topic);
  if (command != nullptr && arguments.operands.size() == 1) {
    io.out << help_of(*command);
    return 0;
  }
  std::vector<std::string_view> known{"options"};
  for (const Command& each : all_commands()) known.push_back(each.name);
  const std::string_view meant = config::nearest(topic, known);
  return report(reason_error(ReasonCode::kUsage,
                             concat("no help on ", config::shown(topic),
                                    meant.empty() ? "" : "; did you mean ", meant, meant.empty() ? "" : "?")),
                io);
}

}  // namespace millrace::cli
