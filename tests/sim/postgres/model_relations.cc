// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/model_relations.h"

#include <absl/strings/numbers.h>

#include <cstring>
#include <utility>
#include <vector>

#include "base/concat.h"
#include "base/reason_code.h"
#include "millrace/source/postgres/messages.h"
#include "sim/piece_writer.h"
#include "sim/postgres/identity.h"
#include "sim/postgres/wal.h"

namespace millrace::sim {

bool ModelRelations::captures(std::string_view schema, std::string_view table) const {
  return schema == "public" && table != "hidden";
}

absl::StatusOr<RelationPtr> ModelRelations::make(const postgres::RelationView& announced,
                                                 const postgres::TableDescription* described) {
  if (std::exchange(fail_next_, false)) {
    return with_reason(absl::FailedPreconditionError("the model cannot map this table"),
                       ReasonCode::kConfigInvalid);
  }
  auto relation = std::make_shared<Relation>();
  relation->id = value_of(announced.oid);
  relation->version = ++versions_;
  relation->schema = std::string(announced.schema);
  relation->table = std::string(announced.name);
  relation->captured = captures(announced.schema, announced.name);
  for (const postgres::ColumnView& column : announced.columns) {
    relation->columns.emplace_back().name = std::string(column.name);
  }
  if (relation->captured != (described != nullptr))
    verdict_.fail("a table was made without asking the catalog");
  if (described != nullptr && described->oid != relation->id)
    verdict_.fail("another table's description came");
  if (relation->captured) {
    auto& topic = topics_[relation->table];
    if (topic == nullptr) {
      topic = std::make_unique<Topic>();
      topic->name = relation->table;
      topic->id = static_cast<std::uint32_t>(topics_.size() - 1);
    }
    relation->topic = topic.get();
  }
  return relation;
}

namespace {

using postgres::RowView;

class ModelEncoder final : public BatchEncoder {
 public:
  ModelEncoder(ModelEncoderOptions options, const Ledger& ledger, Verdict& verdict)
      : options_(options), ledger_(ledger), verdict_(verdict) {}

  EncodeResult encode(const Batch& batch, std::size_t& next, Piece& piece, std::int64_t) override {
    for (; next < batch.changes.size(); ++next) {
      if (*options_.poison_in > 0 && --*options_.poison_in == 0) {
        return {
            EncodeResult::Kind::kFailed, 0,
            with_reason(absl::DataLossError("the model cannot encode this"), ReasonCode::kValueUndecodable)};
      }
      const Change& change = batch.changes[next];
      const TransactionContext& transaction = batch.transactions[change.transaction];
      std::uint32_t hash = 0;
      std::vector<std::string> texts;
      describe(batch, change, transaction, texts, hash);
      const EncodeResult full = write_change(piece, texts, hash, batch.first_arrival + next, ledger_);
      if (full.kind != EncodeResult::Kind::kDone) return full;
    }
    return {};
  }

 private:
  void describe(const Batch& batch, const Change& change, const TransactionContext& transaction,
                std::vector<std::string>& texts, std::uint32_t& hash) {
    RecordIdentity identity;
    identity.lsn = change.position;
    identity.transaction = transaction.id;
    identity.commit_lsn = transaction.commit_position;
    identity.previous_commit = transaction.previous_commit;
    identity.commit_time_us = transaction.commit_time_us;
    identity.origin = transaction.origin;
    identity.marker = static_cast<int>(change.snapshot);
    Cursor in({change.body, change.size});
    (void)in.u8();
    if (change.kind == ChangeKind::kMessage) {
      postgres::LogicalMessageView message;
      if (decode_logical_message(in, message)) return verdict_.fail("a message's body is broken");
      identity.kind = 'm';
      identity.tag = tag_of({reinterpret_cast<const char*>(message.content.data()), message.content.size()});
      hash = identity.hash(true);
      return texts.push_back(identity.text());
    }
    const Relation& relation = *batch.relations[change.relation];
    if (!relation.captured) return verdict_.fail("a change of a table that is not captured went out");
    identity.table = static_cast<std::uint32_t>(relation.id) - kFirstOid;
    identity.version = version_of(relation);
    if (change.kind == ChangeKind::kTruncate) {
      postgres::TruncateView view;
      if (decode_truncate(in, view)) return verdict_.fail("a truncate's body is broken");
      identity.kind = 't';
      hash = identity.hash(true);
      if (options_.truncates) texts.push_back(identity.text());
      return;
    }
    row(in, change, relation, identity);
    hash = identity.hash(identity.table == kKeylessTable);
    texts.push_back(identity.text());
    if (change.kind != ChangeKind::kDelete) return;
    identity.kind = 'T';
    texts.push_back(identity.text());
  }

  void row(Cursor in, const Change& change, const Relation& relation, RecordIdentity& identity) {
    old_.resize(relation.columns.size());
    new_.resize(relation.columns.size());
    RowView view;
    DecodeError error;
    switch (change.kind) {
      case ChangeKind::kUpdate:
        identity.kind = 'u';
        error = decode_update(in, old_, new_, view);
        break;
      case ChangeKind::kDelete:
        identity.kind = 'd';
        error = decode_delete(in, old_, view);
        break;
      default:
        identity.kind = change.kind == ChangeKind::kRead ? 'r' : 'c';
        error = decode_insert(in, new_, view);
    }
    if (error)
      return verdict_.fail(concat("a row was read with another table's shape: ", to_string(error.reason)));
    const auto fields = change.kind == ChangeKind::kDelete ? view.old_fields : view.new_fields;
    if (!absl::SimpleAtoi(absl::string_view(fields[0].text().data(), fields[0].size), &identity.row)) {
      verdict_.fail("a row's id is broken");
    }
    identity.tag = tag_of(fields[1].text());
  }

  std::uint64_t tag_of(std::string_view text) {
    std::uint64_t tag = 0;
    const std::size_t end = text.find('|');
    const bool ok =
        end != std::string_view::npos && absl::SimpleAtoi(absl::string_view(text.data(), end), &tag);
    if (!ok) verdict_.fail("a value is broken");
    // The padding behind it must be whole: a slab that was used again would show here.
    if (ok && text.find_first_not_of('x', end + 1) != std::string_view::npos)
      verdict_.fail("a value was overwritten");
    return tag;
  }

  static std::uint32_t version_of(const Relation& relation) {
    std::uint32_t version = 0;
    const std::string_view name = relation.columns.at(1).name;
    (void)absl::SimpleAtoi(absl::string_view(name.data() + 3, name.size() - 3), &version);
    return version;
  }

  const ModelEncoderOptions options_;
  const Ledger& ledger_;
  Verdict& verdict_;
  std::vector<FieldView> old_;
  std::vector<FieldView> new_;
};

}  // namespace

std::unique_ptr<BatchEncoder> make_postgres_model_encoder(ModelEncoderOptions options, const Ledger& ledger,
                                                          Verdict& verdict) {
  return std::make_unique<ModelEncoder>(options, ledger, verdict);
}

}  // namespace millrace::sim
