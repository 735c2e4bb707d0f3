// SPDX-License-Identifier: Apache-2.0
// The one thing that travels back besides memory: what has become durable, from the order stage to the
// ingest.
#pragma once
#include <mutex>
#include <optional>
#include <utility>

#include "millrace/change/position.h"

namespace millrace {

/// Written by the order stage about once a checkpoint, read by the ingest every turn: a lock is the simplest
/// right thing.
class Feedback {
 public:
  struct News {
    Position told;         ///< The server may be told up to here.
    bool drained = false;  ///< end_of_input has passed everything and is checkpointed.
  };

  void publish(Position told, bool drained) {
    const std::lock_guard lock(mutex_);
    news_ = News{std::move(told), drained};
  }

  /// What is new since the last call.
  std::optional<News> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(news_, std::nullopt);
  }

 private:
  std::mutex mutex_;
  std::optional<News> news_;
};

}  // namespace millrace
