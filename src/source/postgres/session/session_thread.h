// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL edge in production: libpq on a thread of its own, so that no query ever holds the ingest up.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "config/config.h"
#include "source/postgres/edge.h"
#include "source/postgres/session/session.h"
#include "source/postgres/session/takeover.h"

namespace millrace::postgres {

/// Owner: the ingest's thread. Requests are answered in order, one event each.
class SessionThread final : public PostgresEdge {
 public:
  /// Makes a stream of a socket. Called in poll(), on the ingest's thread.
  using StreamFactory = std::function<std::unique_ptr<ByteStream>(TakenSocket)>;

  /// @param wake  called from the session's thread when an event is there; never after the destructor.
  SessionThread(PipelineConfig config, StreamFactory make_stream, std::function<void()> wake,
                SessionOptions options = {});
  /// Ends what is under way: a query is cancelled, a login is given up. A name that is being resolved cannot
  /// be interrupted; its thread is left to itself after a second and touches nothing of ours.
  ~SessionThread() override;
  SessionThread(const SessionThread&) = delete;
  SessionThread& operator=(const SessionThread&) = delete;

  void request(EdgeRequest request) override;
  std::optional<EdgeEvent> poll() override;
  void reset() override;

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;
  StreamFactory make_stream_;
};

}  // namespace millrace::postgres
