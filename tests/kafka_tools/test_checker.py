# SPDX-License-Identifier: Apache-2.0
"""The checker: silent on every clean run, and no error of any class gets past it."""

import glob
import itertools
import json
import os
import pathlib

import pytest

import recording as recordings
from checker import check, check_told
from conftest import FIRST_SEED, FULL
from envelope import EventReader
from findings import Findings
from model import generate
from mutator import CLASSES, Mutator, parts_of, with_part
from partition_walk import ANY, BETWEEN_RUNS, NONE
from recording import Recording
from truth import Truth
from workload import COPY_ROWS_MIN, PAD_UNCHANGED, Shape

CLEAN_RUNS = 200 if FULL else 50
DAMAGES = 150 if FULL else 8
BYTES_STEP = 1 if FULL else 61  # of the alterations of a byte: each, or some
# Runs of the product, recorded with tests/e2e/kafka_run.py: without kills and with three.
RECORDED = [pathlib.Path(path) for path in
            glob.glob(str(pathlib.Path(__file__).resolve().parents[1] / "data/kafka/*.topics"))]


def clean_run(seed, crashes, bulk_rows=150, transactions=60):
    shape = Shape(writers=1 + seed % 7, line_tables=1 + seed % 4, bulk_rows=bulk_rows, seed=seed)
    recording, truth = generate(shape, transactions, seed, partition_count=[1, 3, 8][seed % 3], snapshot_at=[0, 25][seed % 2],
                                crashes=crashes, broken_snapshots=seed // 2 % 3 if crashes else 0)
    return recording, truth, shape


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + CLEAN_RUNS))
def test_no_false_alarm(seed):
    crashes = [0, 0, 1, 3, 9][seed % 5]
    recording, truth, _ = clean_run(seed, crashes)
    result = check(recording, truth, repeats=BETWEEN_RUNS if crashes else NONE)
    assert not result.findings, result.report()
    assert list(result.transactions) == [xid for xid, _ in truth.transactions][-60:]


@pytest.mark.parametrize("crashes", [0, 3], ids=["one_run", "killed"])
@pytest.mark.parametrize("error", CLASSES)
def test_error_is_found(error, crashes):
    damaged_runs = 0
    for seed in range(FIRST_SEED, FIRST_SEED + DAMAGES):
        if damaged_runs % 4 == 0:
            recording, truth, shape = clean_run(seed, crashes, bulk_rows=COPY_ROWS_MIN, transactions=40)
        try:
            damaged, what = getattr(Mutator(recording, shape, seed), error)()
        except LookupError:
            continue
        damaged_runs += 1
        result = check(damaged, truth, repeats=BETWEEN_RUNS if crashes else NONE)
        assert result.findings.kinds & CLASSES[error], f"seed {seed}: {what}\n{result.report()}"
    assert damaged_runs >= DAMAGES / 2


def kinds_of_records(recording, tables):
    """{kind: a record}: by operation, by what the table's row images hold, moved or not, with a value that is not in the log."""
    found, deleted = {}, None
    for record in recording.records:
        if record.value is None:
            kind = f"tombstone of {deleted}"
        else:
            value = json.loads(record.value)
            table = tables.get(value["source"]["table"])
            form = table and ("keyless" if not table.key else "full" if table.identity_full else "by key")
            words = [value["op"], form, *(name.rpartition(".")[2] for name, _ in record.headers[:-4]),
                     "unchanged pad" if PAD_UNCHANGED.encode() in record.value else ""]
            deleted = kind = " ".join(word for word in words if word)
        found.setdefault(kind, record)
    return found


def alterations(data):
    """(place, byte) with each bit of each byte turned over, and with other digits."""
    for at, byte in enumerate(data):
        others = {byte ^ 1 << bit for bit in range(8)}
        if byte in b"0123456789":
            others |= {*b"0123456789"} - {byte}
        for other in sorted(others):
            yield at, other


def test_every_byte_is_looked_at():
    """What may be another one without being found is free by the mutator's own words."""
    shape = Shape(writers=1, line_tables=2, accounts=3, registers=5, bulk_rows=COPY_ROWS_MIN, seed=32)
    recording, truth = generate(shape, 60, 32, snapshot_at=10)
    mutator = Mutator(recording, shape, 32)
    kinds = kinds_of_records(recording, shape.tables())
    assert len(kinds) == 22, kinds.keys()
    assert not check(recording, truth, repeats=NONE).findings
    free = set()
    for kind, record in kinds.items():
        for what, data in parts_of(record):
            for at, byte in itertools.islice(alterations(data or b""), FIRST_SEED % BYTES_STEP, None, BYTES_STEP):
                damaged = with_part(record, what, data[:at] + bytes([byte]) + data[at + 1:])
                if field := mutator.free_field(record, damaged):
                    free.add(field)
                    continue
                alone = Findings()
                EventReader(shape, truth.prefix, recording.partitions, alone).read(damaged)
                if not alone:  # what is wrong with it shows beside others
                    records = [damaged if one is record else one for one in recording.records]
                    result = check(Recording(recording.partitions, records, recording.watermarks), truth, repeats=NONE)
                    assert result.findings, f"{kind}, {what} {data}: byte {at} became {byte:#x}"
    free_fields = {"runId", "ts_ms of a message"}
    assert free == free_fields if FULL else free <= free_fields


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
class TestRealRun:
    """The same on what the product wrote into a real Kafka."""

    def test_no_false_alarm(self, path):
        result = check(recordings.load(path), Truth.load(path.with_suffix(".truth")))
        assert not result.findings, result.report()

    @pytest.mark.parametrize("error", CLASSES)
    def test_error_is_found(self, path, error):
        recording, truth = recordings.load(path), Truth.load(path.with_suffix(".truth"))
        mutator = Mutator(recording, truth.shape, FIRST_SEED)
        for _ in range(20 if FULL else 2):
            damaged, what = getattr(mutator, error)()
            result = check(damaged, truth)
            assert result.findings.kinds & CLASSES[error], f"{what}\n{result.report()}"


def test_repeats_are_counted_and_allowed_where_they_may_be():
    recording, truth, shape = clean_run(1, 0)
    damaged, _ = Mutator(recording, shape, 1).repeated()
    for allowed, found in ((ANY, set()), (BETWEEN_RUNS, {"repeated"}), (NONE, {"repeated"})):
        result = check(damaged, truth, repeats=allowed)
        assert result.repeats == 1
        assert found <= result.findings.kinds, result.report()
    killed, truth, _ = clean_run(3, 3)
    counted = check(killed, truth)
    assert counted.repeats > 0 and not counted.findings
    assert counted.repeats == len(killed.records) - len({
        (record.topic, record.partition, record.key, record.value and b"".join(_without_clock(record.value)))
        for record in killed.records})


def _without_clock(value):
    at = value.rfind(b',"ts_ms":') if not value.startswith(b'{"op":"m"') else value.find(b',"ts_ms":')
    end = len(value) if at > 20 else value.find(b',"source"')
    return value[:at], value[end:]


def reached_with(result, recording, xids):
    """How far the partitions reach when the snapshot and these transactions stand there."""
    reached = {(topic, n): 0 for topic, count in recording.partitions.items() for n in range(count)}
    for record in recording.records:
        if b'"op":"r"' in (record.value or b""):
            reached[record.topic, record.partition] = record.offset + 1
    for xid in xids:
        for place, offset in result.transactions[xid].items():
            reached[place] = max(reached[place], offset + 1)
    return reached


@pytest.mark.parametrize("seed", [4, 5], ids=["from_the_beginning", "behind_a_snapshot"])
def test_told_position(seed):
    recording, truth, _ = clean_run(seed, 0)
    result = check(recording, truth)
    streamed = truth.transactions[-60:]
    xids = [xid for xid, _ in streamed]
    for i, (_, end) in enumerate(streamed):
        assert not check_told(result, truth, [(end, reached_with(result, recording, xids[:i + 1]))])
        assert not check_told(result, truth, [(end - 1, reached_with(result, recording, xids[:i]))])
        assert not check_told(result, truth, [(end, reached_with(result, recording, xids))])
        assert check_told(result, truth, [(end, reached_with(result, recording, xids[:i]))]).kinds == {"told"}


def test_a_recording_that_was_cut_is_no_clean_run(tmp_path):
    recording, truth, _ = clean_run(2, 0)
    recording.save(tmp_path / "whole")
    assert not check(recordings.load(tmp_path / "whole"), truth).findings
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:-200])
    assert "lost" in check(recordings.load(tmp_path / "cut"), truth).findings.kinds


def test_command_line(tmp_path):
    recording, truth, shape = clean_run(2, 0)
    truth.save(tmp_path / "run.truth")
    recording.save(tmp_path / "clean")
    Mutator(recording, shape, 2).lost()[0].save(tmp_path / "damaged")
    program = f"/usr/bin/python3 {pathlib.Path(__file__).with_name('checker.py')}"
    assert os.system(f"{program} {tmp_path}/clean {tmp_path}/run.truth > {tmp_path}/out") == 0
    assert os.system(f"{program} {tmp_path}/damaged {tmp_path}/run.truth > {tmp_path}/out") != 0
    assert "lost" in (tmp_path / "out").read_text()
