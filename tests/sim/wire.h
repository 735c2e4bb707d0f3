// SPDX-License-Identifier: Apache-2.0
// A connection between the product and a model server: bytes arrive in odd pieces and late, the connection
// breaks anywhere, and either end may notice first.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/byte_stream.h"
#include "sim/model_clock.h"
#include "sim/random.h"

namespace millrace::sim {

/// What both ends share.
class Wire {
 public:
  Wire(const ModelClock& clock, std::uint64_t seed) : clock_(clock), random_(seed) {}

  // The server's end.
  void write(const std::string& bytes) { to_client_ += bytes; }
  std::size_t backlog() const noexcept { return to_client_.size() - client_at_; }
  std::string take_from_client() { return std::exchange(to_server_, {}); }
  /// Called with everything the client sends, when it sends it.
  void watch(std::function<void(std::string_view)> sent) { sent_ = std::move(sent); }
  bool client_closed() const noexcept { return client_closed_; }
  /// An end in order, behind what was written.
  void close_server() noexcept {
    server_closed_ = true;
    stalled_until_us_ = 0;
  }
  bool open() const noexcept { return !server_closed_ && !client_closed_ && !cut_; }

  // The network.
  /// Broken: the client reads at most `keep` bytes more. Nothing reaches the server any more.
  void cut(std::size_t keep);
  void stall_until(std::int64_t until_us) noexcept { stalled_until_us_ = until_us; }
  std::int64_t next_deadline_us() const noexcept;
  bool was_cut() const noexcept { return cut_; }

 private:
  friend class ModelStream;
  const ModelClock& clock_;
  Random random_;
  std::string to_client_;
  std::size_t client_at_ = 0;
  std::string to_server_;
  bool server_closed_ = false;
  bool client_closed_ = false;
  bool cut_ = false;
  bool waiting_ = false;  ///< The client has a receive armed.
  bool refused_ = false;  ///< A send found no room.
  std::function<void(std::string_view)> sent_;
  std::int64_t stalled_until_us_ = 0;
};

/// The client's end.
class ModelStream final : public ByteStream {
 public:
  ModelStream(std::shared_ptr<Wire> wire, bool within_host)
      : wire_(std::move(wire)), within_host_(within_host) {}
  ~ModelStream() override { ModelStream::close(); }
  ModelStream(const ModelStream&) = delete;
  ModelStream& operator=(const ModelStream&) = delete;

  void arm(std::span<std::byte> into) override;
  bool armed() const noexcept override { return !into_.empty(); }
  ReadOutcome take() override;
  bool send(std::span<const std::byte> bytes) override;
  bool sending() const noexcept override { return !wire_->to_server_.empty() && !wire_->cut_; }
  int send_error() const noexcept override { return send_error_; }
  bool prepare_for_pauses() noexcept override { return within_host_; }
  void close() override;

 private:
  const std::shared_ptr<Wire> wire_;
  const bool within_host_;
  std::span<std::byte> into_;
  int send_error_ = 0;
};

}  // namespace millrace::sim
