// SPDX-License-Identifier: Apache-2.0
// Prometheus' own judge: promtool. Skipped where it is not installed, unless MILLRACE_REQUIRE_PROMTOOL is
// set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/control_pages.h"
#include "unit/control/snapshots.h"

namespace millrace::control {
namespace {

using metrics::Family;

struct Ended {
  int code;
  std::string output;
};

Ended run(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  return {::pclose(pipe), output};
}

class Promtool : public testing::Test {
 protected:
  void SetUp() override {
    if (run("promtool --version").code == 0) return;
    if (std::getenv("MILLRACE_REQUIRE_PROMTOOL") != nullptr) {
      FAIL() << "promtool is not installed and MILLRACE_REQUIRE_PROMTOOL is set";
    }
    GTEST_SKIP() << "promtool is not installed (Debian: package prometheus)";
  }
};

// A registry in which every family has a series, through the page itself.
std::string page_with_every_family() {
  metrics::Registry registry(3);
  for (const metrics::Declaration& family : metrics::declarations()) {
    if (family.type == metrics::Type::kGauge) continue;
    const auto make = [&](metrics::Registry::Labels labels) {
      if (family.type == metrics::Type::kHistogram) {
        registry.histogram(family.family, labels).observe(0.003);
      } else {
        registry.counter(family.family, labels).add(7);
      }
    };
    for (const char* table : {"public.a", "public.\"quoted\\\n\xff", "c", "d", "e"}) {
      if (family.labels.size() == 3) make({"orders", table, "create"});
      if (family.labels.size() == 2) make({"orders", table});
    }
    if (family.labels.size() == 1) make({"orders"});
    if (family.labels.empty()) make({});
  }
  Now now{1'000'000, 1'700'000'100'000};
  PipelineSnapshot pipeline = everything("orders");
  ControlPages pages(
      {"1.2.3", "abc", {}}, registry, [&] { return std::vector{pipeline}; }, [&] { return now; });
  return pages.answer({"/metrics"}).body;
}

TEST_F(Promtool, AcceptsEveryFamilyOfTheMetricsPage) {
  const std::string page = page_with_every_family();
  for (const metrics::Declaration& family : metrics::declarations()) {
    EXPECT_THAT(page, testing::HasSubstr("# TYPE " + std::string(family.name) + " ")) << "nobody sets it";
  }
  const auto file = std::filesystem::path(testing::TempDir()) / "millrace_metrics.txt";
  std::ofstream(file) << page;
  const Ended lint = run("promtool check metrics < " + file.string());
  EXPECT_EQ(lint.code, 0) << lint.output;
  EXPECT_EQ(lint.output, "");
  std::filesystem::remove(file);
}

TEST_F(Promtool, AcceptsTheAlerts) {
  const Ended rules = run("promtool check rules " MILLRACE_SOURCE_DIR "/deploy/prometheus/alerts.yml");
  EXPECT_EQ(rules.code, 0) << rules.output;
}

TEST_F(Promtool, FindsThatAlertsFireForWhatTheyAreNamedAfter) {
  const Ended rules = run("promtool test rules " MILLRACE_SOURCE_DIR "/tests/unit/control/alerts_test.yml");
  EXPECT_EQ(rules.code, 0) << rules.output;
}

}  // namespace
}  // namespace millrace::control
