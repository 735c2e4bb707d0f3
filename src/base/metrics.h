// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms that a hot loop may write for the price of a store, and the registry that
// finds them. A series is obtained once, on the cold path, and its address stays good until its pipeline is
// removed.
#pragma once
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric_declarations.h"

namespace millrace::metrics {

// Series have different writers, so each has a cache line of its own.
inline constexpr std::size_t kSeriesAlign = 64;

/// Only grows. One thread writes, any thread reads: an add is a plain load, add and store.
class alignas(kSeriesAlign) Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  /// For a count that is kept elsewhere (the kernel, a snapshot) and only shown here.
  void set_total(std::uint64_t total) noexcept { value_.store(total, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};  // written by the owner of the series alone
};

/// Goes up and down. One writer. Holds a double, as Prometheus does: whole numbers are exact up to 2^53.
class alignas(kSeriesAlign) Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void set(std::integral auto value) noexcept { set(static_cast<double>(value)); }
  void add(double n) noexcept { set(value() + n); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};  // written by the owner of the series alone
};

/// Counts observations into fixed buckets. One writer. A reader may see an observation in its bucket and not
/// yet in the sum; the count is made of the buckets, so that the two never contradict each other.
class alignas(kSeriesAlign) Histogram {
 public:
  static constexpr std::size_t kBucketsMax = 24;

  /// @param bounds  upper bounds, ascending, at most kBucketsMax; lives as long as the histogram.
  explicit Histogram(std::span<const double> bounds) noexcept;
  void observe(double value) noexcept;
  std::span<const double> bounds() const noexcept { return bounds_; }
  /// Observations in bucket i alone (not cumulative); i == bounds().size() is +Inf.
  std::uint64_t bucket(std::size_t i) const noexcept { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  std::span<const double> bounds_;
  std::array<std::atomic<std::uint64_t>, kBucketsMax + 1> buckets_{};
  std::atomic<double> sum_{0};
};

/// A series as it was at one moment.
struct Sample {
  std::vector<std::string> label_values;  ///< As many as the family has labels.
  double value = 0;                       ///< Counters and gauges.
  std::vector<std::uint64_t> buckets;     ///< Histograms: per bucket, +Inf last.
  double sum = 0;                         ///< Histograms.
};

/// A family and its series, sorted by label values.
struct FamilySamples {
  const Declaration* declaration = nullptr;
  std::vector<Sample> samples;
};

/// Owns the series of a process. Its functions may be called from any thread and lock; the series do not.
/// Bound: per family and pipeline at most `series_max` label sets. Beyond it the label values but the
/// pipeline's become "other" (of a family with a table label, that one alone), so that a thousand partitions
/// cannot fill the memory, and a series never mixes the writers of two pipelines.
class Registry {
 public:
  using Labels = std::initializer_list<std::string_view>;
  static constexpr std::string_view kOverflow = "other";

  explicit Registry(std::size_t series_max = 5'000) : series_max_(series_max) {}

  /// The series with these label values, made when it is new; the same one when asked again.
  /// Stops the program when the family is of another type or has another number of labels.
  /// @param writer  threads that count the same thing each take a number of their own, 0, 1, 2 ...; what is
  /// shown
  ///                is the sum.
  Counter& counter(Family family, Labels labels, std::size_t writer = 0);
  Gauge& gauge(Family family, Labels labels);
  Histogram& histogram(Family family, Labels labels);

  /// Forgets every series whose pipeline label is this one. Whoever held their addresses must have ended.
  void remove_pipeline(std::string_view pipeline);

  /// All families that have series, in the order of the declarations.
  std::vector<FamilySamples> read() const;

 private:
  using LabelValues = std::vector<std::string>;
  struct Series {
    std::vector<std::unique_ptr<Counter>> counters;  // one per writer
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct FamilySeries {
    std::map<LabelValues, Series> series;
    std::map<std::string, std::size_t, std::less<>> count;  // by pipeline, without the overflow series
    std::set<LabelValues> folded;                           // what the overflow series stand for
  };

  Series& find(Family family, Type type, Labels labels);  // with mutex_ held, as of()
  FamilySeries& of(Family family) { return families_[static_cast<std::size_t>(family)]; }

  const std::size_t series_max_;
  mutable std::mutex mutex_;  // guards families_, not the series' values
  std::array<FamilySeries, static_cast<std::size_t>(Family::kCount)> families_;
};

}  // namespace millrace::metrics
