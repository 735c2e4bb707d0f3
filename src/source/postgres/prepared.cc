// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/prepared.h"

#include "source/postgres/fields.h"

namespace millrace::postgres {

DecodeError decode_begin_prepare(Cursor in, PrepareView& out) noexcept {
  out.prepare_lsn = read_lsn(in);
  out.end_lsn = read_lsn(in);
  out.prepare_time = read_time(in);
  out.xid = read_xid(in);
  out.gid = in.cstring();
  return in.finish();
}

// Prepare is BeginPrepare behind a byte of flags.
DecodeError decode_prepare(Cursor in, PrepareView& out) noexcept {
  read_unused_flags(in);
  return decode_begin_prepare(in, out);
}

DecodeError decode_stream_prepare(Cursor in, PrepareView& out) noexcept { return decode_prepare(in, out); }

DecodeError decode_commit_prepared(Cursor in, CommitPreparedView& out) noexcept {
  read_unused_flags(in);
  out.commit_lsn = read_lsn(in);
  out.end_lsn = read_lsn(in);
  out.commit_time = read_time(in);
  out.xid = read_xid(in);
  out.gid = in.cstring();
  return in.finish();
}

DecodeError decode_rollback_prepared(Cursor in, RollbackPreparedView& out) noexcept {
  read_unused_flags(in);
  out.prepare_end_lsn = read_lsn(in);
  out.rollback_end_lsn = read_lsn(in);
  out.prepare_time = read_time(in);
  out.rollback_time = read_time(in);
  out.xid = read_xid(in);
  out.gid = in.cstring();
  return in.finish();
}

}  // namespace millrace::postgres
