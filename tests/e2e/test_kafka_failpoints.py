# SPDX-License-Identifier: Apache-2.0
"""Killed, failed and held up at every step from receive to told: nothing lost, order kept, the server never told too early.

The program is that of the preset `failpoints`: MILLRACE_FAILPOINTS_BINARY, or build/failpoints/src/cli/millrace."""

import dataclasses
import os
import pathlib
import random
import re
import signal
import subprocess

import pytest
from kafka_run import BETWEEN_RUNS, NONE, KafkaRun, Shape
from program import Millrace

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
HOLD_MS = 1500
SEED = int(os.environ.get("MILLRACE_SEED", "7"))
ROUNDS = 40

pytestmark = pytest.mark.usefixtures("small_decoding_memory")


@dataclasses.dataclass(frozen=True)
class Place:
    """A failpoint, and what an error there leads to.

    at       the pass that is hurt
    ends     (reason, exit code) when the pipeline ends at its first error; else it goes on by itself
    again    it goes on with a new producer, from the stored position: records may come again
    forever  (reason, exit code) of an end when the error stays, with errors.max.retries=2; None: it is tried without end
    says     what is said of it then; the failpoint's name when empty
    tells    though it is tried without end, the server is told what is delivered
    first    hurts the first start, the one with the snapshot
    """

    at: int
    ends: tuple = None
    again: bool = False
    forever: tuple = None
    says: str = ""
    tells: bool = False
    first: bool = False
    process: dict = dataclasses.field(default_factory=dict)
    bulk_rows: int = 300


EXHAUSTED = ("RETRIES_EXHAUSTED", 4)
DELIVERY_FAILED = ("DELIVERY_FAILED", 4)
MEMORY_LIMIT = ("MEMORY_LIMIT", 3)
WRITE_FAILED = ("CHECKPOINT_WRITE_FAILED", 4)

PLACES = {
    "source.received": Place(5, forever=EXHAUSTED),
    "source.decoded": Place(50, ends=("SOURCE_PROTOCOL", 3)),
    "source.held": Place(20, ends=MEMORY_LIMIT),
    "source.spilled": Place(1, ends=MEMORY_LIMIT, process={"memory.limit": "16MiB"}, bulk_rows=3000),
    "source.replayed": Place(1, ends=MEMORY_LIMIT),
    "batch.pushed": Place(3, tells=True),
    "piece.encoded": Place(3, ends=("VALUE_UNDECODABLE", 3)),
    "piece.taken": Place(3, again=True, forever=DELIVERY_FAILED),
    "piece.submitted": Place(3, again=True, forever=DELIVERY_FAILED),
    "topic.described": Place(1),
    "topic.created": Place(1, first=True),
    "record.produced": Place(50, says="not been acknowledged"),
    "delivery.reported": Place(3, again=True, forever=DELIVERY_FAILED, says="_GAPLESS_GUARANTEE"),
    "mark.passed": Place(3, again=True, forever=DELIVERY_FAILED),
    "checkpoint.begun": Place(3, ends=WRITE_FAILED),
    "checkpoint.produced": Place(3),
    "checkpoint.committed": Place(3),
    "checkpoint.confirmed": Place(2, ends=WRITE_FAILED),
    "told.due": Place(3),
    "told.sent": Place(3, tells=True),
}


@pytest.fixture(scope="session")
def millrace():
    binary = pathlib.Path(os.environ.get("MILLRACE_FAILPOINTS_BINARY", REPOSITORY / "build/failpoints/src/cli/millrace"))
    if not binary.exists():
        pytest.skip(f"{binary} is absent: cmake --preset failpoints, cmake --build --preset failpoints --target millrace")
    return str(binary.resolve())


class Hurt:
    """A run whose program is started with one failpoint set, and what it did then."""

    def __init__(self, run, point, action):
        self.run = run
        self.pipeline = run.pipeline
        self.point = point
        self.place = PLACES[point]
        self.order = f"{point}={action}@{self.place.at}"

    def start(self):
        """From here on the writers write."""
        if not self.place.first:
            self.run.start()
            assert self.pipeline.stop(30) == 0, self.pipeline.log_text()
        self.pipeline.environment["MILLRACE_FAILPOINTS"] = self.order
        self.pipeline.start()

    def acted(self):
        return [line for line in self.pipeline.log()
                if line["msg"] == "failpoint acts" and line["failpoint"] == self.point and line["pass"] == self.place.at]

    def wait_acted(self):
        self.pipeline.wait_until(self.acted, 90, f"{self.order} to act")

    def start_unhurt(self):
        del self.pipeline.environment["MILLRACE_FAILPOINTS"]
        self.run.start()


@pytest.fixture
def hurt(millrace, postgres, kafka, tmp_path):
    """hurt(point, action): a run that is not started yet."""
    made = []

    def make(point, action, **options):
        place = PLACES[point]
        name = f"fp_{point}_{action.partition(':')[0]}".replace(".", "_").replace("-", "_")
        run = KafkaRun(millrace, postgres, kafka, tmp_path, name, shape=Shape(writers=4, bulk_rows=place.bulk_rows),
                       **{"held.memory.percent": 1, **options})
        made.append(run.__enter__())
        run.pipeline.process_options |= place.process
        run.pipeline.configure()
        return Hurt(run, point, action)

    yield make
    for run in made:
        run.__exit__()


def test_every_failpoint_is_here():
    table = (REPOSITORY / "src/base/failpoint.cc").read_text()
    assert list(PLACES) == re.findall(r'FailpointInfo\{Failpoint::\w+,\s*"([a-z.]+)"', table)


@pytest.mark.full
def test_unknown_failpoint_is_refused(millrace, tmp_path):
    program = Millrace(millrace, None, tmp_path, "unknown", **{"table.include.list": "public.t"})
    program.environment["MILLRACE_FAILPOINTS"] = "mark.pased=kill"
    program.start()
    assert "did you mean mark.passed?" in program.stopped_with("CONFIG_INVALID", 2)


@pytest.mark.full
@pytest.mark.parametrize("point", PLACES)
def test_killed(hurt, point):
    case = hurt(point, "kill")
    with case.run.writing():
        case.start()
        assert case.pipeline.ended(90) == -signal.SIGKILL, case.pipeline.log_text()
        assert case.acted()
        case.start_unhurt()
        case.run.wait_commits(20)
    case.run.judge(repeats=BETWEEN_RUNS)


@pytest.mark.full
@pytest.mark.parametrize("point", PLACES)
def test_failed_once(hurt, point):
    case = hurt(point, "error-once")
    with case.run.writing():
        case.start()
        if case.place.ends:
            case.pipeline.stopped_with(*case.place.ends, timeout=90)
            assert case.acted()
            case.start_unhurt()
        else:
            case.wait_acted()
        case.run.wait_commits(20)
    case.run.judge(repeats=BETWEEN_RUNS if case.place.ends or case.place.again else NONE)


@pytest.mark.full
@pytest.mark.parametrize("point", PLACES)
def test_held(hurt, point):
    """Nothing is lost by what takes long, nor comes twice."""
    case = hurt(point, f"hold:{HOLD_MS}")
    with case.run.writing():
        case.start()
        case.wait_acted()
        case.pipeline.wait_for_log("failpoint lets go")
        case.run.wait_commits(20)
    case.run.judge(repeats=NONE)


@pytest.mark.full
@pytest.mark.parametrize("point", [point for point, place in PLACES.items() if place.ends or place.forever])
def test_failed_for_ever(hurt, point):
    """It ends after its retries, and says why."""
    case = hurt(point, "error", **{"errors.max.retries": 2})
    with case.run.writing():
        case.start()
        line = case.pipeline.stopped_with(*(case.place.forever or case.place.ends), timeout=120)
        assert (case.place.says or f"failpoint {point}") in line
        assert case.acted()
        case.start_unhurt()
        case.run.wait_commits(20)
    case.run.judge(repeats=BETWEEN_RUNS)


@pytest.mark.full
@pytest.mark.parametrize("point", [point for point, place in PLACES.items() if not place.ends and not place.forever])
def test_tried_for_ever(hurt, point):
    """What may pass is waited for: the status says what fails, and the server is told nothing that it must not be told."""
    case = hurt(point, "error")
    says = case.place.says or f"failpoint {point}"
    with case.run.writing():
        case.start()
        case.wait_acted()
        case.pipeline.wait_until(lambda: says in str(case.pipeline.status()["last_error"]), 90, "trouble")
        told = case.pipeline.told()
        case.run.wait_commits(20)
        assert case.place.tells or case.pipeline.told() == told
        case.pipeline.kill()
        case.start_unhurt()
        case.run.wait_commits(20)
    case.run.judge(repeats=BETWEEN_RUNS)


@pytest.mark.full
def test_hurt_at_random(millrace, postgres, kafka, tmp_path):
    """Round by round another two orders, at any pass; who lives for some seconds is killed."""
    source = random.Random(SEED)
    acted = 0
    with KafkaRun(millrace, postgres, kafka, tmp_path, "fp_random") as run:
        run.start()
        run.pipeline.kill()
        with run.writing(pause_s=0.05):
            for _ in range(ROUNDS):
                orders = [f"{point}={source.choice(['kill', 'error-once', 'hold:300'])}@{source.randint(1, PLACES[point].at * 2)}"
                          for point in source.sample(list(PLACES), 2)]
                run.pipeline.environment["MILLRACE_FAILPOINTS"] = ",".join(orders)
                run.pipeline.start()
                try:
                    run.pipeline.process.wait(source.uniform(2, 6))
                except subprocess.TimeoutExpired:
                    run.pipeline.kill()
                acted += any(line["msg"] == "failpoint acts" for line in run.pipeline.log())
        del run.pipeline.environment["MILLRACE_FAILPOINTS"]
        run.start()
        run.judge(repeats=BETWEEN_RUNS)
    assert acted > ROUNDS / 3
