// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"
#include "config/parse.h"

#include <xxhash.h>

namespace millrace::config {

std::uint64_t start_options_hash(const PipelineConfig& pipeline) {
  std::string text;
  ProcessConfig process;
  PipelineConfig copy = pipeline;
  for (const Option& option : all_options()) {
    if (!option.shapes_messages) continue;
    text += option.name;
    text += '=';
    text += text_of(option, process, copy);
    text += '\0';  // no value holds one
  }
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace millrace::config
