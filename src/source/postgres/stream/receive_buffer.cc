// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/receive_buffer.h"

#include <algorithm>
#include <cstring>

namespace millrace::postgres {

namespace {
// Below this much space a receive would bring too little for its system call.
constexpr std::size_t kSpaceMin = 4096;
}  // namespace

void ReceiveBuffer::reset(FramePhase phase) {
  if (slab_ != nullptr) slabs_.release(slab_);
  slab_ = nullptr;
  head_.clear();
  reader_ = FrameReader(body_bytes_max_, phase);
}

std::span<std::byte> ReceiveBuffer::space(std::size_t kept_bytes) {
  if (slab_ != nullptr) {
    const std::size_t left = slab_->capacity - slab_->filled;
    const std::size_t head = reader_.unread().size();
    const bool whole_message_fits = left > 0 && reader_.message_bytes() - head <= left;
    // A small rest is given up, unless that would move more than it saves.
    if (whole_message_fits && (left >= kSpaceMin || head >= kSpaceMin)) {
      return {slab_->memory.get() + slab_->filled, left};
    }
    // The message goes on in another slab, and its head with it.
    const std::span<const std::byte> unread = reader_.unread();
    head_.assign(unread.begin(), unread.end());
    reader_.feed(head_);
    slabs_.release(slab_);
    slab_ = nullptr;
  }
  const std::size_t wanted = std::max(reader_.message_bytes(), head_.size() + FrameReader::kHeaderBytes);
  slab_ = wanted <= slabs_.slab_bytes() ? slabs_.take() : slabs_.take_oversize(wanted, kept_bytes);
  // What the caller keeps may be a large row that took the whole budget: it stays until something is read.
  if (slab_ == nullptr && kept_bytes > 0)
    slab_ = slabs_.take_oversize(std::max(wanted, slabs_.slab_bytes()), kept_bytes);
  if (slab_ == nullptr) return {};
  if (!head_.empty()) std::memcpy(slab_->memory.get(), head_.data(), head_.size());
  slab_->filled = head_.size();
  reader_.feed({slab_->memory.get(), slab_->filled});
  head_.clear();
  return {slab_->memory.get() + slab_->filled, slab_->capacity - slab_->filled};
}

void ReceiveBuffer::received(std::size_t n) {
  const std::byte* begin = reader_.unread().data();
  slab_->filled += n;
  const std::byte* end = slab_->memory.get() + slab_->filled;
  reader_.feed({begin, static_cast<std::size_t>(end - begin)});
}

}  // namespace millrace::postgres
