// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/session_thread.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/log.h"

namespace millrace::postgres {
namespace {

constexpr std::chrono::seconds kGoodbyePatience{3};  // a cancel request has two seconds

}  // namespace

/// What both threads see. Held by both, so that a thread that cannot be stopped in time does no harm.
struct SessionThread::Shared {
  Shared(PipelineConfig pipeline, std::function<void()> wake_owner, SessionOptions session_options)
      : config(std::move(pipeline)), options(session_options), wake(std::move(wake_owner)) {}

  const PipelineConfig config;
  const SessionOptions options;
  Interrupt interrupt;

  std::atomic<bool> has_events{false};  // spares poll() the lock, which is taken every turn of the ingest

  std::mutex mutex;  // guards the rest
  std::condition_variable changed;
  std::function<void()> wake;
  std::deque<EdgeRequest> requests;
  std::deque<SessionEvent> events;
  std::uint64_t generation = 0;  // counted up by reset(): older answers are dropped
  bool reset_pending = false;
  bool stop = false;
  bool ended = false;

  bool has_work() const { return stop || !requests.empty() || reset_pending; }
};

SessionThread::SessionThread(PipelineConfig config, StreamFactory make_stream, std::function<void()> wake,
                             SessionOptions options)
    : shared_(std::make_shared<Shared>(std::move(config), std::move(wake), options)),
      make_stream_(std::move(make_stream)) {
  // Detached, and waited for in the destructor: a name server that does not answer must not hold up the end.
  std::thread([shared = shared_] { run(shared); }).detach();
}

SessionThread::~SessionThread() {
  std::unique_lock lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake = nullptr;
  shared_->requests.clear();
  shared_->interrupt.set();
  shared_->changed.notify_all();
  if (!shared_->changed.wait_for(lock, kGoodbyePatience, [this] { return shared_->ended; })) {
    log_warn("postgres", "the session's thread is still waiting for the name server; it is left behind");
  }
  shared_->events.clear();
}

void SessionThread::request(EdgeRequest request) {
  const std::lock_guard lock(shared_->mutex);
  shared_->requests.push_back(std::move(request));
  shared_->changed.notify_all();
}

void SessionThread::reset() {
  const std::lock_guard lock(shared_->mutex);
  ++shared_->generation;
  shared_->requests.clear();
  shared_->events.clear();
  shared_->has_events.store(false, std::memory_order_release);
  shared_->reset_pending = true;
  shared_->interrupt.set();
  shared_->changed.notify_all();
}

std::optional<EdgeEvent> SessionThread::poll() {
  if (!shared_->has_events.load(std::memory_order_acquire)) return std::nullopt;
  std::optional<SessionEvent> event;
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->events.empty()) return std::nullopt;
    event = std::move(shared_->events.front());
    shared_->events.pop_front();
    shared_->has_events.store(!shared_->events.empty(), std::memory_order_release);
  }
  return std::visit(
      [this](auto&& made) -> EdgeEvent {
        using Made = std::decay_t<decltype(made)>;
        if constexpr (std::is_same_v<Made, SnapshotReady>) {
          return SnapshotOpened{std::move(made.tables), made.transaction_id,
                                make_stream_(std::move(made.socket))};
        } else if constexpr (std::is_same_v<Made, StreamReady>) {
          return StreamOpened{make_stream_(std::move(made.socket))};
        } else {
          return std::forward<decltype(made)>(made);
        }
      },
      std::move(*event));
}

void SessionThread::run(const std::shared_ptr<Shared>& shared) {
  const LogPipelineScope scope(shared->config.name);
  {
    Session session(shared->config, shared->interrupt, shared->options);
    for (;;) {
      std::optional<EdgeRequest> request;
      bool close = false;
      std::uint64_t generation = 0;
      {
        std::unique_lock lock(shared->mutex);
        shared->changed.wait(lock, [&] { return shared->has_work(); });
        if (shared->stop) break;
        close = std::exchange(shared->reset_pending, false);
        if (close) shared->interrupt.clear();
        generation = shared->generation;
        if (!shared->requests.empty()) {
          request = std::move(shared->requests.front());
          shared->requests.pop_front();
        }
      }
      if (close) session.close();
      if (!request) continue;
      SessionEvent event = session.handle(*request);
      const std::lock_guard lock(shared->mutex);
      if (shared->stop || shared->generation != generation)
        continue;  // nobody waits for it: it closes what it holds
      shared->events.push_back(std::move(event));
      shared->has_events.store(true, std::memory_order_release);
      if (shared->wake) shared->wake();
    }
  }
  const std::lock_guard lock(shared->mutex);
  shared->ended = true;
  shared->changed.notify_all();
}

}  // namespace millrace::postgres
