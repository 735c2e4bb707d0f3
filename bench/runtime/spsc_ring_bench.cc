// SPDX-License-Identifier: Apache-2.0
// Hand-over between two cores: 16-byte items, published one at a time and in batches.
#include <benchmark/benchmark.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "base/spsc_ring.h"
#include "runtime/threads.h"

namespace millrace {
namespace {

struct Item {
  std::uint64_t number = 0;
  std::uint64_t weight = 0;
};

constexpr std::uint64_t kItems = 4'000'000;

// The consumer's thread is the benchmark's, the producer's is started per iteration and waited for outside
// the clock.
void BM_SpscBatch(benchmark::State& state) {
  const auto batch_items = static_cast<std::size_t>(state.range(0));
  const std::vector<int> cores = usable_cores();
  if (cores.size() < 2) return state.SkipWithError("two cores are needed");
  if (!pin_thread(std::vector<int>{cores[1]}).ok()) return state.SkipWithError("cannot pin");
  for (auto _ : state) {
    SpscRing<Item> ring(4'096);
    std::atomic<bool> go{false};
    std::thread producer([&] {
      static_cast<void>(pin_thread(std::vector<int>{cores[0]}));
      std::vector<Item> batch(batch_items);
      while (!go.load(std::memory_order_acquire)) {
      }
      for (std::uint64_t next = 0; next < kItems;) {
        for (Item& item : batch) item = {next++, 1};
        for (std::span<Item> rest = batch; !rest.empty();) rest = rest.subspan(ring.try_push_n(rest));
      }
    });
    std::vector<Item> batch(batch_items);
    std::uint64_t received = 0, sum = 0;
    const auto begin = std::chrono::steady_clock::now();
    go.store(true, std::memory_order_release);
    while (received < kItems) {
      const std::size_t n = ring.pop_n(batch);
      for (std::size_t i = 0; i < n; ++i) sum += batch[i].number * batch[i].weight;
      received += n;
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    producer.join();
    if (sum != received * (received - 1) / 2) state.SkipWithError("items were lost or repeated");
  }
  static_cast<void>(pin_thread(cores));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kItems));
}
BENCHMARK(BM_SpscBatch)->ArgName("items")->Arg(1)->Arg(8)->Arg(32)->Arg(128)->UseManualTime();

// The reference: one word there and back. How far apart the host has put the two cores shows here first.
void BM_CacheLineRoundTrip(benchmark::State& state) {
  constexpr std::uint64_t kTrips = 200'000;
  const std::vector<int> cores = usable_cores();
  if (cores.size() < 2) return state.SkipWithError("two cores are needed");
  if (!pin_thread(std::vector<int>{cores[1]}).ok()) return state.SkipWithError("cannot pin");
  for (auto _ : state) {
    alignas(kCacheLine) std::atomic<std::uint64_t> word{0};
    std::thread other([&] {
      static_cast<void>(pin_thread(std::vector<int>{cores[0]}));
      for (std::uint64_t n = 0; n < 2 * kTrips; n += 2) {
        while (word.load(std::memory_order_acquire) != n + 1) {
        }
        word.store(n + 2, std::memory_order_release);
      }
    });
    std::uint64_t n = 0;
    word.store(++n, std::memory_order_release);
    while (word.load(std::memory_order_acquire) != n + 1) {
    }
    const auto begin = std::chrono::steady_clock::now();
    for (++n; n < 2 * kTrips; ++n) {
      word.store(++n, std::memory_order_release);
      while (word.load(std::memory_order_acquire) != n + 1) {
      }
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    other.join();
    if (word.load() != 2 * kTrips) state.SkipWithError("a trip was lost");
  }
  static_cast<void>(pin_thread(cores));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kTrips - 1));
}
BENCHMARK(BM_CacheLineRoundTrip)->UseManualTime();

}  // namespace
}  // namespace millrace
