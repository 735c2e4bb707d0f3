// SPDX-License-Identifier: Apache-2.0
// Bytes on their way out of a stream.
#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace millrace {

/// Two buffers in turn: one whose bytes stay where they are while a send is under way, one that collects. A
/// queue within its bound takes a message; so a message larger than the bound passes when nothing waits
/// before it.
class SendQueue {
 public:
  static constexpr std::size_t kBytesMax = 64 * 1024;

  bool push(std::span<const std::byte> bytes) {
    if (!waiting_.empty() && waiting_.size() + bytes.size() > kBytesMax) return false;
    waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
    return true;
  }
  bool empty() const noexcept { return sent_ == leaving_.size() && waiting_.empty(); }
  /// What to send next. Stays in place until consume() and clear(), whatever is pushed.
  std::span<const std::byte> front() {
    if (sent_ == leaving_.size()) {
      leaving_.clear();
      sent_ = 0;
      std::swap(leaving_, waiting_);
    }
    return std::span<const std::byte>(leaving_).subspan(sent_);
  }
  void consume(std::size_t bytes) noexcept { sent_ += bytes; }
  void clear() noexcept {
    leaving_.clear();
    waiting_.clear();
    sent_ = 0;
  }

 private:
  std::vector<std::byte> leaving_;
  std::size_t sent_ = 0;  // of leaving_
  std::vector<std::byte> waiting_;
};

}  // namespace millrace
