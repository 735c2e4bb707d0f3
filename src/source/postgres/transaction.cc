// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/transaction.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {

DecodeError decode_begin(Cursor in, Begin& out) noexcept {
  out.final_lsn = read_lsn(in);
  out.commit_time = read_time(in);
  out.xid = read_xid(in);
  return in.finish();
}

DecodeError decode_commit(Cursor in, Commit& out) noexcept {
  read_unused_flags(in);
  out.commit_lsn = read_lsn(in);
  out.end_lsn = read_lsn(in);
  out.commit_time = read_time(in);
  return in.finish();
}

DecodeError decode_origin(Cursor in, OriginView& out) noexcept {
  out.commit_lsn = read_lsn(in);
  out.name = in.cstring();
  return in.finish();
}

DecodeError decode_stream_start(Cursor in, StreamStart& out) noexcept {
  out.xid = read_xid(in);
  out.first_segment = read_flags(in, 1) == 1;
  return in.finish();
}

DecodeError decode_stream_stop(Cursor in) noexcept { return in.finish(); }

DecodeError decode_stream_commit(Cursor in, StreamCommit& out) noexcept {
  out.xid = read_xid(in);
  read_unused_flags(in);
  out.commit_lsn = read_lsn(in);
  out.end_lsn = read_lsn(in);
  out.commit_time = read_time(in);
  return in.finish();
}

DecodeError decode_stream_abort(Cursor in, bool with_lsn, StreamAbort& out) noexcept {
  out.xid = read_xid(in);
  out.subxid = read_xid(in);
  out.abort_lsn = with_lsn ? read_lsn(in) : Lsn{};
  out.abort_time = with_lsn ? read_time(in) : PgMicros{};
  return in.finish();
}

}  // namespace millrace::postgres
