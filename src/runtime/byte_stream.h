// SPDX-License-Identifier: Apache-2.0
// The edge to a server's socket: io_uring, TLS, plain calls, or a script in simulation. Used per receive,
// never per row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace {

/// What became of the armed receive.
struct ReadOutcome {
  enum class Kind : std::uint8_t { kPending, kBytes, kClosed, kError };
  Kind kind = Kind::kPending;
  std::size_t bytes = 0;  ///< kBytes
  int error_number = 0;   ///< kError: errno
  std::string detail;     ///< kError in TLS: OpenSSL's words
};

/// A connected byte stream. Owner: the ingest's thread. At most one receive is armed.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Starts a receive into `into`, which stays untouched by the caller until take() reports it.
  virtual void arm(std::span<std::byte> into) = 0;
  virtual bool armed() const noexcept = 0;

  /// The armed receive's outcome; kPending while it is under way.
  virtual ReadOutcome take() = 0;

  /// Queues bytes to send (copied; status messages and queries, small). False while an earlier send is under
  /// way and its queue is full: try again after the next turn.
  virtual bool send(std::span<const std::byte> bytes) = 0;

  /// True while queued bytes have not all been handed to the transport.
  virtual bool sending() const noexcept = 0;

  /// A send that failed shows here and in take().
  virtual int send_error() const noexcept = 0;

  /// Suppresses wake-ups below so many bytes where the transport can (SO_RCVLOWAT); 1 switches it off. A
  /// hint.
  virtual void set_low_water_mark(std::size_t bytes) = 0;

  /// Bytes that were read from the socket by who connected, before the takeover (libpq's buffer); delivered
  /// first. Closes and forgets everything under way. Idempotent.
  virtual void close() = 0;
};

}  // namespace millrace
