// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/plan.h"
#include "base/concat.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "format/debezium/constant_schemas.h"
#include "format/debezium/placeholders.h"
#include "format/debezium/schema_text.h"
#include "format/debezium/transaction_text.h"

namespace millrace::debezium {
namespace {

/// A key's or value's schema without fields.
Schema struct_shape(std::string_view topic, std::string_view suffix, bool optional) {
  Schema schema;
  schema.type = SchemaType::kStruct;
  schema.optional = optional;
  schema.name = concat(topic, suffix);
  return schema;
}

/// What precedes the payload.
std::string head(bool with_schema, std::string_view schema) {
  return with_schema ? concat("{\"schema\":", schema, ",\"payload\":") : std::string();
}

}  // namespace

struct Plan::Texts {
  std::string name;  ///< "name":
  std::string schema_node;
  std::string unset;
  std::string marker;  ///< Empty: none.
  std::size_t fixed_bytes = 0;
};

Plan::Texts Plan::make_texts(const Column& column, const EnvelopeOptions& options,
                             const ConversionFacts& facts) {
  Texts texts;
  append_json_string(texts.name, column.name);
  texts.name += ':';
  std::string default_json;
  if (column.default_text) {
    if (std::optional<std::string> json = facts.to_json(column.conversion, *column.default_text)) {
      default_json = std::move(*json);
    } else {
      warnings_.push_back(concat("table ", relation_->schema, ".", relation_->table, ": column \"",
                                 column.name, "\": the default '", *column.default_text,
                                 "' cannot be shown; left out"));
    }
  }
  append_schema(texts.schema_node, column.schema,
                {.default_json = default_json, .field = column.name, .in_struct = true});
  if (!default_json.empty()) {
    texts.unset = std::move(default_json);
  } else {
    texts.unset = column.nullable ? "null" : type_zero(column.schema);
  }
  texts.marker = unavailable_marker(column, options.unavailable_placeholder);
  texts.fixed_bytes =
      texts.name.size() + 1 +
      std::max({texts.unset.size(), texts.marker.size(), facts.fixed_bytes(column.conversion)});
  return texts;
}

void Plan::add_fields(const std::vector<std::uint16_t>& columns, const std::vector<Texts>& texts,
                      std::string& block, std::vector<FieldPlan>& out) const {
  const auto place = [&block](std::string_view text) {
    const TextSpan span{static_cast<std::uint32_t>(block.size()), static_cast<std::uint32_t>(text.size())};
    block += text;
    return span;
  };
  for (const std::uint16_t column : columns) {
    const Texts& text = texts[column];
    FieldPlan field;
    field.lead = place(concat(out.empty() ? "{" : ",", text.name));
    field.unset = place(text.unset);
    field.has_marker = !text.marker.empty();
    field.unavailable = field.has_marker ? place(text.marker) : field.unset;
    field.column = column;
    field.index = static_cast<std::uint16_t>(out.size());
    field.conversion = relation_->columns[column].conversion;
    out.push_back(std::move(field));
  }
}

Plan::Plan(RelationPtr relation, const EnvelopeOptions& options, const ConversionFacts& facts)
    : relation_(std::move(relation)),
      table_text_(TransactionText::table_text(relation_->schema, relation_->table)) {
  const std::string& topic = relation_->topic->name;
  std::vector<Texts> texts(relation_->columns.size());
  std::vector<std::uint16_t> captured;
  std::vector<std::string> value_nodes;
  std::vector<std::string> key_nodes;
  key_schema_ = struct_shape(topic, ".Key", false);
  image_bytes_ = 2;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Column& column = relation_->columns[i];
    if (!column.captured) continue;
    texts[i] = make_texts(column, options, facts);
    captured.push_back(static_cast<std::uint16_t>(i));
    value_nodes.push_back(texts[i].schema_node);
    image_bytes_ += texts[i].fixed_bytes;
    bounded_ = bounded_ && facts.growth_is_bounded(column.conversion);
  }
  for (const std::uint16_t column : relation_->key) {
    key_nodes.push_back(texts[column].schema_node);
    key_bytes_ += texts[column].fixed_bytes;
    key_schema_.fields.push_back({relation_->columns[column].name, relation_->columns[column].schema});
  }

  std::string key_schema;
  append_struct_schema(key_schema, key_schema_, key_nodes);
  const Schema value_shape = struct_shape(topic, ".Value", true);
  std::string before;
  std::string after;
  append_struct_schema(before, value_shape, value_nodes,
                       {.default_json = {}, .field = "before", .in_struct = true});
  append_struct_schema(after, value_shape, value_nodes,
                       {.default_json = {}, .field = "after", .in_struct = true});
  key_head_ = Fragment(head(options.key_schemas, key_schema));
  value_head_ = Fragment(head(options.value_schemas, envelope_schema(topic, before, after)) +
                         "{\"before\":" + std::string(kNullAfter));
  key_bytes_ += key_head_.size() + 2;

  std::string& block = block_.rewrite();
  add_fields(relation_->key, texts, block, key_fields_);
  add_fields(captured, texts, block, value_fields_);
  block_.finish();
  const std::string identity = concat(relation_->schema, ".", relation_->table);
  partition_seed_ = XXH3_64bits(identity.data(), identity.size());
}

bool Plan::first_unrepresentable(std::uint16_t column) {
  if (std::find(unrepresentable_.begin(), unrepresentable_.end(), column) != unrepresentable_.end())
    return false;
  unrepresentable_.push_back(column);
  return true;
}

}  // namespace millrace::debezium
