// SPDX-License-Identifier: Apache-2.0
// docs: the parts of docs/ that are generated.
#include "base/concat.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "config/help.h"
#include "config/problems.h"
#include "control/metrics_markdown.h"

namespace millrace::cli {

int docs_command(const Arguments& arguments, Io& io) {
  const std::string& document = arguments.operands[0];
  if (document == "configuration") {
    io.out << config::configuration_markdown();
  } else if (document == "exit-codes") {
    io.out << exit_codes_markdown();
  } else if (document == "metrics") {
    io.out << control::metrics_markdown();
  } else if (document == "schema") {
    io.out << config::configuration_json_schema();
  } else {
    return report(
        reason_error(ReasonCode::kUsage, concat("no document ", config::shown(document),
                                                "; there are configuration, exit-codes, metrics, schema")),
        io);
  }
  return 0;
}

}  // namespace millrace::cli
