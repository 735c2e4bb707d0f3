// SPDX-License-Identifier: Apache-2.0
// A history of tables and transactions as a server would run and stream it, made from a fuzzer's bytes, and
// what of it commits. The bytes of the connection are written by the reference encoder; what commits is noted
// by whoever makes the history, and decoded by nobody.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::fuzz {

/// A column's value: nothing is NULL.
using Value = std::optional<std::string>;
using Image = std::map<std::string, Value>;

/// A change that commits, as a consumer should see it.
struct TrueChange {
  char kind = 'I';              ///< I U D T M
  std::string table;            ///< "s.t0"; of a logical message: its prefix
  std::string content;          ///< of a logical message
  std::optional<Image> before;  ///< of D: the key's columns at least
  std::optional<Image> after;
  std::optional<std::string> id;      ///< the key, if the table has one
  std::optional<std::string> old_id;  ///< of an update that changes the key
  std::uint32_t xid = 0;
  std::uint64_t lsn = 0;
  std::uint64_t commit_lsn = 0;
};

struct History {
  std::string connection;  ///< from the answer to START_REPLICATION on
  std::vector<TrueChange> changes;
  bool abort_with_lsn = false;
  bool messages_in_doubt = false;  ///< A streamed transaction with messages had a subtransaction rolled back.
};

/// What an unchanged TOASTed value shows as when nothing else is known.
inline constexpr char kUnavailable[] = "__debezium_unavailable_value";

History make_history(std::span<const std::uint8_t> input);

}  // namespace millrace::fuzz
