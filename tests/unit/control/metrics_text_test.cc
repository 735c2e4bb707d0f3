// SPDX-License-Identifier: Apache-2.0
#include "control/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "control/metrics_markdown.h"

namespace millrace::control {
namespace {

using metrics::Declaration;
using metrics::Family;
using metrics::FamilySamples;
using metrics::Registry;
using metrics::Type;

std::string text_of(const Registry& registry) { return metrics_text(registry.read()); }

TEST(MetricsText, HelpAndTypeComeOnceThenTheSeriesInOrder) {
  Registry registry;
  registry.counter(Family::kEvents, {"orders", "public.t", "update"}).add(2);
  registry.counter(Family::kEvents, {"orders", "public.t", "create"}).add(1);
  registry.gauge(Family::kUptime, {}).set(1.5);
  EXPECT_EQ(
      text_of(registry),
      "# HELP millrace_events_total Change events by table and operation: read, create, update, delete, "
      "truncate, message.\n"
      "# TYPE millrace_events_total counter\n"
      "millrace_events_total{pipeline=\"orders\",table=\"public.t\",operation=\"create\"} 1\n"
      "millrace_events_total{pipeline=\"orders\",table=\"public.t\",operation=\"update\"} 2\n"
      "# HELP millrace_uptime_seconds Time since the process started.\n"
      "# TYPE millrace_uptime_seconds gauge\n"
      "millrace_uptime_seconds 1.5\n");
}

TEST(MetricsText, NothingDeclaredIsEmptyText) { EXPECT_EQ(text_of(Registry()), ""); }

TEST(MetricsText, HistogramBucketsAreCumulativeAndEndInInf) {
  static constexpr std::array<std::string_view, 1> kLabels{"pipeline"};
  static constexpr std::array kBounds{0.005, 1.0};
  const Declaration declared{.type = Type::kHistogram,
                             .name = "millrace_x_seconds",
                             .help = "H.",
                             .labels = kLabels,
                             .buckets = kBounds};
  FamilySamples family{&declared, {}};
  family.samples.push_back({{"orders"}, 0, {3, 0, 2}, 20.25});
  EXPECT_EQ(metrics_text({&family, 1}),
            "# HELP millrace_x_seconds H.\n"
            "# TYPE millrace_x_seconds histogram\n"
            "millrace_x_seconds_bucket{pipeline=\"orders\",le=\"0.005\"} 3\n"
            "millrace_x_seconds_bucket{pipeline=\"orders\",le=\"1\"} 3\n"
            "millrace_x_seconds_bucket{pipeline=\"orders\",le=\"+Inf\"} 5\n"
            "millrace_x_seconds_sum{pipeline=\"orders\"} 20.25\n"
            "millrace_x_seconds_count{pipeline=\"orders\"} 5\n");
}

TEST(MetricsText, HelpEscapesBackslashAndNewlineOnly) {
  const Declaration declared{.name = "millrace_x", .help = "a\\b\n\"c\""};
  FamilySamples family{&declared, {}};
  EXPECT_EQ(metrics_text({&family, 1}), "# HELP millrace_x a\\\\b\\n\"c\"\n# TYPE millrace_x gauge\n");
}

struct LabelRow {
  const char* name;
  std::string value;
  std::string written;
};
class LabelValue : public testing::TestWithParam<LabelRow> {};
TEST_P(LabelValue, IsEscaped) {
  Registry registry;
  registry.counter(Family::kRecords, {GetParam().value}).add(1);
  EXPECT_THAT(text_of(registry),
              testing::EndsWith("millrace_records_total{pipeline=\"" + GetParam().written + "\"} 1\n"));
}
INSTANTIATE_TEST_SUITE_P(
    Table, LabelValue,
    testing::Values(LabelRow{"plain", "orders", "orders"}, LabelRow{"empty", "", ""},
                    LabelRow{"quote", "a\"b", "a\\\"b"}, LabelRow{"backslash", "a\\b", "a\\\\b"},
                    LabelRow{"newline", "a\nb", "a\\nb"}, LabelRow{"backslash_then_n", "a\\nb", "a\\\\nb"},
                    LabelRow{"braces_and_commas", "a},{b=\"", "a},{b=\\\""},
                    LabelRow{"emoji", "\xF0\x9F\x90\x98", "\xF0\x9F\x90\x98"},
                    LabelRow{"latin1", "caf\xE9", "caf\xEF\xBF\xBD"},
                    LabelRow{"surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
                    LabelRow{"cut_sequence", "x\xF0\x9F", "x\xEF\xBF\xBD\xEF\xBF\xBD"}),
    [](const auto& row) { return std::string(row.param.name); });

struct NumberRow {
  const char* name;
  double value;
  const char* written;
};
class MetricNumber : public testing::TestWithParam<NumberRow> {};
TEST_P(MetricNumber, IsWritten) {
  std::string out;
  append_metric_value(out, GetParam().value);
  EXPECT_EQ(out, GetParam().written);
}
INSTANTIATE_TEST_SUITE_P(
    Table, MetricNumber,
    testing::Values(NumberRow{"zero", 0, "0"}, NumberRow{"whole", 123'456'789'012, "123456789012"},
                    NumberRow{"negative", -5, "-5"}, NumberRow{"fraction", 0.1, "0.1"},
                    NumberRow{"largest_exact", 9007199254740992.0, "9007199254740992"},
                    NumberRow{"beyond_exact", 1e300, "1e+300"}, NumberRow{"tiny", 5e-05, "5e-05"},
                    NumberRow{"inf", std::numeric_limits<double>::infinity(), "+Inf"},
                    NumberRow{"minus_inf", -std::numeric_limits<double>::infinity(), "-Inf"},
                    NumberRow{"nan", std::nan(""), "NaN"}, NumberRow{"minus_nan", -std::nan(""), "NaN"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MetricsMarkdown, CommittedFileIsWhatTheDeclarationsSay) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/metrics.md");
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(committed.str(), metrics_markdown()) << "run: millrace docs metrics > docs/metrics.md";
}

}  // namespace
}  // namespace millrace::control
