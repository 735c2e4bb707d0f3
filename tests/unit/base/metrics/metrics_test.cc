// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <regex>
#include <set>
#include <thread>

namespace millrace::metrics {
namespace {

using testing::ElementsAre;

const FamilySamples* samples_of(const std::vector<FamilySamples>& families, Family family) {
  for (const FamilySamples& one : families) {
    if (one.declaration->family == family) return &one;
  }
  return nullptr;
}

std::vector<std::vector<std::string>> labels_of(const Registry& registry, Family family) {
  const auto families = registry.read();
  std::vector<std::vector<std::string>> out;
  if (const FamilySamples* found = samples_of(families, family)) {
    for (const Sample& sample : found->samples) out.push_back(sample.label_values);
  }
  return out;
}

double value_of(const Registry& registry, Family family, const std::vector<std::string>& labels) {
  const auto families = registry.read();
  if (const FamilySamples* found = samples_of(families, family)) {
    for (const Sample& sample : found->samples) {
      if (sample.label_values == labels) return sample.value;
    }
  }
  return NAN;
}

TEST(MetricDeclarations, FollowPrometheusConventions) {
  const std::regex name_pattern("(millrace|process)_[a-z]+(_[a-z]+)*");
  std::set<std::string_view> names;
  for (const Declaration& family : declarations()) {
    SCOPED_TRACE(family.name);
    EXPECT_TRUE(std::regex_match(std::string(family.name), name_pattern));
    EXPECT_TRUE(names.insert(family.name).second) << "declared twice";
    EXPECT_EQ(family.type == Type::kCounter, family.name.ends_with("_total"));
    EXPECT_TRUE(family.help.ends_with("."));
    EXPECT_FALSE(family.unit.empty());
    EXPECT_EQ(&declaration(family.family), &family);
    for (const std::string_view reserved : {"_count", "_sum", "_bucket"})
      EXPECT_FALSE(family.name.ends_with(reserved));
    for (std::size_t i = 0; i < family.labels.size(); ++i) {
      EXPECT_NE(family.labels[i], "le");
      EXPECT_TRUE(family.labels[i] != "pipeline" || i == 0) << "the registry looks for it in front";
    }
  }
}

TEST(MetricDeclarations, HistogramsHaveAscendingBucketsThatFit) {
  for (const Declaration& family : declarations()) {
    SCOPED_TRACE(family.name);
    EXPECT_EQ(family.type == Type::kHistogram, !family.buckets.empty());
    EXPECT_LE(family.buckets.size(), Histogram::kBucketsMax);
    EXPECT_TRUE(std::ranges::is_sorted(family.buckets, std::less_equal<>()));
  }
}

TEST(MetricRegistry, SameLabelsAreTheSameSeries) {
  Registry registry;
  Counter& first = registry.counter(Family::kRecords, {"orders"});
  for (int i = 0; i < 2'000; ++i) registry.counter(Family::kRecords, {"p" + std::to_string(i)});
  EXPECT_EQ(&registry.counter(Family::kRecords, {"orders"}), &first);
  EXPECT_NE(&registry.counter(Family::kRecords, {"p1"}), &first);
}

TEST(MetricRegistry, WritersOfOneSeriesAreSummed) {
  Registry registry;
  registry.counter(Family::kEmittedBytes, {"orders", "public.t"}, 2).add(5);
  registry.counter(Family::kEmittedBytes, {"orders", "public.t"}, 0).add(7);
  EXPECT_EQ(value_of(registry, Family::kEmittedBytes, {"orders", "public.t"}), 12);
}

TEST(MetricRegistry, FamiliesWithoutSeriesAreNotShown) {
  Registry registry;
  EXPECT_TRUE(registry.read().empty());
  registry.gauge(Family::kUptime, {}).set(3);
  ASSERT_EQ(registry.read().size(), 1U);
  EXPECT_EQ(registry.read()[0].declaration->family, Family::kUptime);
}

TEST(MetricRegistry, CountersAreScaledToTheirUnit) {
  Registry registry;
  registry.counter(Family::kProcessCpuSeconds, {}).set_total(2'500'000);
  EXPECT_DOUBLE_EQ(value_of(registry, Family::kProcessCpuSeconds, {}), 2.5);
}

TEST(MetricRegistry, TablesBeyondTheLimitAreCountedTogetherByOperation) {
  Registry registry(2);
  registry.counter(Family::kEvents, {"orders", "a", "create"}).add(1);
  registry.counter(Family::kEvents, {"orders", "b", "create"}).add(1);
  registry.counter(Family::kEvents, {"orders", "c", "create"}).add(10);
  registry.counter(Family::kEvents, {"orders", "d", "create"}).add(20);
  registry.counter(Family::kEvents, {"orders", "d", "delete"}).add(3);
  registry.counter(Family::kEvents, {"orders", "b", "create"}).add(1);
  EXPECT_THAT(
      labels_of(registry, Family::kEvents),
      ElementsAre(ElementsAre("orders", "a", "create"), ElementsAre("orders", "b", "create"),
                  ElementsAre("orders", "other", "create"), ElementsAre("orders", "other", "delete")));
  EXPECT_EQ(value_of(registry, Family::kEvents, {"orders", "other", "create"}), 30);
  EXPECT_EQ(value_of(registry, Family::kEvents, {"orders", "b", "create"}), 2);
  EXPECT_EQ(value_of(registry, Family::kSeriesFolded, {"millrace_events_total"}), 3);
}

TEST(MetricRegistry, LimitIsPerPipelineSoThatWritersNeverMeet) {
  Registry registry(1);
  registry.counter(Family::kErrors, {"a", "network"});
  Counter& folded_a = registry.counter(Family::kErrors, {"a", "sink"});
  registry.counter(Family::kErrors, {"b", "network"});
  Counter& folded_b = registry.counter(Family::kErrors, {"b", "sink"});
  EXPECT_NE(&folded_a, &folded_b);
  EXPECT_THAT(labels_of(registry, Family::kErrors),
              ElementsAre(ElementsAre("a", "network"), ElementsAre("a", "other"), ElementsAre("b", "network"),
                          ElementsAre("b", "other")));
}

TEST(MetricRegistry, RemovedPipelineLeavesNothingAndFreesItsLimit) {
  Registry registry(1);
  registry.counter(Family::kRecords, {"gone"});
  registry.gauge(Family::kPosition, {"gone", "received"}).set(1);
  registry.gauge(Family::kPosition, {"stays", "received"}).set(2);
  registry.gauge(Family::kUptime, {}).set(1);
  registry.remove_pipeline("gone");
  EXPECT_THAT(labels_of(registry, Family::kRecords), ElementsAre());
  EXPECT_THAT(labels_of(registry, Family::kPosition), ElementsAre(ElementsAre("stays", "received")));
  EXPECT_EQ(labels_of(registry, Family::kUptime).size(), 1U);
  registry.gauge(Family::kPosition, {"gone", "told"}).set(9);
  EXPECT_EQ(value_of(registry, Family::kPosition, {"gone", "told"}), 9);
}

TEST(MetricRegistry, BuildVersionNamedLikeAPipelineSurvivesItsRemoval) {
  Registry registry;
  registry.gauge(Family::kBuildInfo, {"orders", "r"}).set(1);
  registry.remove_pipeline("orders");
  EXPECT_EQ(value_of(registry, Family::kBuildInfo, {"orders", "r"}), 1);
}

TEST(MetricRegistryDeathTest, WrongTypeOrLabelCountStopsTheProgram) {
  Registry registry;
  EXPECT_DEATH(registry.gauge(Family::kEvents, {"a", "b", "c"}), "millrace_events_total");
  EXPECT_DEATH(registry.counter(Family::kEvents, {"a"}), "millrace_events_total");
}

struct Observation {
  const char* name;
  double value;
  std::size_t bucket;
};
class HistogramPlaces : public testing::TestWithParam<Observation> {};
TEST_P(HistogramPlaces, InTheBucketWhoseBoundIsNotBelow) {
  static constexpr std::array kBounds{0.5, 1.0, 2.0};
  Histogram histogram(kBounds);
  histogram.observe(GetParam().value);
  for (std::size_t i = 0; i <= kBounds.size(); ++i)
    EXPECT_EQ(histogram.bucket(i), i == GetParam().bucket ? 1U : 0U);
}
INSTANTIATE_TEST_SUITE_P(Table, HistogramPlaces,
                         testing::Values(Observation{"below_all", -1, 0}, Observation{"on_a_bound", 1.0, 1},
                                         Observation{"above_a_bound", 1.0000001, 2},
                                         Observation{"above_all", 3, 3}, Observation{"infinity", INFINITY, 3},
                                         Observation{"not_a_number", NAN, 3}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MetricHistogram, SumsWhatItSaw) {
  Registry registry;
  Histogram& histogram = registry.histogram(Family::kSinkWriteSeconds, {"orders"});
  histogram.observe(0.25);
  histogram.observe(1.5);
  EXPECT_DOUBLE_EQ(histogram.sum(), 1.75);
}

TEST(MetricGauge, TakesWholeNumbersAndTruth) {
  Gauge gauge;
  gauge.set(std::uint64_t{1} << 53);
  EXPECT_EQ(gauge.value(), 9007199254740992.0);
  gauge.set(-3);
  EXPECT_EQ(gauge.value(), -3);
  gauge.set(true);
  gauge.add(0.5);
  EXPECT_EQ(gauge.value(), 1.5);
}

// Under TSan: writers, a reader and the making of new series at the same time.
TEST(MetricRegistry, IsReadWhileItIsWritten) {
  Registry registry;
  constexpr int kAdds = 20'000;
  std::vector<std::thread> writers;
  for (std::size_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&registry, writer] {
      Counter& counter = registry.counter(Family::kRecords, {"orders"}, writer);
      Histogram& histogram = registry.histogram(Family::kSinkWriteSeconds, {"p" + std::to_string(writer)});
      for (int i = 0; i < kAdds; ++i) {
        counter.add();
        histogram.observe(0.001);
      }
    });
  }
  double last = 0;
  for (int i = 0; i < 200; ++i) {
    const double now = value_of(registry, Family::kRecords, {"orders"});
    if (!std::isnan(now)) {
      EXPECT_GE(now, last);
      last = now;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(value_of(registry, Family::kRecords, {"orders"}), 2 * kAdds);
}

}  // namespace
}  // namespace millrace::metrics
