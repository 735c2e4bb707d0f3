// SPDX-License-Identifier: Apache-2.0
// Cuts the server's byte stream into messages, from START_REPLICATION to the end of the connection.
//
//   message = type (1 byte)  length (int32, counts itself, not the type)  body (length - 4 bytes)
//
// Source: PostgreSQL docs, Frontend/Backend Protocol, Message Formats and Streaming Replication Protocol.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "millrace/base/cursor.h"

namespace millrace::postgres {

/// What the server may send next. FrameReader follows it by itself.
enum class FramePhase : std::uint8_t {
  kCommand,   ///< A command was sent: W (CopyBothResponse) or H (CopyOutResponse), or E and Z. N, S and A may
              ///< come at any time.
  kCopyBoth,  ///< From W or H to C or E: d, c, C, E, N, S, A. The server's own c is not the last word: a
              ///< keepalive that was asked for before may follow it.
  kEnding,    ///< After C or E: C, E, Z, N, S, A. Z leads back to kCommand.
  kFailed,    ///< After an error: nothing.
};

/// A whole message. The body borrows the fed bytes.
struct BackendMessage {
  char type;
  std::span<const std::byte> body;
};

enum class FrameResult : std::uint8_t {
  kMessage,   ///< One message handed out.
  kNeedMore,  ///< missing() more bytes finish the next message or its header.
  kError,     ///< Not what PostgreSQL sends here; error() says why. Stays so.
};

/// Front-to-back reader of messages in contiguous memory. Copies nothing, allocates nothing, knows no socket.
///
///   reader.feed(bytes);                                   // unread() of before, with more bytes behind
///   while (reader.next(message) == FrameResult::kMessage) ...
///   // unread() is the head of the next message and needs missing() more bytes. When the buffer has no room
///   // for message_bytes() there, move unread() to the front of a larger one and feed from it.
class FrameReader {
 public:
  static constexpr std::size_t kHeaderBytes = 5;

  /// @param body_bytes_max  longest body to accept: the longest row plus what surrounds it. A longer one is
  /// an error as
  ///                        soon as its header is in, before anyone finds room for it.
  explicit FrameReader(std::uint32_t body_bytes_max, FramePhase phase = FramePhase::kCommand) noexcept
      : body_bytes_max_(body_bytes_max), phase_(phase) {}

  /// Gives the reader bytes: first those of unread(), at the same or another address, then new ones. They
  /// must stay where they are as long as messages cut from them are in use.
  void feed(std::span<const std::byte> bytes) noexcept {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
  }

  /// Hands out the next whole message.
  FrameResult next(BackendMessage& out) noexcept {
    const auto available = static_cast<std::size_t>(end_ - at_);
    if (available < kHeaderBytes) [[unlikely]]
      return at_header_end(available);
    const char type = static_cast<char>(at_[0]);
    std::uint32_t length;
    std::memcpy(&length, at_ + 1, sizeof length);
    // A length below 4 wraps to a huge body, so one compare refuses both.
    const std::uint32_t body_bytes = __builtin_bswap32(length) - 4;
    if (type != 'd' || phase_ != FramePhase::kCopyBoth || body_bytes > body_bytes_max_) [[unlikely]] {
      if (!accept(type, body_bytes)) return FrameResult::kError;
    }
    if (body_bytes > available - kHeaderBytes) [[unlikely]]
      return FrameResult::kNeedMore;
    out.type = type;
    out.body = {at_ + kHeaderBytes, body_bytes};
    at_ += kHeaderBytes + body_bytes;
    consumed_ += kHeaderBytes + body_bytes;
    if (type != 'd') [[unlikely]]
      move_on(type);
    return FrameResult::kMessage;
  }

  /// The fed bytes that no message was cut from yet.
  std::span<const std::byte> unread() const noexcept { return {at_, end_}; }

  /// Length of the next message with its header; kHeaderBytes while the header itself is not whole.
  std::size_t message_bytes() const noexcept;

  /// How many bytes the next message (or its header) still needs. 0 when next() has something to say.
  std::size_t missing() const noexcept;

  /// Bytes handed out since the reader was made: where in the connection the next message begins.
  std::uint64_t stream_offset() const noexcept { return consumed_; }

  FramePhase phase() const noexcept { return phase_; }

  /// kUnknownMessage or kOutOfOrder at byte 0 of the message, kBadLength at byte 1. The message begins at
  /// stream_offset().
  DecodeError error() const noexcept { return error_; }

 private:
  bool accept(char type, std::uint32_t body_bytes) noexcept;
  FrameResult at_header_end(std::size_t available) noexcept;
  void move_on(char type) noexcept;

  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  std::uint64_t consumed_ = 0;
  std::uint32_t body_bytes_max_;
  FramePhase phase_;
  DecodeError error_;
};

}  // namespace millrace::postgres
