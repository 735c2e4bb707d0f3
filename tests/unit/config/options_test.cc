// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"
#include "config/scalars.h"

#include <gtest/gtest.h>

#include <set>

namespace millrace::config {
namespace {

TEST(OptionTable, NamesAreUniqueAndHelpIsASentence) {
  std::set<std::string_view> names;
  for (const Option& option : all_options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_TRUE(option.help.ends_with('.')) << option.name;
    EXPECT_EQ(option.help.find('\n'), std::string_view::npos) << option.name;
    EXPECT_LE(option.help.size(), 110U) << option.name;
  }
}

TEST(OptionTable, EveryDefaultIsAllowed) {
  for (const Option& option : all_options()) {
    const std::string text = default_of(option);
    if (!option.default_text.empty() || text.empty()) continue;
    ProcessConfig process;
    PipelineConfig pipeline;
    EXPECT_EQ(assign(option, {.items = {text}}, process, pipeline), std::nullopt) << option.name;
    EXPECT_EQ(text_of(option, process, pipeline), text) << option.name;
  }
}

TEST(OptionTable, WhatIsShownIsReadBackTheSame) {
  struct Sample {
    std::string_view option;
    const char* written;
    const char* shown;
  };
  for (const Sample& sample : {
           Sample{"table.include.list", " a\\,b , c.d", "a\\,b,c.d"},
           Sample{"skipped.operations", "t,c", "c,t"},
           Sample{"memory.limit", "1gib", "1 GiB"},
           Sample{"file.rotate.bytes", "1500", "1500"},
           Sample{"workers", "-1", "auto"},
           Sample{"database.port", "1 , 2", "1,2"},
           Sample{"database.sslmode", "VERIFY-CA", "verify-ca"},
           Sample{"slot.failover", "True", "true"},
           Sample{"database.password", "x", "(hidden)"},
       }) {
    const Option* const option = find_option(sample.option);
    ASSERT_NE(option, nullptr);
    ProcessConfig process;
    PipelineConfig pipeline;
    EXPECT_EQ(assign(*option, {.items = {sample.written}}, process, pipeline), std::nullopt) << sample.option;
    EXPECT_EQ(text_of(*option, process, pipeline), sample.shown) << sample.option;
  }
}

TEST(OptionTable, EveryOptionRefusesWhatItCannotRead) {
  // A NUL fits nowhere, and no message repeats it.
  for (const Option& option : all_options()) {
    ProcessConfig process;
    PipelineConfig pipeline;
    const Target target = option.target(process, pipeline);
    if (std::holds_alternative<PatternList*>(target)) continue;
    const std::optional<std::string> problem =
        assign(option, {.items = {std::string("a\0b", 3)}}, process, pipeline);
    ASSERT_TRUE(problem.has_value()) << option.name;
    EXPECT_EQ(problem->find('\0'), std::string::npos) << option.name;
  }
}

TEST(OptionTable, SecretsAreThePasswords) {
  std::set<std::string_view> secrets;
  for (const Option& option : all_options()) {
    if (is_secret(option)) secrets.insert(option.name);
  }
  EXPECT_EQ(secrets, (std::set<std::string_view>{"database.password", "database.sslpassword"}));
}

}  // namespace
}  // namespace millrace::config
