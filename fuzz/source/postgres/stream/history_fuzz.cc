// SPDX-License-Identifier: Apache-2.0
// Input: options (2, 4: as in transactions_fuzz.cc), slice lengths (counted), then what chooses a history.
// Exactly what commits comes out, once, in commit order, and its events say what the server's rows were; the
// reference lets out the same.
#include <string>
#include <vector>

#include "source/postgres/stream/history.h"
#include "source/postgres/stream/player.h"
#include "strict_json.h"

namespace {

using namespace millrace;
using fuzz::require;
namespace json = boost::json;

/// The image as the event shows it; nothing for null.
void check_image(const json::value& shown, const std::optional<fuzz::Image>& truth) {
  if (!truth) return require(shown.is_null());
  require(shown.as_object().size() == truth->size());
  for (const auto& [name, value] : *truth) {
    const json::value& field = shown.at(name);
    if (value) {
      require(fuzz::string_of(field) == *value);
    } else {
      require(field.is_null());
    }
  }
}

void check_event(const test::EncodedRecord& record, const std::string& op, const fuzz::TrueChange& truth) {
  const json::value event = fuzz::parse_strictly(record.value.value());
  require(fuzz::string_of(event.at("op")) == op);
  const json::value& source = event.at("source");
  require(source.at("lsn").to_number<std::uint64_t>() == truth.lsn);
  if (truth.xid != 0) require(source.at("txId").to_number<std::uint64_t>() == truth.xid);
  if (truth.kind == 'M') {
    const json::value& message = event.at("message");
    require(fuzz::string_of(message.at("prefix")) == truth.table);
    require(fuzz::bytes_of_base64(message.at("content")) == truth.content);
    return;
  }
  require("s." + fuzz::string_of(source.at("table")) == truth.table);
  require(record.topic == "p." + truth.table);
  if (op == "c" || op == "u") check_image(event.at("after"), truth.after);
  if (op == "u") check_image(event.at("before"), truth.before);
}

void check_key(const test::EncodedRecord& record, const std::optional<std::string>& id) {
  require(record.key.has_value() == id.has_value());
  if (id) require(fuzz::string_of(fuzz::parse_strictly(*record.key).at("id")) == *id);
}

void check_records(const std::vector<test::EncodedRecord>& records, const fuzz::TrueChange& truth) {
  const auto expect = [&](std::size_t at, const std::string& op) { check_event(records.at(at), op, truth); };
  switch (truth.kind) {
    case 'I':
      require(records.size() == 1);
      expect(0, "c");
      return check_key(records[0], truth.id);
    case 'U':
      if (truth.old_id) {  // another key: the old one ends, the new one begins
        require(records.size() == 3 && !records[1].value);
        expect(0, "d");
        expect(2, "c");
        check_key(records[0], truth.old_id);
        check_key(records[1], truth.old_id);
      } else {
        require(records.size() == 1);
        expect(0, "u");
      }
      return check_key(records.back(), truth.id);
    case 'D': {
      require(records.size() == 2 && !records[1].value);
      expect(0, "d");
      check_key(records[0], truth.id);
      check_key(records[1], truth.id);
      const json::value before = fuzz::parse_strictly(*records[0].value).at("before");
      if (!truth.id) return check_image(before, truth.before);
      return require(fuzz::string_of(before.at("id")) == *truth.id);
    }
    case 'T':
      require(records.size() == 1);
      return expect(0, "t");
    default:
      require(records.size() == 1);
      return expect(0, "m");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace ref = reference::postgres;
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t choice = fuzz::take_byte(input);
  fuzz::PlayOptions options;
  if ((choice & 2) != 0) {
    options.slab_bytes = 512;
    options.held_bytes = 128;
    options.held_block_bytes = 32;
    options.chunk_bytes = 1024;
  }
  if ((choice & 4) != 0) {
    options.batches = 1;
    options.batch_changes = 1;
  }
  const auto slices = fuzz::take_counted(input);
  const fuzz::History history = fuzz::make_history(input);
  options.abort_with_lsn = history.abort_with_lsn;

  const std::span<const char> bytes(history.connection);
  const fuzz::Played played =
      fuzz::play({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, slices, options);
  const ref::Session session =
      ref::decode_session(history.connection, history.abort_with_lsn, fuzz::kBodyBytesMax);
  if (!played.failure.empty()) {
    std::fprintf(stderr, "%s%s\n", ref::to_string(session).c_str(), played.failure.c_str());
  }
  require(!played.stream_failed && !played.encoder_failed);
  // A message in a transaction with a subtransaction rolled back: nobody can tell whose it was.
  require(!played.needs_whole || history.messages_in_doubt);
  require(played.needs_whole ? played.changes.size() <= history.changes.size()
                             : played.changes.size() == history.changes.size());
  for (std::size_t i = 0; i < played.changes.size(); ++i) {
    const fuzz::TrueChange& truth = history.changes[i];
    const ref::CommittedChange& change = played.changes[i].change;
    require(change.message.type == truth.kind && change.xid == truth.xid && change.lsn == truth.lsn &&
            change.commit_lsn == truth.commit_lsn);
    check_records(played.changes[i].records, truth);
  }

  if (history.messages_in_doubt) return 0;
  const ref::CommittedChanges expected = ref::committed_changes(session, 0);
  require(!expected.rejected && expected.changes.size() == history.changes.size());
  require(played.position == expected.position);
  for (std::size_t i = 0; i < expected.changes.size(); ++i) {
    require(expected.changes[i] == played.changes[i].change);
  }
  return 0;
}
