# SPDX-License-Identifier: Apache-2.0
"""`millrace check` against set-ups that are broken on purpose: it names the fault and prints what fixes it. Each fix is
taken as printed and applied; then check passes, and `millrace run`, which refused before, streams."""

import dataclasses
import json
import socket
import subprocess
import threading

import pytest
from postgres import PostgresServer

ROLE = "create role capture login replication; grant create on database {database} to capture;"
TABLE = "create table item (id int primary key, v text);"


@dataclasses.dataclass
class Broken:
    """A way to be broken.

    sql         makes it so, in a database of its own, as superuser, after `ROLE`
    options     of the pipeline
    reason      the finding's
    says        words of its subject and problem
    fix         the fix is SQL ("sql"), SQL that needs a restart ("restart"), or words about options that `after` follows
    fixed_by    what the fix contains
    after       options as the fix asks for them
    refused     the reason `run` gives for refusing; None when it does not see the fault
    severity    of the finding
    """

    sql: str
    reason: str
    says: tuple
    fixed_by: str
    options: dict = dataclasses.field(default_factory=dict)
    fix: str = "sql"
    after: dict = dataclasses.field(default_factory=dict)
    refused: str = None
    severity: str = "error"


FILTERED = {"publication.autocreate.mode": "filtered", "table.include.list": "public.item"}
OWN_PUBLICATION = {"publication.autocreate.mode": "disabled", "table.include.list": "public.item"}
AS_CAPTURE = {"database.user": "capture", **OWN_PUBLICATION}
PUBLISHED = TABLE + "create publication {slot} for table item;"
READABLE = "grant select on item to capture;"

BROKEN = {
    "role_without_replication": Broken(
        PUBLISHED + READABLE + "alter role capture noreplication;", "PERMISSION_DENIED", ("role capture", "replication"),
        'ALTER ROLE "capture" REPLICATION', AS_CAPTURE, refused="PERMISSION_DENIED"),
    "no_select": Broken(
        PUBLISHED, "PERMISSION_DENIED", ("public.item", "may not read"), 'GRANT SELECT ON "public"."item" TO "capture"',
        AS_CAPTURE, refused="PERMISSION_DENIED"),
    "no_usage_of_the_schema": Broken(
        "create schema hidden; create table hidden.item (id int primary key); grant select on hidden.item to capture;"
        "create publication {slot} for table hidden.item;",
        "PERMISSION_DENIED", ("schema hidden",), 'GRANT USAGE ON SCHEMA "hidden" TO "capture"',
        AS_CAPTURE | {"table.include.list": "hidden.item"}, refused="PERMISSION_DENIED"),
    "row_security": Broken(
        PUBLISHED + READABLE + "alter table item enable row level security;", "PERMISSION_DENIED",
        ("public.item", "row-level security"), 'ALTER ROLE "capture" BYPASSRLS', AS_CAPTURE, refused="PERMISSION_DENIED"),
    "may_not_create_the_publication": Broken(
        TABLE + "alter table item owner to capture; revoke create on database {database} from capture;", "PERMISSION_DENIED",
        ("publication {slot}", "may not make it"), 'GRANT CREATE ON DATABASE "{database}" TO "capture"',
        FILTERED | {"database.user": "capture"}, refused="PERMISSION_DENIED"),
    "only_superusers_publish_all_tables": Broken(
        TABLE + READABLE, "PERMISSION_DENIED", ("publication {slot}", "superuser"), "publication.autocreate.mode: filtered",
        {"database.user": "capture"}, refused="PERMISSION_DENIED"),
    "no_primary_key": Broken(
        "create table item (id int); create publication {slot} for table item;", "NOT_READY",
        ("public.item", "no primary key"), 'ALTER TABLE "public"."item" REPLICA IDENTITY FULL', OWN_PUBLICATION),
    "unique_index_instead_of_a_key": Broken(
        "create table item (id int not null); create unique index by_id on item (id); create publication {slot} for table item;",
        "NOT_READY", ("public.item", "no primary key"), 'REPLICA IDENTITY USING INDEX "by_id"', OWN_PUBLICATION),
    "identity_nothing": Broken(
        PUBLISHED + "alter table item replica identity nothing;", "NOT_READY", ("public.item", "NOTHING"),
        'ALTER TABLE "public"."item" REPLICA IDENTITY DEFAULT', OWN_PUBLICATION),
    "publication_lacks_a_table": Broken(
        TABLE + "create table other (id int primary key); create publication {slot} for table other;", "NOT_READY",
        ("publication {slot}", "public.item"), 'ALTER PUBLICATION "{slot}" ADD TABLE "public"."item"', OWN_PUBLICATION),
    "publication_lacks_operations": Broken(
        TABLE + "create publication {slot} for table item with (publish = 'insert, truncate');", "NOT_READY",
        ("publication {slot}", "update, delete"), """SET (publish = 'insert, update, delete, truncate')""", OWN_PUBLICATION),
    "publication_missing": Broken(
        TABLE, "PUBLICATION_MISSING", ("publication {slot}", "does not exist"), 'CREATE PUBLICATION "{slot}"',
        OWN_PUBLICATION, refused="PUBLICATION_MISSING"),
    "publication_younger_than_the_slot": Broken(
        TABLE + "select pg_create_logical_replication_slot('{slot}', 'pgoutput');", "PUBLICATION_SKIPPED",
        ("publication {slot}", "slot {slot}"), "SELECT pg_drop_replication_slot('{slot}')", FILTERED,
        refused="PUBLICATION_SKIPPED"),
    "slot_of_another_plugin": Broken(
        PUBLISHED + "select pg_create_logical_replication_slot('{slot}', 'test_decoding');", "SLOT_WRONG_PLUGIN",
        ("slot {slot}", "test_decoding"), "slot.name: <another name>", OWN_PUBLICATION, "options",
        {"slot.name": "{slot}_2"}, refused="SLOT_WRONG_PLUGIN"),
    "physical_slot": Broken(
        PUBLISHED + "select pg_create_physical_replication_slot('{slot}');", "SLOT_WRONG_PLUGIN",
        ("slot {slot}", "physical"), "SELECT pg_drop_replication_slot('{slot}')", OWN_PUBLICATION,
        refused="SLOT_WRONG_PLUGIN"),
    "slot_of_another_database": Broken(
        PUBLISHED + r"\c postgres" + "\nselect pg_create_logical_replication_slot('{slot}', 'pgoutput');",
        "SLOT_WRONG_DATABASE", ("slot {slot}", "postgres"), "slot.name: <another name>", OWN_PUBLICATION, "options",
        {"slot.name": "{slot}_2"}, refused="SLOT_WRONG_DATABASE"),
    "wrong_database": Broken(
        PUBLISHED, "DATABASE_MISSING", ("server", "absent"), "database.dbname",
        OWN_PUBLICATION | {"database.dbname": "absent"}, "options", {"database.dbname": "{database}"},
        refused="DATABASE_MISSING"),
    "wrong_password": Broken(
        PUBLISHED, "AUTH_FAILED", ("server", "password authentication failed"), "database.password",
        OWN_PUBLICATION | {"database.user": "guarded", "database.password": "wrong"}, "options",
        {"database.password": "s3cret"}, refused="AUTH_FAILED"),
    "no_password": Broken(
        PUBLISHED, "AUTH_FAILED", ("server", "no password supplied"), "set database.password or database.passfile",
        OWN_PUBLICATION | {"database.user": "guarded"}, "options", {"database.password": "s3cret"}, refused="AUTH_FAILED"),
    "unknown_role": Broken(
        PUBLISHED, "AUTH_FAILED", ("server", "absent"), "database.user", OWN_PUBLICATION | {"database.user": "absent"},
        "options", {"database.user": "postgres"}, refused="AUTH_FAILED"),
    "rejected_by_pg_hba": Broken(
        PUBLISHED, "AUTH_FAILED", ("server", "pg_hba.conf"), "add to pg_hba.conf a line for this database, role and address",
        OWN_PUBLICATION | {"database.user": "rejected"}, "options", {"database.user": "postgres"}, refused="AUTH_FAILED"),
    "wrong_port": Broken(
        PUBLISHED, "CONNECT_REFUSED", ("server 127.0.0.1:1", "refused"), "database.port",
        OWN_PUBLICATION | {"database.port": 1, "errors.max.retries": 1}, "options", {"database.port": "{port}"},
        refused="RETRIES_EXHAUSTED"),
    "no_tls_on_the_server": Broken(
        PUBLISHED, "TLS_FAILED", ("server", "does not support SSL"), "database.sslmode",
        OWN_PUBLICATION | {"database.sslmode": "require"}, "options", {"database.sslmode": "disable"}, refused="TLS_FAILED"),
    "no_table_matches": Broken(
        TABLE, "PUBLICATION_MISSING", ("publication {slot}", "no table matches"), "correct the include and exclude lists",
        FILTERED | {"table.include.list": "public.itme"}, "options", {"table.include.list": "public.item"},
        refused="PUBLICATION_MISSING"),
    "one_entry_matches_no_table": Broken(
        PUBLISHED, "OK", ("table.include.list entry 'public.itme'", "matches no table"), "correct the entry",
        OWN_PUBLICATION | {"table.include.list": r"public.itme,public.i\w+"}, "options",
        {"table.include.list": "public.item"}, severity="warning"),
    "partitions_under_their_own_names": Broken(
        "create table item (id int primary key) partition by range (id);"
        "create table item_low partition of item for values from (0) to (9); create publication {slot} for table item;",
        "NOT_READY", ("public.item", "public.item_low"), "publish.via.partition.root: true", OWN_PUBLICATION, "options",
        {"table.include.list": "public.item.*"}),
}


@pytest.fixture(scope="module")
def server(pg_version):
    hba = ["host all guarded 127.0.0.1/32 scram-sha-256", "host all rejected 127.0.0.1/32 reject"]
    with PostgresServer(pg_version, hba=hba) as running:
        running.psql("set password_encryption = 'scram-sha-256'; create role guarded login superuser password 's3cret';"
                     "create role rejected login superuser;")
        yield running


def check(pipeline):
    """(exit code, findings), after a look that the text and the JSON say the same."""
    text_code, text, errors = pipeline.ask("check")
    code, out, json_errors = pipeline.ask("check", "--json")
    assert text_code == code and errors == json_errors == "", errors + json_errors
    report = json.loads(out)
    assert report["ok"] is (code == 0) and report["mistakes"] == []
    findings = report["pipelines"][0]["findings"]
    for finding in findings:
        # What is counted may differ from one look to the next.
        assert f'{finding["subject"]}: ' in text
        for line in (finding["fix"] or "").splitlines():
            assert line in text
    assert "s3cret" not in text + out
    return code, findings


@pytest.mark.parametrize("name", BROKEN)
def test_names_the_fault_and_the_fix(run, server, name):
    case = BROKEN[name]
    slot = f"broken_{list(BROKEN).index(name)}"
    words = {"slot": slot, "database": slot, "port": server.port}
    fill = lambda text: text.format(**words) if isinstance(text, str) else text
    server.execute(f"create database {slot}")
    server.psql(fill(ROLE + case.sql), dbname=slot)
    try:
        options = {"database.dbname": slot, **{key: fill(value) for key, value in case.options.items()}}
        pipeline = run(slot, server, **options)

        code, findings = check(pipeline)
        errors = [finding for finding in findings if finding["severity"] == "error"]
        assert len(errors) == code == (1 if case.severity == "error" else 0), findings
        bad = errors or [finding for finding in findings if finding["severity"] == case.severity
                         and fill(case.says[0]) == finding["subject"]]
        assert len(bad) == 1 and bad[0]["reason"] == case.reason, bad
        for word in case.says:
            assert fill(word) in f'{bad[0]["subject"]}: {bad[0]["problem"]}', bad
        fix = bad[0]["fix"]
        assert fill(case.fixed_by) in fix, fix
        if case.refused:
            pipeline.start()
            exit_code = {"PUBLICATION_SKIPPED": 5, "RETRIES_EXHAUSTED": 4}.get(case.refused, 3)
            said = pipeline.stopped_with(case.refused, exit_code)
            assert "s3cret" not in said + pipeline.log_text()

        if case.fix == "options":
            pipeline.configure(**{key: fill(value) for key, value in case.after.items()})
        else:
            # A fix in words gives alternatives behind comments: each line is SQL all the same.
            server.psql("\n".join(line.split(": ", 1)[-1] for line in fix.splitlines()
                                  if not line.startswith(("slot.name", "-- or let"))), dbname=slot)
        code, findings = check(pipeline)
        assert code == 0, findings
        assert not [finding for finding in findings if finding["severity"] == "error" or finding == bad[0]]
        pipeline.start()
        pipeline.wait_streaming()
        assert pipeline.stop() == 0
        server.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
    finally:
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [slot])
        server.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
        server.execute(f"drop database {slot} with (force)")
        server.execute("drop role capture")


SERVERS = {
    "wal_level_replica": ({"wal_level": "replica"}, "", "WAL_LEVEL", "wal_level", "ALTER SYSTEM SET wal_level = 'logical';"),
    "no_free_slot": ({"max_replication_slots": 1}, "select pg_create_physical_replication_slot('other')", "SLOTS_EXHAUSTED",
                     "max_replication_slots", "ALTER SYSTEM SET max_replication_slots = 6;"),
    "no_free_walsender": ({"max_wal_senders": 1}, "", "SLOTS_EXHAUSTED", "max_wal_senders",
                          "ALTER SYSTEM SET max_wal_senders = 6;"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_settings_of_the_server(run, pg_version, name):
    options, sql, reason, subject, fix = SERVERS[name]
    with PostgresServer(pg_version, options) as server:
        server.psql(TABLE + sql)
        reader = None
        if name == "no_free_walsender":
            server.execute("select pg_create_logical_replication_slot('taken', 'test_decoding')")
            reader = subprocess.Popen([server.program("pg_recvlogical"), "--start", "--no-loop", "-d", "postgres", "-S", "taken", "-f", "/dev/null"],
                                      env=server.environment(), stderr=subprocess.DEVNULL)
            server.wait_for("select count(*) from pg_stat_replication", 1)
        try:
            pipeline = run(name, server, **{"errors.max.retries": 1})
            code, findings = check(pipeline)
            bad = [finding for finding in findings if finding["severity"] == "error"]
            assert code == 1 and [finding["reason"] for finding in bad] == [reason], findings
            assert bad[0]["subject"] == subject and fix in bad[0]["fix"], bad
            pipeline.start()
            if name == "no_free_walsender":
                pipeline.stopped_with("RETRIES_EXHAUSTED", 4)
            else:
                pipeline.stopped_with(reason, 3)
            server.psql(bad[0]["fix"])
            assert "restart the server" in bad[0]["fix"]
            server.restart()
            if reader:
                reader.wait(30)
            assert check(pipeline)[0] == 0
            pipeline.start()
            pipeline.wait_streaming()
            assert pipeline.stop() == 0
        finally:
            if reader and reader.poll() is None:
                reader.kill()
            if reader:
                reader.wait()


def test_table_that_somebody_has_locked(run, server):
    server.psql("create table kept (id int primary key); create publication kept for table kept")
    pipeline = run("kept", server, **{"snapshot.mode": "no_data"})
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("lock table kept in access exclusive mode")
        code, findings = check(pipeline)
        bad = [finding for finding in findings if finding["severity"] == "error"]
        assert code == 1 and bad and all("check again when it has ended" in finding["fix"] for finding in bad), findings
        connection.rollback()
    assert check(pipeline)[0] == 0


def test_slot_that_another_reads(run, server):
    server.psql("create table busy (id int primary key); create publication busy for table busy;"
                "select pg_create_logical_replication_slot('busy', 'pgoutput');")
    reader = subprocess.Popen([server.program("pg_recvlogical"), "--start", "-d", "postgres", "--no-loop", "-S", "busy", "-f", "/dev/null", "-o",
                               "proto_version=1", "-o", "publication_names=busy"], env=server.environment(),
                              stderr=subprocess.DEVNULL)
    try:
        server.wait_for("select active from pg_replication_slots where slot_name = 'busy'")
        pipeline = run("busy", server, **{"slot.max.retries": 1, "slot.retry.delay.ms": 100, "snapshot.mode": "no_data"})
        code, findings = check(pipeline)
        bad = [finding for finding in findings if finding["severity"] == "error"]
        assert code == 1 and [finding["reason"] for finding in bad] == ["SLOT_IN_USE"], findings
        assert "pg_recvlogical" in bad[0]["problem"]
        assert f"SELECT pg_terminate_backend({pipeline.slot('active_pid')})" in bad[0]["fix"]
        pipeline.start()
        pipeline.stopped_with("SLOT_IN_USE", 4)
        server.psql(bad[0]["fix"].splitlines()[1].split(": ")[1])
        reader.wait(30)
        assert check(pipeline)[0] == 0
        pipeline.start()
        pipeline.wait_streaming()
        # A pipeline that runs is no fault of its own.
        code, findings = check(pipeline)
        assert code == 0 and any("by this pipeline" in finding["problem"] for finding in findings), findings
        assert pipeline.stop() == 0
    finally:
        if reader.poll() is None:
            reader.kill()
        reader.wait()


def test_slot_whose_log_is_gone(run, pg_version):
    with PostgresServer(pg_version, {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB"}) as server:
        server.psql(PUBLISHED.format(slot="late") + "select pg_create_logical_replication_slot('late', 'pgoutput');")
        for _ in range(4):
            server.execute("select pg_switch_wal()")
            server.execute("insert into item select coalesce(max(id), 0) + 1 from item")
        server.execute("checkpoint")
        server.wait_for("select wal_status from pg_replication_slots", "lost")
        pipeline = run("late", server, **OWN_PUBLICATION)
        code, findings = check(pipeline)
        bad = [finding for finding in findings if finding["severity"] == "error"]
        assert code == 1 and [finding["reason"] for finding in bad] == ["SLOT_INVALIDATED"], findings
        pipeline.start()
        pipeline.stopped_with("SLOT_INVALIDATED", 5)
        server.psql(bad[0]["fix"])
        assert check(pipeline)[0] == 0
        pipeline.start()
        assert [event["key"]["id"] for event in pipeline.wait_for_lines(4)] == [1, 2, 3, 4]
        assert pipeline.stop() == 0


def test_pipeline_that_is_ready(run, server):
    server.psql("create database fine")
    server.psql(TABLE, dbname="fine")
    code, findings = check(run("fine", server, **FILTERED, **{"database.dbname": "fine"}))
    assert code == 0 and not [finding for finding in findings if finding["severity"] == "error"]
    assert {"server_version": str(server.version), "wal_level": "logical"} == {
        "server_version": next(f["problem"] for f in findings if f["subject"] == "server version").split(".")[0],
        "wal_level": next(f["problem"] for f in findings if f["subject"] == "wal_level")}
    server.psql("drop database fine")


def test_file_with_mistakes_is_told_before_anything_is_connected(run):
    pipeline = run("mistaken", **{"database.hostnme": "nowhere", "sink": "nowhere"})
    code, out, _ = pipeline.ask("check", "--json")
    report = json.loads(out)
    assert code == 2 and report["ok"] is False and len(report["mistakes"]) == 2
    assert any("database.hostname" in mistake and ":" in mistake for mistake in report["mistakes"])
    code, out, _ = pipeline.ask("check")
    assert code == 2 and "2 mistakes" in out


# Servers that are none: they say what a test wants.


def message(kind, body):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


OLD_SERVER = (message(b"R", (0).to_bytes(4, "big")) + message(b"S", b"server_version\x0012.22\x00")
              + message(b"S", b"client_encoding\x00UTF8\x00") + message(b"K", bytes(8)) + message(b"Z", b"I"))


@pytest.fixture
def stranger():
    """stranger(bytes): the port of a server that answers every connection's first packet with these bytes."""
    listening = []

    def serve(on, answer):
        while True:
            try:
                peer, _ = on.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(peer, answer), daemon=True).start()

    def talk(peer, answer):
        with peer:
            try:
                if peer.recv(4096):
                    peer.sendall(answer)
                while peer.recv(4096):
                    peer.sendall(message(b"E", b"SERROR\x00VERROR\x00C42601\x00Mno\x00\x00") + message(b"Z", b"I"))
            except OSError:
                pass

    def make(answer):
        on = socket.create_server(("127.0.0.1", 0))
        listening.append(on)
        threading.Thread(target=serve, args=(on, answer), daemon=True).start()
        return on.getsockname()[1]

    yield make
    for on in listening:
        on.close()


STRANGERS = {
    "too_old": (OLD_SERVER, "SERVER_VERSION", "PostgreSQL 12", "13 or newer"),
    "gss": (message(b"R", (7).to_bytes(4, "big")), "AUTH_FAILED", "GSS", "scram-sha-256 or cert"),
    "sspi": (message(b"R", (9).to_bytes(4, "big")), "AUTH_FAILED", "SSPI", "scram-sha-256 or cert"),
    "starting_up": (message(b"E", b"SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00\x00"),
                    "CONNECT_REFUSED", "starting up", "that the server runs"),
    "no_postgres": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "SOURCE_PROTOCOL", "server", "pooler"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_servers_that_will_not_do(run, stranger, name):
    answer, reason, problem, fix = STRANGERS[name]
    pipeline = run(f"stranger_{name}", **{"database.port": stranger(answer), "database.sslmode": "disable",
                                          "errors.max.retries": 1})
    code, findings = check(pipeline)
    bad = [finding for finding in findings if finding["severity"] == "error"]
    assert code == 1 and [finding["reason"] for finding in bad] == [reason], findings
    assert problem in bad[0]["problem"] and fix in bad[0]["fix"], bad
    pipeline.start()
    if reason == "CONNECT_REFUSED":
        pipeline.stopped_with("RETRIES_EXHAUSTED", 4)
    else:
        pipeline.stopped_with(reason, 3)
