# SPDX-License-Identifier: Apache-2.0
"""The program under test as an object: a pipeline into a file, started, killed, stopped and looked at.

    pipeline = Millrace(binary, server, folder, "orders", **{"table.include.list": "public.orders"})
    pipeline.start()
    events = pipeline.wait_for(lambda events: len(events) == 3)
    assert pipeline.stop() == 0
"""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest


def yaml_lines(keys):
    """Options as YAML, each value as a JSON text, which YAML reads."""
    return [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]


class Millrace:
    """The program on one pipeline, in a folder of its own below `folder`.

    options  of the pipeline, over those below; the slot and the publication bear the pipeline's name
    process  options of the process
    """

    def __init__(self, binary, server, folder, name, process=None, **options):
        self.binary = binary
        self.server = server
        self.name = name
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.output = self.folder / "events.jsonl"
        self.log_file = self.folder / "log"
        self.process = None
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        self.options = {
            "name": name, "connector": "postgresql", "topic.prefix": "p", "database.hostname": "127.0.0.1",
            "database.port": server.port if server else 5432, "database.user": "postgres", "database.dbname": "postgres",
            "slot.name": name, "publication.name": name, "schemas.enable": False, "sink": "file",
            "file.path": str(self.output), "checkpoint.interval.ms": 100, "file.fsync.interval.ms": 50,
            "retriable.restart.connector.wait.ms": 500,
        }
        self.others = []  # options of more pipelines in the same process
        self.process_options = {"data.dir": str(self.folder / "data"), "http.listen": "off", **(process or {})}
        self.config = self.folder / "millrace.yaml"
        self.configure(**options)

    def configure(self, **options):
        """Changes options; None takes one away. The next start reads them."""
        self.options |= options
        lines = yaml_lines(self.process_options) + ["pipelines:"]
        for pipeline in [self.options, *self.others]:
            keys = {key: value for key, value in pipeline.items() if value is not None}
            lines += [("  - " if i == 0 else "    ") + line for i, line in enumerate(yaml_lines(keys))]
        self.config.write_text("\n".join(lines) + "\n")

    # Life

    def start(self, *words, stdout=None):
        """Starts `millrace run`. With `sink: stdout` the output file is appended to, or `stdout` is used."""
        assert self.process is None or self.process.poll() is not None, "runs already"
        self.log_file.touch()
        self.log_begin = self.log_file.stat().st_size
        with open(self.log_file, "ab") as log, open(self.output if self.options["sink"] == "stdout" else os.devnull, "ab") as out:
            self.process = subprocess.Popen([self.binary, "run", str(self.config), *words], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=stdout or out, stderr=log)
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=10):
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended(timeout)

    def ended(self, timeout=30):
        """Waits for the end; the exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still runs after {timeout} s\n{self.log_text()}")

    def stopped_with(self, reason, exit_code, timeout=30):
        """Waits for an end of its own accord for this reason, which the last line of the log names: that line's text."""
        assert self.ended(timeout) == exit_code, self.log_text()
        last = self.log()[-1]
        assert last["reason"] == reason, last
        return json.dumps(last, ensure_ascii=False)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, *words):
        """Another command of the program, on the same configuration: (exit code, standard output, standard error)."""
        done = subprocess.run([self.binary, *words, str(self.config)], capture_output=True, text=True, timeout=60,
                              env=self.environment)
        return done.returncode, done.stdout, done.stderr

    # What came out

    def output_bytes(self):
        """The output, rotated files first."""
        rotated = sorted(self.output.parent.glob(self.output.name + ".[0-9]*"))
        return b"".join(file.read_bytes() for file in [*rotated, self.output] if file.exists())

    def events(self):
        """The whole lines of the output."""
        text = self.output_bytes()
        return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def line_count(self):
        return self.output_bytes().count(b"\n")

    def values(self, table=None):
        """The events' values without tombstones, of one table (schema.table) or all."""
        return [event["value"] for event in self.events()
                if event["value"] is not None and (table is None or event["topic"] == f"p.{table}")]

    def wait_until(self, done, timeout=60, what="what was waited for"):
        """Asks until done() is true; fails at once when the program ends."""
        until = time.monotonic() + timeout
        while True:
            found = done()
            if found:
                return found
            if not self.running:
                pytest.fail(f"ended with {self.process.returncode}:\n{self.log_text()}")
            if time.monotonic() > until:
                tail = json.dumps(self.events()[-2:])[:2000]
                pytest.fail(f"{what} did not come in {timeout} s: {self.line_count()} lines, last {tail}\n{self.log_text()}")
            time.sleep(0.05)

    def wait_for(self, done, timeout=60):
        """Asks until done(events) is true; the events."""
        self.wait_until(lambda: done(self.events()), timeout)
        return self.events()

    def wait_for_lines(self, count, timeout=60):
        """Waits for at least so many lines; the events."""
        self.wait_until(lambda: self.line_count() >= count, timeout, f"line {count}")
        return self.events()

    def wait_for_log(self, text, timeout=60):
        """Waits for a line of this start's log with this text in its message."""
        return self.wait_until(lambda: [line for line in self.log() if text in line["msg"]], timeout, f"log line {text!r}")

    def wait_streaming(self, timeout=60):
        self.wait_for_log("streaming", timeout)
        return self

    def log(self):
        """The lines of this start's log, as objects."""
        text = self.log_file.read_bytes()[self.log_begin:].decode(errors="replace")
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) if line.startswith("{") else {"msg": line} for line in lines]

    def log_text(self):
        return self.log_file.read_text(errors="replace")[-4000:]

    # What the server has of it

    def slot(self, column="confirmed_flush_lsn::text"):
        return self.server.value(f"select {column} from pg_replication_slots where slot_name = %s", [self.options["slot.name"]])

    def wait_confirmed(self, lsn, timeout=30):
        """Waits until the server has been told this position or one behind it."""
        self.wait_until(lambda: self.server.value(
            "select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s",
            [lsn, self.options["slot.name"]]), timeout, f"confirmation of {lsn}")

    def clean_up(self):
        """Ends it, and drops its slot and publication if the server still runs."""
        if self.running:
            self.kill()
        if self.server is None or not self.server.running:
            return
        slot = self.options["slot.name"]
        self.server.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                            [slot])
        self.server.wait_for(f"select count(*) from pg_replication_slots where slot_name = '{slot}' and active", 0)
        self.server.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s "
                            "and not temporary", [slot])
        self.server.execute(f'drop publication if exists "{slot}"')


def operations(events):
    """r, c, u, d, t, m of each event; None for a tombstone."""
    return [event["value"]["op"] if event["value"] else None for event in events]


def keys(events):
    return [event["key"] for event in events]
