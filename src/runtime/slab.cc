// SPDX-License-Identifier: Apache-2.0
#include "runtime/slab.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace {
namespace {

// The whole pages of a block. Its edges share pages with the allocator's own bytes.
void give_back_pages(std::byte* memory, std::size_t size) noexcept {
  static const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t begin = (address + page - 1) / page * page;
  const std::uintptr_t end = (address + size) / page * page;
  if (begin < end) ::madvise(memory + (begin - address), end - begin, MADV_DONTNEED);
}

}  // namespace

SlabPool::SlabPool(std::size_t slab_bytes, std::size_t budget_bytes)
    : slab_bytes_(slab_bytes), budget_bytes_(budget_bytes) {
  MILLRACE_CHECK(budget_bytes >= slab_bytes, "a pool's budget holds at least one slab");
}

Slab* SlabPool::make(std::size_t capacity, bool oversize) {
  auto slab = std::make_unique<Slab>();
  slab->memory = std::make_unique_for_overwrite<std::byte[]>(capacity + kPadding);
  std::memset(slab->memory.get() + capacity, 0, kPadding);
  slab->capacity = capacity;
  slab->oversize = oversize;
  slabs_.push_back(std::move(slab));
  return slabs_.back().get();
}

Slab* SlabPool::hand_out(Slab* slab) noexcept {
  slab->filled = 0;
  slab->references = 1;
  slab->resident = true;
  used_bytes_ += slab->capacity;
  return slab;
}

Slab* SlabPool::take() {
  owner_.check();
  // Free slabs hold memory too, but taking one of them adds nothing.
  if (used_bytes_ + slab_bytes_ > budget_bytes_) return nullptr;
  if (free_.empty()) return hand_out(make(slab_bytes_, false));
  Slab* const slab = free_.back();
  free_.pop_back();
  free_min_ = std::min(free_min_, free_.size());
  return hand_out(slab);
}

Slab* SlabPool::take_oversize(std::size_t bytes, std::size_t kept_bytes) {
  owner_.check();
  const bool fits = bytes <= budget_bytes_ && used_bytes_ <= budget_bytes_ - bytes;
  if (!fits && used_bytes_ > kept_bytes) return nullptr;
  while (!free_.empty() && used_bytes_ + free_.size() * slab_bytes_ + bytes > budget_bytes_) {
    destroy(free_.front());
    free_.erase(free_.begin());
  }
  free_min_ = std::min(free_min_, free_.size());
  return hand_out(make(bytes, true));
}

void SlabPool::release(Slab* slab) {
  owner_.check();
  MILLRACE_CHECK(slab->references > 0, "a slab is released as often as it was referenced");
  if (--slab->references > 0) return;
  used_bytes_ -= slab->capacity;
  if (slab->oversize) {
    destroy(slab);
  } else {
    free_.push_back(slab);
  }
}

void SlabPool::destroy(Slab* slab) {
  const auto at =
      std::find_if(slabs_.begin(), slabs_.end(), [slab](const auto& own) { return own.get() == slab; });
  MILLRACE_CHECK(at != slabs_.end(), "a slab goes back to the pool it came from");
  *at = std::move(slabs_.back());
  slabs_.pop_back();
}

void SlabPool::trim(std::int64_t now_us) {
  owner_.check();
  if (now_us < next_trim_us_) return;
  const bool first_call = next_trim_us_ == std::numeric_limits<std::int64_t>::min();
  next_trim_us_ = now_us + kTrimIntervalUs;
  for (std::size_t i = 0; !first_call && i < free_min_; ++i) {
    if (std::exchange(free_[i]->resident, false)) give_back_pages(free_[i]->memory.get(), free_[i]->capacity);
  }
  free_min_ = free_.size();
}

std::size_t SlabPool::free_resident_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const Slab* slab : free_) bytes += slab->resident ? slab->capacity : 0;
  return bytes;
}

}  // namespace millrace
