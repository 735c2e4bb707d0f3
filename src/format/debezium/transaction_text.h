// SPDX-License-Identifier: Apache-2.0
// What all rows of a transaction share, as text, rendered once: the source block around its lsn, and the
// envelope's end.
//
//   },"source":{"version":..,"connector":..,"name":..,"ts_ms":..,"snapshot":..,"db":..,"sequence":"[..,\"
//   head() <lsn>                                                                                         per
//   row
//   \"]","ts_us":..,"ts_ns":..,"schema":..,"table":..,"txId":..,"lsn":                            middle(),
//   per table <lsn> per row
//   ,"xmin":null,"origin":..,"origin_lsn":..},"transaction":null,"op":"c","ts_ms":..,"ts_us":..,"ts_ns":..}
//   tail()
//
// Source: debezium-contract 1.6, 1.7, 2.2.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "format/debezium/envelope_options.h"
#include "format/debezium/fragment.h"
#include "millrace/change/change.h"

namespace millrace::debezium {

/// One per encoder. Allocates only to grow.
class TransactionText {
 public:
  explicit TransactionText(const EnvelopeOptions& options);

  /// Sets the processing time; the tail is rendered again with the next transaction().
  void set_clock(std::int64_t now_us);

  /// Renders for a transaction, and a snapshot marker. Cheap when neither has changed.
  /// @param key  tells transactions apart; two calls with the same key mean the same transaction and content.
  void use(const TransactionContext& transaction, std::uint64_t key, SnapshotMarker marker);

  /// Changes whenever what middle() depends on does.
  std::uint64_t generation() const noexcept { return generation_; }

  const Fragment& head() const noexcept { return head_; }
  const Fragment& tail() const noexcept { return tail_; }
  /// Where in tail() the operation's letter is, the clock begins, and the source block with "transaction"
  /// ends.
  std::size_t op_at() const noexcept { return op_at_; }
  std::size_t clock_at() const noexcept { return clock_at_; }
  std::size_t source_end() const noexcept { return source_end_; }

  /// Renders the middle. `table` is "schema":..,"table":.., as table_text() makes it.
  void render_middle(Fragment& out, std::string_view table, bool with_transaction_id) const;
  static std::string table_text(std::string_view schema, std::string_view table);

  /// The processing time's milliseconds, as in the envelope.
  std::int64_t clock_ms() const noexcept;

 private:
  void render_head(SnapshotMarker marker);
  void render_tail();

  std::string head_begin_;  // up to "ts_ms":
  std::string head_end_;    // ,"db":..,"sequence":"[
  std::string origin_;      // the last one, and as JSON
  std::string origin_json_;
  bool value_schemas_;
  std::int64_t now_us_ = 0;
  TransactionContext transaction_;
  std::int64_t time_us_ = 0;
  std::uint64_t key_ = 0;
  bool known_ = false;
  bool tail_stale_ = true;
  SnapshotMarker marker_ = SnapshotMarker::kNone;
  std::uint64_t generation_ = 0;

  Fragment head_;
  Fragment tail_;
  std::size_t op_at_ = 0;
  std::size_t clock_at_ = 0;
  std::size_t source_end_ = 0;
};

}  // namespace millrace::debezium
