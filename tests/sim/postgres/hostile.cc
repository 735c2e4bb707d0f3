// SPDX-License-Identifier: Apache-2.0
#include "sim/postgres/hostile.h"

#include <utility>

#include "reference/postgres_reference.h"
#include "sim/postgres/wal.h"
#include "sim/postgres/walsender.h"
#include "sim/random.h"

namespace millrace::sim {

namespace {

using reference::postgres::Message;

std::string wal_frame(const std::string& message, Random& random) {
  std::string body = "w";
  const std::uint64_t lsn = random.percent(30) ? 0 : Wal::kBegin + random.below(1 << 20);
  for (int copy = 0; copy < 2; ++copy) {
    for (int i = 7; i >= 0; --i) body += static_cast<char>(lsn >> (8 * i));
  }
  body.append(8, '\0');
  return Walsender::frame('d', body + message);
}

/// One well-formed message of each type, of transactions and tables that do not exist.
Message stray(char type) {
  Message m;
  m.type = type;
  m.xid = 4'000'000'000;
  m.subxid = 4'000'000'001;
  m.lsn = Wal::kBegin;
  m.end_lsn = Wal::kBegin + 8;
  m.oid = type == 'R' ? 98 : 99;  // no row finds a table
  m.schema = "public";
  m.name = "nobody";
  m.identity = 'd';
  m.oids = {99};
  m.old_kind = type == 'D' ? 'K' : '\0';
  m.columns = {{true, "id", 23, -1}};
  if (type == 'D') m.old_fields = {{'t', "1"}};
  if (type == 'I' || type == 'U') m.new_fields = {{'t', "1"}};
  // A message that was delivered long ago: one of a transaction would be believed.
  return m;
}

}  // namespace

std::string hostile_bytes(std::uint64_t seed, bool inside) {
  Random random(seed);
  // A message could be believed inside: one that is cut short may look whole behind an xid.
  const std::string types = inside ? "BCORYIUDTSEcAbPKrp" : "BCORYIUDTMSEcAbPKrp";
  const reference::postgres::Context context;
  switch (random.below(28)) {
    case 0:
      return Walsender::frame('d', "");
    case 1:
      return Walsender::frame('d', "q");
    case 2:
      return Walsender::frame('x', "what is this");
    case 3: {
      // A length that nobody could send.
      std::string frame = "d";
      frame += random.percent(50) ? std::string("\x7f\xff\xff\xff", 4) : std::string("\0\0\0\1", 4);
      return frame;
    }
    case 4:
      return wal_frame("", random);
    case 5:
      return wal_frame("?", random);
    case 6:
      return Walsender::keepalive(0, 0, false).substr(0, 5) +
             std::string("k\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7", 18);
    case 7: {
      // Errors and notices in mid-stream.
      const std::string kind = random.percent(50) ? "E" : "N";
      const bool skipped = random.percent(50);
      std::string body;
      const auto field = [&](char code, const std::string& text) {
        body += code + text + std::string(1, '\0');
      };
      field('V', kind == "E" ? "ERROR" : "WARNING");
      field('C', skipped ? "55000" : "XX000");
      field('M', skipped ? "skipped loading publication \"orders\"" : "the model is confused");
      if (random.percent(70)) body += '\0';
      return Walsender::frame(kind[0], body);
    }
    case 8: {
      // A row of a table that exists, outside any transaction. Inside, the encoder would be asked.
      if (inside) return Walsender::frame('d', "q");
      Message row = stray('I');
      row.oid = kFirstOid + static_cast<std::uint32_t>(random.below(kTables));
      std::string body = encode_message(row, context);
      body[5] = 'X';  // and one that no reader of rows accepts
      return wal_frame(body, random);
    }
    case 9: {
      // A message of a size that no row may have.
      std::string frame = "d";
      frame += std::string("\0\2\0\0", 4) + "w" + std::string(24, '\0') + "I";
      const std::uint32_t oid = random.percent(50) ? kFirstOid : 99;
      for (int i = 3; i >= 0; --i) frame += static_cast<char>(oid >> (8 * i));
      return random.percent(30) ? frame.replace(5, 1, "k") : frame.replace(1, 4, std::string("\0\3\0\0", 4));
    }
    case 10: {
      // A relation of pg_catalog, and one without columns: nobody captures them.
      Message relation = stray('R');
      relation.schema = random.percent(50) ? "" : "elsewhere";
      return wal_frame(encode_message(relation, context), random);
    }
    case 11: {
      // Nothing wrong with these, only that nobody expects them.
      const std::string setting = std::string("a\0b", 4);
      return Walsender::frame('S', setting) + Walsender::frame('A', "a notification") +
             Walsender::frame('c', "");
    }
    case 12:
    case 13:
    case 14:
    case 15:
    case 16: {
      // Cut short, or with something behind its end.
      std::string body =
          encode_message(stray(random.percent(40) ? 'E' : types[random.below(types.size())]), context);
      if (random.percent(30)) {
        body += '\1';
      } else {
        body.resize(1 + random.below(body.size()));
        if (body.size() > 1) body.resize(body.size() - 1);
      }
      return wal_frame(body, random);
    }
    default: {
      // Well formed, in the wrong place. An origin would be believed.
      const std::string misplaced = inside ? "BCRYIUDTSEcAbPKrp" : "BCORYIUDTMSEcAbPKrp";
      const char type = misplaced[random.below(misplaced.size())];
      Message message = stray(type);
      if (type == 'M' && !inside) message.flags = 1;
      if (type == 'K' && random.percent(50)) message.lsn = std::uint64_t{1} << 40;
      std::string bytes = wal_frame(encode_message(message, context), random);
      if (type == 'B' || type == 'b' || type == 'S') {
        // What may begin must not go on: its end does not fit, or never comes.
        Message end = stray(type == 'B' ? 'C' : 'c');
        if (random.percent(50)) std::swap(end.lsn, end.end_lsn);
        end.xid = 77;
        bytes += wal_frame(encode_message(end, context), random);
      }
      return bytes;
    }
  }
}

std::string hostile_row(std::uint64_t seed) {
  const char* const rows[] = {"",       "1\t2|",     "1\n",     "1\t2|\t3\t4\t5\t6\t7\n",
                              "1\n2\n", "1\t\\q\n",  "1\t2|\\", "1\t2|\\\n",
                              "\\N",    "\\Nx\t2|\n"};
  Random random(seed);
  switch (random.below(6)) {
    case 0:
      return Walsender::frame('x', "");
    case 1:
      return random.percent(50) ? std::string("d\x7f\xff\xff\xff", 5) : std::string("d\0\2\0\0", 5);
    case 2:
      return Walsender::frame('E', "no report");
    case 3:
      return Walsender::frame('N', std::string(1, '\0'));
    default:
      return Walsender::frame('d', random.pick(rows));
  }
}

}  // namespace millrace::sim
