#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records what real PostgreSQL servers send: record_postgres.py [MAJOR...] (default: 15 17 18).

Writes tests/data/postgresql-<major>/<scenario>.session: every byte of a replication connection from the answer to
START_REPLICATION to the ReadyForQuery (or the end) behind it. In scenarios named *parallel* StreamAbort carries its LSN.
"""

import pathlib
import socket
import struct
import sys
import time

DATA = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(DATA.parent / "servers"))
from postgres import PostgresServer  # noqa: E402

TABLES = """
create type mood as enum ('sad', 'ok', 'happy');
create domain positive as int check (value > 0);
create table scalars (id bigint primary key, flag bool, small int2, amount numeric(10,2), price float8, name text,
                      code char(4), day date, at timestamptz, raw bytea, doc jsonb, tags text[], uid uuid);
create table "Odd.Schema ""x"" ñ😀" (id int primary key, "sélect" text);
create table typed (id int primary key, m mood, p positive, ms mood[]);
create table toasted (id int primary key, small text, big text);
alter table toasted alter big set storage external;
create table whole (id int, v text, big text);
alter table whole alter big set storage external;
alter table whole replica identity full;
create table parent (id int primary key, v text);
create table child (id int primary key references parent on delete cascade, v text);
create table nokey (v text);
create unique index nokey_v on nokey (v);
alter table nokey alter v set not null;
alter table nokey replica identity using index nokey_v;
"""

ROWS = [
    """insert into scalars values
         (1, true, -1, 12.30, 0.1, 'plain', 'ab', '2024-02-29', '2024-02-29 07:00:00.123456+00', '\\x00ff', '{"a": [1, null]}',
          '{x,NULL,"y z"}', '6f1c0f5e-0000-4000-8000-000000000001'),
         (2, null, null, null, null, null, null, null, null, null, null, null, null),
         (3, false, 0, 'NaN', 'infinity', '', '', 'infinity', '0044-03-15 00:00:00+00 BC', '', '[]', '{}', null)""",
    "update scalars set name = 'changed' where id = 1",
    "update scalars set id = 4 where id = 2",
    "delete from scalars where id = 3",
    """insert into "Odd.Schema ""x"" ñ😀" values (1, 'ü😀')""",
    "insert into typed values (1, 'happy', 7, '{sad,ok}')",
    "insert into toasted values (1, 'a', repeat('x', 3000))",
    "update toasted set small = 'b' where id = 1",
    "insert into whole values (1, 'a', repeat('y', 3000)), (2, null, null)",
    "update whole set v = 'b' where id = 1",
    "delete from whole where id = 2",
    "insert into nokey values ('a'); update nokey set v = 'b'; delete from nokey",
    "begin; insert into parent values (1, 'p'), (2, 'q'); insert into child values (1, 'c'); delete from parent where id = 1; commit",
    "alter table parent add column extra int default 5; insert into parent values (3, 'r')",
    "alter table parent drop column v; update parent set extra = 6 where id = 3",
    "truncate child, parent restart identity cascade",
    "begin; insert into parent values (9); rollback",
]

MESSAGES = [
    "select pg_logical_emit_message(false, 'now', 'outside any transaction')",
    "begin; insert into parent values (1, 'p'); select pg_logical_emit_message(true, 'with it', ''); commit",
    "begin; select pg_logical_emit_message(false, 'survives', E'\\\\x00ff'::bytea); rollback",
]

# More than logical_decoding_work_mem, so that it is streamed before it ends; a subtransaction is rolled back.
STREAMED = [
    """begin; insert into typed select n, 'ok', n, null from generate_series(100, 450) n;
       savepoint a; insert into typed select n, 'sad', n, null from generate_series(1000, 1350) n; rollback to a;
       savepoint b; update typed set p = p + 1 where id < 110; release b;
       select pg_logical_emit_message(true, 'streamed', 'x'); truncate nokey; commit""",
    "begin; insert into typed select n, 'ok', n, null from generate_series(2000, 2600) n; rollback",
    "begin; insert into nokey values ('after'); commit",
]

PREPARED = [
    "begin; insert into parent values (1, 'p'); prepare transaction 'kept'", "commit prepared 'kept'",
    "begin; insert into parent values (2, 'q'); prepare transaction 'dropped'", "rollback prepared 'dropped'",
    "begin; insert into typed select n, 'ok', n, null from generate_series(3000, 3600) n; prepare transaction 'big'",
    "commit prepared 'big'",
]

ORIGIN = [
    "select pg_replication_origin_create('elsewhere')",
    """select pg_replication_origin_session_setup('elsewhere'); begin;
       select pg_replication_origin_xact_setup('0/1234', '2020-01-01 00:00:00+00');
       insert into parent values (1, 'p'); commit; select pg_replication_origin_session_reset()""",
]


def scenarios(major):
    """name -> (slot options, pgoutput options, statements)"""
    streaming = {"streaming": "on", "messages": "true"}
    found = {
        "text": ("", {"proto_version": 1}, ROWS),
        "binary_messages": ("", {"proto_version": 2, "binary": "true", "messages": "true"}, ROWS[:6] + MESSAGES),
        "streaming": ("", {"proto_version": 2, **streaming}, STREAMED),
        "two_phase": ("TWO_PHASE", {"proto_version": 3, "two_phase": "on", **streaming}, PREPARED),
        "origin": ("", {"proto_version": 1}, ORIGIN),
        "missing_publication": ("", {"proto_version": 1, "publication_names": "'\"nobody\"'"}, ROWS[:1]),
    }
    if major >= 16:
        found["streaming_parallel"] = ("", {"proto_version": 4, "streaming": "parallel", "messages": "true"}, STREAMED)
    return found


class Walsender:
    """A replication connection, spoken by hand."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        settings = ["user", "postgres", "database", "postgres", "replication", "database", "client_encoding", "UTF8",
                    "TimeZone", "UTC", "extra_float_digits", "3"]
        body = struct.pack(">I", 196608) + b"".join(s.encode() + b"\0" for s in settings) + b"\0"
        self.socket.sendall(struct.pack(">I", len(body) + 4) + body)
        self.received = b""
        self.until_ready()

    def send(self, kind, body=b""):
        self.socket.sendall(kind + struct.pack(">I", len(body) + 4) + body)

    def frame(self):
        """The next message as it stands on the wire; None at the end."""
        def complete():
            return len(self.received) >= 5 and len(self.received) > struct.unpack(">I", self.received[1:5])[0]
        while not complete():
            more = self.socket.recv(65536)
            if not more:
                return None
            self.received += more
        size = 1 + struct.unpack(">I", self.received[1:5])[0]
        frame, self.received = self.received[:size], self.received[size:]
        return frame

    def until_ready(self):
        frames = []
        while (frame := self.frame()) is not None:
            frames.append(frame)
            if frame[:1] == b"Z":
                break
        return frames

    def record(self, command, end):
        """Runs START_REPLICATION and returns all that comes back, to a keepalive behind `end` and the polite end."""
        self.send(b"Q", command.encode() + b"\0")
        frames = []
        while (frame := self.frame()) is not None:
            frames.append(frame)
            if frame[:1] in b"EZ":
                break
            keepalive = frame[:1] == b"d" and frame[5:6] == b"k"
            if keepalive and struct.unpack(">Q", frame[6:14])[0] >= end:
                self.send(b"c")
                break
            if keepalive or frame[:1] == b"W":
                time.sleep(0.1)
                self.send(b"d", b"r" + struct.pack(">QQQqB", 0, 0, 0, 0, 1))  # an idle server says where it is when asked
        return b"".join(frames + ([] if frame is None or frame[:1] == b"Z" else self.until_ready()))


def lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def run(server, statements):
    connection = server.connect()
    try:
        for statement in statements:
            with connection.cursor() as cursor:
                for part in statement.split(";"):  # one at a time: several in one message are one transaction
                    if part.strip():
                        cursor.execute(part)
    finally:
        connection.close()


def record(major):
    folder = DATA / f"postgresql-{major}"
    folder.mkdir(exist_ok=True)
    options = {"logical_decoding_work_mem": "64kB", "max_prepared_transactions": "10"}
    for name, (slot_options, plugin_options, statements) in scenarios(major).items():
        with PostgresServer(major, options) as server:
            run(server, [TABLES.replace("\n", " "), "create publication p for all tables"])
            walsender = Walsender(server)
            walsender.send(b"Q", f"CREATE_REPLICATION_SLOT s LOGICAL pgoutput {slot_options}\0".encode())
            walsender.until_ready()
            run(server, statements + ["create table done ()"])  # a commit that flushes what stands before it
            plugin_options = {"publication_names": "'\"p\"'", **plugin_options}
            listed = ", ".join(f"\"{key}\" {value if value[:1] == chr(39) else repr(value)}"
                               for key, value in ((key, str(value)) for key, value in plugin_options.items()))
            data = walsender.record(f"START_REPLICATION SLOT s LOGICAL 0/0 ({listed})", lsn(server.value("select pg_current_wal_flush_lsn()::text")))
        (folder / f"{name}.session").write_bytes(data)
        print(f"{folder.name}/{name}.session: {len(data)} bytes")


if __name__ == "__main__":
    for argument in sys.argv[1:] or ["15", "17", "18"]:
        record(int(argument))
