// SPDX-License-Identifier: Apache-2.0
// Input: a list of patterns (counted), then a name. Never a crash, an exception or a search without end;
// errors do not repeat the expression; entries read again are the same list.
#include "base/log.h"
#include "config/pattern_list.h"
#include "input.h"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  configure_log(LogLevel::kOff, LogFormat::kJson);
  std::span<const std::uint8_t> input(data, size);
  const std::string text = "aZ_7~mark" + std::string(fuzz::text_of(fuzz::take_counted(input)));
  const std::string name(fuzz::text_of(input));
  const absl::StatusOr<PatternList> list = PatternList::parse(text);
  if (!list.ok()) {
    fuzz::require(std::string(list.status().message()).find("~mark") == std::string::npos);
    return 0;
  }
  fuzz::require(!list->empty());
  const absl::StatusOr<PatternList> again = PatternList::compile(list->entries());
  fuzz::require(again.ok() && *again == *list && again->first_match(name) == list->first_match(name));
  const NameFilter included{*list, {}};
  const NameFilter excluded{{}, *list};
  fuzz::require(included.accepts(name) != excluded.accepts(name));
  return 0;
}
