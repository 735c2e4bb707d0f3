// SPDX-License-Identifier: Apache-2.0
// status [FILE]: asks the millrace that runs.
#include "base/concat.h"
#include "base/reason_code.h"
#include "cli/commands.h"
#include "cli/status_text.h"
#include "control/http_client.h"

#include <chrono>

namespace millrace::cli {
namespace {

constexpr std::chrono::milliseconds kTimeout{5'000};

absl::Status not_ready(std::string_view what) { return reason_error(ReasonCode::kNotReady, what); }

absl::StatusOr<std::string> fetch(const std::string& address) {
  if (address == "off") return not_ready("http.listen is off: there is nobody to ask");
  const absl::StatusOr<control::Endpoint> endpoint = control::parse_endpoint(address);
  if (!endpoint.ok()) return with_reason(endpoint.status(), ReasonCode::kConfigInvalid);
  const absl::StatusOr<control::HttpResponse> response = control::http_get(*endpoint, "/status", kTimeout);
  if (!response.ok()) {
    return not_ready(concat("no answer at ", address, ": ", std::string(response.status().message())));
  }
  if (response->status != 200)
    return not_ready(concat(address, " answered with HTTP status ", response->status));
  return response->body;
}

}  // namespace

int status_command(const Arguments& arguments, Io& io) {
  ProcessConfig config;
  if (!arguments.operands.empty()) {
    absl::StatusOr<ProcessConfig> read = load_from(arguments, arguments.operands[0], io);
    if (!read.ok()) return report(read.status(), io);
    config = *std::move(read);
  }
  const absl::StatusOr<std::string> body = fetch(config.http_listen);
  if (!body.ok()) return report(body.status(), io);
  const absl::StatusOr<StatusText> text = status_text(*body);
  if (!text.ok())
    return report(
        not_ready(concat(config.http_listen, " is not a millrace: ", std::string(text.status().message()))),
        io);
  if (arguments.has(kJsonFlag.name)) {
    io.out << *body << "\n";
  } else {
    io.out << text->text;
  }
  return text->healthy ? 0 : reason_info(ReasonCode::kNotReady).exit_code;
}

}  // namespace millrace::cli
