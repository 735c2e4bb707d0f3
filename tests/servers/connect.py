# SPDX-License-Identifier: Apache-2.0
"""Kafka Connect with Debezium, beside which millrace is tested and measured.

    with KafkaServer() as kafka, ConnectWorker(kafka) as connect:
        connect.create("shop", debezium(postgres, "shop", publication="shop", slot="shop"))
        connect.wait_for_task("shop")
"""

import json
import subprocess
import time
import urllib.error
import urllib.request

from kafka import DEPS, REPOSITORY, SMALL, JavaProcess, KafkaError, free_ports

JSON = "org.apache.kafka.connect.json.JsonConverter"


def plugins():
    """The folder of Debezium's connectors; fetches them when they are absent."""
    folder = DEPS / "servers" / "debezium"
    if not any(folder.glob("debezium-connector-*")):
        subprocess.run([REPOSITORY / "tests/servers/fetch", "debezium"], check=True)
    return folder.resolve()


def debezium(postgres, prefix, *, slot, publication, schemas=False, more=None):
    """A configuration of Debezium's PostgreSQL connector."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": 1,
        "database.hostname": "127.0.0.1",
        "database.port": postgres.port,
        "database.user": "postgres",
        "database.password": "unused",  # the server trusts everybody; the connector wants one
        "database.dbname": "postgres",
        "topic.prefix": prefix,
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": publication,
        "publication.autocreate.mode": "disabled",
        "topic.creation.default.replication.factor": 1,
        "topic.creation.default.partitions": 1,
        # Said together: a converter's own options count only where the converter is named.
        "key.converter": JSON,
        "key.converter.schemas.enable": schemas,
        "value.converter": JSON,
        "value.converter.schemas.enable": schemas,
    } | (more or {})


class ConnectWorker(JavaProcess):
    """One distributed worker on a KafkaServer.

    properties  of the worker, over those below
    jvm         options for Java; STOCK_CONNECT for measurements
    """

    def __init__(self, kafka, properties=None, *, jvm=SMALL):
        super().__init__("kc")
        self.plugins = plugins()
        self.jvm = jvm
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        name = f"connect-{self.port}"
        self.properties = {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": name,
            "key.converter": JSON,
            "value.converter": JSON,
            **{key: value for kind in ("config", "offset", "status") for key, value in {
                f"{kind}.storage.topic": f"{name}-{kind}",
                f"{kind}.storage.replication.factor": 1,
            }.items()},
            "offset.storage.partitions": 1,
            "status.storage.partitions": 1,
            "offset.flush.interval.ms": 1000,
            "scheduled.rebalance.max.delay.ms": 0,
            "listeners": self.url,
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": self.plugins,
            "plugin.discovery": "service_load",  # the default looks into every jar: 11 s instead of 3
            "topic.creation.enable": "true",
            # A connector may set its producer's linger and batches.
            "connector.client.config.override.policy": "All",
        } | (properties or {})

    # Connectors

    def create(self, name, config):
        """Returns before the connector runs."""
        self.ask("POST", "/connectors", {"name": name, "config": {key: self._text(value) for key, value in config.items()}})

    def status(self, name):
        """The task's state: RUNNING, FAILED, ...; "" before there is a task. A failed one raises, with its stack trace."""
        try:
            tasks = self.ask("GET", f"/connectors/{name}/status")["tasks"]
        except KafkaError:
            return ""  # not known yet
        for task in tasks:
            if task["state"] == "FAILED":
                raise KafkaError(f"{name}: {task.get('trace', '')[:2000]}")
        return tasks[0]["state"] if tasks else ""

    def wait_for_task(self, name, state="RUNNING", timeout=60):
        deadline = time.monotonic() + timeout
        while (found := self.status(name)) != state:
            if time.monotonic() > deadline:
                raise KafkaError(f"{name}: {found!r} instead of {state} after {timeout} s; log:\n{self.log_tail()}")
            time.sleep(0.05)

    def offsets(self, name):
        """The source offset that Connect has stored: {"lsn": ...}; None before the first."""
        found = self.ask("GET", f"/connectors/{name}/offsets")["offsets"]
        return found[0]["offset"] if found else None

    def delete(self, name):
        """Its replication slot stays in PostgreSQL."""
        self.ask("DELETE", f"/connectors/{name}")

    def ask(self, method, path, body=None):
        """A call of the REST interface: the answer, None when it is empty."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise KafkaError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from None
        return json.loads(text) if text else None

    # What JavaProcess asks

    def command(self):
        return [*self.java_command("org.apache.kafka.connect.cli.ConnectDistributed", *self.jvm),
                self.folder / "worker.properties"]

    def is_ready(self, begin):
        try:
            self.ask("GET", "/connectors")
            return True
        except (KafkaError, OSError):
            return False

    def prepare(self):
        (self.folder / "worker.properties").write_text(
            "".join(f"{name}={value}\n" for name, value in self.properties.items()))

    @staticmethod
    def _text(value):
        return str(value).lower() if isinstance(value, bool) else str(value)
