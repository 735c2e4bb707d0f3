# SPDX-License-Identifier: Apache-2.0
"""Outputs and checkpoints that fail, are cut, replaced, moved or damaged: nothing is written over them in silence."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest


@pytest.fixture
def stopped(run, postgres):
    """stopped(name): a pipeline that has delivered rows 1 to 10, and stopped; rows 11 to 20 wait."""

    def make(name, **options):
        postgres.execute(f"create table {name} (id int primary key)")
        pipeline = run(name, **{"table.include.list": f"public.{name}", **options})
        pipeline.start().wait_streaming()
        postgres.execute(f"insert into {name} select generate_series(1, 10)")
        pipeline.wait_for_lines(10)
        assert pipeline.stop() == 0
        postgres.execute(f"insert into {name} select generate_series(11, 20)")
        return pipeline

    return make


def ids(pipeline):
    return [event["key"]["id"] for event in pipeline.events()]


# Outputs that fail


def test_closed_pipe(run, postgres):
    postgres.execute("create table closed (id int primary key)")
    pipeline = run("closed", **{"table.include.list": "public.closed", "sink": "stdout", "file.path": None})
    reading, writing = os.pipe()
    pipeline.start(stdout=writing)
    os.close(writing)
    pipeline.wait_streaming()
    os.close(reading)
    postgres.execute("insert into closed select generate_series(1, 1000)")
    assert "Broken pipe" in pipeline.stopped_with("SINK_WRITE_FAILED", 4)


FAILING = {
    "full": ("/dev/full", "No space left"),
    "below_a_file": ("/dev/null/events", "/dev/null"),
    "a_folder": ("/tmp", "/tmp"),
}


@pytest.mark.parametrize("name", FAILING)
def test_output_that_cannot_be_written(run, postgres, name):
    path, words = FAILING[name]
    postgres.execute(f"create table if not exists unwritten (id int primary key); insert into unwritten values (1) on conflict do nothing")
    pipeline = run(f"unwritten_{name}", **{"table.include.list": "public.unwritten", "file.path": path})
    assert words in pipeline.start().stopped_with("SINK_WRITE_FAILED", 4)


def test_checkpoint_that_cannot_be_written(run, postgres):
    postgres.execute("create table unkept (id int primary key)")
    pipeline = run("unkept", **{"table.include.list": "public.unkept", "checkpoint.file": "/proc/unkept.checkpoint"})
    assert "/proc/unkept.checkpoint" in pipeline.start().stopped_with("CHECKPOINT_WRITE_FAILED", 4)


def test_null_and_devices(run, postgres):
    postgres.execute("create table devnull (id int primary key); insert into devnull select generate_series(1, 1000)")
    for name, options in (("devnull_file", {"file.path": "/dev/null"}), ("devnull_null", {"sink": "null", "file.path": None})):
        pipeline = run(name, **{"table.include.list": "public.devnull", **options})
        pipeline.start().wait_streaming()
        postgres.execute("update devnull set id = id + 1000")
        postgres.execute("update devnull set id = id - 1000")
        pipeline.wait_confirmed(postgres.wal_end())
        assert pipeline.stop() == 0


# Outputs that are not as they were left


def test_output_that_was_cut(stopped):
    pipeline = stopped("cut")
    os.truncate(pipeline.output, pipeline.output.stat().st_size - 10)
    said = pipeline.start().stopped_with("SINK_TAIL_MISMATCH", 5)
    assert str(pipeline.output) in said
    assert pipeline.line_count() == 9


def test_output_that_was_moved_away(stopped):
    """As logrotate does it: the file sink rotates by itself, so a file that is gone was taken."""
    pipeline = stopped("moved")
    pipeline.output.rename(pipeline.folder / "elsewhere")
    pipeline.start().stopped_with("SINK_TAIL_MISMATCH", 5)
    (pipeline.folder / "elsewhere").rename(pipeline.output)
    pipeline.start().wait_for_lines(20)
    assert ids(pipeline) == list(range(1, 21))


def test_lines_that_somebody_added(stopped):
    pipeline = stopped("added")
    with open(pipeline.output, "a") as file:
        file.write('{"mine":1}\n')
    pipeline.start().stopped_with("SINK_TAIL_MISMATCH", 5)
    assert pipeline.line_count() == 11


def test_half_a_line_is_cut_and_written_again(stopped):
    """What a crash leaves: the beginning of the next line."""
    pipeline = stopped("torn")
    whole = pipeline.output.read_bytes()
    with open(pipeline.output, "ab") as file:
        file.write(b'{"topic":"p.public.torn","partition":0,"key":{"i')
    pipeline.start().wait_for_lines(20)
    assert ids(pipeline) == list(range(1, 21)) and pipeline.output.read_bytes().startswith(whole)


def test_other_output(stopped):
    pipeline = stopped("other")
    pipeline.configure(**{"file.path": str(pipeline.folder / "another.jsonl")})
    pipeline.start().stopped_with("CHECKPOINT_MISMATCH", 5)
    assert not (pipeline.folder / "another.jsonl").exists() or not (pipeline.folder / "another.jsonl").stat().st_size


def test_lines_of_before_the_first_start_stay(run, postgres):
    postgres.execute("create table kept (id int primary key); insert into kept values (1)")
    pipeline = run("kept", **{"table.include.list": "public.kept"})
    pipeline.output.write_text('{"old":1}\n{"torn":')
    pipeline.start()
    pipeline.wait_until(lambda: pipeline.output.read_bytes().count(b"\n") == 3)
    assert pipeline.output.read_text().startswith('{"old":1}\n{"torn":\n{"topic"')
    assert pipeline.stop() == 0


# Checkpoints


def checkpoints(pipeline):
    return [pipeline.folder / "data" / f"{pipeline.name}.checkpoint{ending}" for ending in ("", ".previous")]


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "gone"])
def test_newest_checkpoint_is_damaged(stopped, damage):
    """The one before it is used, and nothing is lost or comes twice."""
    pipeline = stopped(f"damaged_{damage}")
    newest, _ = checkpoints(pipeline)
    text = newest.read_bytes()
    if damage == "gone":
        newest.unlink()
    else:
        newest.write_bytes({"empty": b"", "cut": text[: len(text) // 2], "bit": text.replace(b"streaming", b"strEaming")}[damage])
    pipeline.start().wait_for_lines(20)
    time.sleep(0.3)
    assert ids(pipeline) == list(range(1, 21)) and pipeline.stop() == 0


def test_both_checkpoints_are_damaged(stopped):
    pipeline = stopped("both_damaged")
    for file in checkpoints(pipeline):
        file.write_bytes(b"x" + file.read_bytes()[1:])
    said = pipeline.start().stopped_with("CHECKPOINT_CORRUPT", 5)
    assert "both_damaged.checkpoint" in said
    code, _, errors = pipeline.ask("position", "get")
    assert code == 5 and "CHECKPOINT_CORRUPT" in errors
    assert pipeline.line_count() == 10


def test_checkpoints_that_are_gone_with_the_slot_there(stopped):
    """As `position reset`: a new snapshot beside the old slot, behind what is there."""
    pipeline = stopped("forgotten")
    for file in checkpoints(pipeline):
        file.unlink()
    pipeline.start().wait_streaming()
    events = pipeline.wait_for_lines(30)
    assert ids(pipeline) == [*range(1, 11), *range(1, 21)]
    assert [event["value"]["op"] for event in events] == ["c"] * 10 + ["r"] * 20
    assert pipeline.stop() == 0


def test_checkpoint_of_another_pipeline(stopped):
    pipeline = stopped("foreign_name")
    for one in checkpoints(pipeline):
        shutil.copy(one, one.with_name(one.name.replace(pipeline.name, "impostor")))
    pipeline.configure(name="impostor")
    pipeline.start().stopped_with("CHECKPOINT_MISMATCH", 5)
    assert pipeline.line_count() == 10


def test_checkpoint_of_another_slot(stopped, postgres):
    """Nothing is read from a slot that the position says nothing about, until somebody says where to begin in it."""
    pipeline = stopped("foreign_slot")
    postgres.execute("select pg_copy_logical_replication_slot('foreign_slot', 'foreign_copy')")
    position = json.loads(json.loads(pipeline.ask("position", "get", "--json")[1])["position"])["lsn"]
    pipeline.configure(**{"slot.name": "foreign_copy"})
    said = pipeline.start().stopped_with("CHECKPOINT_MISMATCH", 5)
    assert "foreign_slot" in said and "foreign_copy" in said and "position set" in said
    assert pipeline.line_count() == 10
    done = subprocess.run([pipeline.binary, "position", "set", pipeline.config, position], env=pipeline.environment, check=False)
    assert done.returncode == 0
    pipeline.start().wait_for_lines(20)
    assert ids(pipeline) == list(range(1, 21)) and pipeline.stop() == 0
    postgres.execute("select pg_drop_replication_slot('foreign_slot')")


# Rotation and fsync


@pytest.mark.parametrize("by", ["bytes", "interval"])
def test_rotation(run, postgres, by):
    name = f"rotated_{by}"
    postgres.execute(f"create table {name} (id int primary key, v text)")
    options = {"file.rotate.bytes": "20 KiB"} if by == "bytes" else {"file.rotate.interval.ms": 300}
    pipeline = run(name, **{"table.include.list": f"public.{name}", **options})
    pipeline.start().wait_streaming()
    for n in range(10):
        postgres.execute(f"insert into {name} select g, repeat('x', 100) from generate_series({n * 20 + 1}, {n * 20 + 20}) g")
        time.sleep(0.1)
    pipeline.wait_for_lines(200)
    assert pipeline.stop() == 0
    assert ids(pipeline) == list(range(1, 201))
    rotated = sorted(pipeline.folder.glob("events.jsonl.*"))
    assert len(rotated) >= 3 and rotated[0].name == "events.jsonl.000001"
    for file in rotated:
        text = file.read_bytes()
        assert text.endswith(b"\n") and text
        # It is looked at between batches: here at most a transaction of 17 KB comes on top.
        assert by == "interval" or 20 * 1024 <= len(text) < 40 * 1024
        for line in text.splitlines():
            json.loads(line)


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_fsync_policies_survive_a_kill(run, postgres, fsync):
    name = f"synced_{fsync}"
    postgres.execute(f"create table {name} (id int primary key)")
    pipeline = run(name, **{"table.include.list": f"public.{name}", "snapshot.mode": "no_data", "file.fsync": fsync})
    pipeline.start().wait_streaming()
    for n in range(4):
        postgres.execute(f"insert into {name} select g from generate_series({n * 1000 + 1}, {n * 1000 + 1000}) g")
        pipeline.wait_for_lines(n * 1000 + 1)
        pipeline.process.send_signal(signal.SIGKILL)
        pipeline.process.wait()
        pipeline.start()
    pipeline.wait_for_lines(4000)
    time.sleep(0.2)
    assert ids(pipeline) == list(range(1, 4001)) and pipeline.stop() == 0
