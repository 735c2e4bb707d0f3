# SPDX-License-Identifier: Apache-2.0
"""Two pipelines in one process, of which one fails; and what a running process tells: HTTP, `millrace status`, systemd, its
exit code."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from postgres import free_port


def get(pipeline, path):
    """(status, body) of a page."""
    try:
        with urllib.request.urlopen(f"http://{pipeline.process_options['http.listen']}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def metric(text, name, **labels):
    """The sum of a metric's series with these labels; None when there is none."""
    found = None
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and all(f'{key}="{value}"' in (match[2] or "") for key, value in labels.items()):
            found = (found or 0) + float(match[3])
    return found


@pytest.fixture
def two(run, postgres):
    """two(name): pipelines name_a and name_b on tables of these names, each into a file of its own; HTTP is on."""
    made = []

    def make(name, other=None, **options):
        postgres.execute(f"create table {name}_a (id int primary key, v text); create table {name}_b (id int primary key, v text)")
        pipeline = run(f"{name}_a", None, {"http.listen": f"127.0.0.1:{free_port()}"},
                       **{"table.include.list": f"public.{name}_a", "publication.autocreate.mode": "filtered", **options})
        second = dict(pipeline.options) | {
            "name": f"{name}_b", "slot.name": f"{name}_b", "publication.name": f"{name}_b", "topic.prefix": "q",
            "table.include.list": f"public.{name}_b", "file.path": str(pipeline.folder / "b.jsonl"), **(other or {})}
        pipeline.others.append(second)
        pipeline.configure()
        made.append(second)
        return pipeline

    yield make
    for second in made:
        slot = second["slot.name"]
        postgres.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active", [slot])
        postgres.wait_for(f"select count(*) from pg_replication_slots where slot_name = '{slot}' and active", 0)
        postgres.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", [slot])


def lines_of(path):
    return pathlib.Path(path).read_bytes().count(b"\n") if pathlib.Path(path).exists() else 0


def wait_ready(pipeline):
    pipeline.wait_until(lambda: get(pipeline, "/readyz")[0] == 200, 30, "readiness")
    streaming = lambda: sum("streaming" == line["msg"] for line in pipeline.log()) >= 1 + len(pipeline.others)
    pipeline.wait_until(streaming, 30, "both streams")


def test_one_fails_and_the_other_goes_on(two, postgres):
    pipeline = two("fails")
    pipeline.start()
    wait_ready(pipeline)
    second = pipeline.others[0]["file.path"]
    postgres.execute("insert into fails_a values (1); insert into fails_b values (1)")
    pipeline.wait_until(lambda: pipeline.line_count() == 1 and lines_of(second) == 1)
    assert get(pipeline, "/healthz")[0] == 200
    # The first loses its publication: its changes are gone, so it stops for good.
    postgres.execute("drop publication fails_a; insert into fails_a values (2)")
    pipeline.wait_until(lambda: get(pipeline, "/healthz")[0] == 503, 30, "the failure on /healthz")
    health = {one["name"]: one for one in json.loads(get(pipeline, "/healthz")[1])["pipelines"]}
    assert health["fails_a"]["healthy"] is False and "PUBLICATION_" in health["fails_a"]["reasons"][0]
    assert health["fails_b"] == {"name": "fails_b", "healthy": True, "phase": "streaming", "reasons": []}
    assert get(pipeline, "/readyz")[0] == 503
    for n in range(2, 50):
        postgres.execute(f"insert into fails_b values ({n})")
    pipeline.wait_until(lambda: lines_of(second) == 49)
    text = get(pipeline, "/metrics")[1]
    healthy = [metric(text, "millrace_pipeline_healthy", pipeline=f"fails_{x}") for x in "ab"]
    assert healthy == [0, 1] and metric(text, "millrace_pipeline_phase", pipeline="fails_a", phase="failed") == 1
    assert metric(text, "millrace_errors_total", pipeline="fails_a") >= 1 > (metric(text, "millrace_errors_total", pipeline="fails_b") or 0)
    code, out, _ = pipeline.ask("status")
    assert code == 1 and "fails_a" in out and "fails_b" in out
    # The exit code is the worse of the two; the log names both.
    assert pipeline.stop() in (3, 5)
    ends = {line.get("pipeline"): line["reason"] for line in pipeline.log() if "reason" in line and line.get("component") == "millrace"}
    assert ends["fails_b"] == "SIGNAL" and ends["fails_a"].startswith("PUBLICATION_")


def test_one_cannot_begin_and_the_other_runs(two, postgres):
    pipeline = two("begins", {"database.dbname": "absent"})
    pipeline.start()
    pipeline.wait_until(lambda: any("streaming" == line["msg"] for line in pipeline.log()))
    postgres.execute("insert into begins_a values (1)")
    pipeline.wait_for_lines(1)
    assert get(pipeline, "/readyz")[0] == 503
    assert pipeline.stop() == 3


def test_both_go_on_where_they_were(two, postgres):
    pipeline = two("both")
    for n in range(3):
        pipeline.start()
        wait_ready(pipeline)
        postgres.execute(f"insert into both_a values ({n}); insert into both_b values ({n})")
        pipeline.wait_until(lambda: pipeline.line_count() == n + 1 and lines_of(pipeline.others[0]["file.path"]) == n + 1)
        if n == 1:
            pipeline.kill()
        else:
            assert pipeline.stop() == 0
    topics = [json.loads(line)["topic"] for line in pathlib.Path(pipeline.others[0]["file.path"]).read_text().splitlines()]
    assert topics == ["q.public.both_b"] * 3


# What a process tells


def test_metrics_and_status(two, postgres):
    pipeline = two("told")
    postgres.execute("insert into told_a select g, 'x' from generate_series(1, 10) g")
    pipeline.start()
    wait_ready(pipeline)
    postgres.execute("insert into told_a select g, 'x' from generate_series(11, 30) g; update told_a set v = 'y' where id <= 5;"
                     "delete from told_a where id = 1; insert into told_b values (1)")
    pipeline.wait_for_lines(10 + 20 + 5 + 2)
    events = lambda text, operation: metric(text, "millrace_events_total", pipeline="told_a", table="public.told_a", operation=operation)
    pipeline.wait_until(lambda: events(get(pipeline, "/metrics")[1], "delete") == 1, 10, "the counts")
    text = get(pipeline, "/metrics")[1]
    counted = {operation: events(text, operation) for operation in ("read", "create", "update", "delete")}
    assert counted == {"read": 10, "create": 20, "update": 5, "delete": 1}
    if shutil.which("promtool"):
        judged = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        assert judged.returncode == 0, judged.stdout + judged.stderr
    status, body = get(pipeline, "/status")
    assert status == 200
    by_name = {one["name"]: one for one in json.loads(body)["pipelines"]}
    assert set(by_name) == {"told_a", "told_b"}
    # What is acknowledged, stored and told comes to the end of the log.
    end = postgres.wal_end()
    pipeline.wait_confirmed(end)
    text = get(pipeline, "/metrics")[1]
    lsn = lambda stage: metric(text, "millrace_position", pipeline="told_a", stage=stage)
    assert 0 < lsn("checkpointed") <= lsn("acknowledged") <= lsn("received")
    assert metric(text, "millrace_snapshot_rows", pipeline="told_a") == 10 and metric(text, "millrace_reconnects_total", pipeline="told_a") == 0
    code, out, _ = pipeline.ask("status")
    assert code == 0 and "told_a" in out and "told_b" in out, out
    assert pipeline.stop() == 0


@pytest.mark.full  # a minute: that is how long nothing may move
def test_health_is_red_while_the_output_is_stuck(run, postgres):
    """Work waits and nothing moves: that is what /healthz is for."""
    postgres.execute("create table ill (id int primary key, v text)")
    pipeline = run("ill", None, {"http.listen": f"127.0.0.1:{free_port()}", "memory.limit": "16 MiB"},
                   **{"table.include.list": "public.ill", "sink": "stdout", "file.path": None, "snapshot.mode": "no_data"})
    reading, writing = os.pipe()
    pipeline.start(stdout=writing)
    os.close(writing)
    pipeline.wait_streaming()
    assert get(pipeline, "/healthz")[0] == 200
    postgres.execute("insert into ill select g, repeat('x', 1000) from generate_series(1, 60000) g")
    pipeline.wait_until(lambda: get(pipeline, "/healthz")[0] == 503, 90, "red health")
    assert "ill" in get(pipeline, "/healthz")[1]
    with os.fdopen(reading, "rb") as lines:
        for _ in range(60000):
            lines.readline()
        pipeline.wait_until(lambda: get(pipeline, "/healthz")[0] == 200, 30, "green health")
        assert pipeline.stop() == 0


def test_systemd_is_told(run, postgres, tmp_path):
    postgres.execute("create table sysd (id int primary key)")
    pipeline = run("sysd", **{"table.include.list": "public.sysd"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        pipeline.environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        pipeline.start()
        said = []
        while "READY=1" not in said:
            said += listening.recv(4096).decode().splitlines()
        begin = time.monotonic()
        while said.count("WATCHDOG=1") < 4:
            said += listening.recv(4096).decode().splitlines()
        assert time.monotonic() - begin < 8  # at least once per interval
        pipeline.process.terminate()
        while "STOPPING=1" not in said:
            said += listening.recv(4096).decode().splitlines()
        assert said.index("READY=1") < said.index("STOPPING=1") and pipeline.ended(10) == 0


def test_second_process_on_the_same_pipeline_is_refused(run, postgres):
    postgres.execute("create table same (id int primary key)")
    pipeline = run("same", **{"table.include.list": "public.same"})
    pipeline.start().wait_streaming()
    done = subprocess.run([pipeline.binary, "run", str(pipeline.config)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 4 and "CHECKPOINT_LOCKED" in done.stderr
    code, _, errors = pipeline.ask("position", "reset")
    assert code != 0 and "locked" in errors.lower() or "process" in errors
    postgres.execute("insert into same values (1)")
    pipeline.wait_for_lines(1)
    assert pipeline.stop() == 0


def test_position_is_shown_set_and_reset(run, postgres):
    postgres.execute("create table moved_by_hand (id int primary key)")
    pipeline = run("moved_by_hand", **{"table.include.list": "public.moved_by_hand", "snapshot.mode": "no_data"})
    pipeline.start().wait_streaming()
    postgres.execute("insert into moved_by_hand values (1)")
    pipeline.wait_for_lines(1)
    assert pipeline.stop() == 0
    code, out, _ = pipeline.ask("position", "get")
    assert code == 0 and f'"{pipeline.slot()}"' in out
    postgres.execute("insert into moved_by_hand values (2)")
    end = postgres.wal_end()
    postgres.execute("insert into moved_by_hand values (3)")
    done = subprocess.run([pipeline.binary, "position", "set", str(pipeline.config), end], capture_output=True, text=True,
                          env=pipeline.environment)
    assert done.returncode == 0, done.stderr
    pipeline.start()
    events = pipeline.wait_for_lines(2)
    time.sleep(0.3)
    assert [event["key"]["id"] for event in pipeline.events()] == [1, 3] and len(events) == 2
    assert pipeline.stop() == 0


def test_debezium_connector_json_is_a_configuration(run, postgres, tmp_path):
    postgres.execute("create table dbz (id int primary key, v text); insert into dbz values (1, 'a')")
    pipeline = run("dbz")
    pipeline.config = pipeline.folder / "connector.json"
    pipeline.config.write_text(json.dumps({"name": "dbz", "config": {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1", "database.port": str(postgres.port), "database.user": "postgres", "database.password": "",
        "database.dbname": "postgres", "topic.prefix": "p", "slot.name": "dbz", "publication.name": "dbz",
        "table.include.list": "public.dbz", "publication.autocreate.mode": "filtered"}}))
    words = ["--set", "sink=file", "--set", f"file.path={pipeline.output}", "--set", f"data.dir={pipeline.folder}/data", "--set",
             "http.listen=off"]
    pipeline.start(*words)
    pipeline.wait_streaming()
    postgres.execute("insert into dbz values (2, 'b')")
    events = pipeline.wait_for_lines(2)
    assert [event["value"]["payload"]["after"]["id"] for event in events] == [1, 2]
    assert events[0]["key"]["payload"] == {"id": 1}
    assert pipeline.stop() == 0
