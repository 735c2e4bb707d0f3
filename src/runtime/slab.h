// SPDX-License-Identifier: Apache-2.0
// Receive memory: large blocks that bytes land in and stay in until the last reader lets go.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"

namespace millrace {

/// Readable bytes behind every slab, arena chunk and fragment, so that vector loads may run past a value's
/// end.
inline constexpr std::size_t kPadding = 64;

/// One block. Owner: the ingest's thread, which alone counts references.
struct Slab {
  std::unique_ptr<std::byte[]> memory;  ///< capacity + kPadding bytes
  std::size_t capacity = 0;
  std::size_t filled = 0;  ///< Bytes received so far.
  std::uint32_t references = 0;
  bool oversize = false;  ///< Made for one large message; freed instead of pooled.
  bool resident = true;   ///< False: trim() gave its pages back; they return, zeroed, on first touch.
};

/// Hands out slabs within a budget. Owner: the ingest's thread. The free list is last in, first out, so that
/// a pipeline that keeps up touches few pages.
class SlabPool {
 public:
  /// @param slab_bytes  size of an ordinary slab; @param budget_bytes  what all slabs together may hold.
  SlabPool(std::size_t slab_bytes, std::size_t budget_bytes);

  /// A slab with one reference and nothing filled, or nullptr when the budget is spent: the caller stops
  /// reading.
  Slab* take();
  /// A slab for one message of `bytes`. Beyond the budget it is granted only when no other slab is out, so
  /// that a large row passes alone; else nullptr. Slabs that lie free make room for it.
  /// @param kept_bytes  of slabs that the caller holds and cannot let go: they do not count as out.
  Slab* take_oversize(std::size_t bytes, std::size_t kept_bytes = 0);
  void add_reference(Slab* slab) noexcept {
    owner_.check();
    ++slab->references;
  }
  /// Drops one reference; the last one returns the slab.
  void release(Slab* slab);

  /// Gives the operating system the pages of slabs that lay free for a whole interval. Call it every turn or
  /// now and then: it does something once per kTrimIntervalUs.
  void trim(std::int64_t now_us);
  static constexpr std::int64_t kTrimIntervalUs = 5'000'000;

  std::size_t slab_bytes() const noexcept { return slab_bytes_; }
  /// Capacity of the slabs that are out. Above the budget only while an oversize slab is out alone.
  std::size_t used_bytes() const noexcept { return used_bytes_; }
  std::size_t budget_bytes() const noexcept { return budget_bytes_; }
  /// Memory the free slabs hold: what a full trim would give back.
  std::size_t free_resident_bytes() const noexcept;

 private:
  Slab* make(std::size_t capacity, bool oversize);
  Slab* hand_out(Slab* slab) noexcept;
  void destroy(Slab* slab);

  std::size_t slab_bytes_;
  std::size_t budget_bytes_;
  std::size_t used_bytes_ = 0;
  std::vector<std::unique_ptr<Slab>> slabs_;  // all, out or free
  std::vector<Slab*> free_;
  // The shortest the free list has been since the last trim: so many at its bottom nobody needed.
  std::size_t free_min_ = 0;
  std::int64_t next_trim_us_ = std::numeric_limits<std::int64_t>::min();
  [[no_unique_address]] OwnerCheck owner_;
};

}  // namespace millrace
