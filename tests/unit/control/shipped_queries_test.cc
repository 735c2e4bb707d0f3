// SPDX-License-Identifier: Apache-2.0
// The alerts and the dashboard in deploy/ ask only for metrics and label values that exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "base/metric_declarations.h"
#include "control/pipeline_snapshot.h"

namespace millrace::control {
namespace {

std::string read(const char* path) {
  std::ifstream file(std::string(MILLRACE_SOURCE_DIR "/") + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// All matches of the pattern's first group.
std::set<std::string> all_of(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) out.insert((*at)[1]);
  return out;
}

std::set<std::string> declared_names() {
  std::set<std::string> names;
  for (const metrics::Declaration& family : metrics::declarations()) {
    const std::string name(family.name);
    if (family.type != metrics::Type::kHistogram) names.insert(name);
    if (family.type != metrics::Type::kHistogram) continue;
    for (const char* suffix : {"_bucket", "_sum", "_count"}) names.insert(name + suffix);
  }
  return names;
}

template <class Names>
void expect_known(const std::set<std::string>& used, const Names& known) {
  for (const std::string& values : used) {
    std::stringstream alternatives(values);
    for (std::string one; std::getline(alternatives, one, '|');) {
      EXPECT_NE(std::ranges::find(known, one), std::end(known)) << one;
    }
  }
}

class ShippedQueries : public testing::TestWithParam<const char*> {};
TEST_P(ShippedQueries, AskForWhatExists) {
  const std::string text = read(GetParam());
  ASSERT_FALSE(text.empty());
  const auto names = all_of(text, std::regex("\\b((?:millrace|process)_[a-z_]+)"));
  EXPECT_GT(names.size(), 10U);
  expect_known(names, declared_names());
  // In JSON the quotes of a query are escaped.
  expect_known(all_of(text, std::regex("[{,]stage=~?\\\\?\"([a-z_|]+)")), kStageNames);
  expect_known(all_of(text, std::regex("[{,]phase=~?\\\\?\"([a-z_|]+)")), kPhases);
  expect_known(all_of(text, std::regex("[{,]status=~?\\\\?\"([a-z_|]+)")), kWalStatuses);
}
INSTANTIATE_TEST_SUITE_P(Files, ShippedQueries,
                         testing::Values("deploy/prometheus/alerts.yml", "deploy/grafana/millrace.json"),
                         [](const auto& row) {
                           return std::string(std::string_view(row.param).ends_with("yml") ? "alerts"
                                                                                           : "dashboard");
                         });

TEST(Dashboard, IsJsonWhosePanelsDoNotOverlap) {
  boost::json::error_code error;
  const boost::json::value dashboard = boost::json::parse(read("deploy/grafana/millrace.json"), error);
  ASSERT_FALSE(error) << error.message();
  std::set<std::int64_t> ids;
  std::set<std::pair<std::int64_t, std::int64_t>> cells;
  for (const boost::json::value& panel : dashboard.at("panels").as_array()) {
    EXPECT_TRUE(ids.insert(panel.at("id").as_int64()).second);
    const boost::json::value& place = panel.at("gridPos");
    const std::int64_t right = place.at("x").as_int64() + place.at("w").as_int64();
    EXPECT_LE(right, 24);
    for (std::int64_t x = place.at("x").as_int64(); x < right; ++x) {
      for (std::int64_t y = 0; y < place.at("h").as_int64(); ++y) {
        EXPECT_TRUE(cells.insert({x, place.at("y").as_int64() + y}).second) << panel.at("title");
      }
    }
  }
}

}  // namespace
}  // namespace millrace::control
