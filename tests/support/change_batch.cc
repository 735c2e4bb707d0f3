// SPDX-License-Identifier: Apache-2.0
#include "support/change_batch.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

#include "format/topic_naming.h"
#include "runtime/slab.h"

namespace millrace::test {
namespace {

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8 & 0xFF);
  out += static_cast<char>(value & 0xFF);
}
void put32(std::string& out, std::size_t value) {
  put16(out, value >> 16 & 0xFFFF);
  put16(out, value & 0xFFFF);
}

void put_tuple(std::string& out, const Tuple& tuple) {
  put16(out, tuple.size());
  for (const WireField& field : tuple) {
    out += field.kind;
    if (field.kind == 'n' || field.kind == 'u') continue;
    put32(out, field.data.size());
    out += field.data;
  }
}

std::optional<std::string> copied(const std::byte* data, std::uint32_t size) {
  if (data == nullptr) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(data), size);
}

const Topic* topic_named(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Topic>> topics;
  auto& topic = topics[name];
  if (topic == nullptr) {
    topic = std::make_unique<Topic>();
    topic->name = name;
    topic->id = static_cast<std::uint32_t>(topics.size() - 1);
  }
  return topic.get();
}

constexpr std::byte kGuard{0xE7};

}  // namespace

ChangeBatch::ChangeBatch() {
  static std::uint64_t number = 0;
  batch_.number = ++number;
  batch_.first_arrival = 100;
  TransactionContext context;
  context.id = 555;
  context.commit_time_us = 1'600'000'000'654'321;
  context.commit_position = 0x16B4000;
  context.previous_commit = 24'023'119;
  batch_.transactions.push_back(context);
}

void ChangeBatch::transaction(TransactionContext context) {
  if (batch_.changes.empty()) batch_.transactions.clear();
  batch_.transactions.push_back(std::move(context));
}

std::uint16_t ChangeBatch::index_of(const RelationPtr& relation) {
  const auto at = std::find(batch_.relations.begin(), batch_.relations.end(), relation);
  const auto index = static_cast<std::uint16_t>(at - batch_.relations.begin());
  if (at == batch_.relations.end()) batch_.relations.push_back(relation);
  return index;
}

void ChangeBatch::raw(ChangeKind kind, const RelationPtr& relation, std::string body) {
  auto memory = std::make_unique<std::byte[]>(body.size() + kPadding);
  std::memset(memory.get(), '"', body.size() + kPadding);
  std::memcpy(memory.get(), body.data(), body.size());
  Change change;
  change.body = memory.get();
  change.size = static_cast<std::uint32_t>(body.size());
  change.relation = relation == nullptr ? kNoRelation : index_of(relation);
  change.transaction = static_cast<std::uint16_t>(batch_.transactions.size() - 1);
  change.kind = kind;
  change.snapshot = marker_;
  change.position = position_;
  batch_.changes.push_back(change);
  bodies_.push_back(std::move(memory));
}

void ChangeBatch::insert(const RelationPtr& relation, const Tuple& row) {
  std::string body = "I";
  put32(body, relation->id);
  body += 'N';
  put_tuple(body, row);
  raw(ChangeKind::kInsert, relation, std::move(body));
}

void ChangeBatch::read(const RelationPtr& relation, const Tuple& row) {
  insert(relation, row);
  batch_.changes.back().kind = ChangeKind::kRead;
}

void ChangeBatch::update(const RelationPtr& relation, char old_tag, const Tuple& old_row, const Tuple& row) {
  std::string body = "U";
  put32(body, relation->id);
  if (old_tag != 0) {
    body += old_tag;
    put_tuple(body, old_row);
  }
  body += 'N';
  put_tuple(body, row);
  raw(ChangeKind::kUpdate, relation, std::move(body));
}

void ChangeBatch::remove(const RelationPtr& relation, char old_tag, const Tuple& old_row) {
  std::string body = "D";
  put32(body, relation->id);
  body += old_tag;
  put_tuple(body, old_row);
  raw(ChangeKind::kDelete, relation, std::move(body));
}

void ChangeBatch::truncate(const RelationPtr& relation) {
  std::string body = "T";
  put32(body, 1);
  body += '\0';
  put32(body, relation->id);
  raw(ChangeKind::kTruncate, relation, std::move(body));
}

void ChangeBatch::message(bool transactional, std::string_view prefix, std::string_view content) {
  std::string body = "M";
  body += transactional ? '\1' : '\0';
  put32(body, 0);
  put32(body, position_);
  body += prefix;
  body += '\0';
  put32(body, content.size());
  body += content;
  raw(ChangeKind::kMessage, nullptr, std::move(body));
}

EncodedBatch encode_all(BatchEncoder& encoder, const Batch& batch, std::int64_t now_us,
                        std::size_t chunk_size) {
  EncodedBatch out;
  std::size_t wanted = chunk_size;
  while (true) {
    std::vector<std::byte> memory(wanted + 2 * kPadding, kGuard);
    Piece piece;
    piece.chunk = memory.data() + kPadding;
    piece.chunk_size = wanted;
    const EncodeResult result = encoder.encode(batch, out.next, piece, now_us);
    ++out.pieces;
    out.changes += piece.changes;
    for (std::size_t i = 0; i < kPadding; ++i) {
      if (memory[i] != kGuard || memory[kPadding + wanted + i] != kGuard) {
        throw std::logic_error("the encoder wrote outside its chunk");
      }
    }
    if (piece.bytes > piece.chunk_size) throw std::logic_error("the encoder used more than the chunk");
    for (const Record& record : piece.records) {
      EncodedRecord copy;
      copy.topic = record.topic->name;
      copy.key = copied(record.key, record.key_size);
      copy.value = copied(record.value, record.value_size);
      copy.header = copied(record.own_header, record.own_header_size);
      copy.header_is_new_key = record.own_header_is_new_key;
      copy.context_headers = record.context_headers;
      copy.partition_hash = record.partition_hash;
      copy.arrival = record.arrival;
      if (copy.value) copy.volatile_part = copy.value->substr(record.volatile_at, record.volatile_size);
      out.records.push_back(std::move(copy));
    }
    if (out.next > 0 && piece.changes > 0 && piece.arrival_end != batch.first_arrival + out.next - 1) {
      throw std::logic_error("arrival_end is not the last change encoded");
    }
    wanted = chunk_size;
    switch (result.kind) {
      case EncodeResult::Kind::kDone:
        return out;
      case EncodeResult::Kind::kFailed:
        out.status = result.status;
        return out;
      case EncodeResult::Kind::kPieceFull:
        if (piece.bytes == 0) throw std::logic_error("an empty piece is full");
        break;
      case EncodeResult::Kind::kNeedsBytes:
        if (piece.bytes != 0) throw std::logic_error("asks for bytes though the piece holds records");
        if (result.bytes_needed <= piece.chunk_size) throw std::logic_error("asks for less than it has");
        wanted = result.bytes_needed;
        out.largest_asked = std::max(out.largest_asked, wanted);
        break;
    }
  }
}

postgres::TableDescription describe(const TestTable& table) {
  postgres::TableDescription described;
  described.oid = 16'384;
  described.found = true;
  described.schema = table.schema;
  described.name = table.name;
  described.replica_identity = table.identity;
  for (const TestColumn& column : table.columns) {
    postgres::ColumnDescription description;
    description.name = column.name;
    description.type = column.type;
    description.type_modifier = column.modifier;
    description.not_null = column.not_null;
    description.default_expression = column.default_expression;
    described.columns.push_back(std::move(description));
  }
  described.primary_key = table.primary_key;
  described.unique_key = table.unique_key;
  described.types = table.types;
  return described;
}

RelationPtr make_relation(const TestTable& table) {
  const postgres::TableDescription described = describe(table);
  std::vector<std::string> names;
  for (const TestColumn& column : table.columns) names.push_back(column.name);
  postgres::TypeMapOptions options;
  options.database = "db";
  postgres::MappedRelation mapped = postgres::map_snapshot_relation(described, names, options);
  static std::uint32_t version = 0;
  mapped.relation.version = ++version;
  const TopicNaming naming{"p", "."};
  mapped.relation.topic = topic_named(naming.data_topic(table.schema, table.name));
  return std::make_shared<const Relation>(std::move(mapped.relation));
}

}  // namespace millrace::test
