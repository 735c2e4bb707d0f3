# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the program and of brokers, under writers, with a real Kafka: nothing lost, order kept once exact repeats are
removed, the server never told of what does not stand in the topics. The judge is tests/kafka_tools."""

import os
import random
import signal
import time

import pytest
from kafka_run import NONE, KafkaRun, Shape

FULL = bool(os.environ.get("MILLRACE_FULL"))
SEED = int(os.environ.get("MILLRACE_SEED", "7"))
KILLS = 200 if FULL else 9

pytestmark = pytest.mark.usefixtures("small_decoding_memory")


@pytest.mark.full
def test_without_kills_each_record_once(millrace, postgres, kafka, tmp_path):
    with KafkaRun(millrace, postgres, kafka, tmp_path, "unhurt", shape=Shape(writers=8)) as run:
        run.start()
        with run.writing(pause_s=0.01):
            run.wait_commits(1500 if FULL else 300)
        result = run.judge(repeats=NONE)
        assert len(result.transactions) >= 300 and result.repeats == 0


def test_killed_at_random(millrace, postgres, kafka, tmp_path):
    source = random.Random(SEED)
    with KafkaRun(millrace, postgres, kafka, tmp_path, "random_kills") as run:
        run.start()
        with run.writing(pause_s=0.05):
            for _ in range(KILLS):
                time.sleep(source.choice([0.05, 0.3, 1.0, 2.0]) * source.uniform(0.5, 1.5))
                run.pipeline.kill()
                run.pipeline.start()
        result = run.judge()
        print(result.report())


@pytest.mark.full
def test_killed_while_it_catches_up(millrace, postgres, kafka, tmp_path):
    """A backlog: the producer's queue is full whenever it dies."""
    source = random.Random(SEED)
    with KafkaRun(millrace, postgres, kafka, tmp_path, "catching_up") as run:
        run.start()
        run.pipeline.kill()
        run.workload.run(2000 if FULL else 400)
        for _ in range(KILLS // 2):
            run.pipeline.start()
            run.pipeline.wait_streaming()
            time.sleep(source.uniform(0, 0.5))
            run.pipeline.kill()
        run.pipeline.start()
        run.judge()


def test_killed_in_the_snapshot(millrace, postgres, kafka, tmp_path):
    """The snapshot begins anew; what a broken one delivered stands there as well."""
    source = random.Random(SEED)
    with KafkaRun(millrace, postgres, kafka, tmp_path, "snapshot_kills", shape=Shape(writers=4, bulk_rows=400)) as run:
        run.workload.run(300)
        for _ in range(KILLS // 3):
            run.pipeline.start()
            time.sleep(source.uniform(0.1, 1.2))
            run.pipeline.kill()
        with run.writing():
            run.start()
            run.wait_commits(50)
        run.judge()


def test_killed_while_it_stops(millrace, postgres, kafka, tmp_path):
    source = random.Random(SEED)
    with KafkaRun(millrace, postgres, kafka, tmp_path, "stop_kills") as run:
        with run.writing():
            for _ in range(KILLS // 2):
                run.start()
                run.wait_commits(20)
                run.pipeline.process.send_signal(signal.SIGTERM)
                time.sleep(source.choice([0.0, 0.01, 0.05, 0.2]))
                run.pipeline.kill()
        run.start()
        run.judge()


@pytest.mark.full
@pytest.mark.parametrize("mode", ["stop", "kill"])
def test_broker_restarted_again_and_again(millrace, postgres, kafka, tmp_path, mode):
    """The program lives on: not one record twice."""
    with KafkaRun(millrace, postgres, kafka, tmp_path, f"restarts_{mode}") as run:
        run.start()
        with run.writing(pause_s=0.05):
            for _ in range(6 if FULL else 2):
                run.wait_commits(40)
                kafka.restart(mode)
        run.judge(repeats=NONE)


@pytest.mark.full
def test_both_killed_at_random(millrace, postgres, kafka, tmp_path):
    source = random.Random(SEED)
    with KafkaRun(millrace, postgres, kafka, tmp_path, "both_killed") as run:
        run.start()
        with run.writing(pause_s=0.05):
            for n in range(KILLS // 2):
                time.sleep(source.uniform(0.1, 2))
                run.pipeline.kill()
                if n % 3 == 0:
                    kafka.restart(source.choice(["stop", "kill"]))
                run.pipeline.start()
                if n % 3 == 1:
                    time.sleep(source.uniform(0, 1))
                    kafka.restart(source.choice(["stop", "kill"]))
        run.judge()


@pytest.mark.full
def test_killed_and_frozen_with_two_brokers(millrace, postgres, cluster, tmp_path):
    """One of two brokers is killed, restarted or frozen; its partitions move there and back."""
    source = random.Random(SEED)
    first, second = cluster
    with KafkaRun(millrace, postgres, first, tmp_path, "two_brokers", **{
            "topic.creation.default.replication.factor": 2, "topic.creation.default.min.insync.replicas": 1,
            "kafka.bootstrap.servers": f"{first.bootstrap},{second.bootstrap}"}) as run:
        run.start()
        with run.writing(pause_s=0.05):
            for n in range(12 if FULL else 3):
                run.wait_commits(30)
                if n % 3 == 2:
                    second.freeze()
                    time.sleep(source.uniform(1, 8))
                    second.thaw()
                else:
                    second.restart(["kill", "stop"][n % 3])
                if source.random() < 0.5:
                    run.pipeline.kill()
                    run.pipeline.start()
        run.judge()
