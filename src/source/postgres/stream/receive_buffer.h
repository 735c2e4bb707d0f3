// SPDX-License-Identifier: Apache-2.0
// Where received bytes land: messages are cut from slabs in place, and only the head of a message that
// straddles two slabs is ever moved.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "millrace/source/postgres/frame_reader.h"
#include "runtime/slab.h"

namespace millrace::postgres {

/// What surrounds the longest row in its message.
inline constexpr std::uint32_t kAroundRow = 1024;

/// Is the reader's error that of an honest server with a long row? PostgreSQL's messages are below 1 GiB.
inline bool is_row_too_large(const FrameReader& reader) noexcept {
  return reader.error().reason == Reason::kBadLength && reader.message_bytes() > FrameReader::kHeaderBytes &&
         reader.message_bytes() <= (std::size_t{1} << 30);
}

/// Owner: the ingest's thread.
class ReceiveBuffer {
 public:
  ReceiveBuffer(SlabPool& slabs, std::uint32_t body_bytes_max)
      : slabs_(slabs), body_bytes_max_(body_bytes_max), reader_(body_bytes_max) {}
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;
  ~ReceiveBuffer() { reset(FramePhase::kCommand); }

  /// Forgets everything: another connection.
  void reset(FramePhase phase);

  /// Where the next receive goes. Empty: no slab is free, stop reading. Call when next() has said kNeedMore.
  /// @param kept_bytes  of slabs that the caller holds and cannot let go before it has read on.
  std::span<std::byte> space(std::size_t kept_bytes = 0);
  /// A receive into space() brought n bytes.
  void received(std::size_t n);

  /// The next whole message; it lies in slab().
  FrameResult next(BackendMessage& out) { return reader_.next(out); }
  /// Holds the bytes of the messages cut since the last space(). Take a reference to keep it.
  Slab* slab() const noexcept { return slab_; }
  const FrameReader& reader() const noexcept { return reader_; }

 private:
  SlabPool& slabs_;
  std::uint32_t body_bytes_max_;
  FrameReader reader_;
  Slab* slab_ = nullptr;
  /// Head of a message that waits for a slab: its own has been let go, so that a large one can be granted.
  std::vector<std::byte> head_;
};

}  // namespace millrace::postgres
