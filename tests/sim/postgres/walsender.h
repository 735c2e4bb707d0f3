// SPDX-License-Identifier: Apache-2.0
// Logical decoding as the server does it: reads the log record by record, gathers each transaction's changes,
// and writes pgoutput's messages as they leave the server: whole transactions at their commit, parts of large
// ones while they run, prepared ones at their PREPARE when the slot asks for it.
// Source: PostgreSQL's reorderbuffer.c, decode.c and pgoutput.c (17).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reference/postgres_reference.h"
#include "sim/model_clock.h"
#include "sim/postgres/wal.h"

namespace millrace::sim {

struct DecodingOptions {
  bool streaming = false;
  bool parallel = false;  ///< StreamAbort carries its place and time.
  bool messages = false;
  bool binary = false;
  bool two_phase = false;
  /// What was prepared below it was not sent then, and is sent with its commit.
  std::uint64_t two_phase_at = 0;
  bool empty_transactions = false;     ///< Before 15 they were sent.
  std::size_t changes_in_memory = 64;  ///< Beyond so many the largest transaction is streamed.
};

class Walsender {
 public:
  /// @param confirmed  commits, messages and prepares that begin below it are not sent.
  Walsender(const Wal& wal, DecodingOptions options, std::uint64_t confirmed, const ModelClock& clock);

  /// The next message to leave, as a CopyData frame; decodes as much of the log as it takes. Empty: the end
  /// of the log is reached and everything has left.
  std::string next_frame();
  /// Up to here everything has left: what a keepalive says.
  std::uint64_t sent() const noexcept { return sent_; }
  bool caught_up() const noexcept { return frames_.empty() && next_record_ == wal_.records().size(); }

  /// A transaction's messages have left in part.
  bool inside() const noexcept { return !frames_.empty(); }

  static std::string keepalive(std::uint64_t end, std::int64_t realtime_us, bool reply_requested);
  static std::string frame(char type, const std::string& body);

 private:
  using Message = reference::postgres::Message;
  struct Transaction {
    std::vector<std::size_t> changes;  ///< Records not sent yet.
    bool streamed = false;
    bool prepared = false;
    std::size_t prepare_record = 0;
    std::set<std::uint32_t> streamed_xids;
    std::map<std::uint32_t, std::uint32_t> announced;  ///< Table -> version, within the stream.
    std::set<std::uint32_t>
        truncated;  ///< Tables whose shape the server forgets with the transaction's parts.
    std::string origin;
  };

  void decode(const WalRecord& record);
  void decode_message(const WalRecord& record);
  void decode_commit(const WalRecord& record);
  void decode_prepare(const WalRecord& record);
  void send_prepared(const WalRecord& prepare, Transaction& transaction);
  void decode_finish_prepared(const WalRecord& record);
  void decode_abort(std::uint32_t top, std::uint32_t xid, std::uint64_t lsn);
  void stream_largest();
  void stream_block(std::uint32_t top, Transaction& transaction);
  void send_changes(const std::vector<std::size_t>& changes, Transaction* streamed);
  void announce(std::uint32_t table, std::uint32_t version, std::uint32_t xid, Transaction* streamed);
  void end_stream(Transaction& transaction);
  void forget(const std::set<std::uint32_t>& tables);
  void send(const Message& message, std::uint64_t place);
  Message prepared_message(char type, const WalRecord& record) const;

  const Wal& wal_;
  const DecodingOptions options_;
  const std::uint64_t confirmed_;
  const ModelClock& clock_;
  reference::postgres::Context context_;
  std::size_t next_record_ = 0;
  std::uint64_t sent_;
  std::uint64_t decoded_;
  std::deque<std::string> frames_;
  std::map<std::uint32_t, Transaction> transactions_;
  std::map<std::uint32_t, std::uint32_t> announced_;
  std::size_t in_memory_ = 0;
};

}  // namespace millrace::sim
