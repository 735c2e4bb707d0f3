// SPDX-License-Identifier: Apache-2.0
// Batches of changes to Debezium records: which records a change makes, and what each holds.
//
//   insert, snapshot row   c, r
//   update                 u; with another key: d and tombstone of the old key, c of the new one
//   delete                 d and tombstone
//   truncate               t
//
// Constants are copied from plans and from the transaction's text; the values between them are written by an
// ImageKernel. Nothing is allocated per row. Source: debezium-contract 1.4 to 1.10, 2.3 to 2.6.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/murmur2.h"
#include "base/reason_code.h"
#include "format/debezium/encoder.h"
#include "format/debezium/header_text.h"
#include "format/debezium/image_kernel.h"
#include "format/debezium/message_event.h"
#include "format/debezium/plan_cache.h"
#include "format/debezium/transaction_text.h"

namespace millrace::debezium {

/// @tparam Rows  a source's rows: source/postgres/row_decoder.h.
template <class Rows>
class EnvelopeEncoder final : public Encoder {
 public:
  EnvelopeEncoder(EnvelopeOptions options, ConversionFacts facts, ImageKernel kernel)
      : options_(std::move(options)),
        kernel_(kernel),
        plans_(options_, std::move(facts)),
        text_(options_),
        message_(options_),
        old_storage_(Rows::kColumnsMax),
        new_storage_(Rows::kColumnsMax) {}

  EncodeResult encode(const Batch& batch, std::size_t& next, Piece& piece, std::int64_t now_us) override {
    text_.set_clock(now_us);
    if (next == 0 || batch.number != batch_number_ || plans_.relations() != batch.relations.size()) {
      batch_number_ = batch.number;
      ++batches_;
      plans_.enter(batch);
    }
    for (; next < batch.changes.size(); ++next) {
      const Change& change = batch.changes[next];
      EncodeResult result = encode_change(batch, change, batch.first_arrival + next, piece);
      if (result.kind != EncodeResult::Kind::kDone) [[unlikely]]
        return result;
      piece.arrival_end = batch.first_arrival + next;
      ++piece.changes;
    }
    return {};
  }

  const EncodeCounters& counters() const noexcept override { return counters_; }

  std::vector<std::string> take_warnings() override {
    std::vector<std::string>& made = plans_.warnings();
    warnings_.insert(warnings_.end(), std::make_move_iterator(made.begin()),
                     std::make_move_iterator(made.end()));
    made.clear();
    return std::exchange(warnings_, {});
  }

 private:
  using RowImages = typename Rows::Images;
  using Writer = format::JsonWriter<format::Isa::kSse2>;  // for constants only: values are the kernel's

  /// A row change on its way: what it is made of, and where its records go.
  struct Row {
    const Change* change = nullptr;
    Arrival arrival = 0;
    Plan* plan = nullptr;
    RowImages images;
    char* out = nullptr;  ///< Behind what has been written.
  };

  EncodeResult encode_change(const Batch& batch, const Change& change, Arrival arrival, Piece& piece) {
    if (change.kind == ChangeKind::kMessage) return encode_message(batch, change, arrival, piece);
    Plan* const plan = plans_[change.relation];
    if (plan == nullptr || skipped(change.kind)) return {};
    text_.use(batch.transactions[change.transaction], batches_ << 16 | change.transaction, change.snapshot);
    if (plan->middle_generation != text_.generation()) [[unlikely]] {
      text_.render_middle(plan->middle, plan->table_text(), true);
      plan->middle_generation = text_.generation();
    }

    Row row{&change, arrival, plan, {}, nullptr};
    if (change.kind != ChangeKind::kTruncate) {
      const DecodeError error =
          Rows::decode(change, plan->relation().columns.size(), old_storage_, new_storage_, row.images);
      if (error) [[unlikely]]
        return undecodable(row, error);
    }
    const std::size_t room = piece.chunk_size - piece.bytes;
    if (quick_bound(row) > room) [[unlikely]] {
      const std::size_t bound = exact_bound(row);
      if (bound > room) return no_room(piece, bound);
    }
    return encode_row(row, piece, room);
  }

  /// Nothing is left behind when a row fails or does not fit.
  EncodeResult encode_row(Row& row, Piece& piece, std::size_t room) {
    char* const begin = reinterpret_cast<char*>(piece.chunk) + piece.bytes;
    row.out = begin;
    EncodeResult result = write_row(row, piece, room);
    if (result.kind == EncodeResult::Kind::kDone) [[likely]]
      piece.bytes += static_cast<std::size_t>(row.out - begin);
    return result;
  }

  EncodeResult write_row(Row& row, Piece& piece, std::size_t room) {
    const RowImages& images = row.images;
    switch (row.change->kind) {
      case ChangeKind::kRead:
        return insert_row(row, 'r', piece);
      case ChangeKind::kInsert:
        return insert_row(row, 'c', piece);
      case ChangeKind::kUpdate:
        return images.old_values != nullptr && row.plan->has_key() ? update_row_with_old(row, piece, room)
                                                                   : update_row(row, piece);
      case ChangeKind::kDelete:
        return delete_row(row, piece);
      case ChangeKind::kTruncate:
      case ChangeKind::kMessage:
        break;
    }
    Record record = begin_record(row);
    record.partition_hash = keyless_partition(row);
    write_value(row, 't', nullptr, nullptr, nullptr, record);
    piece.records.push_back(record);
    return {};
  }

  EncodeResult insert_row(Row& row, char op, Piece& piece) {
    Record& record = add_record(row, piece);
    if (!write_key(row, row.images.new_values, nullptr, record) ||
        !write_value(row, op, nullptr, row.images.new_values, nullptr, record)) {
      piece.records.pop_back();
      return unwritable(row);
    }
    return {};
  }

  EncodeResult update_row(Row& row, Piece& piece) {
    Record& record = add_record(row, piece);
    if (!write_key(row, row.images.new_values, row.images.old_values, record) ||
        !write_value(row, 'u', row.images.old_values, row.images.new_values, row.images.old_values, record)) {
      piece.records.pop_back();
      return unwritable(row);
    }
    return {};
  }

  /// The old tuple may hold another key.
  EncodeResult update_row_with_old(Row& row, Piece& piece, std::size_t room) {
    if (!key_bytes_differ(row)) return update_row(row, piece);
    char* const begin = row.out;
    fill_old_key(row);
    Record deleted = begin_record(row);
    Record created = begin_record(row);
    if (!write_key(row, old_key_.data(), nullptr, deleted) ||
        !write_key(row, row.images.new_values, row.images.old_values, created)) {
      return unwritable(row);
    }
    if (key_text(deleted) == key_text(created)) {  // 1.0 and 1.00 are one key
      row.out = begin;
      return update_row(row, piece);
    }
    // Headers are texts of their own: they are made aside, and counted.
    old_header_.clear();
    new_header_.clear();
    append_header_text(old_header_, key_payload(row, deleted), row.plan->key_schema());
    append_header_text(new_header_, key_payload(row, created), row.plan->key_schema());
    const std::size_t bound = exact_bound(row) + old_header_.size() + new_header_.size();
    if (bound > room) return no_room(piece, bound);

    deleted.own_header = put(row, new_header_);
    deleted.own_header_size = static_cast<std::uint32_t>(new_header_.size());
    deleted.own_header_is_new_key = true;
    created.own_header = put(row, old_header_);
    created.own_header_size = static_cast<std::uint32_t>(old_header_.size());
    if (!write_value(row, 'd', row.images.old_values, nullptr, nullptr, deleted) ||
        !write_value(row, 'c', nullptr, row.images.new_values, row.images.old_values, created)) {
      return unwritable(row);
    }
    push_deleted(deleted, piece);
    piece.records.push_back(created);
    return {};
  }

  EncodeResult delete_row(Row& row, Piece& piece) {
    Record record = begin_record(row);
    count_unlogged_key(row);
    if (!write_key(row, row.images.old_values, nullptr, record) ||
        !write_value(row, 'd', row.images.old_values, nullptr, nullptr, record)) {
      return unwritable(row);
    }
    push_deleted(record, piece);
    return {};
  }

  /// The delete, and its tombstone: the same without a value.
  void push_deleted(const Record& record, Piece& piece) {
    piece.records.push_back(record);
    if (!options_.tombstones_on_delete) return;
    Record tombstone = record;
    tombstone.value = nullptr;
    tombstone.value_size = 0;
    tombstone.volatile_at = 0;
    tombstone.volatile_size = 0;
    piece.records.push_back(tombstone);
  }

  // --- keys
  // -------------------------------------------------------------------------------------------------------

  Record begin_record(const Row& row) const {
    Record record;
    begin(record, row);
    return record;
  }

  /// In its place: a record that is filled elsewhere and copied is read again before its parts are stored.
  Record& add_record(const Row& row, Piece& piece) const {
    Record& record = piece.records.emplace_back();
    begin(record, row);
    return record;
  }

  void begin(Record& record, const Row& row) const {
    record.topic = row.plan->relation().topic;
    record.arrival = row.arrival;
    record.context_headers = options_.context_headers;
  }

  /// Records without a key: spread by place in the log, the same again after a restart.
  static std::uint32_t keyless_partition(const Row& row) noexcept {
    std::uint64_t hash = row.plan->partition_seed() ^ (row.change->position * 0x9E37'79B9'7F4A'7C15U);
    hash = (hash ^ hash >> 32) * 0xD6E8'FEB8'6659'FD93U;
    return static_cast<std::uint32_t>(hash >> 33);
  }

  bool write_key(Row& row, const FieldView* values, const FieldView* old_values, Record& record) {
    const Plan& plan = *row.plan;
    if (!plan.has_key()) {
      record.partition_hash = keyless_partition(row);
      return true;
    }
    char* const key = row.out;
    Writer writer(key);
    copy_head(writer, plan.key_head());
    if (!run_kernel(row, plan.key_fields(), values, old_values, writer)) return false;
    writer.raw('}');
    if (options_.key_schemas) writer.raw('}');
    row.out = writer.position();
    record.key = reinterpret_cast<const std::byte*>(key);
    record.key_size = static_cast<std::uint32_t>(row.out - key);
    record.partition_hash = partition_hash({record.key, record.key_size});
    return true;
  }

  /// Cheap and never wrong when it says no: equal wire values are equal keys.
  static bool key_bytes_differ(const Row& row) noexcept {
    for (const FieldPlan& field : row.plan->key_fields()) {
      const FieldView& before = row.images.old_values[field.column];
      const FieldView& after = row.images.new_values[field.column];
      if (after.kind == FieldKind::kUnchanged) continue;
      if (before.is_null() && row.images.old_is_key) continue;  // not logged: the identity is another index
      if (before.kind != after.kind || before.size != after.size ||
          (before.has_value() && std::memcmp(before.data, after.data, before.size) != 0)) {
        return true;
      }
    }
    return false;
  }

  /// The old values, completed for the key: a key column that the old tuple does not log has not changed.
  void fill_old_key(const Row& row) {
    old_key_.assign(row.images.old_values, row.images.old_values + row.plan->relation().columns.size());
    if (!row.images.old_is_key) return;
    for (const FieldPlan& field : row.plan->key_fields()) {
      FieldView& value = old_key_[field.column];
      if (value.is_null()) value = row.images.new_values[field.column];
    }
  }

  void count_unlogged_key(const Row& row) {
    if (!row.images.old_is_key) return;
    for (const FieldPlan& field : row.plan->key_fields()) {
      if (!row.images.old_values[field.column].is_null()) continue;
      if (counters_.keys_not_logged++ == 0) {
        warnings_.push_back(
            concat("table ", row.plan->relation().schema, ".", row.plan->relation().table,
                   ": a delete does not log the key (its replica identity is another index); the "
                   "event's key shows defaults"));
      }
      return;
    }
  }

  static std::string_view key_text(const Record& record) {
    return {reinterpret_cast<const char*>(record.key), record.key_size};
  }

  std::string_view key_payload(const Row& row, const Record& record) const {
    std::string_view key = key_text(record);
    key.remove_prefix(row.plan->key_head().size());
    if (options_.key_schemas) key.remove_suffix(1);
    return key;
  }

  // --- values
  // -----------------------------------------------------------------------------------------------------

  /// Writes an envelope. Images that are null print as null; `old_values` fill unchanged values of `after`.
  bool write_value(Row& row, char op, const FieldView* before, const FieldView* after,
                   const FieldView* old_values, Record& record) {
    const Plan& plan = *row.plan;
    char* const value = row.out;
    Writer writer(value);
    if (before == nullptr) {
      copy_head(writer, plan.value_head_without_before());
    } else {
      copy_head(writer, plan.value_head());
      if (!run_kernel(row, plan.value_fields(), before, nullptr, writer)) return false;
      writer.raw({kBeforeEnd, std::strlen(kBeforeEnd)});
    }
    if (after == nullptr) {
      writer.null();
      writer.raw(text_.head().from(1));  // without the brace that closes an image
    } else {
      if (!run_kernel(row, plan.value_fields(), after, old_values, writer)) return false;
      writer.raw(text_.head().view());
    }
    const format::IntegerText lsn(static_cast<std::int64_t>(row.change->position));
    writer.integer(lsn);
    writer.raw(plan.middle.view());
    writer.integer(lsn);
    char* const tail = writer.position();
    writer.raw(text_.tail().view());
    tail[text_.op_at()] = op;

    row.out = writer.position();
    record.value = reinterpret_cast<const std::byte*>(value);
    record.value_size = static_cast<std::uint32_t>(row.out - value);
    record.volatile_at =
        static_cast<std::uint32_t>(tail - value + static_cast<std::ptrdiff_t>(text_.clock_at()));
    record.volatile_size = record.value_size - record.volatile_at;
    return true;
  }

  bool run_kernel(Row& row, const std::vector<FieldPlan>& fields, const FieldView* values,
                  const FieldView* old_values, Writer& writer) {
    ImageReport report;
    char* const end = kernel_(*row.plan, fields, values, old_values, writer.position(), report);
    if (report.unrepresentable + report.unavailable != 0) [[unlikely]]
      note(row, fields, report);
    if (end == nullptr) [[unlikely]] {
      failed_field_ = &fields[report.field];
      failure_ = report.error;
      const FieldView& value = values[failed_field_->column];
      const FieldView& failed = value.has_value() ? value : old_values[failed_field_->column];
      failure_.byte_offset += static_cast<std::uint32_t>(failed.data - row.change->body);
      return false;
    }
    writer.rewind(end);
    return true;
  }

  /// Schema texts are kilobytes; what is shorter is cheaper in whole vectors.
  static void copy_head(Writer& writer, std::string_view head) noexcept {
    constexpr std::size_t kLong = 512;
    if (head.size() < kLong) {
      if (!head.empty()) writer.raw(head);
      return;
    }
    std::memcpy(writer.position(), head.data(), head.size());
    writer.rewind(writer.position() + head.size());
  }

  static const std::byte* put(Row& row, std::string_view text) noexcept {
    char* const at = row.out;
    std::memcpy(at, text.data(), text.size());
    row.out += text.size();
    return reinterpret_cast<const std::byte*>(at);
  }

  void note(const Row& row, const std::vector<FieldPlan>& fields, const ImageReport& report) {
    counters_.unavailable_values += report.unavailable;
    counters_.unrepresentable_values += report.unrepresentable;
    if (report.unrepresentable == 0) return;
    const Column& column = row.plan->relation().columns[fields[report.field].column];
    if (!row.plan->first_unrepresentable(fields[report.field].column)) return;
    warnings_.push_back(concat("table ", row.plan->relation().schema, ".", row.plan->relation().table,
                               ": column \"", column.name,
                               "\" holds values that its event type has no form for; they are left unset"));
  }

  // --- logical messages
  // -------------------------------------------------------------------------------------------

  EncodeResult encode_message(const Batch& batch, const Change& change, Arrival arrival, Piece& piece) {
    if (options_.message_topic == nullptr) return {};
    typename Rows::Message message;
    const DecodeError error = Rows::decode_message(change, message);
    if (error) return undecodable_message(change, error);
    if (options_.publishes_message && !options_.publishes_message(message.prefix)) return {};
    text_.use(batch.transactions[change.transaction], batches_ << 16 | change.transaction, change.snapshot);
    const std::size_t bound = message_.bound(message.prefix, message.content.size(), text_);
    if (bound > piece.chunk_size - piece.bytes) return no_room(piece, bound);
    char* const begin = reinterpret_cast<char*>(piece.chunk) + piece.bytes;
    Record record;
    const char* const end = message_.write(message.prefix, message.content, message.transactional,
                                           change.position, text_, begin, record);
    if (end == nullptr) return undecodable_message(change, {Reason::kBadUtf8, 0});
    record.arrival = arrival;
    piece.records.push_back(record);
    piece.bytes += static_cast<std::size_t>(end - begin);
    return {};
  }

  // --- room
  // -------------------------------------------------------------------------------------------------------

  /// How often a row's parts can be written at most.
  struct Parts {
    std::size_t images = 1;
    std::size_t keys = 1;
    std::size_t values = 1;
  };
  static Parts parts_of(const Row& row) noexcept {
    switch (row.change->kind) {
      case ChangeKind::kTruncate:
        return {0, 0, 1};
      case ChangeKind::kUpdate:
        return row.images.old_values != nullptr ? Parts{2, 2, 2} : Parts{1, 1, 1};
      default:
        return {1, 1, 1};
    }
  }

  std::size_t constant_bytes(const Row& row, const Parts& parts) const noexcept {
    const Plan& plan = *row.plan;
    const std::size_t value = plan.value_head_without_before().size() + text_.head().size() +
                              plan.middle.size() + text_.tail().size() + kLsnBytes;
    return parts.values * value + parts.images * plan.image_bytes() + parts.keys * plan.key_bytes() + kSlack;
  }

  /// From sizes alone; SIZE_MAX when they say nothing.
  std::size_t quick_bound(const Row& row) const noexcept {
    if (row.change->size > Rows::kExactFrom || !row.plan->bounded()) [[unlikely]]
      return SIZE_MAX;
    const Parts parts = parts_of(row);
    return constant_bytes(row, parts) + (parts.images + parts.keys) * Rows::kGrowth * row.change->size;
  }

  /// Looks at every value.
  std::size_t exact_bound(const Row& row) const noexcept {
    const Parts parts = parts_of(row);
    std::size_t bound = constant_bytes(row, parts);
    const std::pair<const std::vector<FieldPlan>*, std::size_t> uses[] = {
        {&row.plan->value_fields(), parts.images}, {&row.plan->key_fields(), parts.keys}};
    for (const auto& [fields, times] : uses) {
      for (const FieldPlan& field : *fields) {
        // Twice of an image's values may be twice the same: an unchanged one is filled from the old image.
        std::size_t most = 0;
        for (const FieldView* values : {row.images.old_values, row.images.new_values}) {
          if (values == nullptr || !values[field.column].has_value()) continue;
          most = std::max(most, Rows::worst_case_bytes(values[field.column], field.conversion));
        }
        bound += times * most;
      }
    }
    return bound;
  }

  static EncodeResult no_room(const Piece& piece, std::size_t bound) {
    if (piece.bytes != 0 || bound <= piece.chunk_size) return {EncodeResult::Kind::kPieceFull, 0, {}};
    return {EncodeResult::Kind::kNeedsBytes, bound, {}};
  }

  // --- failures
  // ---------------------------------------------------------------------------------------------------

  EncodeResult failed(const Change& change, std::string_view where, const DecodeError& error) const {
    return {EncodeResult::Kind::kFailed, 0,
            reason_error(ReasonCode::kValueUndecodable,
                         concat(where, " at ", Rows::position_text(change.position), ", byte ",
                                error.byte_offset, ": ", to_string(error.reason)))};
  }
  EncodeResult undecodable(const Row& row, const DecodeError& error) const {
    const Relation& relation = row.plan->relation();
    return failed(*row.change, concat("row of table ", relation.schema, ".", relation.table), error);
  }
  EncodeResult undecodable_message(const Change& change, const DecodeError& error) const {
    return failed(change, "logical message", error);
  }
  EncodeResult unwritable(const Row& row) const {
    const Relation& relation = row.plan->relation();
    return failed(*row.change,
                  concat("table ", relation.schema, ".", relation.table, ", column \"",
                         relation.columns[failed_field_->column].name, "\""),
                  failure_);
  }

  bool skipped(ChangeKind kind) const noexcept {
    switch (kind) {
      case ChangeKind::kInsert:
        return options_.skipped.create;
      case ChangeKind::kUpdate:
        return options_.skipped.update;
      case ChangeKind::kDelete:
        return options_.skipped.remove;
      case ChangeKind::kTruncate:
        return options_.skipped.truncate;
      case ChangeKind::kRead:
      case ChangeKind::kMessage:
        return false;
    }
    return false;
  }

  static constexpr char kBeforeEnd[kPadding] = "},\"after\":";
  static constexpr std::size_t kLsnBytes = 2 * 20;
  static constexpr std::size_t kSlack = 256;  // braces, the last vector stores

  const EnvelopeOptions options_;
  const ImageKernel kernel_;
  PlanCache plans_;
  TransactionText text_;
  MessageEvent message_;
  std::vector<FieldView> old_storage_;
  std::vector<FieldView> new_storage_;
  std::vector<FieldView> old_key_;
  std::string old_header_;
  std::string new_header_;
  std::uint64_t batch_number_ = 0;
  std::uint64_t batches_ = 0;  // entered so far: tells transactions of different batches apart
  const FieldPlan* failed_field_ = nullptr;
  DecodeError failure_;
  EncodeCounters counters_;
  std::vector<std::string> warnings_;
};

}  // namespace millrace::debezium
