// SPDX-License-Identifier: Apache-2.0
// A thread's event loop: io_uring where the kernel allows it, poll(2) and plain calls where not.
#pragma once
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/clock.h"

namespace millrace {

/// Somebody who waits for one operation at a time. complete() runs on the reactor's thread inside poll(),
/// wait() or cancel_and_wait(), and may start and cancel operations.
class Completion {
 public:
  virtual ~Completion() = default;
  /// @param result  as the system call would return it: a count, or -errno.
  virtual void complete(int result) = 0;
};

/// One per loop thread: the first that calls poll() or wait(). What was started before that, on whatever
/// thread, is carried out then. Only wake() may be called from other threads; once the loop's thread has
/// ended, whoever joined it may cancel and destroy.
///
/// Buffers and Completion objects must live until complete() has run; cancel() makes that happen soon, with
/// -ECANCELED or the result that came first. The destructor abandons what is still under way: the kernel has
/// let go of the buffers when it returns, and complete() is not called.
///
/// Descriptors are left in blocking mode: on one with O_NONBLOCK io_uring answers -EAGAIN instead of waiting.
/// The program ignores SIGPIPE. Starting, completing and waking allocate nothing once the loop has warmed up.
class Reactor {
 public:
  enum class Kind : std::uint8_t { kAuto, kIoUring, kPlain };
  /// kAuto falls back to plain calls, with a log line that says why io_uring is not used.
  static absl::StatusOr<std::unique_ptr<Reactor>> create(Kind kind);
  virtual ~Reactor() = default;

  /// From a socket.
  virtual void receive(int fd, std::span<std::byte> into, Completion* done) = 0;
  /// To a socket. May send less than all.
  virtual void send(int fd, std::span<const std::byte> bytes, Completion* done) = 0;
  /// Writes at `offset`; -1: at the file's position (pipes, terminals). May write less than all.
  virtual void write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) = 0;
  virtual void fdatasync(int fd, Completion* done) = 0;
  /// Completes with the events that came (POLLIN, POLLOUT ...).
  virtual void poll_fd(int fd, short events, Completion* done) = 0;
  /// Asks the operation that `done` waits for to end; complete() follows in a later poll() or wait(). Does
  /// nothing when it has ended.
  virtual void cancel(Completion* done) = 0;
  /// The same, and returns when the operation has ended and complete() has run; other completions wait for
  /// the next poll(). An operation must be under way. Sockets and pipes end at once; a file's write or sync
  /// is waited for.
  virtual void cancel_and_wait(Completion* done) = 0;

  /// Runs what has completed, submits what was queued; never sleeps. True when something completed.
  virtual bool poll() = 0;
  /// The same, but sleeps until something completes, wake() is called, or the clock passes `deadline_us`
  /// (CLOCK_MONOTONIC microseconds; INT64_MAX: no deadline). May return early. The thread's timer slack is
  /// set to the least, so that 100 us are 100 us.
  virtual void wait(std::int64_t deadline_us) = 0;
  /// Ends a wait() from any thread. Sticky: a wake before the wait is not lost. Cheap when already awake.
  virtual void wake() noexcept = 0;

  virtual Kind kind() const noexcept = 0;
};

}  // namespace millrace
