// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/transaction_text.h"

#include <array>
#include <limits>

#include "format/debezium/schema_text.h"
#include "format/json/number_text.h"

namespace millrace::debezium {
namespace {

void append_number(std::string& out, std::int64_t value) {
  std::array<char, 32> digits;
  out.append(digits.data(), format::put_integer(digits.data(), value));
}

std::int64_t floor_ms(std::int64_t us) { return us / 1000 - (us % 1000 < 0 ? 1 : 0); }

/// Nanoseconds; saturates for times that int64 cannot hold.
std::int64_t to_ns(std::int64_t us) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (us > kMax / 1000) return kMax;
  return us < -(kMax / 1000) ? -kMax : us * 1000;
}

/// "ts_us":..,"ts_ns":..
void append_us_and_ns(std::string& out, std::int64_t us) {
  out += "\"ts_us\":";
  append_number(out, us);
  out += ",\"ts_ns\":";
  append_number(out, to_ns(us));
}

std::string_view marker_text(SnapshotMarker marker) {
  switch (marker) {
    case SnapshotMarker::kNone:
      return ",\"snapshot\":\"false\"";  // unset; the schema's default shows
    case SnapshotMarker::kTrue:
      return ",\"snapshot\":\"true\"";
    case SnapshotMarker::kFirst:
      return ",\"snapshot\":\"first\"";
    case SnapshotMarker::kFirstInTable:
      return ",\"snapshot\":\"first_in_data_collection\"";
    case SnapshotMarker::kLastInTable:
      return ",\"snapshot\":\"last_in_data_collection\"";
    case SnapshotMarker::kLast:
      return ",\"snapshot\":\"last\"";
  }
  return {};
}

}  // namespace

TransactionText::TransactionText(const EnvelopeOptions& options) : value_schemas_(options.value_schemas) {
  head_begin_ = "},\"source\":{\"version\":";
  append_json_string(head_begin_, options.version);
  head_begin_ += ",\"connector\":";
  append_json_string(head_begin_, options.connector);
  head_begin_ += ",\"name\":";
  append_json_string(head_begin_, options.topic_prefix);
  head_begin_ += ",\"ts_ms\":";
  head_end_ = ",\"db\":";
  append_json_string(head_end_, options.database);
  head_end_ += ",\"sequence\":\"[";
}

void TransactionText::set_clock(std::int64_t now_us) {
  if (now_us == now_us_) return;
  now_us_ = now_us;
  tail_stale_ = true;
  if (transaction_.commit_time_us == 0) known_ = false;  // its source block shows the clock
}

std::int64_t TransactionText::clock_ms() const noexcept { return floor_ms(now_us_); }

void TransactionText::use(const TransactionContext& transaction, std::uint64_t key, SnapshotMarker marker) {
  if (known_ && key == key_ && !tail_stale_) {
    if (marker != marker_) render_head(marker);
    return;
  }
  if (!known_ || key != key_) {
    transaction_ = transaction;
    time_us_ = transaction.commit_time_us == 0 ? now_us_ : transaction.commit_time_us;
    key_ = key;
    known_ = true;
    ++generation_;
    render_head(marker);
  } else if (marker != marker_) {
    render_head(marker);
  }
  render_tail();
}

void TransactionText::render_head(SnapshotMarker marker) {
  marker_ = marker;
  std::string& out = head_.rewrite();
  out += head_begin_;
  append_number(out, floor_ms(time_us_));
  out += marker_text(marker);
  out += head_end_;
  if (transaction_.previous_commit == 0) {
    out += "null";
  } else {
    out += "\\\"";
    append_number(out, static_cast<std::int64_t>(transaction_.previous_commit));
    out += "\\\"";
  }
  out += ",\\\"";
  head_.finish();
}

void TransactionText::render_middle(Fragment& fragment, std::string_view table,
                                    bool with_transaction_id) const {
  std::string& out = fragment.rewrite();
  out += "\\\"]\",";
  append_us_and_ns(out, time_us_);
  out += table;
  if (with_transaction_id && transaction_.id != 0) {
    out += ",\"txId\":";
    append_number(out, static_cast<std::int64_t>(transaction_.id));
  } else {
    out += ",\"txId\":null";
  }
  out += ",\"lsn\":";
  fragment.finish();
}

std::string TransactionText::table_text(std::string_view schema, std::string_view table) {
  std::string out = ",\"schema\":";
  append_json_string(out, schema);
  out += ",\"table\":";
  append_json_string(out, table);
  return out;
}

void TransactionText::render_tail() {
  tail_stale_ = false;
  std::string& out = tail_.rewrite();
  if (transaction_.origin.empty()) {
    out += ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null";
  } else {
    if (transaction_.origin != origin_) {
      origin_ = transaction_.origin;
      origin_json_.clear();
      append_json_string(origin_json_, origin_);
    }
    out += ",\"xmin\":null,\"origin\":";
    out += origin_json_;
    out += ",\"origin_lsn\":";
    if (transaction_.origin_position == kPositionUnknown) {
      out += "null";
    } else {
      append_number(out, static_cast<std::int64_t>(transaction_.origin_position));
    }
    out += "},\"transaction\":null";
  }
  source_end_ = out.size();
  out += ",\"op\":\"";
  op_at_ = out.size();
  out += "c\",";
  clock_at_ = out.size();
  out += "\"ts_ms\":";
  append_number(out, floor_ms(now_us_));
  out += ',';
  append_us_and_ns(out, now_us_);
  out += value_schemas_ ? "}}" : "}";
  tail_.finish();
}

}  // namespace millrace::debezium
