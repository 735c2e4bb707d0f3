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
  std::size_t bytes = 0;  ///< kBytes: at least 1, at the front of the armed span
  int error_number = 0;   ///< kError: errno
  std::string detail;     ///< kError in TLS: OpenSSL's words
};

/// A connected byte stream. Owner: the ingest's thread. At most one receive is armed. The destructor closes.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Starts a receive into `into` (at least one byte), which stays untouched by the caller until take()
  /// reports it or close() returns.
  virtual void arm(std::span<std::byte> into) = 0;
  /// True from arm() until take() has reported the outcome.
  virtual bool armed() const noexcept = 0;

  /// The armed receive's outcome; kPending while it is under way. Bytes that came before an end or an error
  /// are reported first; the end or the error is the next receive's outcome, and every later one's.
  virtual ReadOutcome take() = 0;

  /// Queues bytes to send (copied; status messages and queries, small). False while an earlier send is under
  /// way and its queue is full: try again after the next turn. An empty queue takes a message of any size.
  /// After a failure bytes are dropped.
  virtual bool send(std::span<const std::byte> bytes) = 0;

  /// True while queued bytes have not all been handed to the transport.
  virtual bool sending() const noexcept = 0;

  /// A send that failed shows here (errno; 0: none), and in take() once what was received before it has been
  /// read.
  virtual int send_error() const noexcept = 0;

  /// Reads will come with pauses between them. True when these may be long: both ends of a TCP connection are
  /// on this machine, and its receive window has been fixed so that the sender joins what it writes
  /// meanwhile.
  virtual bool prepare_for_pauses() noexcept = 0;

  /// Closes and forgets everything under way. When it returns the armed span is the caller's again.
  /// Idempotent.
  virtual void close() = 0;
};

}  // namespace millrace
