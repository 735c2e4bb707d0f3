// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_wire.h"

#include <algorithm>
#include <array>
#include <string>

#include "millrace/source/postgres/backend.h"
#include "millrace/source/postgres/frame_reader.h"
#include "millrace/source/postgres/messages.h"
#include "millrace/source/postgres/replication.h"
#include "support/hex.h"

namespace millrace::test {
namespace {

namespace pg = millrace::postgres;
namespace ref = millrace::reference::postgres;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<ref::Field> fields_of(std::span<const FieldView> fields) {
  std::vector<ref::Field> out;
  for (const FieldView& field : fields) {
    switch (field.kind) {
      case FieldKind::kNull:
        out.push_back({'n', {}});
        break;
      case FieldKind::kUnchanged:
        out.push_back({'u', {}});
        break;
      case FieldKind::kText:
        out.push_back({'t', std::string(field.text())});
        break;
      case FieldKind::kBinary:
        out.push_back({'b', text_of(field.bytes())});
        break;
      case FieldKind::kAbsent:
        out.push_back({'?', {}});
        break;
    }
  }
  return out;
}

DecodeError decode_row(Cursor in, const pg::MessageHead& head, const ref::Context& context,
                       ref::Message& out) {
  const auto relation = context.columns.find(pg::value_of(head.relation));
  if (relation == context.columns.end()) return {Reason::kUnknownRelation, head.fields_at};
  std::vector<FieldView> old_storage(relation->second);
  std::vector<FieldView> new_storage(relation->second);
  pg::RowView row;
  DecodeError error;
  switch (head.type) {
    case pg::MessageType::kInsert:
      error = pg::decode_insert(in, new_storage, row);
      break;
    case pg::MessageType::kUpdate:
      error = pg::decode_update(in, old_storage, new_storage, row);
      break;
    default:
      error = pg::decode_delete(in, old_storage, row);
      break;
  }
  if (error) return error;
  out.oid = pg::value_of(row.relation);
  out.old_kind = static_cast<char>(row.old_tuple);
  out.old_fields = fields_of(row.old_fields);
  out.new_fields = fields_of(row.new_fields);
  return {};
}

DecodeError decode_relation(Cursor in, ref::Message& out) {
  std::array<pg::ColumnView, pg::kColumnsMax> storage;
  pg::RelationView relation;
  if (const DecodeError error = pg::decode_relation(in, storage, relation)) return error;
  out.oid = pg::value_of(relation.oid);
  out.schema = relation.schema;
  out.name = relation.name;
  out.identity = static_cast<char>(relation.identity);
  for (const pg::ColumnView& column : relation.columns) {
    out.columns.push_back(
        {column.in_key, std::string(column.name), pg::value_of(column.type_oid), column.type_modifier});
  }
  return {};
}

DecodeError decode_prepare(Cursor in, pg::MessageType type, ref::Message& out) {
  pg::PrepareView prepare;
  DecodeError error;
  switch (type) {
    case pg::MessageType::kBeginPrepare:
      error = pg::decode_begin_prepare(in, prepare);
      break;
    case pg::MessageType::kPrepare:
      error = pg::decode_prepare(in, prepare);
      break;
    default:
      error = pg::decode_stream_prepare(in, prepare);
      break;
  }
  if (error) return error;
  out.lsn = pg::value_of(prepare.prepare_lsn);
  out.end_lsn = pg::value_of(prepare.end_lsn);
  out.time = pg::value_of(prepare.prepare_time);
  out.xid = pg::value_of(prepare.xid);
  out.name = prepare.gid;
  return {};
}

DecodeError decode_end_of_prepared(Cursor in, pg::MessageType type, ref::Message& out) {
  if (type == pg::MessageType::kCommitPrepared) {
    pg::CommitPreparedView commit;
    if (const DecodeError error = pg::decode_commit_prepared(in, commit)) return error;
    out.lsn = pg::value_of(commit.commit_lsn);
    out.end_lsn = pg::value_of(commit.end_lsn);
    out.time = pg::value_of(commit.commit_time);
    out.xid = pg::value_of(commit.xid);
    out.name = commit.gid;
    return {};
  }
  pg::RollbackPreparedView rollback;
  if (const DecodeError error = pg::decode_rollback_prepared(in, rollback)) return error;
  out.lsn = pg::value_of(rollback.prepare_end_lsn);
  out.end_lsn = pg::value_of(rollback.rollback_end_lsn);
  out.time = pg::value_of(rollback.prepare_time);
  out.end_time = pg::value_of(rollback.rollback_time);
  out.xid = pg::value_of(rollback.xid);
  out.name = rollback.gid;
  return {};
}

DecodeError decode_begin_or_end(Cursor in, pg::MessageType type, bool abort_with_lsn, ref::Message& out) {
  switch (type) {
    case pg::MessageType::kBegin: {
      pg::Begin begin;
      if (const DecodeError error = pg::decode_begin(in, begin)) return error;
      out.lsn = pg::value_of(begin.final_lsn);
      out.time = pg::value_of(begin.commit_time);
      out.xid = pg::value_of(begin.xid);
      return {};
    }
    case pg::MessageType::kCommit: {
      pg::Commit commit;
      if (const DecodeError error = pg::decode_commit(in, commit)) return error;
      out.lsn = pg::value_of(commit.commit_lsn);
      out.end_lsn = pg::value_of(commit.end_lsn);
      out.time = pg::value_of(commit.commit_time);
      return {};
    }
    case pg::MessageType::kStreamStart: {
      pg::StreamStart start;
      if (const DecodeError error = pg::decode_stream_start(in, start)) return error;
      out.xid = pg::value_of(start.xid);
      out.flags = start.first_segment ? 1 : 0;
      return {};
    }
    case pg::MessageType::kStreamCommit: {
      pg::StreamCommit commit;
      if (const DecodeError error = pg::decode_stream_commit(in, commit)) return error;
      out.xid = pg::value_of(commit.xid);
      out.lsn = pg::value_of(commit.commit_lsn);
      out.end_lsn = pg::value_of(commit.end_lsn);
      out.time = pg::value_of(commit.commit_time);
      return {};
    }
    case pg::MessageType::kStreamAbort: {
      pg::StreamAbort abort;
      if (const DecodeError error = pg::decode_stream_abort(in, abort_with_lsn, abort)) return error;
      out.xid = pg::value_of(abort.xid);
      out.subxid = pg::value_of(abort.subxid);
      out.lsn = pg::value_of(abort.abort_lsn);
      out.time = pg::value_of(abort.abort_time);
      return {};
    }
    default:
      return pg::decode_stream_stop(in);
  }
}

DecodeError decode_named(Cursor in, pg::MessageType type, ref::Message& out) {
  if (type == pg::MessageType::kOrigin) {
    pg::OriginView origin;
    if (const DecodeError error = pg::decode_origin(in, origin)) return error;
    out.lsn = pg::value_of(origin.commit_lsn);
    out.name = origin.name;
    return {};
  }
  if (type == pg::MessageType::kType) {
    pg::TypeView view;
    if (const DecodeError error = pg::decode_type(in, view)) return error;
    out.oid = pg::value_of(view.oid);
    out.schema = view.schema;
    out.name = view.name;
    return {};
  }
  pg::LogicalMessageView message;
  if (const DecodeError error = pg::decode_logical_message(in, message)) return error;
  out.flags = message.transactional ? 1 : 0;
  out.lsn = pg::value_of(message.lsn);
  out.name = message.prefix;
  out.content = text_of(message.content);
  return {};
}

DecodeError decode_truncate(Cursor in, ref::Message& out) {
  pg::TruncateView truncate;
  if (const DecodeError error = pg::decode_truncate(in, truncate)) return error;
  out.flags = static_cast<std::uint8_t>((truncate.cascade ? 1 : 0) | (truncate.restart_identity ? 2 : 0));
  for (std::size_t i = 0; i < truncate.relation_count(); ++i) {
    out.oids.push_back(pg::value_of(truncate.relation(i)));
  }
  return {};
}

DecodeError decode_report(Cursor in, ref::Frame& frame) {
  pg::ServerReport report;
  if (const DecodeError error = pg::decode_server_report(in, report)) return error;
  frame.texts = {{'V', std::string(report.severity)}, {'S', std::string(report.localized_severity)},
                 {'C', std::string(report.sqlstate)}, {'M', std::string(report.message)},
                 {'D', std::string(report.detail)},   {'H', std::string(report.hint)},
                 {'W', std::string(report.context)}};
  std::erase_if(frame.texts, [](const auto& field) { return field.second.empty(); });
  return {};
}

DecodeError decode_copy_data(Cursor in, ref::Context& context, ref::Frame& frame) {
  pg::WalMessage wal;
  if (const DecodeError error = pg::decode_wal_message(in, wal)) return error;
  frame.wal_kind = static_cast<char>(wal.kind);
  frame.wal_start = pg::value_of(wal.wal_start);
  frame.wal_end = pg::value_of(wal.wal_end);
  frame.send_time = pg::value_of(wal.send_time);
  frame.reply_requested = wal.reply_requested;
  if (wal.kind == pg::WalMessageKind::kKeepalive) return {};
  const ExactBytes body(wal.body);
  frame.message.emplace();
  if (const DecodeError error = decode_message(body.span(), context, *frame.message)) return error;
  ref::remember(*frame.message, context);
  return {};
}

DecodeError decode_frame(const pg::BackendMessage& message, ref::Context& context, ref::Frame& frame) {
  frame.type = message.type;
  const Cursor in(message.body);
  switch (message.type) {
    case 'd':
      return decode_copy_data(in, context, frame);
    case 'E':
    case 'N':
      return decode_report(in, frame);
    case 'S': {
      pg::ParameterStatusView status;
      if (const DecodeError error = pg::decode_parameter_status(in, status)) return error;
      frame.texts = {{'n', std::string(status.name)}, {'v', std::string(status.value)}};
      return {};
    }
    case 'C': {
      std::string_view tag;
      if (const DecodeError error = pg::decode_command_complete(in, tag)) return error;
      frame.texts = {{'t', std::string(tag)}};
      return {};
    }
    case 'Z': {
      pg::TransactionState state;
      if (const DecodeError error = pg::decode_ready_for_query(in, state)) return error;
      frame.texts = {{'s', std::string(1, static_cast<char>(state))}};
      return {};
    }
    case 'W':
    case 'H':
      return pg::decode_copy_both_response(in);
    case 'c':
      return message.body.empty() ? DecodeError{} : DecodeError{Reason::kTrailingBytes, 0};
    default:
      return {};
  }
}

}  // namespace

DecodeError decode_message(std::span<const std::byte> body, const ref::Context& context, ref::Message& out) {
  pg::MessageHead head;
  if (const DecodeError error = pg::peek(body, context.in_stream, head)) return error;
  out = {};
  out.type = static_cast<char>(head.type);
  if (head.fields_at > 1) out.stream_xid = pg::value_of(head.xid);
  const Cursor in = pg::fields_of(body, head);
  switch (head.type) {
    case pg::MessageType::kInsert:
    case pg::MessageType::kUpdate:
    case pg::MessageType::kDelete:
      return decode_row(in, head, context, out);
    case pg::MessageType::kTruncate:
      return decode_truncate(in, out);
    case pg::MessageType::kRelation:
      return decode_relation(in, out);
    case pg::MessageType::kOrigin:
    case pg::MessageType::kType:
    case pg::MessageType::kMessage:
      return decode_named(in, head.type, out);
    case pg::MessageType::kBeginPrepare:
    case pg::MessageType::kPrepare:
    case pg::MessageType::kStreamPrepare:
      return decode_prepare(in, head.type, out);
    case pg::MessageType::kCommitPrepared:
    case pg::MessageType::kRollbackPrepared:
      return decode_end_of_prepared(in, head.type, out);
    case pg::MessageType::kBegin:
    case pg::MessageType::kCommit:
    case pg::MessageType::kStreamStart:
    case pg::MessageType::kStreamStop:
    case pg::MessageType::kStreamCommit:
    case pg::MessageType::kStreamAbort:
      return decode_begin_or_end(in, head.type, context.abort_with_lsn, out);
  }
  return {Reason::kUnknownMessage, 0};
}

ref::Session decode_session(std::span<const std::byte> bytes, std::span<const std::uint8_t> slices,
                            bool abort_with_lsn, std::uint32_t body_bytes_max) {
  ref::Session session;
  ref::Context context;
  context.abort_with_lsn = abort_with_lsn;
  pg::FrameReader reader(body_bytes_max);
  ExactBytes block{std::span<const std::byte>{}};
  std::size_t fed = 0;
  std::size_t turn = 0;
  for (;;) {
    std::size_t slice = slices.empty() ? bytes.size() : slices[turn++ % slices.size()];
    slice = std::min(std::max<std::size_t>(slice, 1), bytes.size() - fed);
    // Unread bytes stand right before the new ones, so both together are one piece of the input.
    const std::size_t unread = reader.unread().size();
    ExactBytes next(bytes.subspan(fed - unread, unread + slice));
    fed += slice;
    reader.feed(next.span());
    block = std::move(next);
    pg::BackendMessage message;
    pg::FrameResult result;
    while ((result = reader.next(message)) == pg::FrameResult::kMessage) {
      ref::Frame frame;
      if (decode_frame(message, context, frame)) {
        session.rejected = true;
        return session;
      }
      session.frames.push_back(std::move(frame));
    }
    if (result == pg::FrameResult::kError) {
      session.rejected = true;
      return session;
    }
    if (fed == bytes.size()) break;
  }
  session.unread = reader.unread().size();
  return session;
}

}  // namespace millrace::test
