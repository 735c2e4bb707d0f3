// SPDX-License-Identifier: Apache-2.0
#include "cli/check_report.h"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <string>

namespace millrace::cli {
namespace {

using Severity = Finding::Severity;
namespace json = boost::json;

CheckReport ready() {
  return {"shop.yaml",
          {},
          {"tasks.max has no effect"},
          {{"shop",
            {{Severity::kOk, ReasonCode::kOk, "wal_level", "is logical", ""},
             {Severity::kWarning, ReasonCode::kOk, "table public.t", "has no key",
              "ALTER TABLE t\n  ADD PRIMARY KEY (id);"}}}}};
}

CheckReport not_ready() {
  CheckReport report = ready();
  report.pipelines.push_back({"other",
                              {{Severity::kError, ReasonCode::kWalLevel, "wal_level", "is \"replica\"",
                                "ALTER SYSTEM SET wal_level = 'logical';"},
                               {Severity::kNote, ReasonCode::kOk, "slot", "will be created", ""}}});
  return report;
}

CheckReport mistaken() {
  return {"shop.yaml", {"line 3: unknown key \"tpoic\"", "line 9: too small"}, {}, {}};
}

TEST(CheckReport, ExitCodeIsTheWorstFindings) {
  EXPECT_EQ(exit_code_of(ready()), 0) << "a warning is no error";
  EXPECT_EQ(exit_code_of(not_ready()), 1);
  EXPECT_EQ(exit_code_of(mistaken()), 2);
  EXPECT_EQ(exit_code_of({}), 0);
}

TEST(CheckReport, ForPeople) {
  EXPECT_EQ(check_text(not_ready()),
            "shop.yaml is valid.\n"
            "  note     tasks.max has no effect\n"
            "\n"
            "Pipeline shop: ready\n"
            "  ok       wal_level: is logical\n"
            "  warning  table public.t: has no key\n"
            "             ALTER TABLE t\n"
            "               ADD PRIMARY KEY (id);\n"
            "\n"
            "Pipeline other: not ready\n"
            "  error    wal_level: is \"replica\" (WAL_LEVEL)\n"
            "             ALTER SYSTEM SET wal_level = 'logical';\n"
            "  note     slot: will be created\n");
  EXPECT_EQ(check_text(mistaken()),
            "shop.yaml has 2 mistakes:\n"
            "  line 3: unknown key \"tpoic\"\n"
            "  line 9: too small\n");
}

TEST(CheckReport, ForScripts) {
  const std::string text = check_json(not_ready());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  const json::value report = json::parse(text);
  EXPECT_EQ(report.at("file"), "shop.yaml");
  EXPECT_EQ(report.at("ok"), false);
  EXPECT_EQ(report.at("notes").at(0), "tasks.max has no effect");
  EXPECT_EQ(report.at("pipelines").at(0).at("ok"), true);
  EXPECT_EQ(report.at("pipelines").at(0).at("findings").at(0).at("fix"), nullptr);
  const json::value& error = report.at("pipelines").at(1).at("findings").at(0);
  EXPECT_EQ(report.at("pipelines").at(1).at("ok"), false);
  EXPECT_EQ(error.at("severity"), "error");
  EXPECT_EQ(error.at("reason"), "WAL_LEVEL");
  EXPECT_EQ(error.at("subject"), "wal_level");
  EXPECT_EQ(error.at("problem"), "is \"replica\"");
  EXPECT_EQ(error.at("fix"), "ALTER SYSTEM SET wal_level = 'logical';");
  const json::value wrong = json::parse(check_json(mistaken()));
  EXPECT_EQ(wrong.at("ok"), false);
  EXPECT_EQ(wrong.at("mistakes").as_array().size(), 2U);
  EXPECT_EQ(json::parse(check_json(ready())).at("ok"), true);
}

}  // namespace
}  // namespace millrace::cli
