// SPDX-License-Identifier: Apache-2.0
// A slow, obvious decoder of PostgreSQL's logical replication stream, written from the protocol document and
// sharing no line with the product: what fuzz targets and whole-stream tests compare the product's decoders
// with.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::reference::postgres {

/// A column of a tuple: kind byte as on the wire (n, u, t, b), value of t and b.
struct Field {
  char kind = 'n';
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};

/// A column of a Relation message.
struct Column {
  bool in_key = false;
  std::string name;
  std::uint32_t type = 0;
  std::int32_t modifier = 0;
  friend bool operator==(const Column&, const Column&) = default;
};

/// Any pgoutput message. Which members mean something depends on the type; the others keep their defaults.
struct Message {
  char type = 0;
  std::optional<std::uint32_t> stream_xid;  // R Y I U D T M inside a stream block
  std::uint32_t xid = 0;                    // B S c A b P K r p
  std::uint32_t subxid = 0;                 // A
  std::uint64_t lsn = 0;  // B final; C c K commit; O origin commit; M; A abort; b P p prepare; r prepare end
  std::uint64_t end_lsn = 0;        // C c b P K p; r rollback end
  std::int64_t time = 0;            // B C c A b P K p; r prepare time
  std::int64_t end_time = 0;        // r rollback time
  std::uint8_t flags = 0;           // T: 1 cascade, 2 restart; M: 1 transactional; S: 1 first segment
  std::uint32_t oid = 0;            // R I U D; Y type oid
  std::string schema;               // R Y
  std::string name;                 // R Y; O origin; M prefix; b P K r p gid
  std::string content;              // M
  char identity = 0;                // R
  std::vector<Column> columns;      // R
  std::vector<std::uint32_t> oids;  // T
  char old_kind = 0;                // U D: K, O, or 0
  std::vector<Field> old_fields;    // U D
  std::vector<Field> new_fields;    // I U
  friend bool operator==(const Message&, const Message&) = default;
};

/// What a message's meaning depends on besides its bytes.
struct Context {
  bool in_stream = false;
  bool abort_with_lsn = false;                   // streaming 'parallel'
  std::map<std::uint32_t, std::size_t> columns;  // of each announced relation
};

/// One pgoutput message; nothing when it is not exactly that. A row of a relation that the context does not
/// know, or with another number of columns, is not a message.
std::optional<Message> decode_message(const std::string& body, const Context& context);

/// The bytes that decode to this message. With decode_message a round trip: the format has one form of
/// everything.
std::string encode_message(const Message& message, const Context& context);

/// What follows from a message for those behind it: relations become known, stream blocks open and close.
void remember(const Message& message, Context& context);

/// A message of the backend protocol.
struct Frame {
  char type = 0;
  // d
  char wal_kind = 0;  // w or k
  std::uint64_t wal_start = 0;
  std::uint64_t wal_end = 0;
  std::int64_t send_time = 0;
  bool reply_requested = false;
  std::optional<Message> message;  // of w
  // E N: code -> text; S: 'n' name, 'v' value; C: 't' tag; Z: 's' state
  std::map<char, std::string> texts;
  friend bool operator==(const Frame&, const Frame&) = default;
};

/// A connection from START_REPLICATION on.
struct Session {
  std::vector<Frame> frames;
  bool rejected = false;   // what follows `frames` is not the protocol
  std::size_t unread = 0;  // bytes of a frame that is not whole yet, when not rejected
  friend bool operator==(const Session&, const Session&) = default;
};

/// Decodes until the bytes end or are rejected.
Session decode_session(const std::string& bytes, bool abort_with_lsn, std::uint32_t body_bytes_max);

/// One line for people.
std::string to_string(const Message& message);
std::string to_string(const Session& session);

}  // namespace millrace::reference::postgres
