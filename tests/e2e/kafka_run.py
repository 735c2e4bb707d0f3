# SPDX-License-Identifier: Apache-2.0
"""A pipeline into a real Kafka under the writers of tests/kafka_tools, and its judgement.

    run = KafkaRun(binary, postgres, kafka, folder, "away")
    with run:                              tables, pipeline, the watch over the told position
        with run.writing():
            kafka.restart("kill")
        run.judge()                        everything is there, each in its place, and nobody was told too early
"""

import json
import pathlib
import sys
import urllib.error
import urllib.request

from postgres import free_port
from program import Millrace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kafka_tools"))

import kafka  # noqa: E402

kafka.home()  # the Python client, too, is fetched when it is absent

import recording as recordings  # noqa: E402
from checker import check, check_told  # noqa: E402
from partition_walk import BETWEEN_RUNS, NONE  # noqa: E402
from postgres_writers import PostgresWorkload  # noqa: E402
from recorder import record  # noqa: E402
from told import ToldPosition  # noqa: E402
from truth import lsn_number  # noqa: E402
from workload import Shape  # noqa: E402

PARTITIONS = 3


class KafkaPipeline(Millrace):
    """The program on one pipeline into Kafka. Topics begin with the pipeline's name, so that tests share a broker.

    client   properties of librdkafka for the pipeline, by KafkaServer.client() or sasl_client()
    """

    def __init__(self, binary, server, client, folder, name, process=None, **options):
        properties = {f"kafka.{key}": value for key, value in client.items()}
        super().__init__(binary, server, folder, name, {"http.listen": f"127.0.0.1:{free_port()}", **(process or {})}, **{
            "sink": "kafka", "file.path": None, "file.fsync.interval.ms": None, "topic.prefix": name,
            "topic.creation.default.partitions": PARTITIONS, **properties, **options})

    def page(self, path):
        """A page of the control address: (HTTP status, text)."""
        try:
            with urllib.request.urlopen(f"http://{self.process_options['http.listen']}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def status(self):
        """The pipeline's part of /status."""
        (found,) = [one for one in json.loads(self.page("/status")[1])["pipelines"] if one["name"] == self.name]
        return found

    def told(self):
        return lsn_number(self.slot() or "0/0")


class KafkaRun:
    """The writers, a pipeline, a Kafka.

    kafka    the broker that is asked in the end
    client   how the pipeline gets there; kafka.client() when not given
    options  of the pipeline
    """

    def __init__(self, binary, server, kafka, folder, name, *, client=None, shape=None, **options):
        self.server = server
        self.kafka = kafka
        self.folder = pathlib.Path(folder)
        self.workload = PostgresWorkload(server, shape or Shape(writers=4, bulk_rows=200), prefix=name, judge=f"{name}_judge")
        self.pipeline = KafkaPipeline(binary, server, client or kafka.client(), folder, name, **{
            "table.include.list": self.workload.include_list, **options})
        self.told = ToldPosition(server, name, kafka.client(), f"{name}.")

    def __enter__(self):
        self.workload.create()
        self.workload.run(20)  # these are in the snapshot
        self.told.__enter__()
        return self

    def __exit__(self, *_):
        self.told.__exit__()
        self.pipeline.clean_up()
        self.workload.drop()

    def start(self):
        """Returns when the position behind the snapshot is stored and told: whatever happens then, there is no other snapshot."""
        self.pipeline.start()
        self.pipeline.wait_streaming(180)
        self.wait_told(120)
        return self

    def writing(self, pause_s=0.02):
        return self.workload.writing(pause_s)

    def wait_commits(self, count, timeout=60):
        """Until the writers have committed so many more."""
        until = self.workload.commits + count
        self.pipeline.wait_until(lambda: self.workload.commits >= until, timeout, f"{count} commits")

    def wait_told(self, timeout=60):
        """Until the server has been told of everything that is committed now."""
        self.pipeline.wait_confirmed(self.server.wal_end(), timeout)

    def judge(self, *, repeats=BETWEEN_RUNS, stop=True, timeout=120):
        """Nobody writes any more: waits until all is delivered, and judges it. The checker's result."""
        truth = self.workload.truth()
        self.wait_told(timeout)
        if stop:
            assert self.pipeline.stop(30) == 0, self.pipeline.log_text()
        path = self.folder / f"{self.pipeline.name}.topics"
        record(self.kafka.client(), f"{self.pipeline.name}.", path)
        truth.save(path.with_suffix(".truth"))
        result = check(recordings.load(path), truth, repeats=repeats)
        assert not result.findings, result.report()
        assert len(result.transactions) > 0
        early = check_told(result, truth, self.told.samples)
        assert not early, early[:5]
        assert self.told.looks > 0 and not self.told.went_back, self.told.went_back
        return result


__all__ = ["BETWEEN_RUNS", "NONE", "KafkaPipeline", "KafkaRun", "PARTITIONS", "Shape"]
