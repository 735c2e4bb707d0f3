// SPDX-License-Identifier: Apache-2.0
// position get|set|reset FILE: the stored position of a pipeline.
#include "base/concat.h"
#include "base/json_text.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "cli/engine.h"
#include "config/problems.h"

#include <algorithm>

namespace millrace::cli {
namespace {

absl::StatusOr<const PipelineConfig*> choose(const ProcessConfig& config, const Arguments& arguments) {
  const std::optional<std::string> name = arguments.value(kPipelineFlag.name);
  std::string names;
  for (const PipelineConfig& pipeline : config.pipelines) {
    if (!name && config.pipelines.size() == 1) return &pipeline;
    if (name && pipeline.name == *name) return &pipeline;
    append(names, names.empty() ? "" : ", ", pipeline.name);
  }
  if (!name)
    return reason_error(ReasonCode::kUsage, concat("several pipelines; --pipeline is one of ", names));
  return reason_error(ReasonCode::kUsage,
                      concat("no pipeline ", config::shown(*name), "; there are ", names));
}

int get(const PipelineConfig& pipeline, bool json, Io& io) {
  const absl::StatusOr<Facts> facts = get_position(pipeline);
  if (absl::IsNotFound(facts.status())) {
    io.out << (json ? "null\n"
                    : concat(pipeline.name, ": no position is stored; the next start is a first start\n"));
    return 0;
  }
  if (!facts.ok()) return report(facts.status(), io, pipeline.name);
  std::string out;
  std::size_t width = 0;
  for (const auto& [name, value] : *facts) width = std::max(width, name.size());
  for (const auto& [name, value] : *facts) {
    if (json) {
      append(out, out.empty() ? "{" : ",", json_quoted(name), ":", json_quoted(value));
    } else {
      append(out, name, std::string(width - name.size() + 2, ' '), value, "\n");
    }
  }
  io.out << (json ? concat(out.empty() ? "{" : out, "}\n") : out);
  return 0;
}

int tell(const absl::Status& status, std::string_view done, const PipelineConfig& pipeline, Io& io) {
  if (!status.ok()) return report(status, io, pipeline.name);
  io.out << pipeline.name << ": " << done << "\n";
  return 0;
}

}  // namespace

int position_command(const Arguments& arguments, Io& io) {
  const std::string& action = arguments.operands[0];
  const bool sets = action == "set";
  if (!sets && action != "get" && action != "reset") {
    return report(reason_error(ReasonCode::kUsage,
                               concat("position ", config::shown(action), "; it is get, set or reset")),
                  io);
  }
  if (sets != (arguments.operands.size() == 3)) {
    return report(
        reason_error(ReasonCode::kUsage, sets ? "set needs a position: millrace position set FILE POSITION"
                                              : "only set takes a position"),
        io);
  }
  const absl::StatusOr<ProcessConfig> config = load_from(arguments, arguments.operands[1], io);
  if (!config.ok()) return report(config.status(), io);
  const absl::StatusOr<const PipelineConfig*> pipeline = choose(*config, arguments);
  if (!pipeline.ok()) return report(pipeline.status(), io);
  if (action == "get") return get(**pipeline, arguments.has(kJsonFlag.name), io);
  if (action == "reset") {
    return tell(reset_position(**pipeline), "forgotten; the next start is a first start", **pipeline, io);
  }
  return tell(set_position(**pipeline, arguments.operands[2]),
              concat("the next start goes on from ", arguments.operands[2]), **pipeline, io);
}

}  // namespace millrace::cli
