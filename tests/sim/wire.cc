// SPDX-License-Identifier: Apache-2.0
#include "sim/wire.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace millrace::sim {

void Wire::cut(std::size_t keep) {
  if (cut_) return;
  cut_ = true;
  stalled_until_us_ = 0;  // nobody is left to say when a stall ends
  to_client_.resize(std::min(to_client_.size(), client_at_ + keep));
}

std::int64_t Wire::next_deadline_us() const noexcept {
  if (client_closed_) return kNever;
  if (refused_) return clock_.monotonic_us() + 1;
  if (!waiting_) return kNever;
  const bool something = backlog() > 0 || server_closed_ || cut_;
  // What has arrived is read when the client likes: nobody waits for that.
  return something && stalled_until_us_ > clock_.monotonic_us() ? stalled_until_us_ : kNever;
}

void ModelStream::arm(std::span<std::byte> into) {
  into_ = into;
  wire_->waiting_ = true;
}

ReadOutcome ModelStream::take() {
  ReadOutcome outcome;
  if (!armed() || wire_->clock_.monotonic_us() < wire_->stalled_until_us_) return outcome;
  const std::size_t left = wire_->backlog();
  if (left > 0) {
    std::size_t n = std::min(left, into_.size());
    // Often all there is, often a piece that ends anywhere.
    if (wire_->random_.percent(50)) n = 1 + wire_->random_.below(n);
    std::memcpy(into_.data(), wire_->to_client_.data() + wire_->client_at_, n);
    wire_->client_at_ += n;
    if (wire_->client_at_ > 65536) {
      wire_->to_client_.erase(0, wire_->client_at_);
      wire_->client_at_ = 0;
    }
    outcome.kind = ReadOutcome::Kind::kBytes;
    outcome.bytes = n;
  } else if (wire_->cut_) {
    outcome.kind = ReadOutcome::Kind::kError;
    outcome.error_number = ECONNRESET;
    if (wire_->random_.percent(20)) outcome.detail = "the model's TLS was cut";
  } else if (wire_->server_closed_) {
    outcome.kind = ReadOutcome::Kind::kClosed;
  } else {
    return outcome;
  }
  into_ = {};
  wire_->waiting_ = false;
  return outcome;
}

bool ModelStream::send(std::span<const std::byte> bytes) {
  if (wire_->cut_ || wire_->client_closed_) {
    // The first send into a dead connection often succeeds.
    if (wire_->random_.percent(60)) send_error_ = EPIPE;
    return true;
  }
  wire_->refused_ = wire_->random_.percent(5);
  if (wire_->refused_) return false;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (wire_->sent_) wire_->sent_(text);
  wire_->to_server_.append(text);
  return true;
}

void ModelStream::close() {
  wire_->client_closed_ = true;
  wire_->waiting_ = false;
  into_ = {};
}

}  // namespace millrace::sim
