// SPDX-License-Identifier: Apache-2.0
// The reactor on io_uring.
#pragma once
#include <liburing.h>
#include <sys/types.h>

#include <memory>
#include <vector>

#include "base/check.h"
#include "runtime/operation.h"
#include "runtime/reactor.h"
#include "runtime/wake_signal.h"

namespace millrace {

class UringReactor final : public Reactor {
 public:
  /// Sets the ring up with the best set of flags the kernel takes. The status says why there is none.
  /// @param first_flag_set  tests start further down the list, where older kernels end up.
  static absl::StatusOr<std::unique_ptr<UringReactor>> make(std::size_t first_flag_set = 0);
  static constexpr std::size_t kFlagSetCount = 5;
  ~UringReactor() override;

  void receive(int fd, std::span<std::byte> into, Completion* done) override;
  void send(int fd, std::span<const std::byte> bytes, Completion* done) override;
  void write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) override;
  void fdatasync(int fd, Completion* done) override;
  void poll_fd(int fd, short events, Completion* done) override;
  void cancel(Completion* done) override;
  void cancel_and_wait(Completion* done) override;
  bool poll() override;
  void wait(std::int64_t deadline_us) override;
  void wake() noexcept override { signal_.wake(); }
  Kind kind() const noexcept override { return Kind::kIoUring; }

 private:
  UringReactor() = default;
  void bind();
  bool loop_thread_ended() const noexcept;
  void queue(const Operation& operation);
  bool to_ring(const Operation& operation);
  void arm_wake_read();
  void abandon_all();
  void submit(bool get_events);
  void submit_and_wait(std::int64_t timeout_us);
  void submit_backlog();
  bool next_ended(Ended& ended);
  bool take_ended(Completion* done, Ended& ended);
  bool run_ended();

  io_uring ring_{};
  bool ring_made_ = false;
  WakeSignal signal_;
  std::uint64_t wake_count_ = 0;  // the kernel writes here while the wake read is armed
  bool wake_armed_ = false;
  pid_t loop_thread_ = 0;           // 0: none yet
  std::size_t in_flight_ = 0;       // started and not ended, the backlog included
  std::vector<Operation> backlog_;  // found no room in the submission queue; in order
  std::vector<Ended> ended_;        // taken from the ring while cancel_and_wait() looked for another
  std::size_t ended_at_ = 0;        // first of ended_ that has not run
  [[no_unique_address]] OwnerCheck owner_;
};

}  // namespace millrace
