# SPDX-License-Identifier: Apache-2.0
"""Who drains a log into Kafka. A run is over when its topic, made for it, holds every record; each is looked at alike."""

import contextlib
import dataclasses
import itertools
import time

from connect import debezium
from drain import machine
from drain.contenders import LOOK_EVERY, PATIENCE, Figures, MillraceRun, RunFailed, Walsender

numbers = itertools.count(1)


class Topic:
    """Of one run."""

    def __init__(self, kafka, workload):
        self.kafka = kafka
        self.prefix = f"run{next(numbers)}"
        self.name = f"{self.prefix}.public.{workload.name}"
        self.wanted = workload.records
        self.first_seen = None

    def is_full(self):
        (end,) = self.kafka.admin.ends(self.name).values()
        if end > self.wanted:
            raise RunFailed(f"{self.name}: {end} records instead of {self.wanted}")
        if end and self.first_seen is None:
            self.first_seen = time.monotonic()
        return end == self.wanted


@contextlib.contextmanager
def topic(kafka, workload):
    made = Topic(kafka, workload)
    kafka.admin.create_topic(made.name)
    try:
        yield made
    finally:
        kafka.admin.delete_topic(made.name)


@dataclasses.dataclass(frozen=True)
class KafkaMillrace:
    name: str
    kafka: object
    options: tuple = ()

    def run(self, server, workload, slot, end):
        with topic(self.kafka, workload) as to:
            # A name of its own: a run begins at the slot, not at the checkpoint of the run before.
            options = {"name": to.prefix, "sink": "kafka", "kafka.bootstrap.servers": self.kafka.bootstrap, "topic.prefix": to.prefix,
                       "database.sslmode": "disable", **dict(self.options)}
            with MillraceRun(self.name, server, workload, slot, options) as run:
                while not to.is_full():
                    run.look()
                streaming = time.monotonic() - to.first_seen
                return dataclasses.replace(run.figures(), streaming=streaming)


@dataclasses.dataclass(frozen=True)
class Debezium:
    """A connector in a worker that runs already; CPU and memory are the worker's, of the run."""
    name: str
    connect: object
    kafka: object
    options: tuple = ()

    def run(self, server, workload, slot, end):
        with topic(self.kafka, workload) as to:
            pid = self.connect.pid
            machine.forget_peak(pid)
            walsender = Walsender(server, slot)
            cpu = machine.cpu_seconds(pid)
            started = looked = time.monotonic()
            self.connect.create(to.prefix, debezium(server, to.prefix, slot=slot, publication=workload.name,
                                                    more={"snapshot.mode": "no_data", **dict(self.options)}))
            try:
                while not to.is_full():
                    walsender.look()
                    time.sleep(LOOK_EVERY)
                    if time.monotonic() - looked > 5:
                        looked = time.monotonic()
                        self.connect.status(to.prefix)
                    if time.monotonic() - started > PATIENCE:
                        raise RunFailed(f"{self.name}: {self.connect.log_tail()}")
                ended = time.monotonic()
                return Figures(ended - started, machine.cpu_seconds(pid) - cpu, walsender.seconds,
                               machine.status_kib(pid, "VmHWM") / 1024, streaming=ended - to.first_seen)
            finally:
                self.connect.delete(to.prefix)
