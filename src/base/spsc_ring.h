// SPDX-License-Identifier: Apache-2.0
// The bounded ring between two threads: one producer, one consumer, published in batches.
#pragma once
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

namespace millrace {

/// Distance between words of different writers: two lines, because the prefetcher fetches lines in pairs.
inline constexpr std::size_t kCacheLine = 128;

/// Whatever the producer wrote before a push is seen by the consumer after the pop, and the other way round
/// for what the consumer wrote before its pop and the producer after the push that reuses the place. Items
/// are moved; a popped place keeps the moved-from item. Allocates in the constructor only. Cost of a
/// hand-over: one shared store per call, whatever the number of items.
template <class T>
class SpscRing {
  static_assert(std::is_nothrow_move_assignable_v<T> && std::is_default_constructible_v<T>);

 public:
  /// @param capacity  items; rounded up to a power of two. Small rings are faster: up to 4,096 items stay in
  /// the
  ///                  second-level cache.
  explicit SpscRing(std::size_t capacity)
      : mask_(std::bit_ceil(std::max<std::size_t>(capacity, 1)) - 1),
        items_(std::make_unique<T[]>(mask_ + 1)) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  std::size_t capacity() const noexcept { return mask_ + 1; }

  /// Producer only. False when the ring is full. An item that can only be moved would be lost then: push such
  /// items with try_push_n(), which leaves what it could not take.
  [[nodiscard]] bool try_push(T item) noexcept { return try_push_n(std::span<T>(&item, 1)) == 1; }

  /// Producer only. Moves as many items from the front as there is room for and publishes them at once.
  /// @return how many were taken; the rest of `items` is untouched.
  [[nodiscard]] std::size_t try_push_n(std::span<T> items) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (capacity() - (tail - head_cache_) < items.size()) head_cache_ = head_.load(std::memory_order_acquire);
    const std::size_t n = std::min<std::size_t>(items.size(), capacity() - (tail - head_cache_));
    if (n == 0) return 0;
    const std::size_t at = tail & mask_;
    const std::size_t first = std::min(n, capacity() - at);
    std::move(items.data(), items.data() + first, items_.get() + at);
    std::move(items.data() + first, items.data() + n, items_.get());
    tail_.store(tail + n, std::memory_order_release);
    return n;
  }

  /// Consumer only. False when the ring is empty; `out` is untouched then.
  [[nodiscard]] bool try_pop(T& out) noexcept { return pop_n(std::span<T>(&out, 1)) == 1; }

  /// Consumer only. Moves up to out.size() items to the front of `out`, oldest first. @return how many.
  [[nodiscard]] std::size_t pop_n(std::span<T> out) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (tail_cache_ - head < out.size()) tail_cache_ = tail_.load(std::memory_order_acquire);
    const std::size_t n = std::min<std::size_t>(out.size(), tail_cache_ - head);
    if (n == 0) return 0;
    const std::size_t at = head & mask_;
    const std::size_t first = std::min(n, capacity() - at);
    std::move(items_.get() + at, items_.get() + at + first, out.data());
    std::move(items_.get(), items_.get() + (n - first), out.data() + first);
    head_.store(head + n, std::memory_order_release);
    return n;
  }

  /// Consumer only: false means that try_pop() would succeed.
  [[nodiscard]] bool empty() const noexcept {
    return tail_.load(std::memory_order_acquire) == head_.load(std::memory_order_relaxed);
  }

  /// How many items wait, for metrics: any thread, and old by the time it is read. Never above the capacity.
  [[nodiscard]] std::size_t size_approximate() const noexcept {
    // The consumer's word first: it cannot overtake the producer's, so the difference is never negative.
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    return std::min<std::size_t>(tail - head, capacity());
  }

 private:
  const std::size_t mask_;
  const std::unique_ptr<T[]> items_;
  // Counts of items ever pushed and popped; they do not wrap in the life of a machine.
  // Written by the producer, read by the consumer; a push stores with release.
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_cache_ = 0;  // producer's last sight of head_: spares a shared read while there is room
  // Written by the consumer, read by the producer; a pop stores with release.
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_cache_ =
      0;  // consumer's last sight of tail_: spares a shared read while there are items
};

}  // namespace millrace
