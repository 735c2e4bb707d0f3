# SPDX-License-Identifier: Apache-2.0
"""The shapes a stream can have: replica identities, unchanged TOAST, key changes, truncates, messages, DDL in mid-stream,
streamed and prepared transactions, partitions, new tables, origins. Each test says which events must come of which SQL."""

import base64
import dataclasses

import pytest
from postgres import PostgresServer

PLACEHOLDER = "__debezium_unavailable_value"
BIG = "repeat('0123456789', 1000)"


@pytest.fixture(scope="module")
def postgres(pg_version):
    with PostgresServer(pg_version, {"max_prepared_transactions": 10, "logical_decoding_work_mem": "64kB"}) as server:
        yield server


@dataclasses.dataclass
class Stream:
    """A pipeline that streams, and what has come since the last look."""

    pipeline: object
    seen: int = 0

    def events(self):
        """Everything that was committed up to now; a logical message marks the end."""
        server = self.pipeline.server
        mark = f"mark {self.seen} of {self.pipeline.name}"
        server.execute("select pg_logical_emit_message(true, 'mark', %s)", [mark])
        content = base64.b64encode(mark.encode()).decode()
        is_mark = lambda event: event["topic"] == "p.message" and content in str(event["value"])
        events = self.pipeline.wait_for(lambda events: any(map(is_mark, events[self.seen:])))
        fresh, self.seen = events[self.seen:], len(events)
        return [event for event in fresh if not is_mark(event)]

    def changes(self):
        """(table, operation, key, before, after); a tombstone is (table, None, key)."""
        return [brief(event) for event in self.events()]


def brief(event):
    table = event["topic"].removeprefix("p.")
    value = event["value"]
    return (table, None, event["key"]) if value is None else (table, value["op"], event["key"], value.get("before"), value.get("after"))


@pytest.fixture
def stream(run):
    """stream(name, **options): a pipeline on the tables that begin with this name, streaming."""

    def make(name, server=None, snapshot="no_data", **options):
        pipeline = run(name, server, **{"table.include.list": rf"public\.{name}.*", "snapshot.mode": snapshot, **options})
        return Stream(pipeline.start().wait_streaming())

    return make


# Replica identities


def test_identity_default(stream, postgres):
    postgres.execute("create table def (b int, id int, v text, must int not null default 7, code text not null, primary key (id, b))")
    capture = stream("def")
    postgres.execute("insert into def values (1, 2, 'v', 3, 'x')")
    postgres.execute("update def set v = null")
    postgres.execute("update def set id = 20")
    postgres.execute("delete from def")
    row = {"b": 1, "id": 2, "v": "v", "must": 3, "code": "x"}
    key, moved = {"id": 2, "b": 1}, {"id": 20, "b": 1}
    # What an old key does not carry is null, or for a column that is never null its default or zero.
    assert capture.changes() == [
        ("public.def", "c", key, None, row),
        ("public.def", "u", key, None, row | {"v": None}),
        ("public.def", "d", key, {"b": 1, "id": 2, "v": None, "must": 7, "code": ""}, None),
        ("public.def", None, key),
        ("public.def", "c", moved, None, row | {"v": None, "id": 20}),
        ("public.def", "d", moved, {"b": 1, "id": 20, "v": None, "must": 7, "code": ""}, None),
        ("public.def", None, moved),
    ]


def test_identity_full(stream, postgres):
    postgres.execute("create table ful (id int primary key, v text); alter table ful replica identity full")
    capture = stream("ful")
    postgres.execute("insert into ful values (1, 'a')")
    postgres.execute("update ful set v = 'b'")
    postgres.execute("update ful set id = 2, v = null")
    postgres.execute("delete from ful")
    assert capture.changes() == [
        ("public.ful", "c", {"id": 1}, None, {"id": 1, "v": "a"}),
        ("public.ful", "u", {"id": 1}, {"id": 1, "v": "a"}, {"id": 1, "v": "b"}),
        ("public.ful", "d", {"id": 1}, {"id": 1, "v": "b"}, None),
        ("public.ful", None, {"id": 1}),
        ("public.ful", "c", {"id": 2}, None, {"id": 2, "v": None}),
        ("public.ful", "d", {"id": 2}, {"id": 2, "v": None}, None),
        ("public.ful", None, {"id": 2}),
    ]


def test_identity_full_without_a_key(stream, postgres):
    postgres.execute("create table nokey (a int, b text); alter table nokey replica identity full")
    capture = stream("nokey")
    postgres.execute("insert into nokey values (1, 'x'), (1, 'x')")
    postgres.execute("update nokey set a = 2")
    postgres.execute("delete from nokey")
    assert capture.changes() == [
        ("public.nokey", "c", None, None, {"a": 1, "b": "x"}),
        ("public.nokey", "c", None, None, {"a": 1, "b": "x"}),
        ("public.nokey", "u", None, {"a": 1, "b": "x"}, {"a": 2, "b": "x"}),
        ("public.nokey", "u", None, {"a": 1, "b": "x"}, {"a": 2, "b": "x"}),
        ("public.nokey", "d", None, {"a": 2, "b": "x"}, None),
        ("public.nokey", None, None),
        ("public.nokey", "d", None, {"a": 2, "b": "x"}, None),
        ("public.nokey", None, None),
    ]


def test_identity_index(stream, postgres):
    postgres.execute("create table ind (v text, code text not null, n int not null); create unique index ind_code on ind (code, n);"
                     "alter table ind replica identity using index ind_code")
    capture = stream("ind")
    postgres.execute("insert into ind values ('v', 'a', 1)")
    postgres.execute("update ind set v = 'w'")
    postgres.execute("update ind set code = 'b'")
    postgres.execute("delete from ind")
    a, b = {"code": "a", "n": 1}, {"code": "b", "n": 1}
    assert capture.changes() == [
        ("public.ind", "c", a, None, {"v": "v", **a}),
        ("public.ind", "u", a, None, {"v": "w", **a}),
        ("public.ind", "d", a, {"v": None, **a}, None),
        ("public.ind", None, a),
        ("public.ind", "c", b, None, {"v": "w", **b}),
        ("public.ind", "d", b, {"v": None, **b}, None),
        ("public.ind", None, b),
    ]


def test_identity_nothing(stream, postgres):
    postgres.execute("create table noth (id int primary key, v text); alter table noth replica identity nothing")
    capture = stream("noth")
    postgres.execute("insert into noth values (1, 'a')")
    with pytest.raises(Exception, match="replica identity"):
        postgres.execute("update noth set v = 'b'")
    assert capture.changes() == [("public.noth", "c", {"id": 1}, None, {"id": 1, "v": "a"})]


def test_identity_changes_in_mid_stream(stream, postgres):
    postgres.execute("create table chg (id int primary key, v text)")
    capture = stream("chg")
    postgres.execute("insert into chg values (1, 'a')")
    postgres.execute("update chg set v = 'b'")
    postgres.execute("alter table chg replica identity full")
    postgres.execute("update chg set v = 'c'")
    postgres.execute("alter table chg replica identity default")
    postgres.execute("update chg set v = 'd'")
    assert [change[3] for change in capture.changes()] == [None, None, {"id": 1, "v": "b"}, None]


def test_key_header_and_its_order(stream, postgres):
    postgres.execute("create table hdr (id int, part text, primary key (part, id))")
    capture = stream("hdr")
    postgres.execute("insert into hdr values (1, 'a\"b')")
    postgres.execute("update hdr set id = 2")
    _, deleted, tombstone, created = capture.events()
    assert deleted["headers"]["__debezium.newkey"] == tombstone["headers"]["__debezium.newkey"] == '{"part":"a\\"b","id":2}'
    assert created["headers"]["__debezium.oldkey"] == '{"part":"a\\"b","id":1}'
    assert list(deleted["headers"])[0] == "__debezium.newkey"
    assert deleted["value"]["source"] == created["value"]["source"]


# TOAST

TOASTED = ("id int primary key, small int, big text, must text not null, bin bytea, words text[], numbers int[], doc jsonb, num numeric")
TOASTED_ROW = f"1, 1, {BIG}, {BIG}, convert_to({BIG}, 'UTF8'), array[{BIG}], array(select generate_series(1, 5000)), to_jsonb({BIG}), repeat('9', 20000)::numeric"


def toasted(postgres, name):
    postgres.execute(f"create table {name} ({TOASTED})")
    for column in ("big", "must", "bin", "words", "numbers", "doc", "num"):
        postgres.execute(f"alter table {name} alter {column} set storage external")
    postgres.execute(f"insert into {name} values ({TOASTED_ROW})")


@pytest.mark.parametrize("streamed", [False, True], ids=["committed", "streamed"])
def test_unchanged_toast(stream, postgres, streamed):
    name = f"toast_{int(streamed)}"
    toasted(postgres, name)
    capture = stream(name)
    filler = f"insert into {name} (id, must) select g, repeat('f', 100) from generate_series(100, 2000) g;" if streamed else ""
    postgres.execute(f"begin; {filler} update {name} set small = 2 where id = 1; update {name} set id = 3 where id = 1; commit")
    changes = [change for change in capture.changes() if change[2]["id"] < 100]
    assert [change[1] for change in changes] == ["u", "d", None, "c"]
    for change in (changes[0], changes[3]):
        after = change[4]
        assert after["small"] == 2
        assert {name: after[name] for name in ("big", "must", "doc", "words")} == {
            "big": PLACEHOLDER, "must": PLACEHOLDER, "doc": PLACEHOLDER, "words": [PLACEHOLDER]}
        assert base64.b64decode(after["bin"]) == PLACEHOLDER.encode()
        assert after["numbers"] == list(PLACEHOLDER.encode()) and after["num"] is None
    if streamed:
        postgres.wait_for(f"select stream_txns > 0 from pg_stat_replication_slots where slot_name = '{name}'")


def test_toast_with_full_identity_is_filled_in(stream, postgres):
    toasted(postgres, "toast_full")
    postgres.execute("alter table toast_full replica identity full")
    capture = stream("toast_full")
    postgres.execute("update toast_full set small = 2")
    (change,) = capture.changes()
    assert change[4] == change[3] | {"small": 2} and len(change[4]["big"]) == 10000 and len(change[4]["numbers"]) == 5000


def test_other_placeholder(stream, postgres):
    toasted(postgres, "toast_other")
    capture = stream("toast_other", **{"unavailable.value.placeholder": "hex:2d2d"})
    postgres.execute("update toast_other set small = 2")
    (change,) = capture.changes()
    assert change[4]["big"] == "--" and base64.b64decode(change[4]["bin"]) == b"--" and change[4]["numbers"] == [45, 45]


# Truncate


def test_truncate(stream, postgres):
    postgres.execute("create table trunc_a (id int primary key); create table trunc_b (id int primary key);"
                     "create table trunc_c (id int primary key, a int references trunc_a)")
    capture = stream("trunc", **{"skipped.operations": "none"})
    postgres.execute("insert into trunc_a values (1); truncate trunc_b, trunc_a cascade; insert into trunc_b values (2)")
    changes = capture.changes()
    assert changes[0] == ("public.trunc_a", "c", {"id": 1}, None, {"id": 1})
    assert sorted(changes[1:4]) == [(f"public.trunc_{x}", "t", None, None, None) for x in "abc"]
    assert changes[4] == ("public.trunc_b", "c", {"id": 2}, None, {"id": 2})


def test_truncate_is_skipped_unless_asked_for(stream, postgres):
    postgres.execute("create table skipt (id int primary key)")
    capture = stream("skipt")
    postgres.execute("insert into skipt values (1); truncate skipt; insert into skipt values (1)")
    assert [change[1] for change in capture.changes()] == ["c", "c"]


def test_skipped_operations(stream, postgres):
    postgres.execute("create table skipo (id int primary key, v int)")
    capture = stream("skipo", **{"skipped.operations": "c,d"})
    postgres.execute("insert into skipo values (1); update skipo set v = 1; delete from skipo; insert into skipo values (2); update skipo set v = 2")
    assert [(change[1], change[2]) for change in capture.changes()] == [("u", {"id": 1}), ("u", {"id": 2})]


def test_no_tombstones_unless_asked_for(stream, postgres):
    postgres.execute("create table tomb (id int primary key)")
    capture = stream("tomb", **{"tombstones.on.delete": False})
    postgres.execute("insert into tomb values (1); update tomb set id = 2; delete from tomb")
    assert [change[1] for change in capture.changes()] == ["c", "d", "c", "d"]


# Logical messages


def test_logical_messages(stream, postgres):
    postgres.execute("create table msg (id int primary key)")
    capture = stream("msg")
    with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("insert into msg values (1)")
        cursor.execute("select pg_logical_emit_message(true, 'in', 'rolled back')")
        cursor.execute("select pg_logical_emit_message(false, 'out', 'stays')")
        connection.rollback()
        cursor.execute("insert into msg values (2); select pg_logical_emit_message(true, 'in', '\\x00ff'::bytea)")
        connection.commit()
    out, row, inside = capture.events()
    assert (out["topic"], out["key"], out["value"]["op"]) == ("p.message", {"prefix": "out"}, "m")
    assert base64.b64decode(out["value"]["message"]["content"]) == b"stays" and out["value"]["source"]["txId"] is None
    assert row["key"] == {"id": 2}
    assert base64.b64decode(inside["value"]["message"]["content"]) == b"\x00\xff"
    assert inside["value"]["source"]["txId"] == row["value"]["source"]["txId"]
    assert inside["value"]["source"]["table"] == inside["value"]["source"]["schema"] == ""
    assert list(inside["value"]) == ["op", "ts_ms", "source", "transaction", "message"] and not inside.get("headers")


def test_prefixes_of_messages(stream, postgres):
    postgres.execute("create table pre (id int primary key)")
    capture = stream("pre", **{"message.prefix.include.list": "mark,yes.*"})
    postgres.execute("select pg_logical_emit_message(true, p, 'x') from unnest(array['yes1', 'no', 'YES', 'mar']) p")
    assert [event["key"]["prefix"] for event in capture.events()] == ["yes1", "YES"]


# DDL in mid-stream


def test_columns_come_and_go(stream, postgres):
    postgres.execute("create table ddl (id int primary key, a int, b text)")
    capture = stream("ddl")
    for sql in ["insert into ddl values (1, 1, 'one')", "alter table ddl add c text default 'new'", "insert into ddl values (2, 2, 'two')",
                "alter table ddl drop a", "insert into ddl values (3, 'three', null)", "alter table ddl rename b to bb",
                "insert into ddl values (4, 'four', 'x')", "alter table ddl alter bb type varchar(9), alter id type bigint",
                "insert into ddl values (5000000000, 'five', 'y')", "alter table ddl alter c drop default, alter c type int using 5",
                "update ddl set bb = 'end' where id = 1", "alter table ddl add a text", "update ddl set a = 'back' where id = 1"]:
        postgres.execute(sql)
    # A null in a column with a default shows the default, as Connect's JsonConverter does.
    assert [change[4] for change in capture.changes()] == [
        {"id": 1, "a": 1, "b": "one"}, {"id": 2, "a": 2, "b": "two", "c": "new"}, {"id": 3, "b": "three", "c": "new"},
        {"id": 4, "bb": "four", "c": "x"}, {"id": 5000000000, "bb": "five", "c": "y"}, {"id": 1, "bb": "end", "c": 5},
        {"id": 1, "bb": "end", "c": 5, "a": "back"}]


@pytest.mark.parametrize("rows", [1, 3000], ids=["committed", "streamed"])
def test_ddl_inside_a_transaction(stream, postgres, rows):
    name = f"ddltx_{rows}"
    postgres.execute(f"create table {name} (id int primary key, a text)")
    capture = stream(name)
    fill = lambda begin: f"insert into {name} (id, a) select g, repeat('x', 50) from generate_series({begin}, {begin + rows - 1}) g;"
    # What a rolled back subtransaction did to the table's shape never was.
    postgres.execute(f"begin; {fill(1)} alter table {name} add b int; {fill(10001)} savepoint s; alter table {name} add wrong int;"
                     f"{fill(20001)} rollback to s; {fill(30001)} alter table {name} drop a, add a int; "
                     f"insert into {name} (id, a) values (40001, 4); commit; insert into {name} (id, b) values (40002, 5)")
    changes = capture.changes()
    ids = [change[2]["id"] for change in changes]
    assert ids == [*range(1, rows + 1), *range(10001, 10001 + rows), *range(30001, 30001 + rows), 40001, 40002]
    shapes = {tuple(change[4]) for change in changes[:rows]}, {tuple(change[4]) for change in changes[rows:3 * rows]}
    assert shapes == ({("id", "a")}, {("id", "a", "b")})
    assert [change[4] for change in changes[-2:]] == [{"id": 40001, "b": None, "a": 4}, {"id": 40002, "b": 5, "a": None}]


def test_table_is_renamed_and_moved(stream, postgres):
    postgres.execute("create table ren (id int primary key); create schema if not exists moved")
    capture = stream("ren", **{"table.include.list": r"public\.ren.*,moved\..*"})
    postgres.execute("insert into ren values (1)")
    postgres.execute("alter table ren rename to ren_new")
    postgres.execute("insert into ren_new values (2)")
    postgres.execute("alter table ren_new set schema moved")
    postgres.execute("insert into moved.ren_new values (3)")
    postgres.execute("drop table moved.ren_new; create table ren (id text primary key); insert into ren values ('4')")
    assert [(change[0], change[2]["id"]) for change in capture.changes()] == [
        ("public.ren", 1), ("public.ren_new", 2), ("moved.ren_new", 3), ("public.ren", "4")]


def test_table_that_is_dropped_before_its_rows_are_read(run, postgres):
    """Its description is gone from the catalog when its rows come: what the server announces must do."""
    postgres.execute("create table gone (id int primary key, v text)")
    pipeline = run("gone", **{"table.include.list": "public.gone", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    assert pipeline.stop() == 0
    postgres.execute("insert into gone values (1, 'a'); update gone set id = 2; delete from gone; drop table gone")
    pipeline.start()
    events = pipeline.wait_for_lines(6)
    assert [brief(event)[1:] for event in events] == [
        ("c", {"id": 1}, None, {"id": 1, "v": "a"}), ("d", {"id": 1}, {"id": 1, "v": None}, None), (None, {"id": 1}),
        ("c", {"id": 2}, None, {"id": 2, "v": "a"}), ("d", {"id": 2}, {"id": 2, "v": None}, None), (None, {"id": 2})]


def test_table_that_somebody_has_locked(run, postgres):
    """A long migration holds its table: what was committed before comes all the same, of this table and of others."""
    postgres.execute("create table held (id int primary key, v int default 5, w text default lower('A') || 'b',"
                     "g int generated always as (id * 2) stored); create table held_not (id int primary key)")
    pipeline = run("held", **{"table.include.list": r"public\.held\w*", "snapshot.mode": "no_data", "schemas.enable": True})
    pipeline.start().wait_streaming()
    assert pipeline.stop() == 0
    with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
        postgres.execute("insert into held (id) values (1); insert into held_not values (1)")
        cursor.execute("lock table held in access exclusive mode")
        events = pipeline.start().wait_for_lines(2, 20)
        assert events[0]["value"]["payload"]["after"] == {"id": 1, "v": 5, "w": "ab"}
        assert [field.get("default") for field in events[0]["value"]["schema"]["fields"][1]["fields"]][1] == 5
        connection.rollback()
    assert pipeline.stop() == 0


def test_key_changes_its_columns(stream, postgres):
    postgres.execute("create table pk (id int primary key, n int not null)")
    capture = stream("pk")
    postgres.execute("insert into pk values (1, 10)")
    postgres.execute("alter table pk drop constraint pk_pkey, add primary key (n, id)")
    postgres.execute("insert into pk values (2, 20)")
    postgres.execute("alter table pk drop constraint pk_pkey")
    postgres.execute("insert into pk values (3, 30)")
    postgres.execute("create unique index on pk (n)")
    postgres.execute("alter table pk add v int; insert into pk values (4, 40)")
    assert [change[2] for change in capture.changes()] == [{"id": 1}, {"n": 20, "id": 2}, None, {"n": 40}]


def test_enum_grows(stream, postgres):
    postgres.execute("create type grow_mood as enum ('sad'); create table grow (id int primary key, m grow_mood, ms grow_mood[])")
    capture = stream("grow", **{"schemas.enable": True})
    postgres.execute("insert into grow values (1, 'sad', '{sad}')")
    capture.pipeline.wait_for_lines(1)  # the values are those that the type has when the table is described
    postgres.execute("alter type grow_mood add value 'glad'")
    postgres.execute("alter table grow add x int")
    postgres.execute("insert into grow values (2, 'glad', '{glad,sad}')")
    first, second = capture.events()
    assert second["value"]["payload"]["after"] == {"id": 2, "m": "glad", "ms": ["glad", "sad"], "x": None}
    allowed = lambda event: [field["parameters"]["allowed"] for field in event["value"]["schema"]["fields"][1]["fields"]
                             if field["field"] == "m"]
    assert allowed(first) == ["sad"] and allowed(second) == ["sad,glad"]


# Streamed transactions


@pytest.mark.parametrize("mode", ["on", "parallel", "off"])
def test_streamed_transactions(stream, postgres, mode):
    name = f"streamed_{mode}"
    postgres.execute(f"create table {name} (id int primary key, who text, pad text)")
    capture = stream(name, **{"pgoutput.streaming": mode})
    fill = f"insert into {name} select g, '%s', repeat('x', 60) from generate_series(%d, %d) g"
    one, two, three = (postgres.connect(autocommit=False) for _ in range(3))
    with one, two, three, one.cursor() as first, two.cursor() as second, three.cursor() as third:
        first.execute(fill % ("first", 1, 2000))
        second.execute(fill % ("second", 10001, 12000))
        first.execute("savepoint a")
        first.execute(fill % ("first rolled back", 2001, 4000))
        second.execute("savepoint b; savepoint c")
        second.execute(fill % ("second rolled back", 12001, 14000))
        third.execute(fill % ("third rolled back", 20001, 24000))
        first.execute("rollback to a")
        first.execute(fill % ("first again", 2001, 2500))
        second.execute("rollback to b")
        postgres.execute(fill % ("small", 30001, 30003))
        second.execute(fill % ("second again", 13001, 13500))
        second.execute(f"select pg_logical_emit_message(true, 'inside', 'x'); delete from {name} where id = 10001")
        second.execute("commit")
        third.execute("rollback")
        first.execute("release a")
        first.execute("commit")
    changes = capture.changes()
    ids = [change[2].get("id", "message") for change in changes if change[1]]
    assert ids == [30001, 30002, 30003, *range(10001, 12001), *range(13001, 13501), "message", 10001,
                   *range(1, 2001), *range(2001, 2501)]
    assert {change[4]["who"] for change in changes if change[1] == "c"} == {
        "small", "second", "second again", "first", "first again"}
    if mode != "off":
        postgres.wait_for(f"select stream_txns >= 2 from pg_stat_replication_slots where slot_name = '{name}'")


def test_rollback_that_the_server_does_not_tell(run, postgres):
    """A slot is confirmed in the middle of a transaction, as it is when others commit meanwhile. Sent again, a subtransaction
    of more than 4096 changes that lay below is streamed, and servers up to 17 do not say that it was rolled back."""
    postgres.execute("create table unsaid (id int primary key, v int, pad text); create table unsaid_other (id int primary key)")
    pipeline = run("unsaid", **{"table.include.list": r"public\.unsaid\w*", "snapshot.mode": "no_data"})
    capture = Stream(pipeline.start().wait_streaming())
    with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("insert into unsaid select g, 0, repeat('x', 50) from generate_series(1, 6000) g")
        cursor.execute("savepoint s; update unsaid set v = 77 where id <= 5990")
        postgres.execute("insert into unsaid_other values (1)")
        pipeline.wait_for_lines(1)
        pipeline.wait_confirmed(postgres.wal_end())
        pipeline.kill()
        cursor.execute("update unsaid set v = 77 where id > 5990; rollback to s; update unsaid set v = 99 where id > 3000")
        connection.commit()
    pipeline.start()
    changes = capture.changes()
    assert changes[0][0] == "public.unsaid_other"
    assert [change[1] for change in changes[1:]] == ["c"] * 6000 + ["u"] * 3000
    assert {change[4]["v"] for change in changes[1:]} == {0, 99}
    assert pipeline.stop() == 0


@pytest.mark.parametrize("why", ["message_in_a_rolled_back_part", "too_many_notes"])
def test_whole_transactions_are_asked_for_without_a_failure(run, postgres, why):
    """Of some streamed transactions it cannot be told, or not be kept, what was rolled back: the session is begun anew, which
    counts as no attempt, and what was held comes once."""
    name = f"whole_{why}"
    postgres.execute(f"create table {name} (id int primary key, pad text)")
    pipeline = run(name, None, {"memory.limit": "16 MiB"}, **{
        "table.include.list": f"public.{name}", "snapshot.mode": "no_data", "held.memory.percent": 10, "errors.max.retries": 0,
        "message.prefix.exclude.list": "note"})
    capture = Stream(pipeline.start().wait_streaming())
    fill = f"insert into {name} select g, repeat('x', 60) from generate_series(%d, %d) g"
    emit = "select count(pg_logical_emit_message(true, 'note', '')) from generate_series(1, %d) g"
    with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
        postgres.execute(fill % (1, 3))
        cursor.execute(fill % (1001, 3000))
        if why == "too_many_notes":
            cursor.execute(emit % 200_000)  # a note takes 8 bytes, and 1 MiB is free
        else:
            cursor.execute(emit % 1)
            cursor.execute("savepoint s")
            cursor.execute(fill % (3001, 5000))
            cursor.execute("rollback to s")
        cursor.execute(fill % (3001, 3500))
        postgres.execute(fill % (4, 6))
        pipeline.wait_for_log("whole transactions are asked for")
        postgres.execute(fill % (7, 9))
    assert [change[2]["id"] for change in capture.changes()] == [*range(1, 10), *range(1001, 3501)]
    assert len([line for line in pipeline.log() if "whole transactions are asked for" in line["msg"]]) == 1
    assert pipeline.stop() == 0


def test_streamed_transactions_beyond_the_memory_go_to_disk(run, postgres):
    postgres.execute("create table spilled (id int primary key, pad text)")
    pipeline = run("spilled", None, {"memory.limit": "16 MiB"}, **{
        "table.include.list": "public.spilled", "snapshot.mode": "no_data", "held.memory.percent": 10})
    capture = Stream(pipeline.start().wait_streaming())
    postgres.execute("begin; insert into spilled select g, repeat(md5(g::text), 30) from generate_series(1, 15000) g; savepoint s;"
                     "insert into spilled select g, repeat('y', 900) from generate_series(15001, 25000) g; rollback to s;"
                     "insert into spilled select g, repeat('z', 900) from generate_series(15001, 20000) g; commit")
    changes = capture.changes()
    assert [change[2]["id"] for change in changes] == list(range(1, 20001))
    assert {change[4]["pad"][0] for change in changes[15000:]} == {"z"}
    with open(f"/proc/{pipeline.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < (16 + 64) * 1024, "kB: memory.limit and 64 MiB"


# Prepared transactions


def prepare(server, name, gid, begin, count):
    server.execute(f"begin; insert into {name} select g, repeat('x', 50) from generate_series({begin}, {begin + count - 1}) g;"
                   f"prepare transaction '{gid}'")


@pytest.mark.parametrize("two_phase", [False, True], ids=["plain_slot", "two_phase_slot"])
def test_prepared_transactions_come_when_they_commit(stream, postgres, two_phase):
    name = f"prep_{int(two_phase)}"
    postgres.execute(f"create table {name} (id int primary key, pad text); create publication {name} for table {name}")
    postgres.execute(f"select pg_create_logical_replication_slot('{name}', 'pgoutput', false, {two_phase})")
    capture = stream(name)
    assert capture.pipeline.slot("two_phase") is two_phase
    prepare(postgres, name, f"{name} small", 1, 3)
    prepare(postgres, name, f"{name} large", 1001, 3000)
    prepare(postgres, name, f"{name} undone", 5001, 3000)
    postgres.execute(f"insert into {name} values (9001)")
    assert [change[2]["id"] for change in capture.changes()] == [9001]
    postgres.execute(f"commit prepared '{name} large'")
    postgres.execute(f"rollback prepared '{name} undone'")
    postgres.execute(f"insert into {name} values (9002)")
    postgres.execute(f"commit prepared '{name} small'")
    assert [change[2]["id"] for change in capture.changes()] == [*range(1001, 4001), 9002, 1, 2, 3]


@pytest.mark.parametrize("end", ["kill", "stop", "server restart"])
def test_prepared_transactions_survive_a_restart(stream, postgres, end):
    """What is prepared and not committed is not acknowledged: after a restart the server sends it again."""
    name = f"prest_{end[:4]}"
    postgres.execute(f"create table {name} (id int primary key, pad text); create publication {name} for table {name}")
    postgres.execute(f"select pg_create_logical_replication_slot('{name}', 'pgoutput', false, true)")
    capture = stream(name)
    prepare(postgres, name, name, 1, 500)
    postgres.execute(f"insert into {name} values (9001)")
    assert [change[2]["id"] for change in capture.changes()] == [9001]
    if end == "kill":
        capture.pipeline.kill()
        capture.pipeline.start()
    elif end == "stop":
        assert capture.pipeline.stop() == 0
        capture.pipeline.start()
    else:
        postgres.restart("immediate")
    postgres.execute(f"commit prepared '{name}'")
    assert [change[2]["id"] for change in capture.changes()] == list(range(1, 501))
    # Once it has been delivered, it is let go.
    capture.pipeline.wait_confirmed(postgres.wal_end())


# Partitions


PARTITIONED = ("create table {0} (id int, region text, v text, primary key (region, id)) partition by list (region);"
               "create table {0}_eu partition of {0} for values in ('eu');"
               "create table {0}_us (v text, gone int, region text not null, id int not null, primary key (region, id));"
               "alter table {0}_us drop gone; alter table {0} attach partition {0}_us for values in ('us');")


@pytest.mark.parametrize("via_root", [False, True], ids=["leaves", "root"])
def test_partitions(run, postgres, via_root):
    name = f"part_{int(via_root)}"
    postgres.psql(PARTITIONED.format(name))
    postgres.execute(f"insert into {name} values (1, 'eu', 'snapshot'), (2, 'us', 'snapshot')")
    pipeline = run(name, **{"table.include.list": rf"public\.{name}.*", "publish.via.partition.root": via_root,
                            "skipped.operations": "none"})
    capture = Stream(pipeline.start().wait_streaming())
    postgres.execute(f"insert into {name} values (3, 'us', 'stream')")
    postgres.execute(f"update {name} set region = 'us' where id = 1")
    postgres.execute(f"create table {name}_cn partition of {name} for values in ('cn'); insert into {name} values (4, 'cn', 'new')")
    postgres.execute(f"truncate {name}")
    changes = capture.changes()
    table = lambda leaf: f"public.{name}" if via_root else f"public.{name}_{leaf}"
    key = lambda id, region: {"region": region, "id": id}
    row = lambda id, region, v: {"id": id, "region": region, "v": v}
    assert sorted((change[:3] for change in changes[:2]), key=str) == [(table("eu"), "r", key(1, "eu")), (table("us"), "r", key(2, "us"))]
    assert [change[4] for change in changes[:2]] == [row(1, "eu", "snapshot"), row(2, "us", "snapshot")]
    assert changes[2:7] == [
        (table("us"), "c", key(3, "us"), None, row(3, "us", "stream")),
        (table("eu"), "d", key(1, "eu"), row(1, "eu", None), None),
        (table("eu"), None, key(1, "eu")),
        (table("us"), "c", key(1, "us"), None, row(1, "us", "snapshot")),
        (table("cn"), "c", key(4, "cn"), None, row(4, "cn", "new")),
    ]
    truncated = changes[7:]
    assert all(change[1:] == ("t", None, None, None) for change in truncated)
    assert {change[0] for change in truncated} >= ({f"public.{name}"} if via_root else {table("eu"), table("us"), table("cn")})


# Tables that come and go


def test_new_tables(stream, postgres):
    postgres.execute("create table fresh (id int primary key)")
    capture = stream("fresh")
    postgres.execute("create table fresh_b (id int primary key); insert into fresh_b values (1); insert into fresh values (2)")
    postgres.execute("create table other_than_fresh (id int primary key); insert into other_than_fresh values (3)")
    assert [(change[0], change[2]["id"]) for change in capture.changes()] == [("public.fresh_b", 1), ("public.fresh", 2)]


def test_new_tables_of_a_filtered_publication_come_with_a_restart(stream, postgres):
    postgres.execute("create table filt (id int primary key)")
    capture = stream("filt", **{"publication.autocreate.mode": "filtered"})
    postgres.execute("create table filt_b (id int primary key); insert into filt_b values (1); insert into filt values (2)")
    assert [(change[0], change[2]["id"]) for change in capture.changes()] == [("public.filt", 2)]
    assert capture.pipeline.stop() == 0
    capture.pipeline.start().wait_streaming()
    postgres.execute("insert into filt_b values (3)")
    assert [(change[0], change[2]["id"]) for change in capture.changes()] == [("public.filt_b", 3)]


def test_what_the_publication_filters(stream, postgres):
    postgres.execute("create table pubf (id int primary key, n int, secret text);"
                     "create publication pubf for table pubf (id, n) where (id < 100)")
    postgres.execute("insert into pubf values (1, 1, 's'), (200, 1, 's')")
    capture = stream("pubf", snapshot="initial")
    postgres.execute("insert into pubf values (2, 2, 's'), (300, 2, 's')")
    postgres.execute("update pubf set id = 400 where id = 2")
    postgres.execute("update pubf set id = 3 where id = 200")
    assert [change[1:] for change in capture.changes()] == [
        ("r", {"id": 1}, None, {"id": 1, "n": 1}), ("c", {"id": 2}, None, {"id": 2, "n": 2}),
        ("d", {"id": 2}, {"id": 2, "n": None}, None), (None, {"id": 2}), ("c", {"id": 3}, None, {"id": 3, "n": 1})]


def test_generated_columns(stream, postgres):
    postgres.execute("create table gen (id int primary key, n int, twice int generated always as (n * 2) stored)")
    if postgres.version >= 18:
        postgres.execute("create publication gen for table gen with (publish_generated_columns = stored)")
    postgres.execute("insert into gen values (1, 1)")
    capture = stream("gen", snapshot="initial")
    postgres.execute("insert into gen values (2, 2)")
    extra = lambda n: {"twice": 2 * n} if postgres.version >= 18 else {}
    assert [change[4] for change in capture.changes()] == [{"id": 1, "n": 1, **extra(1)}, {"id": 2, "n": 2, **extra(2)}]


# Origins


def test_replication_origins(stream, postgres):
    postgres.execute("create table orig (id int primary key)")
    capture = stream("orig")
    with postgres.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_replication_origin_create('upstream.one')")
        connection.commit()
        cursor.execute("select pg_replication_origin_session_setup('upstream.one')")
        cursor.execute("select pg_replication_origin_xact_setup('1/2A', '2024-01-02 03:04:05+00'); insert into orig values (1)")
        connection.commit()
        cursor.execute("select pg_replication_origin_xact_setup('1/3B', '2024-01-02 03:04:06+00');"
                       "insert into orig select generate_series(1001, 5000)")
        connection.commit()
        cursor.execute("select pg_replication_origin_session_reset()")
        connection.commit()
    postgres.execute("insert into orig values (2)")
    events = {event["key"]["id"]: event["value"]["source"] for event in capture.events()}
    assert (events[1]["origin"], events[1]["origin_lsn"]) == ("upstream.one", 0x10000002A)
    assert events[1]["ts_ms"] == 1704164645000
    # Of a transaction that it sends in progress the server does not know the origin's position yet.
    assert {(events[n]["origin"], events[n]["origin_lsn"]) for n in range(1001, 5001)} == {("upstream.one", None)}
    assert (events[2]["origin"], events[2]["origin_lsn"]) == (None, None)
    postgres.execute("select pg_replication_origin_drop('upstream.one')")


# Several at once


def test_transaction_over_several_schemas(stream, postgres):
    postgres.psql('create schema if not exists "Other.Schema"; create table "Other.Schema"."Multi ö" ("Id" int primary key, "a""b" int);'
                  "create table multi (id int primary key)")
    capture = stream("multi", **{"table.include.list": r'public\.multi,Other\.Schema\.Multi ö'})
    postgres.execute('begin; insert into multi values (1); insert into "Other.Schema"."Multi ö" values (2, 3); insert into multi values (4); commit')
    events = capture.events()
    assert [event["topic"] for event in events] == ["p.public.multi", "p.Other.Schema.Multi__", "p.public.multi"]
    assert events[1]["key"] == {"Id": 2} and events[1]["value"]["after"] == {"Id": 2, 'a"b': 3}
    assert (events[1]["value"]["source"]["schema"], events[1]["value"]["source"]["table"]) == ("Other.Schema", "Multi ö")
    assert len({event["value"]["source"]["txId"] for event in events}) == 1
    assert len({event["value"]["source"]["lsn"] for event in events}) == 3
