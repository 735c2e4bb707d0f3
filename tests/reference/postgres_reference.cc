// SPDX-License-Identifier: Apache-2.0
#include "reference/postgres_reference.h"

#include <stdexcept>
#include <utility>

namespace millrace::reference::postgres {
namespace {

struct Rejected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Takes fields off the front of a string.
class Input {
 public:
  explicit Input(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string take(std::size_t n) {
    if (n > bytes_.size() - at_) throw Rejected("ends inside a field");
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char byte : take(size)) value = value * 256 + static_cast<unsigned char>(byte);
    return value;
  }
  char byte() { return take(1)[0]; }
  std::uint8_t int8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t int16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t int32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t int64() { return number(8); }
  std::int64_t time() { return static_cast<std::int64_t>(number(8)); }

  std::size_t length() {
    const std::uint32_t value = int32();
    if (value >= 0x8000'0000u) throw Rejected("negative length");
    return value;
  }

  std::string cstring() {
    std::string text;
    for (char c = byte(); c != '\0'; c = byte()) text += c;
    return text;
  }

  std::uint8_t flags(std::uint8_t most) {
    const std::uint8_t value = int8();
    if (value > most) throw Rejected("unknown flags");
    return value;
  }

  bool empty() const { return at_ == bytes_.size(); }
  void expect_end() const {
    if (!empty()) throw Rejected("trailing bytes");
  }
  std::string rest() { return take(bytes_.size() - at_); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

bool is_one_of(char c, const std::string& list) { return c != '\0' && list.find(c) != std::string::npos; }

std::vector<Field> read_tuple(Input& in, std::size_t columns) {
  if (in.int16() != columns) throw Rejected("another number of columns than the relation");
  std::vector<Field> fields;
  for (std::size_t i = 0; i < columns; ++i) {
    Field field;
    field.kind = in.byte();
    if (!is_one_of(field.kind, "nutb")) throw Rejected("unknown column kind");
    if (is_one_of(field.kind, "tb")) field.value = in.take(in.length());
    fields.push_back(field);
  }
  return fields;
}

void read_row(Input& in, const Context& context, Message& m) {
  m.oid = in.int32();
  const auto relation = context.columns.find(m.oid);
  if (relation == context.columns.end()) throw Rejected("unknown relation");
  const std::size_t columns = relation->second;
  char marker = in.byte();
  if (m.type != 'I' && is_one_of(marker, "KO")) {
    m.old_kind = marker;
    m.old_fields = read_tuple(in, columns);
    if (m.type == 'D') return;
    marker = in.byte();
  }
  if (m.type == 'D' || marker != 'N') throw Rejected("unknown tuple marker");
  m.new_fields = read_tuple(in, columns);
}

void read_relation(Input& in, Message& m) {
  m.oid = in.int32();
  m.schema = in.cstring();
  m.name = in.cstring();
  m.identity = in.byte();
  if (!is_one_of(m.identity, "dnfi")) throw Rejected("unknown replica identity");
  const std::size_t columns = in.int16();
  if (columns > 1600) throw Rejected("too many columns");
  for (std::size_t i = 0; i < columns; ++i) {
    Column column;
    column.in_key = in.flags(1) == 1;
    column.name = in.cstring();
    column.type = in.int32();
    column.modifier = static_cast<std::int32_t>(in.int32());
    m.columns.push_back(column);
  }
}

// prepare_lsn, end_lsn, time, xid, gid: what the messages of two-phase commit share.
void read_prepared(Input& in, Message& m) {
  m.lsn = in.int64();
  m.end_lsn = in.int64();
  m.time = in.time();
  if (m.type == 'r') m.end_time = in.time();
  m.xid = in.int32();
  m.name = in.cstring();
}

Message read_message(Input& in, const Context& context) {
  Message m;
  m.type = in.byte();
  if (!is_one_of(m.type, context.in_stream ? "RYIUDTMOE" : "BCORYIUDTMScAbPKrp")) throw Rejected("not here");
  if (context.in_stream && is_one_of(m.type, "RYIUDTM")) m.stream_xid = in.int32();
  switch (m.type) {
    case 'B':
      m.lsn = in.int64();
      m.time = in.time();
      m.xid = in.int32();
      break;
    case 'C':
      in.flags(0);
      m.lsn = in.int64();
      m.end_lsn = in.int64();
      m.time = in.time();
      break;
    case 'O':
      m.lsn = in.int64();
      m.name = in.cstring();
      break;
    case 'R':
      read_relation(in, m);
      break;
    case 'Y':
      m.oid = in.int32();
      m.schema = in.cstring();
      m.name = in.cstring();
      break;
    case 'I':
    case 'U':
    case 'D':
      read_row(in, context, m);
      break;
    case 'T': {
      const std::size_t count = in.length();
      m.flags = in.flags(3);
      for (std::size_t i = 0; i < count; ++i) m.oids.push_back(in.int32());
      break;
    }
    case 'M':
      m.flags = in.flags(1);
      m.lsn = in.int64();
      m.name = in.cstring();
      m.content = in.take(in.length());
      break;
    case 'S':
      m.xid = in.int32();
      m.flags = in.flags(1);
      break;
    case 'E':
      break;
    case 'c':
      m.xid = in.int32();
      in.flags(0);
      m.lsn = in.int64();
      m.end_lsn = in.int64();
      m.time = in.time();
      break;
    case 'A':
      m.xid = in.int32();
      m.subxid = in.int32();
      if (context.abort_with_lsn) {
        m.lsn = in.int64();
        m.time = in.time();
      }
      break;
    case 'b':
      read_prepared(in, m);
      break;
    default:  // P K r p
      in.flags(0);
      read_prepared(in, m);
      break;
  }
  in.expect_end();
  return m;
}

void read_copy_data(Input& in, Context& context, Frame& frame) {
  frame.wal_kind = in.byte();
  if (frame.wal_kind == 'w') {
    frame.wal_start = in.int64();
    frame.wal_end = in.int64();
    frame.send_time = in.time();
    Input body(in.rest());
    frame.message = read_message(body, context);
    remember(*frame.message, context);
  } else if (frame.wal_kind == 'k') {
    frame.wal_end = in.int64();
    frame.send_time = in.time();
    frame.reply_requested = in.flags(1) == 1;
  } else {
    throw Rejected("unknown kind of CopyData");
  }
}

Frame read_frame(char type, const std::string& body, Context& context) {
  Frame frame;
  frame.type = type;
  Input in(body);
  switch (type) {
    case 'd':
      read_copy_data(in, context, frame);
      break;
    case 'E':
    case 'N':
      for (char code = in.byte(); code != '\0'; code = in.byte()) frame.texts[code] = in.cstring();
      // Codes nobody reads are skipped; an empty text says as much as none.
      std::erase_if(frame.texts, [](const auto& field) {
        return !is_one_of(field.first, "VSCMDHW") || field.second.empty();
      });
      break;
    case 'S':
      frame.texts['n'] = in.cstring();
      frame.texts['v'] = in.cstring();
      break;
    case 'C':
      frame.texts['t'] = in.cstring();
      break;
    case 'Z':
      frame.texts['s'] = in.take(1);
      if (!is_one_of(frame.texts['s'][0], "ITE")) throw Rejected("unknown transaction state");
      break;
    case 'W':
    case 'H': {
      if (in.int8() > 1) throw Rejected("unknown format");
      const std::size_t columns = in.int16();
      for (std::size_t i = 0; i < columns; ++i) {
        if (in.int16() > 1) throw Rejected("unknown format");
      }
      break;
    }
    case 'c':
      break;
    case 'A':
      in.rest();
      break;  // a notification: not looked at
    default:
      throw Rejected("unknown frame");
  }
  in.expect_end();
  return frame;
}

enum class Expecting { kCopyBoth, kRows, kEnd };

bool may_follow(Expecting expecting, char type) {
  if (is_one_of(type, "NSA")) return true;
  switch (expecting) {
    case Expecting::kCopyBoth:
      return is_one_of(type, "WHEZ");
    case Expecting::kRows:
      return is_one_of(type, "dcCE");
    case Expecting::kEnd:
      return is_one_of(type, "CEZ");
  }
  return false;
}

}  // namespace

std::optional<Message> decode_message(const std::string& body, const Context& context) {
  try {
    Input in(body);
    return read_message(in, context);
  } catch (const Rejected&) {
    return std::nullopt;
  }
}

void remember(const Message& message, Context& context) {
  if (message.type == 'R') context.columns[message.oid] = message.columns.size();
  if (message.type == 'S') context.in_stream = true;
  if (message.type == 'E') context.in_stream = false;
}

Session decode_session(const std::string& bytes, bool abort_with_lsn, std::uint32_t body_bytes_max) {
  Session session;
  Context context;
  context.abort_with_lsn = abort_with_lsn;
  Expecting expecting = Expecting::kCopyBoth;
  std::size_t at = 0;
  try {
    while (at < bytes.size()) {
      const std::size_t left = bytes.size() - at;
      const char type = bytes[at];
      if (!may_follow(expecting, type)) throw Rejected("not here");
      if (left < 5) break;
      const std::uint32_t length = Input(bytes.substr(at + 1, 4)).int32();
      if (length < 4 || length - 4 > body_bytes_max) throw Rejected("impossible length");
      if (left - 1 < length) break;
      session.frames.push_back(read_frame(type, bytes.substr(at + 5, length - 4), context));
      at += 1 + std::size_t{length};
      if (is_one_of(type, "WH")) expecting = Expecting::kRows;
      if (is_one_of(type, "CE")) expecting = Expecting::kEnd;
      if (type == 'Z') expecting = Expecting::kCopyBoth;
    }
    session.unread = bytes.size() - at;
  } catch (const Rejected&) {
    session.rejected = true;
  }
  return session;
}

}  // namespace millrace::reference::postgres
