// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace millrace::metrics {
namespace {

bool has_pipeline(const Declaration& declaration) {
  return !declaration.labels.empty() && declaration.labels.front() == "pipeline";
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds) noexcept
    : bounds_(bounds.first(std::min(bounds.size(), kBucketsMax))) {}

void Histogram::observe(double value) noexcept {
  // NaN belongs to no bucket below +Inf, as in Prometheus' own libraries.
  std::size_t i = 0;
  while (i < bounds_.size() && !(value <= bounds_[i])) ++i;
  buckets_[i].store(buckets_[i].load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

Registry::Series& Registry::find(Family family, Type type, Labels labels) {
  const Declaration& declared = declaration(family);
  MILLRACE_CHECK(declared.type == type, declared.name);
  MILLRACE_CHECK(declared.labels.size() == labels.size(), declared.name);
  FamilySeries& all = of(family);
  LabelValues values(labels.begin(), labels.end());
  if (const auto found = all.series.find(values); found != all.series.end()) return found->second;

  std::size_t& count = all.count[has_pipeline(declared) ? values.front() : std::string()];
  if (count < series_max_) {
    ++count;
    return all.series[std::move(values)];
  }
  const bool is_new = all.folded.insert(values).second;
  const bool by_table = std::ranges::find(declared.labels, "table") != declared.labels.end();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view label = declared.labels[i];
    if (by_table ? label == "table" : label != "pipeline") values[i] = kOverflow;
  }
  if (!is_new) return all.series[std::move(values)];
  Series& folded = of(Family::kSeriesFolded).series[{std::string(declared.name)}];
  if (folded.counters.empty()) folded.counters.push_back(std::make_unique<Counter>());
  folded.counters.front()->add();  // under the lock, so one writer at a time
  return all.series[std::move(values)];
}

Counter& Registry::counter(Family family, Labels labels, std::size_t writer) {
  const std::lock_guard lock(mutex_);
  auto& counters = find(family, Type::kCounter, labels).counters;
  while (counters.size() <= writer) counters.push_back(std::make_unique<Counter>());
  return *counters[writer];
}

Gauge& Registry::gauge(Family family, Labels labels) {
  const std::lock_guard lock(mutex_);
  Series& series = find(family, Type::kGauge, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& Registry::histogram(Family family, Labels labels) {
  const std::lock_guard lock(mutex_);
  Series& series = find(family, Type::kHistogram, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(declaration(family).buckets);
  return *series.histogram;
}

void Registry::remove_pipeline(std::string_view pipeline) {
  const std::lock_guard lock(mutex_);
  for (const Declaration& declared : declarations()) {
    if (!has_pipeline(declared)) continue;
    FamilySeries& all = of(declared.family);
    std::erase_if(all.series, [&](const auto& entry) { return entry.first.front() == pipeline; });
    std::erase_if(all.folded, [&](const LabelValues& values) { return values.front() == pipeline; });
    if (const auto count = all.count.find(pipeline); count != all.count.end()) all.count.erase(count);
  }
}

std::vector<FamilySamples> Registry::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<FamilySamples> out;
  for (const Declaration& declared : declarations()) {
    const FamilySeries& all = families_[static_cast<std::size_t>(declared.family)];
    if (all.series.empty()) continue;
    FamilySamples& family = out.emplace_back();
    family.declaration = &declared;
    family.samples.reserve(all.series.size());
    for (const auto& [labels, series] : all.series) {
      Sample& sample = family.samples.emplace_back();
      sample.label_values = labels;
      std::uint64_t total = 0;
      for (const auto& counter : series.counters) total += counter->value();
      if (!series.counters.empty()) sample.value = static_cast<double>(total) * declared.scale;
      if (series.gauge) sample.value = series.gauge->value();
      if (!series.histogram) continue;
      for (std::size_t i = 0; i <= series.histogram->bounds().size(); ++i) {
        sample.buckets.push_back(series.histogram->bucket(i));
      }
      sample.sum = series.histogram->sum();
    }
  }
  return out;
}

}  // namespace millrace::metrics
