# SPDX-License-Identifier: Apache-2.0
"""What a snapshot copies, and how tables and types are described."""

import threading
import time

import pytest

from postgres import PostgresServer

TABLES = r"""
create schema app;
create type app.mood as enum ('sad', 'it''s ok', 'über');
create domain app.positive as numeric(10, 2) not null check (value > 0);
create domain app.moods as app.mood[];
create table app.orders (
  line int, id bigint generated always as identity, mood app.mood default 'sad', price app.positive, tags text[],
  moods app.moods, note varchar(10) not null default 'a\b', gone int, doubled int generated always as (line * 2) stored,
  primary key (id, line));
alter table app.orders drop column gone;
create table app."Odd ""name.x" ("Sel""ect" int, b text);
create unique index expr on app."Odd ""name.x" (lower(b));
create unique index later on app."Odd ""name.x" (b, "Sel""ect");
create table app.parted (id int primary key, v text) partition by range (id);
create table app.parted_low (v text, id int not null);
alter table app.parted attach partition app.parted_low for values from (0) to (10);
create table app.parted_high partition of app.parted for values from (10) to (20);
create table app.animal (name text primary key);
create table app.dog (barks bool) inherits (app.animal);
create unlogged table app.scratch (id int primary key);
create table spatial_ref_sys (id int);
insert into app.orders (line, price, tags, moods) select i, i, array['a', null, 'b,c'], '{sad}' from generate_series(1, 3) i;
insert into app."Odd ""name.x" values (1, E'tab\there');
insert into app.parted values (1, 'low'), (11, 'high');
insert into app.animal values ('cat'); insert into app.dog values ('rex', true);
"""


@pytest.fixture(scope="module")
def server(pg_version):
    with PostgresServer(pg_version) as running:
        running.psql(TABLES)
        yield running


@pytest.fixture(autouse=True)
def clean(server):
    yield
    server.wait_for("select count(*) from pg_replication_slots where active", 0)
    server.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots; drop publication if exists probe;")


def snapshot(server, probe, **options):
    answers = probe.ask(server, "facts", "slot", "snapshot", "copy", **options)
    opened, copied = answers[2:]
    assert opened["event"] == "snapshot_opened", opened
    names = [f'{t["description"]["schema"]}.{t["description"]["name"]}' for t in opened["tables"]]
    return opened, dict(zip(names, [t["rows"] for t in copied["tables"]])), [t["error"] for t in copied["tables"]]


def test_copies_every_published_table(server, probe):
    opened, rows, errors = snapshot(server, probe)
    assert not any(errors), errors
    assert list(rows) == sorted(rows)
    assert set(rows) == {"app.orders", 'app.Odd "name.x', "app.parted_low", "app.parted_high", "app.animal", "app.dog"}
    assert rows["app.animal"] == ["cat\n"] and rows["app.dog"] == ["rex\tt\n"]
    assert rows['app.Odd "name.x'] == ["1\ttab\\there\n"]
    assert rows["app.orders"][0] == '1\t1\tsad\t1.00\t{a,NULL,"b,c"}\t{sad}\ta\\\\b\n'
    assert rows["app.parted_low"] == ["low\t1\n"]
    assert opened["transaction_id"] > 0 and opened["tables"][0]["read_time_us"] > 1_600_000_000_000_000


def test_partitions_as_their_root(server, probe):
    _, rows, errors = snapshot(server, probe, **{"publish.via.partition.root": True, "table.include.list": "app.parted"})
    assert not any(errors) and sorted(rows["app.parted"]) == ["1\tlow\n", "11\thigh\n"]
    assert list(rows) == ["app.parted"]


def test_order_follows_the_include_list(server, probe):
    _, rows, _ = snapshot(server, probe, **{"table.include.list": "APP.Parted_.*, app.dog,app.animal"})
    assert list(rows) == ["app.parted_high", "app.parted_low", "app.dog", "app.animal"]


def test_column_lists_and_row_filters_of_the_publication(server, probe):
    if server.version < 15:
        pytest.skip("15 and newer")
    server.execute("create publication probe for table app.orders (line, id, note) where (line > 1 and note <> 'z')")
    opened, rows, errors = snapshot(server, probe, **{"publication.autocreate.mode": "disabled"})
    assert not any(errors) and rows["app.orders"] == ["2\t2\ta\\\\b\n", "3\t3\ta\\\\b\n"]
    assert opened["tables"][0]["columns"] == ["line", "id", "note"]


def test_published_generated_columns(server, probe):
    if server.version < 18:
        pytest.skip("18 and newer")
    server.execute("create publication probe for table app.orders with (publish_generated_columns = stored)")
    opened, rows, errors = snapshot(server, probe, **{"publication.autocreate.mode": "disabled"})
    assert not any(errors) and opened["tables"][0]["columns"][-1] == "doubled"
    assert rows["app.orders"][2].endswith("\t6\n")


def test_sees_exactly_the_consistent_point(server, probe):
    """What commits after the slot was made is not in the snapshot, though before the copy."""
    server.execute("drop table if exists app.late; create table app.late (id int primary key); insert into app.late values (1)")
    def later():
        server.wait_for("select count(*) from pg_replication_slots where slot_name = 'probe'", 1)
        time.sleep(0.3)
        server.execute("insert into app.late values (2)")
    thread = threading.Thread(target=later)
    thread.start()
    answers = probe.ask(server, "facts", "slot", "sleep:1500", "snapshot", "copy", **{"table.include.list": "app.late"})
    thread.join()
    assert answers[-1]["tables"][0]["rows"] == ["1\n"]
    server.execute("drop table app.late")


def test_a_snapshot_that_has_gone_is_tried_again(server, probe):
    got = probe.fails(server, "facts", "snapshot:00000003-0000001B-1")
    assert got[:2] == ("SNAPSHOT_FAILED", True), got


def test_rights_and_policies_that_hide_rows(server, probe):
    server.psql("create role reader login replication; create table app.secret (id int primary key);"
                "alter table app.secret enable row level security; create publication probe for all tables;")
    try:
        options = {"database.user": "reader", "publication.autocreate.mode": "disabled"}
        got = probe.fails(server, "facts", "slot", "snapshot", **options)
        assert got[:2] == ("PERMISSION_DENIED", False)
        assert 'GRANT USAGE ON SCHEMA "app" TO "reader"' in got[2] and 'GRANT SELECT ON "app"."orders" TO "reader"' in got[2]
        server.psql("grant usage on schema app to reader; grant select on all tables in schema app to reader;"
                    "select pg_drop_replication_slot('probe');")
        got = probe.fails(server, "facts", "slot", "snapshot", **options)
        assert got[0] == "PERMISSION_DENIED" and 'ALTER ROLE "reader" BYPASSRLS' in got[2] and "app.secret" in got[2]
        server.psql("alter role reader bypassrls; select pg_drop_replication_slot('probe');")
        assert probe.ask(server, "facts", "slot", "snapshot", **options)[-1]["event"] == "snapshot_opened"
    finally:
        server.psql("drop table app.secret; drop owned by reader; drop role reader;")


def test_describes_tables_and_types(server, probe):
    oid = server.value("select 'app.orders'::regclass::oid")
    table = probe.ask(server, f"describe:{oid}")[0]
    assert (table["schema"], table["name"], table["kind"], table["replica_identity"]) == ("app", "orders", "r", "d")
    assert table["primary_key"] == ["id", "line"] and table["unique_key"] == []
    columns = {column["name"]: column for column in table["columns"]}
    assert list(columns) == ["line", "id", "mood", "price", "tags", "moods", "note", "doubled"]
    assert columns["id"]["identity"] and columns["id"]["not_null"] and columns["id"]["default"] is None
    assert columns["doubled"]["generated"] and columns["doubled"]["default"] is None
    assert columns["mood"]["default"] == "'sad'::app.mood"
    assert columns["price"]["not_null"] and not columns["tags"]["not_null"]
    assert columns["note"]["modifier"] == 14
    types = {t["name"]: t for t in table["types"].values()}
    assert types["app.mood"]["labels"] == ["sad", "it's ok", "über"]
    assert types["app.positive"]["kind"] == "d" and types["app.positive"]["base"] == 1700
    assert types["app.positive"]["base_modifier"] == ((10 << 16) | 2) + 4
    mood_array = table["types"][str(types["app.moods"]["base"])]
    assert table["types"][str(mood_array["element"])]["name"] == "app.mood" and types["app.moods"]["element"] == 0
    assert types["pg_catalog._text"]["element"] == 25


def test_unique_index_stands_in_for_a_missing_key(server, probe):
    oid = server.value("""select 'app."Odd ""name.x"'::regclass::oid""")
    table = probe.ask(server, f"describe:{oid}")[0]
    assert table["primary_key"] == [] and table["unique_key"] == ["b", 'Sel"ect']


def test_a_dropped_table_is_not_found(server, probe):
    assert probe.ask(server, "describe:4000000000")[0]["found"] is False
