// SPDX-License-Identifier: Apache-2.0
// Every choice a simulation makes comes from here, so that a seed replays it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace::sim {

/// SplitMix64: small, fast, and any seed is a good one.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// In [0, n).
  std::uint64_t below(std::uint64_t n) noexcept { return n == 0 ? 0 : next() % n; }
  /// In [from, to].
  std::int64_t between(std::int64_t from, std::int64_t to) noexcept {
    return from + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(to - from + 1)));
  }
  bool percent(std::uint64_t chance) noexcept { return below(100) < chance; }
  template <class T, std::size_t N>
  const T& pick(const T (&choices)[N]) noexcept {
    return choices[below(N)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace millrace::sim
