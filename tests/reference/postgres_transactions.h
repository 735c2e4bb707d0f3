// SPDX-License-Identifier: Apache-2.0
// What a session of the stream commits, and in which order: a naive map of transactions over the reference
// decoder's frames. Rules of pgoutput (PostgreSQL docs, Logical Replication Message Flow), and of the design
// where the server is hostile: what is not announced, opened or held is refused.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "reference/postgres_reference.h"

namespace millrace::reference::postgres {

/// A change that goes out.
struct CommittedChange {
  Message message;        // without stream_xid; a truncate of several tables is there once for each
  Message relation;       // the R message it was written under; type 0 for logical messages
  std::uint64_t lsn = 0;  // where it lies; of a logical message: its own
  std::uint32_t xid = 0;  // 0 for messages outside transactions
  std::uint64_t commit_lsn = 0;
  std::int64_t commit_time_us = 0;  // Unix
  std::string origin;
  friend bool operator==(const CommittedChange&, const CommittedChange&) = default;
};

struct CommittedChanges {
  std::vector<CommittedChange> changes;
  std::uint64_t position = 0;  // everything below it has gone out
  bool rejected = false;       // what follows `changes` is no order that a server sends
  std::size_t rejected_frame = 0;
};

/// @param position  what commits below it was delivered before.
CommittedChanges committed_changes(const Session& session, std::uint64_t position);

}  // namespace millrace::reference::postgres
