// SPDX-License-Identifier: Apache-2.0
// How rows of one relation version become records: the constant text around every value, decided once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/debezium/envelope_options.h"
#include "format/debezium/fragment.h"
#include "millrace/change/relation.h"

namespace millrace::debezium {

/// A text in a plan's block; see Plan::text().
struct TextSpan {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
};

/// A column's place in a key or a value.
struct FieldPlan {
  TextSpan lead;         ///< {"name":  or  ,"name":
  TextSpan unset;        ///< Shown for NULL, and for what is not known: the default, null or the type's zero.
  TextSpan unavailable;  ///< Shown for an unchanged TOAST value that no old tuple carries.
  std::uint16_t column = 0;
  std::uint16_t index = 0;  ///< Among its plan's fields.
  bool has_marker = false;  ///< false: `unavailable` is `unset`, which is worth a count.
  Conversion conversion;
};

/// What the source's conversions tell the plan.
struct ConversionFacts {
  /// A value in the source's text notation as JSON; nullopt when it is none.
  std::function<std::optional<std::string>(const Conversion&, std::string_view text)> to_json;
  /// A value of n wire bytes takes at most 6 n + this.
  std::function<std::size_t(const Conversion&)> fixed_bytes;
  /// False: that bound does not hold for this conversion.
  std::function<bool(const Conversion&)> growth_is_bounded;
};

/// Immutable but for the middle of the source block, which its encoder renders per transaction.
class Plan {
 public:
  Plan(RelationPtr relation, const EnvelopeOptions& options, const ConversionFacts& facts);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const Relation& relation() const noexcept { return *relation_; }
  bool has_key() const noexcept { return !key_fields_.empty(); }
  const std::vector<FieldPlan>& key_fields() const noexcept { return key_fields_; }
  const std::vector<FieldPlan>& value_fields() const noexcept { return value_fields_; }

  std::string_view text(TextSpan span) const noexcept { return {texts() + span.at, span.size}; }
  /// Where TextSpans count from.
  const char* texts() const noexcept { return block_.view().data(); }

  /// [{"schema":..,"payload":]    what precedes a key's payload
  std::string_view key_head() const noexcept { return key_head_.view(); }
  /// [{"schema":..,"payload":]{"before":
  std::string_view value_head() const noexcept {
    return value_head_.first(value_head_.size() - kNullAfter.size());
  }
  /// The same, going on with null,"after":
  std::string_view value_head_without_before() const noexcept { return value_head_.view(); }
  static constexpr std::string_view kNullAfter = "null,\"after\":";

  /// The key's schema, for header texts.
  const Schema& key_schema() const noexcept { return key_schema_; }
  const std::string& table_text() const noexcept { return table_text_; }

  /// Room for a key without what its values' wire bytes ask for, and for one row image.
  std::size_t key_bytes() const noexcept { return key_bytes_; }
  std::size_t image_bytes() const noexcept { return image_bytes_; }
  /// Whether a row's bytes bound what its values can become.
  bool bounded() const noexcept { return bounded_; }

  /// A seed for the partition of records without a key: the same for a table in every run.
  std::uint64_t partition_seed() const noexcept { return partition_seed_; }

  /// One line each: defaults that could not be converted.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// True once for each column.
  bool first_unrepresentable(std::uint16_t column);

  Fragment middle;                      ///< Of TransactionText, for this table.
  std::uint64_t middle_generation = 0;  ///< The transaction `middle` was rendered for; 0: none.

 private:
  /// A column's texts, before they lie in the block.
  struct Texts;
  void add_fields(const std::vector<std::uint16_t>& columns, const std::vector<Texts>& texts,
                  std::string& block, std::vector<FieldPlan>& out) const;
  Texts make_texts(const Column& column, const EnvelopeOptions& options, const ConversionFacts& facts);

  RelationPtr relation_;
  Fragment block_;  // all texts of the fields, side by side
  std::vector<FieldPlan> key_fields_;
  std::vector<FieldPlan> value_fields_;
  Fragment key_head_;
  Fragment value_head_;
  Schema key_schema_;
  std::string table_text_;
  std::size_t key_bytes_ = 0;
  std::size_t image_bytes_ = 0;
  bool bounded_ = true;
  std::uint64_t partition_seed_ = 0;
  std::vector<std::string> warnings_;
  std::vector<std::uint16_t> unrepresentable_;
};

}  // namespace millrace::debezium
