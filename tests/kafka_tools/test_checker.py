# SPDX-License-Identifier: Apache-2.0
"""The checker: silent on every clean run, and no error of any class gets past it."""

import glob
import os
import pathlib

import pytest

import recording as recordings
from checker import check, check_told
from conftest import FIRST_SEED, FULL
from model import generate
from mutator import CLASSES, Mutator
from partition_walk import ANY, BETWEEN_RUNS, NONE
from truth import Truth
from workload import COPY_ROWS_MIN, Shape

CLEAN_RUNS = 200 if FULL else 50
DAMAGES = 150 if FULL else 8
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
