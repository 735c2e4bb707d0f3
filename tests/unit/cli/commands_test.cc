// SPDX-License-Identifier: Apache-2.0
// The program as its user sees it: words in, text and exit code out.
#include "cli/commands.h"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_file.h"
#include "support/temporary_folder.h"
#include "unit/config/parsing.h"

namespace millrace::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
namespace json = boost::json;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran run_words(const std::vector<std::string>& words,
              const config::Environment& environment = config::environment_of({}), bool terminal = true) {
  std::ostringstream out;
  std::ostringstream err;
  Io io{out, err, terminal, environment};
  const std::vector<std::string_view> views(words.begin(), words.end());
  const int code = run_cli(views, io);
  return {code, out.str(), err.str()};
}

// --- help and mistakes
// -----------------------------------------------------------------------------

TEST(Commands, HelpIsOnStdoutAndListsEveryCommand) {
  for (const char* word : {"help", "--help", "-h"}) {
    const Ran ran = run_words({word});
    EXPECT_EQ(ran.code, 0);
    EXPECT_EQ(ran.err, "");
    for (const Command& command : all_commands()) {
      if (command.summary.empty()) continue;
      EXPECT_THAT(ran.out, HasSubstr("  " + std::string(command.name) + " "));
      EXPECT_THAT(ran.out, HasSubstr(std::string(command.summary)));
    }
  }
}

TEST(Commands, NothingIsAMistakeAndShowsTheHelp) {
  const Ran ran = run_words({});
  EXPECT_NE(ran.code, 0);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("Usage: millrace COMMAND"));
}

TEST(Commands, EveryCommandExplainsItself) {
  for (const Command& command : all_commands()) {
    const std::string name(command.name);
    const Ran flag = run_words({name, "--help"});
    EXPECT_EQ(flag.code, 0) << name;
    EXPECT_THAT(flag.out, StartsWith("Usage: millrace " + name + " "));
    for (const Flag& each : command.flags) EXPECT_THAT(flag.out, HasSubstr("  " + std::string(each.name)));
    EXPECT_EQ(run_words({"help", name}).out, flag.out);
    std::istringstream lines(flag.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(Commands, HelpOnOptions) {
  EXPECT_THAT(run_words({"help", "options"}).out, HasSubstr("topic.prefix"));
  EXPECT_THAT(run_words({"help", "options", "topic.prefix"}).out, HasSubstr("topic.prefix"));
  EXPECT_THAT(run_words({"help", "options", "topic.prefx"}).err, HasSubstr("did you mean topic.prefix?"));
}

struct Mistake {
  const char* name;
  std::vector<std::string> words;
  const char* says;
};
class UsageMistake : public testing::TestWithParam<Mistake> {};
TEST_P(UsageMistake, EndsWithUsage) {
  const Ran ran = run_words(GetParam().words);
  EXPECT_EQ(ran.code, reason_info(ReasonCode::kUsage).exit_code);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr(GetParam().says));
  EXPECT_THAT(ran.err, HasSubstr("USAGE"));
}
INSTANTIATE_TEST_SUITE_P(
    Table, UsageMistake,
    testing::Values(
        Mistake{"unknown_command", {"rnu", "f"}, "unknown command \"rnu\"; did you mean run?"},
        Mistake{"unlike_any_command", {"frobnicate"}, "unknown command \"frobnicate\"; see millrace --help"},
        Mistake{"unknown_flag", {"--frobnicate"}, "unknown flag \"--frobnicate\""},
        Mistake{"missing_file", {"run"}, "something is missing: millrace run FILE"},
        Mistake{"unknown_flag_of_run", {"run", "f", "--sett", "a=b"}, "did you mean --set?"},
        Mistake{"help_on_nothing", {"help", "frobnicate"}, "no help on \"frobnicate\""},
        Mistake{"help_near", {"help", "positon"}, "did you mean position?"},
        Mistake{"position_action", {"position", "move", "f"}, "it is get, set or reset"},
        Mistake{"set_without_position", {"position", "set", "f"}, "set needs a position"},
        Mistake{"get_with_position", {"position", "get", "f", "0/1"}, "only set takes a position"},
        Mistake{"set_without_equals", {"check", "f", "--set", "nonsense"}, "--set takes key=value"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Commands, MistakesAreLogLinesWhereThereIsNoTerminal) {
  const Ran ran = run_words({"rnu"}, config::environment_of({}), false);
  const json::value line = json::parse(ran.err);
  EXPECT_EQ(line.at("reason"), "USAGE");
  EXPECT_EQ(line.at("exit_code"), ran.code);
}

TEST(Commands, VersionNamesTheLibraries) {
  for (const char* word : {"version", "--version", "-V"}) {
    const Ran ran = run_words({word});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, StartsWith("millrace "));
    EXPECT_THAT(ran.out, HasSubstr("\nlibpq "));
    EXPECT_THAT(ran.out, HasSubstr("\nlibrdkafka 2."));
    EXPECT_THAT(ran.out, HasSubstr("\nOpenSSL 3"));
  }
  EXPECT_TRUE(json::parse(run_words({"version", "--json"}).out).is_object());
}

TEST(Commands, DocsAreGenerated) {
  for (const char* part : {"configuration", "exit-codes", "metrics"}) {
    const Ran ran = run_words({"docs", part});
    EXPECT_EQ(ran.code, 0) << part;
    EXPECT_THAT(ran.out, HasSubstr("|")) << part;
  }
  EXPECT_TRUE(json::parse(run_words({"docs", "schema"}).out).is_object());
  EXPECT_NE(run_words({"docs", "nonsense"}).code, 0);
}

// --- files
// -----------------------------------------------------------------------------

/// Configuration files of a test, and commands that read them.
class FileCommands : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    test::write_whole(folder_ / name, text);
    return folder_ / name;
  }
  test::TemporaryFolder folder_;
};

TEST_F(FileCommands, AFileWithMistakesIsNotRun) {
  const std::string wrong = file("f", config::file_with("tpoic.prefix: x\n"));
  for (const char* command : {"run", "check"}) {
    const Ran ran = run_words({command, wrong});
    EXPECT_EQ(ran.code, 2) << command;
    EXPECT_THAT(ran.out + ran.err, HasSubstr("topic.prefix")) << command;
  }
  const Ran ran = run_words({"check", wrong, "--json"});
  EXPECT_EQ(ran.code, 2);
  const json::value report = json::parse(ran.out);
  EXPECT_EQ(report.at("ok"), false);
  EXPECT_EQ(report.at("mistakes").as_array().size(), 1U);
}

TEST_F(FileCommands, AMissingFileIsNamed) {
  const Ran ran = run_words({"run", folder_ / "nowhere.yaml"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("nowhere.yaml"));
}

TEST_F(FileCommands, SecretsAreNotPrinted) {
  const auto environment = config::environment_of({{"PW", std::string(config::kMarker)}});
  const std::string wrong = file("f", config::file_with("database.password: ${env:PW}\ntpoic: 1\n"));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"check", wrong},
                                                {"check", wrong, "--json"},
                                                {"run", wrong},
                                                {"position", "get", wrong}}) {
    const Ran ran = run_words(words, environment);
    EXPECT_THAT(ran.out + ran.err, HasSubstr("tpoic"));
    EXPECT_THAT(ran.out + ran.err, testing::Not(HasSubstr(std::string(config::kMarker))));
  }
}

TEST_F(FileCommands, StatusWithoutAnybodyThere) {
  const std::string plain = file("f", config::file_with(""));
  const Ran off = run_words({"status", plain, "--set", "http.listen=off"});
  EXPECT_EQ(off.code, 1);
  EXPECT_THAT(off.err, HasSubstr("http.listen is off"));
  const Ran nobody = run_words({"status", plain, "--set", "http.listen=127.0.0.1:1"});
  EXPECT_EQ(nobody.code, 1);
  EXPECT_THAT(nobody.err, HasSubstr("no answer at 127.0.0.1:1"));
}

// --- positions
// -----------------------------------------------------------------------------

class PositionCommand : public FileCommands {
 protected:
  PositionCommand() {
    file("f", config::file_with("checkpoint.file: " + path_ + "\n"));
    const auto pipeline = [](const std::string& name) {
      return "  - {name: " + name + ", topic.prefix: " + name + ", database.hostname: h, database.user: u, " +
             "database.dbname: d, slot.name: " + name + "}\n";
    };
    file("two", "pipelines:\n" + pipeline("a") + pipeline("b"));
  }
  Ran position(std::vector<std::string> words) {
    words[1] = folder_ / words[1];
    words.insert(words.begin(), "position");
    return run_words(words);
  }
  std::string path_ = folder_ / "orders.checkpoint";
};

TEST_F(PositionCommand, OfAFreshPipeline) {
  const Ran ran = position({"get", "f"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "orders: no position is stored; the next start is a first start\n");
  EXPECT_EQ(position({"get", "f", "--json"}).out, "null\n");
}

TEST_F(PositionCommand, SetGetReset) {
  const Ran set = position({"set", "f", "0/16B3748"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_EQ(set.out, "orders: the next start goes on from 0/16B3748\n");
  EXPECT_THAT(position({"get", "f"}).out, HasSubstr("0/16B3748"));
  EXPECT_THAT(position({"get", "f", "--json"}).out, HasSubstr("0/16B3748"));
  EXPECT_TRUE(json::parse(position({"get", "f", "--json"}).out).is_object());
  const Ran reset = position({"reset", "f"});
  EXPECT_EQ(reset.code, 0) << reset.err;
  EXPECT_EQ(reset.out, "orders: forgotten; the next start is a first start\n");
  EXPECT_EQ(position({"get", "f", "--json"}).out, "null\n");
}

TEST_F(PositionCommand, RefusesWhatIsNoPosition) {
  for (const char* wrong : {"16B3748", "0/", "0/16B37480000", "now", ""}) {
    const Ran ran = position({"set", "f", wrong});
    EXPECT_NE(ran.code, 0) << wrong;
    EXPECT_EQ(ran.out, "") << wrong;
  }
  EXPECT_EQ(position({"get", "f", "--json"}).out, "null\n") << "nothing was stored";
}

TEST_F(PositionCommand, MayNotBeChangedUnderARunningPipeline) {
  const auto running = make_checkpoint_file(path_, "orders", [] {});
  ASSERT_TRUE(running->open().ok());
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"set", "f", "0/1"}, std::vector<std::string>{"reset", "f"}}) {
    const Ran ran = position(words);
    EXPECT_EQ(ran.code, reason_info(ReasonCode::kCheckpointLocked).exit_code);
    EXPECT_THAT(ran.err, HasSubstr("CHECKPOINT_LOCKED"));
  }
}

TEST_F(PositionCommand, NeedsANameAmongSeveralPipelines) {
  EXPECT_THAT(position({"get", "two"}).err, HasSubstr("several pipelines; --pipeline is one of a, b"));
  EXPECT_THAT(position({"get", "two", "--pipeline", "c"}).err,
              HasSubstr("no pipeline \"c\"; there are a, b"));
  EXPECT_THAT(position({"get", "two", "--pipeline", "b"}).out, StartsWith("b: no position"));
}

}  // namespace
}  // namespace millrace::cli
