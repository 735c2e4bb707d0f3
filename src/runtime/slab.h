// SPDX-License-Identifier: Apache-2.0
// Receive memory: large blocks that bytes land in and stay in until the last reader lets go.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace {

/// Readable bytes behind every slab, arena chunk and fragment, so that vector loads may run past a value's end.
inline constexpr std::size_t kPadding = 64;

/// One block. Owner: the ingest's thread, which alone counts references.
struct Slab {
  std::unique_ptr<std::byte[]> memory;  ///< capacity + kPadding bytes
  std::size_t capacity = 0;
  std::size_t filled = 0;               ///< Bytes received so far.
  std::uint32_t references = 0;
  bool oversize = false;                ///< Made for one large message; freed instead of pooled.
};

/// Hands out slabs within a budget. Owner: the ingest's thread. The free list is last in, first out, so that a pipeline
/// that keeps up touches few pages.
class SlabPool {
 public:
  /// @param slab_bytes  size of an ordinary slab; @param budget_bytes  what all slabs together may hold.
  SlabPool(std::size_t slab_bytes, std::size_t budget_bytes);

  /// A slab with one reference, or nullptr when the budget is spent: the caller stops reading.
  Slab* take();
  /// A slab for one message of `bytes`. Beyond the budget it is granted only when no other slab is out, so that a large
  /// row passes alone; else nullptr.
  Slab* take_oversize(std::size_t bytes);
  void add_reference(Slab* slab) noexcept { ++slab->references; }
  /// Drops one reference; the last one returns the slab.
  void release(Slab* slab);

  std::size_t slab_bytes() const noexcept { return slab_bytes_; }
  std::size_t used_bytes() const noexcept { return used_bytes_; }
  std::size_t budget_bytes() const noexcept { return budget_bytes_; }

 private:
  std::size_t slab_bytes_;
  std::size_t budget_bytes_;
  std::size_t used_bytes_ = 0;
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::vector<Slab*> free_;
};

}  // namespace millrace
