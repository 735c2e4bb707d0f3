// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/frame_reader.h"

#include <string_view>

namespace millrace::postgres {
namespace {

bool contains(std::string_view types, char type) noexcept {
  return types.find(type) != std::string_view::npos;
}

// N, S and A are asynchronous: the server may put them anywhere, a row stream included.
Reason judge(FramePhase phase, char type) noexcept {
  std::string_view legal;
  switch (phase) {
    case FramePhase::kCommand:
      legal = "WHEZNSA";
      break;
    case FramePhase::kCopyBoth:
      legal = "dcCENSA";
      break;
    case FramePhase::kEnding:
      legal = "CEZNSA";
      break;
    case FramePhase::kFailed:
      break;
  }
  if (type != '\0' && contains(legal, type)) return Reason::kOk;
  return type != '\0' && contains("dWHcCEZNSA", type) ? Reason::kOutOfOrder : Reason::kUnknownMessage;
}

}  // namespace

bool FrameReader::accept(char type, std::uint32_t body_bytes) noexcept {
  if (error_) return false;
  if (const Reason reason = judge(phase_, type); reason != Reason::kOk) {
    error_ = {reason, 0};
  } else if (body_bytes > body_bytes_max_) {
    error_ = {Reason::kBadLength, 1};
  }
  if (error_) phase_ = FramePhase::kFailed;
  return !error_;
}

// A wrong type byte is reported at once: waiting for four more bytes of it could be waiting for ever.
FrameResult FrameReader::at_header_end(std::size_t available) noexcept {
  if (available > 0 && !accept(static_cast<char>(at_[0]), 0)) return FrameResult::kError;
  return FrameResult::kNeedMore;
}

void FrameReader::move_on(char type) noexcept {
  switch (type) {
    case 'W':
    case 'H':
      phase_ = FramePhase::kCopyBoth;
      break;
    case 'C':
    case 'E':
      phase_ = FramePhase::kEnding;
      break;
    case 'Z':
      phase_ = FramePhase::kCommand;
      break;
    default:
      break;
  }
}

std::size_t FrameReader::message_bytes() const noexcept {
  if (unread().size() < kHeaderBytes) return kHeaderBytes;
  std::uint32_t length;
  std::memcpy(&length, at_ + 1, sizeof length);
  return std::size_t{1} + __builtin_bswap32(length);
}

std::size_t FrameReader::missing() const noexcept {
  const std::size_t whole = message_bytes();
  return whole > unread().size() ? whole - unread().size() : 0;
}

}  // namespace millrace::postgres
