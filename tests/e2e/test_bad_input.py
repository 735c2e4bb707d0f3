# SPDX-License-Identifier: Apache-2.0
"""Extremes and mistakes: tables as wide as they get, names as odd as they get, fields as large as they get, files with
mistakes, servers that send nonsense. Each has an answer; none has a crash."""

import json
import random
import signal
import socket
import threading
import time

import pytest
from program import operations
from proxy import Proxy

# 63 bytes each: quotes, dots, a backslash, an emoji, a tab, letters of two bytes.
SCHEMA = 'Sch.ema "quoted" \\back\tslash 😀 öä.' .ljust(40, "s")
TABLE = "tab.le 'single' \"double\" \\ 😀; drop table x -- "
COLUMN = 'co"l.u\'mn \\ 😀 {"json": [1]} '
LABEL = 'la"bel, with \\ comma {} 😀'


def filled(name):
    """The name made 63 bytes long, which is as long as PostgreSQL keeps it."""
    return name + "x" * (63 - len(name.encode()))


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("schemas", [False, True], ids=["bare", "schemas"])
def test_1600_columns(run, postgres, schemas):
    name = f"wide_{int(schemas)}"
    columns = [f"c{n}" for n in range(1599)]
    postgres.execute(f"create table {name} (id int primary key, {', '.join(f'{column} int' for column in columns)})")
    values = ", ".join(str(n) for n in range(1599))
    postgres.execute(f"insert into {name} values (1, {values})")
    pipeline = run(name, **{"table.include.list": f"public.{name}", "schemas.enable": schemas})
    pipeline.start().wait_streaming()
    postgres.execute(f"insert into {name} values (2, {values}); update {name} set c1598 = -1 where id = 2; delete from {name} where id = 1")
    events = pipeline.wait_for_lines(5)
    row = {"id": 2, **{column: n for n, column in enumerate(columns)}}
    payload = (lambda event: event["value"]["payload"]) if schemas else (lambda event: event["value"])
    assert payload(events[0])["after"] == row | {"id": 1} and payload(events[1])["after"] == row
    assert payload(events[2])["after"] == row | {"c1598": -1}
    assert payload(events[3])["before"] == {"id": 1, **dict.fromkeys(columns)}
    if schemas:
        assert len(events[0]["value"]["schema"]["fields"][1]["fields"]) == 1600
    assert pipeline.stop() == 0


def test_odd_names(run, postgres):
    schema, table, column, label, database = (filled(name) for name in (SCHEMA, TABLE, COLUMN, LABEL, 'da"ta.base \' \\ 😀 '))
    key, publication = filled(COLUMN + "key"), filled("pub'li\"cation 😀 ")
    postgres.execute(f"create database {quoted(database)}")
    sql_label = "'" + label.replace("'", "''") + "'"
    execute = lambda sql: postgres.execute(sql, dbname=database)
    execute(f"create schema {quoted(schema)}; create type {quoted(schema)}.{quoted(filled('ty.pe '))} as enum ({sql_label});"
            f"create table {quoted(schema)}.{quoted(table)} ({quoted(key)} int primary key, "
            f"{quoted(column)} {quoted(schema)}.{quoted(filled('ty.pe '))})")
    execute(f"insert into {quoted(schema)}.{quoted(table)} values (1, {sql_label})")
    # In the list it is a regular expression with commas between: everything special is escaped.
    pattern = "".join(c if c.isalnum() or ord(c) > 127 or c in " _\t" else "\\" + c for c in f"{schema}.{table}")
    pipeline = run("odd", **{"database.dbname": database, "publication.name": publication, "table.include.list": pattern,
                             "publication.autocreate.mode": "filtered"})
    code, text, _ = pipeline.ask("check", "--json")
    findings = json.loads(text)["pipelines"][0]["findings"]
    assert code == 0 and any("1 of 1 tables" in finding["problem"] for finding in findings), findings
    pipeline.start().wait_streaming()
    execute(f"insert into {quoted(schema)}.{quoted(table)} values (2, {sql_label}); "
            f"update {quoted(schema)}.{quoted(table)} set {quoted(key)} = 3 where {quoted(key)} = 2")
    events = pipeline.wait_for_lines(5)
    assert operations(events) == ["r", "c", "d", None, "c"]
    for event, id in zip(events, (1, 2, 2, 2, 3)):
        assert event["key"] == {key: id}
        # Illegal characters of a topic become one underscore each, byte for byte or letter for letter.
        assert event["topic"].startswith("p.Sch.ema__quoted__") and len(event["topic"]) <= 249
        if event["value"]:
            source = event["value"]["source"]
            assert (source["db"], source["schema"], source["table"]) == (database, schema, table)
    assert events[1]["value"]["after"] == {key: 2, column: label}
    assert json.loads(events[2]["headers"]["__debezium.newkey"]) == {key: 3}
    # A second start finds slot and publication again.
    assert pipeline.stop() == 0
    pipeline.start().wait_streaming()
    assert pipeline.stop() == 0 and pipeline.line_count() == 5
    pipeline.clean_up()
    postgres.execute(f"drop database {quoted(database)} with (force)")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_databases_in_other_encodings(run, postgres, encoding):
    name = f"enc_{encoding.lower()}"
    postgres.execute(f"create database {name} encoding '{encoding}' template template0 locale 'C'")
    text = {"LATIN1": "äöü", "SQL_ASCII": "äöü", "EUC_JP": "漢字"}[encoding]
    def psql(sql):
        postgres.psql(f"set client_encoding = 'UTF8'; {sql}", name)

    psql(f"create table t (id int primary key, v text); insert into t values (1, '{text}')")
    pipeline = run(name, **{"database.dbname": name, "table.include.list": "public.t"})
    pipeline.start().wait_streaming()
    psql(f"insert into t values (2, '{text}')")
    assert [event["value"]["after"]["v"] for event in pipeline.wait_for_lines(2)] == [text, text]
    if encoding == "SQL_ASCII":
        # Bytes that are no text: the line is UTF-8 all the same, or nothing comes and the reason is told.
        psql(r"insert into t values (3, convert_from('\xff41'::bytea, 'SQL_ASCII'))")
        pipeline.wait_until(lambda: pipeline.line_count() == 3 or pipeline.process.poll() is not None)
        if pipeline.running:
            assert pipeline.output.read_bytes().decode() and "\ufffd" in pipeline.events()[2]["value"]["after"]["v"]
        else:
            pipeline.stopped_with("VALUE_UNDECODABLE", 3)
    pipeline.clean_up()
    postgres.execute(f"drop database {name} with (force)")


# Large fields


def test_fields_of_100_mb(run, postgres):
    postgres.execute("create table large (id int primary key, v text, b bytea); alter table large alter v set storage external, "
                     "alter b set storage external; insert into large values (1, repeat('a', 100000000), null)")
    pipeline = run("large", None, {"memory.limit": "1 GiB"}, **{"table.include.list": "public.large"})
    pipeline.start().wait_streaming()
    # Hexadecimal doubles it on the wire: 200 MB.
    postgres.execute("insert into large values (2, 'small', decode(repeat('ff00', 50000000), 'hex'))")
    postgres.execute("insert into large values (3, repeat('\"', 60000000), null); insert into large values (4, 'end', null)")
    pipeline.wait_for_lines(4, 120)
    lengths = []
    for line in pipeline.output.read_bytes().splitlines():
        after = json.loads(line)["value"]["after"]
        lengths.append((after["id"], len(after["v"]), len(after["b"] or "")))
    assert lengths == [(1, 100000000, 0), (2, 5, 133333336), (3, 60000000, 0), (4, 3, 0)]
    assert pipeline.stop() == 0
    pipeline.output.unlink()


@pytest.mark.parametrize("path", ["snapshot", "stream", "streamed transaction"])
def test_row_that_is_too_large_stops_and_goes_on_when_allowed(run, postgres, path):
    name = f"toolarge_{path[:8].strip()}_{len(path)}"
    postgres.execute(f"create table {name} (id int primary key, v text); alter table {name} alter v set storage external;"
                     f"insert into {name} values (1, 'before')")
    pipeline = run(name, None, {"memory.limit": "64 MiB"}, **{"table.include.list": f"public.{name}", "row.bytes.max": "1 MiB"})
    large = f"insert into {name} values (2, repeat('x', 3000000)); insert into {name} values (3, 'behind')"
    if path == "snapshot":
        postgres.execute(large)
        pipeline.start()
    else:
        pipeline.start().wait_streaming()
        if path == "streamed transaction":
            postgres.configure(logical_decoding_work_mem="64kB")
            postgres.execute(f"begin; insert into {name} select g, repeat('s', 100) from generate_series(1000, 4000) g; {large}; commit")
            postgres.configure(logical_decoding_work_mem="64MB")
        else:
            postgres.execute(large)
    said = pipeline.stopped_with("ROW_TOO_LARGE", 3)
    assert "row.bytes.max is 1048576" in said and f"of table public.{name}" in said and " 30000" in said
    # Again, and the same; then it is allowed.
    pipeline.start()
    pipeline.stopped_with("ROW_TOO_LARGE", 3)
    pipeline.configure(**{"row.bytes.max": "8 MiB"})
    pipeline.start()
    ids = [1, 2, 3] if path != "streamed transaction" else [1, *range(1000, 4001), 2, 3]
    events = pipeline.wait_for_lines(len(ids))
    assert [event["key"]["id"] for event in events] == ids
    assert pipeline.stop() == 0


def test_large_rows_pass_one_after_the_other(run, postgres):
    """Each row is as large as a row may be; together they are many times the memory."""
    postgres.execute("create table heavy (id int primary key, v text); alter table heavy alter v set storage external;"
                     "insert into heavy select g, repeat('h', 7000000) from generate_series(1, 20) g")
    pipeline = run("heavy", None, {"memory.limit": "64 MiB"}, **{"table.include.list": "public.heavy", "row.bytes.max": "8 MiB"})
    pipeline.start().wait_streaming(120)
    postgres.execute("insert into heavy select g, repeat('h', 7000000) from generate_series(21, 40) g")
    pipeline.wait_for_lines(40, 120)
    with open(f"/proc/{pipeline.process.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < (64 + 64) * 1024, "kB: memory.limit and 64 MiB"
    assert [event["key"]["id"] for event in pipeline.events()] == list(range(1, 41))
    assert pipeline.stop() == 0
    pipeline.output.unlink()


# Files with mistakes. Nothing is connected: the port is nobody's.

MISTAKES = {
    "unknown_key": ("databse.hostname: x\n", "database.hostname"),
    "unknown_key_of_the_process": ("process:log.levle: debug\n", "log.level"),
    "not_a_number": ("database.port: many\n", "database.port"),
    "number_out_of_range": ("database.port: 70000\n", "65535"),
    "not_one_of": ("snapshot.mode: sometimes\n", "no_data"),
    "missing": ("-topic.prefix", "topic.prefix"),
    "file_without_a_path": ("-file.path", "file.path"),
    "bad_expression": ("schema.include.list: 'pub(lic'\n", "schema.include.list"),
    "include_and_exclude": ("table.exclude.list: public.x\n", "table.exclude.list"),
    "twice": ("database.user: other\n", "database.user"),
    "unset_variable": ("database.password: ${env:NO_SUCH_VARIABLE}\n", "NO_SUCH_VARIABLE"),
    "missing_secret": ("database.password: ${file:/no/such/file}\n", "/no/such/file"),
    "bad_slot_name": ("=slot.name: Upper-Case\n", "slot.name"),
    "long_publication": (f"=publication.name: {'p' * 64}\n", "publication.name"),
    "small_memory": ("process:memory.limit: 1 MiB\n", "16 MiB"),
    "size_without_a_unit": ("process:memory.limit: 64 apples\n", "memory.limit"),
    "list_for_a_text": ("database.dbname: [a, b]\n", "database.dbname"),
    "tab_for_blanks": ("\tdatabase.port: 1\n", "millrace.yaml"),
    "no_yaml": ("{]\n", "millrace.yaml"),
    "feature_of_later": ("transforms: unwrap\n", "transforms"),
    "other_connector": ("=connector: mysql\n", "connector"),
    "bad_listen": ("process:http.listen: nowhere\n", "http.listen"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_file_with_a_mistake(run, name):
    text, words = MISTAKES[name]
    pipeline = run("mistake", **{"database.port": 1, "table.include.list": "public.t"})
    lines = pipeline.config.read_text().splitlines()
    if text.startswith("process:"):
        lines = [line for line in lines if not line.startswith(text[8:].split(":")[0] + ":")]
        lines.insert(0, text[8:].rstrip())
    elif text.startswith("-"):
        lines = [line for line in lines if not line.strip().startswith(text[1:] + ":")]
    elif text.startswith("="):
        option = text[1:].split(":")[0]
        lines = ["    " + text[1:].rstrip() if line.strip().startswith(option + ":") else line for line in lines]
    elif name in ("twice", "not_a_number", "number_out_of_range", "list_for_a_text"):
        option = text.split(":")[0]
        if name != "twice":
            lines = [line for line in lines if not line.strip().startswith(option + ":")]
        lines.append("    " + text.rstrip())
    else:
        lines.append("    " + text.rstrip("\n"))
    pipeline.config.write_text("\n".join(lines) + "\n")
    said = pipeline.start().stopped_with("CONFIG_INVALID", 2, 5)
    assert words in said and "connect" not in pipeline.log_text().replace("connector", "").replace("connection", ""), said
    code, out, errors = pipeline.ask("check")
    assert code == 2 and words in out + errors


def test_file_that_is_not_there(run, tmp_path):
    pipeline = run("absent")
    pipeline.config.unlink()
    assert "millrace.yaml" in pipeline.start().stopped_with("CONFIG_INVALID", 2, 5)


# Servers that send nonsense


@pytest.mark.parametrize("seed", range(6))
def test_broken_bytes_end_in_a_word_and_not_in_a_crash(run, postgres, seed):
    """Somebody between changes bytes of the stream: it stops with a reason or reads on, and never dies of a signal."""
    name = f"broken_{seed}"
    postgres.execute(f"create table {name} (id int primary key, v text)")
    source = random.Random(seed)
    real_send = Proxy._send

    class Corrupting(Proxy):
        spoils = False

        def _send(self, sink, data, sender):
            if self.spoils and sender == "server" and len(data) > 40:
                data = bytearray(data)
                for _ in range(source.choice([1, 3, 20])):
                    data[source.randrange(len(data))] = source.randrange(256)
                data = bytes(data)
            real_send(self, sink, data, sender)

    with Corrupting(postgres.port, seed=seed) as proxy:
        pipeline = run(name, **{"table.include.list": f"public.{name}", "database.port": proxy.port, "database.sslmode": "disable",
                                "snapshot.mode": "no_data", "row.bytes.max": "4 MiB", "errors.max.retries": 3})
        pipeline.start().wait_streaming()
        proxy.spoils = True
        for n in range(20):
            postgres.execute(f"insert into {name} select g, repeat('x', 20) from generate_series({n * 50 + 1}, {n * 50 + 50}) g")
            time.sleep(0.05)
            if not pipeline.running:
                break
        if not pipeline.running:
            last = pipeline.log()[-1]
            assert pipeline.process.returncode > 0 and last.get("reason") not in (None, "INTERNAL"), pipeline.log_text()
        else:
            pipeline.process.send_signal(signal.SIGTERM)
            assert pipeline.ended(15) >= 0, pipeline.log_text()


def test_server_that_says_nothing_true(run):
    """A stranger that answers everything with random bytes."""
    source = random.Random(5)

    def serve(listening):
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer:
                try:
                    peer.recv(4096)
                    peer.sendall(source.randbytes(source.randint(1, 3000)))
                except OSError:
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        pipeline = run("liar", **{"database.port": listening.getsockname()[1], "database.sslmode": "disable", "errors.max.retries": 20,
                                  "retriable.restart.connector.wait.ms": 10})
        assert pipeline.start().ended(30) in (3, 4), pipeline.log_text()
