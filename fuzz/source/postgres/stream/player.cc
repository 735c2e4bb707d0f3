// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/stream/player.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "format/topic_naming.h"
#include "input.h"
#include "millrace/source/postgres/frame_reader.h"
#include "pipeline/encoders/encoders.h"
#include "source/batch_builder.h"
#include "source/postgres/stream/change_stream.h"
#include "source/postgres/stream/receive_buffer.h"
#include "source/postgres/type_map/type_map.h"

namespace millrace::fuzz {
namespace {

namespace ref = reference::postgres;
using postgres::BackendMessage;
using postgres::ChangeStream;
using postgres::FramePhase;
using postgres::FrameResult;

class MemoryFile final : public ScratchFile {
 public:
  absl::Status append(std::span<const std::byte> bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }
  absl::Status read(std::uint64_t offset, std::span<std::byte> into) override {
    require(offset <= bytes_.size() && into.size() <= bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), into.size(), into.begin());
    return absl::OkStatus();
  }
  absl::Status truncate(std::uint64_t size) override {
    require(size <= bytes_.size());
    bytes_.resize(size);
    return absl::OkStatus();
  }

 private:
  std::vector<std::byte> bytes_;
};

class MemoryStore final : public ScratchStore {
 public:
  absl::StatusOr<std::unique_ptr<ScratchFile>> create() override { return std::make_unique<MemoryFile>(); }
};

/// A few batches, which wait here until they are taken.
class Outlet final : public BatchOutlet {
 public:
  explicit Outlet(std::size_t batches) {
    while (all_.size() < batches) {
      all_.push_back(std::make_unique<Batch>());
      free_.push_back(all_.back().get());
    }
  }
  Batch* take() override {
    if (free_.empty()) return nullptr;
    Batch* const batch = free_.back();
    free_.pop_back();
    return batch;
  }
  void push(Batch* batch) override {
    batch->number = ++number_;
    pushed.push_back(batch);
  }
  void give_back(Batch* batch) {
    batch->clear();
    free_.push_back(batch);
  }

  std::deque<Batch*> pushed;

 private:
  std::vector<std::unique_ptr<Batch>> all_;
  std::vector<Batch*> free_;
  std::uint64_t number_ = 0;
};

ref::Message as_message(const postgres::RelationView& announced) {
  ref::Message message;
  message.type = 'R';
  message.oid = postgres::value_of(announced.oid);
  message.schema = announced.schema;
  message.name = announced.name;
  message.identity = static_cast<char>(announced.identity);
  for (const postgres::ColumnView& column : announced.columns) {
    message.columns.push_back(
        {column.in_key, std::string(column.name), postgres::value_of(column.type_oid), column.type_modifier});
  }
  return message;
}

/// Every table is captured, by what its message says; the catalog knows none of them.
class Relations final : public postgres::RelationFactory {
 public:
  bool captures(std::string_view, std::string_view) const override { return true; }
  absl::StatusOr<RelationPtr> make(const postgres::RelationView& announced,
                                   const postgres::TableDescription* described) override {
    require(described != nullptr && described->oid == postgres::value_of(announced.oid));
    postgres::TypeMapOptions options;
    options.database = "d";
    Relation relation = postgres::map_relation(announced, *described, options).relation;
    relation.version = static_cast<std::uint32_t>(messages_.size() + 1);
    Topic& topic = topics_[TopicNaming{"p", "."}.data_topic(relation.schema, relation.table)];
    topic.name = TopicNaming{"p", "."}.data_topic(relation.schema, relation.table);
    relation.topic = &topic;
    messages_.push_back(as_message(announced));
    return std::make_shared<const Relation>(std::move(relation));
  }
  const ref::Message& message_of(const Relation& relation) const {
    return messages_.at(relation.version - 1);
  }

 private:
  std::map<std::string, Topic> topics_;
  std::vector<ref::Message> messages_;
};

class Player {
 public:
  explicit Player(const PlayOptions& options)
      : options_(options),
        slabs_(options.slab_bytes, 256 * options.slab_bytes),
        outlet_(options.batches),
        builder_(outlet_, slabs_, {.changes = options.batch_changes}),
        budget_(options.held_bytes, options.held_block_bytes),
        stream_(builder_, slabs_, relations_, budget_, scratch_, "s"),
        buffer_(slabs_, kBodyBytesMax) {
    message_topic_.name = "p.message";
    debezium::EnvelopeOptions envelope;
    envelope.topic_prefix = "p";
    envelope.database = "d";
    envelope.key_schemas = envelope.value_schemas = false;
    envelope.skipped.truncate = false;
    envelope.message_topic = &message_topic_;
    encoder_ = make_postgres_debezium_json_encoder(envelope);
    stream_.begin_session({options.position, options.position, {}}, 0, options.abort_with_lsn);
  }

  Played play(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> slices) {
    std::size_t turn = 0;
    bool going = work_off();
    while (going && !bytes.empty()) {
      std::span<std::byte> space = buffer_.space();
      if (space.empty()) {
        drain();  // its slabs are what is missing
        space = buffer_.space();
        require(!space.empty());
      }
      const std::size_t slice =
          slices.empty() ? bytes.size() : std::max<std::size_t>(slices[turn++ % slices.size()], 1);
      const std::size_t n = std::min({slice, space.size(), bytes.size()});
      std::memcpy(space.data(), bytes.data(), n);
      bytes = bytes.subspan(n);
      buffer_.received(n);
      going = work_off();
    }
    builder_.cut();
    drain();
    out_.stream_failed = failed_ || !stream_.status().ok();
    if (out_.stream_failed) out_.failure = std::string(stream_.status().message());
    out_.position = stream_.position().lsn;
    buffer_.reset(FramePhase::kCommand);
    return std::move(out_);
  }

 private:
  /// False: nothing more is read.
  bool work_off() {
    BackendMessage message;
    for (;;) {
      const FrameResult result = buffer_.next(message);
      if (result == FrameResult::kNeedMore) return true;
      if (result == FrameResult::kError) return fail();
      if (message.type != 'd') continue;
      postgres::WalMessage wal;
      if (postgres::decode_wal_message(Cursor(message.body), wal)) return fail();
      if (wal.kind == postgres::WalMessageKind::kKeepalive) {
        if (!stream_.between_transactions()) continue;
        const auto end = postgres::value_of(wal.wal_end);
        if (!stream_.idle_at(end, wal.reply_requested)) {
          drain();
          require(stream_.idle_at(end, wal.reply_requested));
        }
        if (!stream_.status().ok()) return false;
      } else if (!handle(wal)) {
        return false;
      }
    }
  }

  bool handle(const postgres::WalMessage& message) {
    bool drained = false;  // blocked twice without anything between is blocked for good
    ChangeStream::Result result = stream_.handle(message, buffer_.slab());
    for (;;) {
      switch (result) {
        case ChangeStream::Result::kOk:
          return true;
        case ChangeStream::Result::kFailed:
          return fail();
        case ChangeStream::Result::kNeedsWhole:
          out_.needs_whole = true;
          return false;
        case ChangeStream::Result::kNeedsCheck:
          stream_.checked(true);
          result = stream_.handle(message, buffer_.slab());
          break;
        case ChangeStream::Result::kNeedsTable: {
          postgres::TableDescription description;
          description.oid = stream_.needed_table();
          stream_.described(std::move(description));
          result = stream_.handle(message, buffer_.slab());
          break;
        }
        case ChangeStream::Result::kBlocked:
          require(!drained || !outlet_.pushed.empty());
          drain();
          drained = true;
          result = replaying_ ? stream_.replay() : stream_.handle(message, buffer_.slab());
          break;
        case ChangeStream::Result::kReplaying:
          replaying_ = true;
          result = stream_.replay();
          break;
      }
      if (result == ChangeStream::Result::kOk) replaying_ = false;
    }
  }

  bool fail() {
    failed_ = true;
    return false;
  }

  void drain() {
    while (!outlet_.pushed.empty()) {
      Batch* const batch = outlet_.pushed.front();
      outlet_.pushed.pop_front();
      take(*batch);
      for (Slab* slab : batch->slabs) slabs_.release(slab);
      outlet_.give_back(batch);
    }
  }

  void take(const Batch& batch) {
    require(batch.changes.empty() || batch.first_arrival == out_.changes.size() + 1);
    for (const Change& change : batch.changes) {
      const TransactionContext& context = batch.transactions.at(change.transaction);
      PlayedChange played;
      played.change.lsn = change.position;
      played.change.xid = static_cast<std::uint32_t>(context.id);
      played.change.commit_lsn = context.commit_position;
      played.change.commit_time_us = context.commit_time_us;
      played.change.origin = context.origin;
      ref::Context known;
      if (change.relation != kNoRelation) {
        const Relation& relation = *batch.relations.at(change.relation);
        played.change.relation = relations_.message_of(relation);
        known.columns[played.change.relation.oid] = relation.columns.size();
      }
      const std::string body(reinterpret_cast<const char*>(change.body), change.size);
      // A body that is no message is the encoder's to find.
      if (auto message = ref::decode_message(body, known)) played.change.message = *std::move(message);
      out_.changes.push_back(std::move(played));
    }
    if (out_.encoder_failed || batch.changes.empty()) return;
    const test::EncodedBatch encoded =
        test::encode_all(*encoder_, batch, 1'700'000'000'123'456, options_.chunk_bytes);
    for (const test::EncodedRecord& record : encoded.records) {
      out_.changes.at(record.arrival - 1).records.push_back(record);
    }
    out_.encoder_failed = !encoded.status.ok();
    if (out_.encoder_failed) out_.failure = std::string(encoded.status.message());
    require(out_.encoder_failed || encoded.next == batch.changes.size());
  }

  const PlayOptions options_;
  SlabPool slabs_;
  Outlet outlet_;
  BatchBuilder builder_;
  Relations relations_;
  postgres::HeldBudget budget_;
  MemoryStore scratch_;
  ChangeStream stream_;
  postgres::ReceiveBuffer buffer_;
  Topic message_topic_;
  std::unique_ptr<debezium::Encoder> encoder_;
  bool replaying_ = false;
  bool failed_ = false;
  Played out_;
};

}  // namespace

Played play(std::span<const std::uint8_t> connection, std::span<const std::uint8_t> slices,
            const PlayOptions& options) {
  return Player(options).play(connection, slices);
}

}  // namespace millrace::fuzz
