// SPDX-License-Identifier: Apache-2.0
// Batches of PostgreSQL changes written by hand, and what an encoder makes of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "change/batch.h"
#include "change/record.h"
#include "format/batch_encoder.h"
#include "source/postgres/type_map/type_map.h"

namespace millrace::test {

/// A field of a tuple as pgoutput sends it.
struct WireField {
  char kind = 'n';  ///< n, u, t or b
  std::string data;
};
inline WireField null() { return {'n', {}}; }
inline WireField unchanged() { return {'u', {}}; }
inline WireField text(std::string data) { return {'t', std::move(data)}; }
inline WireField binary(std::string data) { return {'b', std::move(data)}; }
using Tuple = std::vector<WireField>;

/// A batch that owns its bodies. Each has kPadding bytes of noise behind it.
class ChangeBatch {
 public:
  ChangeBatch();

  /// Changes that follow are in this transaction.
  void transaction(TransactionContext context);
  /// Changes that follow lie here.
  void at(std::uint64_t position) { position_ = position; }
  /// Rows that follow are a snapshot's.
  void marker(SnapshotMarker marker) { marker_ = marker; }

  void insert(const RelationPtr& relation, const Tuple& row);
  void read(const RelationPtr& relation, const Tuple& row);
  /// @param old_tag  'K', 'O', or 0: no old tuple.
  void update(const RelationPtr& relation, char old_tag, const Tuple& old_row, const Tuple& row);
  void remove(const RelationPtr& relation, char old_tag, const Tuple& old_row);
  void truncate(const RelationPtr& relation);
  void message(bool transactional, std::string_view prefix, std::string_view content);
  void raw(ChangeKind kind, const RelationPtr& relation, std::string body);

  const Batch& batch() const noexcept { return batch_; }

 private:
  std::uint16_t index_of(const RelationPtr& relation);

  Batch batch_;
  std::vector<std::unique_ptr<std::byte[]>> bodies_;
  std::uint64_t position_ = 0x16B3748;
  SnapshotMarker marker_ = SnapshotMarker::kNone;
};

/// A record, copied out of its piece.
struct EncodedRecord {
  std::string topic;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::optional<std::string> header;
  bool header_is_new_key = false;
  bool context_headers = false;
  std::uint32_t partition_hash = 0;
  Arrival arrival = 0;
  std::string volatile_part;
};

/// What encoding a whole batch gave.
struct EncodedBatch {
  std::vector<EncodedRecord> records;
  absl::Status status;
  std::size_t next = 0;  ///< The change that failed, or the batch's size.
  std::size_t pieces = 0;
  std::size_t largest_asked = 0;  ///< Bytes of the largest kNeedsBytes.
  std::uint64_t changes = 0;
};

/// Encodes everything into pieces of chunk_size, larger ones where the encoder asks. Bytes around each chunk
/// are checked: an encoder writes nowhere else.
EncodedBatch encode_all(BatchEncoder& encoder, const Batch& batch,
                        std::int64_t now_us = 1'700'000'000'123'456,
                        std::size_t chunk_size = std::size_t{1} << 20);

/// A column as the catalog and the Relation message describe it.
struct TestColumn {
  std::string name;
  std::uint32_t type = 0;
  std::int32_t modifier = -1;
  bool not_null = false;
  std::optional<std::string> default_expression;
};

/// A table as both describe it.
struct TestTable {
  std::string schema = "public";
  std::string name = "t";
  std::vector<TestColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<std::string> unique_key;
  char identity = 'd';
  postgres::TypeDescriptions types;
};

postgres::TableDescription describe(const TestTable& table);
/// The relation that the type map makes of it, captured, with the topic p.<schema>.<table>.
RelationPtr make_relation(const TestTable& table);

}  // namespace millrace::test
