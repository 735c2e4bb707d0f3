// SPDX-License-Identifier: Apache-2.0
#include "runtime/uring_reactor.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <limits>
#include <system_error>

namespace millrace {
namespace {

constexpr unsigned kEntries = 256;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
// A cancellation can meet an operation in a moment in which it cannot be ended; it is repeated until it has.
constexpr std::int64_t kCancelAgainUs = 10'000;
// What the ring carries beside Completion pointers, which are never so low.
constexpr std::uint64_t kIgnored = 0;
constexpr std::uint64_t kWakeRead = 1;
// The kernel takes 32-bit lengths and cuts at INT_MAX; whoever started it goes on with the rest.
constexpr std::size_t kBytesMax = std::size_t{1} << 30;

// From the best to what Linux 5.11 knows. Deferred task work runs when the loop asks for it and interrupts
// nothing; the task-run flag tells poll() from memory, without a system call, whether there is any.
constexpr std::array<unsigned, UringReactor::kFlagSetCount> kFlagSets = {
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL,
    0,
};
// No completion is dropped; buffers' descriptions may change after submission; writes at the file's position;
// waiting on sockets without a worker thread; timeouts as an argument of the wait.
constexpr unsigned kFeatures = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |
                               IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;

std::uint64_t tag_of(Completion* done) noexcept { return std::bit_cast<std::uint64_t>(done); }
Completion* completion_of(std::uint64_t tag) noexcept { return std::bit_cast<Completion*>(tag); }

// Short of memory, or of room for completions: what is queued stays queued until the next turn.
void check_entered(int result) {
  MILLRACE_CHECK(result >= 0 || result == -ETIME || result == -EAGAIN || result == -EBUSY ||
                     result == -ENOMEM || result == -EINTR,
                 "the ring takes submissions from its loop's thread");
}

unsigned clamp_size(std::size_t size) noexcept { return static_cast<unsigned>(std::min(size, kBytesMax)); }

void fill(io_uring_sqe* sqe, const Operation& operation) noexcept {
  switch (operation.kind) {
    case Operation::Kind::kReceive:
      io_uring_prep_recv(sqe, operation.fd, operation.bytes, clamp_size(operation.size), 0);
      break;
    case Operation::Kind::kSend:
      io_uring_prep_send(sqe, operation.fd, operation.bytes, clamp_size(operation.size), MSG_NOSIGNAL);
      break;
    case Operation::Kind::kWrite:
      io_uring_prep_write(sqe, operation.fd, operation.bytes, clamp_size(operation.size),
                          static_cast<std::uint64_t>(operation.offset));
      break;
    case Operation::Kind::kSync:
      io_uring_prep_fsync(sqe, operation.fd, IORING_FSYNC_DATASYNC);
      break;
    case Operation::Kind::kPoll:
      io_uring_prep_poll_add(sqe, operation.fd, static_cast<unsigned short>(operation.events));
      break;
    case Operation::Kind::kCancel:
      io_uring_prep_cancel64(sqe, tag_of(operation.done), 0);
      sqe->user_data = kIgnored;
      return;
  }
  sqe->user_data = tag_of(operation.done);
}

}  // namespace

absl::StatusOr<std::unique_ptr<UringReactor>> UringReactor::make(std::size_t first_flag_set) {
  std::unique_ptr<UringReactor> reactor(new UringReactor);
  int error = 0;
  for (const unsigned flags : std::span(kFlagSets).subspan(first_flag_set)) {
    io_uring_params params{};
    // Disabled until the loop's thread enables it, which makes that thread the ring's issuer.
    params.flags = flags | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
    error = ::io_uring_queue_init_params(kEntries, &reactor->ring_, &params);
    if (error != -EINVAL) break;  // what an older kernel says to a flag it does not know
  }
  if (error != 0)
    return absl::UnavailableError(absl::StrCat("io_uring_setup: ", std::generic_category().message(-error)));
  reactor->ring_made_ = true;
  if (const unsigned missing = kFeatures & ~reactor->ring_.features; missing != 0) {
    return absl::UnavailableError(
        absl::StrCat("this kernel's io_uring lacks features 0x", absl::Hex(missing)));
  }
  return reactor;
}

UringReactor::~UringReactor() {
  if (!ring_made_) return;
  if (loop_thread_ == ::gettid()) {
    abandon_all();
  } else if (loop_thread_ != 0) {
    MILLRACE_CHECK(loop_thread_ended(), "a reactor is destroyed on its loop's thread, or after it");
  }
  ::io_uring_queue_exit(&ring_);
}

// Closing the ring alone would cancel too, but behind our back, while buffers go away.
void UringReactor::abandon_all() {
  for (const Operation& operation : backlog_)
    in_flight_ -= operation.kind == Operation::Kind::kCancel ? 0 : 1;
  backlog_.clear();
  for (Ended ended; in_flight_ > 0 || wake_armed_;) {
    if (io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_)) {
      ::io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
      sqe->user_data = kIgnored;
    }
    submit_and_wait(kCancelAgainUs);
    while (next_ended(ended)) {
    }
  }
}

// The first poll() or wait() makes its thread the loop's.
void UringReactor::bind() {
  if (loop_thread_ != 0) [[likely]] {
    owner_.check();
    return;
  }
  loop_thread_ = ::gettid();
  owner_.adopt();
  ::prctl(PR_SET_TIMERSLACK, 1);
  const int enabled = ::io_uring_enable_rings(&ring_);
  MILLRACE_CHECK(enabled == 0, "a ring that was set up can be enabled");
  arm_wake_read();
}

// A join returns a moment before the kernel has taken the thread off its list.
bool UringReactor::loop_thread_ended() const noexcept {
  constexpr int kTries = 1'000;
  for (int i = 0; i < kTries; ++i) {
    if (::syscall(SYS_tgkill, ::getpid(), loop_thread_, 0) != 0 && errno == ESRCH) return true;
    ::usleep(1'000);
  }
  return false;
}

void UringReactor::arm_wake_read() {
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr) {
    submit(false);
    sqe = ::io_uring_get_sqe(&ring_);
  }
  if (sqe == nullptr) return;  // the next wait() tries again
  ::io_uring_prep_read(sqe, signal_.fd(), &wake_count_, sizeof(wake_count_), 0);
  sqe->user_data = kWakeRead;
  wake_armed_ = true;
}

void UringReactor::queue(const Operation& operation) {
  if (loop_thread_ != 0) owner_.check();
  if (operation.kind != Operation::Kind::kCancel) ++in_flight_;
  if (!backlog_.empty() || !to_ring(operation)) backlog_.push_back(operation);
}

bool UringReactor::to_ring(const Operation& operation) {
  io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
  if (sqe == nullptr && loop_thread_ != 0) {
    submit(false);
    sqe = ::io_uring_get_sqe(&ring_);
  }
  if (sqe == nullptr) return false;
  fill(sqe, operation);
  return true;
}

void UringReactor::submit(bool get_events) {
  check_entered(get_events ? ::io_uring_submit_and_get_events(&ring_) : ::io_uring_submit(&ring_));
}

// kForever: until something ends.
void UringReactor::submit_and_wait(std::int64_t timeout_us) {
  __kernel_timespec timeout{};
  timeout.tv_sec = timeout_us / 1'000'000;
  timeout.tv_nsec = timeout_us % 1'000'000 * 1'000;
  io_uring_cqe* cqe = nullptr;
  check_entered(::io_uring_submit_and_wait_timeout(&ring_, &cqe, 1,
                                                   timeout_us == kForever ? nullptr : &timeout, nullptr));
}

void UringReactor::submit_backlog() {
  std::size_t taken = 0;
  while (taken < backlog_.size() && to_ring(backlog_[taken])) ++taken;
  if (taken > 0) backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void UringReactor::receive(int fd, std::span<std::byte> into, Completion* done) {
  queue(
      {.kind = Operation::Kind::kReceive, .fd = fd, .bytes = into.data(), .size = into.size(), .done = done});
}
void UringReactor::send(int fd, std::span<const std::byte> bytes, Completion* done) {
  queue({.kind = Operation::Kind::kSend,
         .fd = fd,
         .bytes = const_cast<std::byte*>(bytes.data()),
         .size = bytes.size(),
         .done = done});
}
void UringReactor::write(int fd, std::span<const std::byte> bytes, std::int64_t offset, Completion* done) {
  queue({.kind = Operation::Kind::kWrite,
         .fd = fd,
         .bytes = const_cast<std::byte*>(bytes.data()),
         .size = bytes.size(),
         .offset = offset,
         .done = done});
}
void UringReactor::fdatasync(int fd, Completion* done) {
  queue({.kind = Operation::Kind::kSync, .fd = fd, .done = done});
}
void UringReactor::poll_fd(int fd, short events, Completion* done) {
  queue({.kind = Operation::Kind::kPoll, .events = events, .fd = fd, .done = done});
}

void UringReactor::cancel(Completion* done) {
  const auto waits = std::find_if(backlog_.begin(), backlog_.end(), [done](const Operation& operation) {
    return operation.done == done && operation.kind != Operation::Kind::kCancel;
  });
  if (waits == backlog_.end()) {
    queue({.kind = Operation::Kind::kCancel, .done = done});
    return;
  }
  backlog_.erase(waits);
  ended_.push_back({done, -ECANCELED});
  --in_flight_;
}

void UringReactor::cancel_and_wait(Completion* done) {
  Ended ended{nullptr, -ECANCELED};
  if (loop_thread_ != 0 && loop_thread_ != ::gettid()) {
    // The kernel cancels what a thread had under way before the thread can be joined.
    MILLRACE_CHECK(loop_thread_ended(), "an operation is cancelled on its loop's thread, or after it");
    if (!take_ended(done, ended)) --in_flight_;
    done->complete(ended.result);
    return;
  }
  bind();
  while (!take_ended(done, ended)) {
    cancel(done);
    submit_backlog();
    submit_and_wait(kCancelAgainUs);
  }
  done->complete(ended.result);
}

// The next operation that ended, out of the ring.
bool UringReactor::next_ended(Ended& ended) {
  for (io_uring_cqe* cqe = nullptr; ::io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr;) {
    const std::uint64_t tag = cqe->user_data;
    const int result = cqe->res;
    ::io_uring_cqe_seen(&ring_, cqe);
    if (tag == kWakeRead) {
      wake_armed_ = false;
    } else if (tag != kIgnored) {
      --in_flight_;
      ended = {completion_of(tag), result};
      return true;
    }
  }
  return false;
}

// The end of one operation, wherever it stands; others that stand before it in the ring are kept for
// run_ended().
bool UringReactor::take_ended(Completion* done, Ended& ended) {
  for (std::size_t i = ended_at_; i < ended_.size(); ++i) {
    if (ended_[i].done == done) {
      ended = ended_[i];
      ended_.erase(ended_.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
  }
  while (next_ended(ended)) {
    if (ended.done == done) return true;
    ended_.push_back(ended);
  }
  ended = {nullptr, -ECANCELED};
  return false;
}

bool UringReactor::run_ended() {
  bool ran = false;
  // Only what has ended by now: operations that end as soon as they start must not keep the loop in here.
  std::size_t budget = ended_.size() - ended_at_ + ::io_uring_cq_ready(&ring_);
  while (budget-- > 0) {
    Ended ended;
    if (ended_at_ < ended_.size()) {
      ended = ended_[ended_at_++];
    } else {
      ended_.clear();
      ended_at_ = 0;
      if (!next_ended(ended)) break;
    }
    ended.done->complete(ended.result);
    ran = true;
  }
  return ran;
}

bool UringReactor::poll() {
  bind();
  submit_backlog();
  const unsigned flags = IO_URING_READ_ONCE(*ring_.sq.kflags);
  if (::io_uring_sq_ready(&ring_) > 0 || (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0)
    submit(true);
  return run_ended();
}

void UringReactor::wait(std::int64_t deadline_us) {
  bind();
  submit_backlog();
  if (!wake_armed_) arm_wake_read();
  const bool woken = !signal_.begin_sleep();
  const std::int64_t timeout_us =
      deadline_us == kForever ? kForever : std::max<std::int64_t>(deadline_us - monotonic_us(), 0);
  if (woken || timeout_us == 0 || !wake_armed_ || !backlog_.empty() || ended_at_ < ended_.size()) {
    signal_.end_sleep();
    poll();
    return;
  }
  submit_and_wait(timeout_us);
  signal_.end_sleep();
  run_ended();
}

}  // namespace millrace
