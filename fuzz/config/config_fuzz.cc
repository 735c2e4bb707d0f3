// SPDX-License-Identifier: Apache-2.0
// A configuration from anywhere: never a crash or an exception, never a secret in a message, and what is
// accepted is within its declared limits. The first line that begins with `--set ` is an override.
#include "base/json_text.h"
#include "base/reason_code.h"
#include "config/option.h"
#include "config/parse.h"
#include "input.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace millrace;
using fuzz::require;

constexpr std::string_view kSecret = "Xq7-secret-of-the-fuzzer";

/// Any variable and any file holds the secret; some of them do not exist.
config::Environment environment() {
  return {.variable = [](const std::string& name) -> std::optional<std::string> {
            if (name.ends_with('0')) return std::nullopt;
            return std::string(kSecret);
          },
          .read_file = [](const std::string& path) -> absl::StatusOr<std::string> {
            if (path.ends_with('0')) return absl::NotFoundError("cannot be opened: no such file");
            return "k=" + std::string(kSecret) + "\n" + std::string(kSecret) + "\n";
          }};
}

void check_accepted(ProcessConfig accepted) {
  for (const std::string& note : accepted.notes) require(note.find(kSecret) == std::string::npos);
  require(!accepted.pipelines.empty());
  for (PipelineConfig& pipeline : accepted.pipelines) {
    require(!pipeline.name.empty() && !pipeline.topic_prefix.empty() && !pipeline.database.hosts.empty());
    require(!pipeline.checkpoint.file.empty() && pipeline.row_bytes_max <= accepted.memory_limit_bytes);
    config::start_options_hash(pipeline);
    // What is shown of an accepted option is read back as the same.
    for (const config::Option& option : config::all_options()) {
      if (option.scope != config::Scope::kPipeline || config::is_secret(option)) continue;
      const std::string shown = config::text_of(option, accepted, pipeline);
      if (shown.empty()) continue;
      PipelineConfig again;
      require(!config::assign(option, {.items = {shown}}, accepted, again).has_value());
      require(config::text_of(option, accepted, again) == shown);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find("secret-of") != std::string_view::npos)
    return 0;  // the input would be telling its own secret
  std::vector<config::Override> overrides{{"database.password", std::string(kSecret)}};
  if (text.starts_with("--set ")) {
    const std::size_t end = text.find('\n');
    absl::StatusOr<config::Override> override = config::parse_override(text.substr(6, end - 6));
    if (override.ok()) overrides.push_back(*std::move(override));
    text.remove_prefix(end == std::string_view::npos ? size : end + 1);
  }
  absl::StatusOr<ProcessConfig> parsed = config::parse_config(text, "f.yaml", overrides, environment());
  if (parsed.ok()) {
    check_accepted(*std::move(parsed));
    return 0;
  }
  require(reason_of(parsed.status()) == ReasonCode::kConfigInvalid);
  const std::string message(parsed.status().message());
  require(message.find(kSecret) == std::string::npos);
  require(!message.empty() && message.size() < 100'000);
  for (std::string_view rest = message; !rest.empty();) {  // a terminal can show it
    const std::size_t length = utf8_length(rest);
    require(length > 0);
    require(length > 1 || static_cast<unsigned char>(rest[0]) >= 0x20 || rest[0] == '\n');
    rest.remove_prefix(length);
  }
  return 0;
}
