// SPDX-License-Identifier: Apache-2.0
// A thread's event loop: io_uring where the kernel allows it, poll(2) and plain calls where not.
#pragma once
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace millrace {

/// Somebody who waits for an operation. complete() runs on the reactor's thread inside poll() or wait().
class Completion {
 public:
  virtual ~Completion() = default;
  /// @param result  as the system call would return it: a count, or -errno.
  virtual void complete(int result) = 0;
};

/// One per loop thread; only wake() may be called from another thread. Buffers and Completion objects must live until
/// complete() has run; cancel() makes that happen soon, with -ECANCELED or the result that came first.
class Reactor {
 public:
  enum class Kind : std::uint8_t { kAuto, kIoUring, kPlain };
  /// kAuto falls back to plain calls, with a log line that says why io_uring is not used.
  static absl::StatusOr<std::unique_ptr<Reactor>> create(Kind kind);
  virtual ~Reactor() = default;

  virtual void receive(int fd, std::span<std::byte> into, Completion* done) = 0;
  virtual void send(int fd, std::span<const std::byte> bytes, Completion* done) = 0;
  /// Writes at `offset`; -1: at the file's position (pipes, terminals).
  virtual void write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) = 0;
  virtual void fdatasync(int fd, Completion* done) = 0;
  /// Completes with the events that came (POLLIN, POLLOUT ...).
  virtual void poll_fd(int fd, short events, Completion* done) = 0;
  virtual void cancel(Completion* done) = 0;

  /// Runs what has completed, submits what was queued; never sleeps. True when something completed.
  virtual bool poll() = 0;
  /// The same, but sleeps until something completes, wake() is called, or the clock passes `deadline_us`
  /// (CLOCK_MONOTONIC microseconds; INT64_MAX: no deadline).
  virtual void wait(std::int64_t deadline_us) = 0;
  /// Ends a wait() from any thread. Sticky: a wake before the wait is not lost. Cheap when already awake.
  virtual void wake() noexcept = 0;

  virtual Kind kind() const noexcept = 0;
};

/// CLOCK_MONOTONIC in microseconds.
std::int64_t monotonic_us() noexcept;

}  // namespace millrace
