// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "reference/postgres_reference.h"

namespace millrace::reference::postgres {
namespace {

class Output {
 public:
  void number(std::uint64_t value, std::size_t size) {
    for (std::size_t i = size; i-- > 0;) bytes_ += static_cast<char>(value >> (8 * i));
  }
  void byte(char value) { bytes_ += value; }
  void int16(std::size_t value) { number(value, 2); }
  void int32(std::uint64_t value) { number(value, 4); }
  void int64(std::uint64_t value) { number(value, 8); }
  void time(std::int64_t value) { number(static_cast<std::uint64_t>(value), 8); }
  void raw(const std::string& value) { bytes_ += value; }
  void cstring(const std::string& value) {
    raw(value);
    byte('\0');
  }
  void counted(const std::string& value) {
    int32(value.size());
    raw(value);
  }
  void tuple(const std::vector<Field>& fields) {
    int16(fields.size());
    for (const Field& field : fields) {
      byte(field.kind);
      if (field.kind == 't' || field.kind == 'b') counted(field.value);
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void write_prepared(Output& out, const Message& m) {
  out.int64(m.lsn);
  out.int64(m.end_lsn);
  out.time(m.time);
  if (m.type == 'r') out.time(m.end_time);
  out.int32(m.xid);
  out.cstring(m.name);
}

void write_relation(Output& out, const Message& m) {
  out.int32(m.oid);
  out.cstring(m.schema);
  out.cstring(m.name);
  out.byte(m.identity);
  out.int16(m.columns.size());
  for (const Column& column : m.columns) {
    out.byte(column.in_key ? 1 : 0);
    out.cstring(column.name);
    out.int32(column.type);
    out.int32(static_cast<std::uint32_t>(column.modifier));
  }
}

void write_row(Output& out, const Message& m) {
  out.int32(m.oid);
  if (m.old_kind != 0) {
    out.byte(m.old_kind);
    out.tuple(m.old_fields);
  }
  if (m.type == 'D') return;
  out.byte('N');
  out.tuple(m.new_fields);
}

std::string to_string(const std::vector<Field>& fields) {
  std::string text = "[";
  for (const Field& field : fields) {
    text += field.kind;
    if (field.kind == 't' || field.kind == 'b') text += ":" + field.value;
    text += " ";
  }
  return text + "]";
}

}  // namespace

std::string encode_message(const Message& m, const Context& context) {
  Output out;
  out.byte(m.type);
  if (m.stream_xid) out.int32(*m.stream_xid);
  switch (m.type) {
    case 'B':
      out.int64(m.lsn);
      out.time(m.time);
      out.int32(m.xid);
      break;
    case 'C':
      out.byte(0);
      out.int64(m.lsn);
      out.int64(m.end_lsn);
      out.time(m.time);
      break;
    case 'O':
      out.int64(m.lsn);
      out.cstring(m.name);
      break;
    case 'R':
      write_relation(out, m);
      break;
    case 'Y':
      out.int32(m.oid);
      out.cstring(m.schema);
      out.cstring(m.name);
      break;
    case 'I':
    case 'U':
    case 'D':
      write_row(out, m);
      break;
    case 'T':
      out.int32(m.oids.size());
      out.number(m.flags, 1);
      for (const std::uint32_t oid : m.oids) out.int32(oid);
      break;
    case 'M':
      out.number(m.flags, 1);
      out.int64(m.lsn);
      out.cstring(m.name);
      out.counted(m.content);
      break;
    case 'S':
      out.int32(m.xid);
      out.number(m.flags, 1);
      break;
    case 'c':
      out.int32(m.xid);
      out.byte(0);
      out.int64(m.lsn);
      out.int64(m.end_lsn);
      out.time(m.time);
      break;
    case 'A':
      out.int32(m.xid);
      out.int32(m.subxid);
      if (context.abort_with_lsn) {
        out.int64(m.lsn);
        out.time(m.time);
      }
      break;
    case 'b':
      write_prepared(out, m);
      break;
    case 'P':
    case 'K':
    case 'r':
    case 'p':
      out.byte(0);
      write_prepared(out, m);
      break;
    default:
      break;  // E carries nothing
  }
  return out.take();
}

std::string to_string(const Message& m) {
  std::string text(1, m.type);
  const auto add = [&](const char* name, auto value) {
    if (value != 0) text += std::string(" ") + name + "=" + std::to_string(value);
  };
  if (m.stream_xid) text += " stream_xid=" + std::to_string(*m.stream_xid);
  add("xid", m.xid);
  add("subxid", m.subxid);
  add("lsn", m.lsn);
  add("end_lsn", m.end_lsn);
  add("time", m.time);
  add("end_time", m.end_time);
  add("flags", m.flags);
  add("oid", m.oid);
  if (!m.schema.empty() || !m.name.empty()) text += " " + m.schema + "." + m.name;
  if (!m.content.empty()) text += " content=" + m.content;
  if (m.identity != 0) text += std::string(" identity=") + m.identity;
  for (const Column& column : m.columns) {
    text += " " + column.name + (column.in_key ? "*:" : ":") + std::to_string(column.type) + "/" +
            std::to_string(column.modifier);
  }
  for (const std::uint32_t oid : m.oids) text += " " + std::to_string(oid);
  if (m.old_kind != 0) text += std::string(" ") + m.old_kind + to_string(m.old_fields);
  if (!m.new_fields.empty()) text += " N" + to_string(m.new_fields);
  return text;
}

std::string to_string(const Session& session) {
  std::string text;
  for (const Frame& frame : session.frames) {
    text += frame.type;
    if (frame.type == 'd') {
      text += std::string(" ") + frame.wal_kind + " " + std::to_string(frame.wal_start) + " " +
              std::to_string(frame.wal_end) + " " + std::to_string(frame.send_time) +
              (frame.reply_requested ? " reply" : "");
    }
    if (frame.message) text += " | " + to_string(*frame.message);
    for (const auto& [code, value] : frame.texts) text += std::string(" ") + code + "=" + value;
    text += "\n";
  }
  text += session.rejected ? "rejected\n" : "unread " + std::to_string(session.unread) + "\n";
  return text;
}

}  // namespace millrace::reference::postgres
