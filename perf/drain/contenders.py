# SPDX-License-Identifier: Apache-2.0
"""Who drains a log. Each runs from the start of its process to the moment it has taken the log's end, on a copy of the
slot made for the run; figures of the process and of its walsender come back."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from drain import machine

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MILLRACE_BINARY", REPOSITORY / "build/release/src/cli/millrace")).resolve()
LOOK_EVERY = 0.05
PATIENCE = 900


class RunFailed(RuntimeError):
    pass


@dataclasses.dataclass
class Figures:
    seconds: float
    cpu: float
    walsender_cpu: float
    peak_rss_mib: float
    steal: float = 0.0
    streaming: float = 0.0  # into Kafka: from the first record to the last


def lsn(text):
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Walsender:
    """The CPU of the server's process that serves a slot."""

    def __init__(self, server, slot):
        self.connection = server.connect()
        self.slot = slot
        self.pid = None
        self.seconds = 0.0

    def look(self):
        if self.pid is None:
            with self.connection.cursor() as cursor:
                cursor.execute("select active_pid from pg_replication_slots where slot_name = %s", [self.slot])
                self.pid = cursor.fetchone()[0]
        if self.pid is not None:
            self.seconds = machine.cpu_seconds(self.pid) or self.seconds


@dataclasses.dataclass(frozen=True)
class RecvLogical:
    name: str = "pg_recvlogical"
    options: tuple = (("proto_version", "1"),)
    conninfo: tuple = ()

    def run(self, server, workload, slot, end):
        words = [server.program("pg_recvlogical"), "--start", "-S", slot, "-f", "/dev/null", "--no-loop", f"--endpos={end}",
                 "-d", server.conninfo(**dict(self.conninfo)), "-o", f"publication_names={workload.name}"]
        for name, value in self.options:
            words += ["-o", f"{name}={value}"]
        walsender = Walsender(server, slot)
        cpu = peak = 0.0
        started = time.monotonic()
        process = subprocess.Popen(words, env=server.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        while process.poll() is None:
            cpu = machine.cpu_seconds(process.pid) or cpu
            peak = (machine.status_kib(process.pid, "VmHWM") or 0) / 1024 or peak
            walsender.look()
            try:
                process.wait(LOOK_EVERY)
            except subprocess.TimeoutExpired:
                pass
        seconds = time.monotonic() - started
        if process.returncode != 0:
            raise RunFailed(process.stderr.read().decode())
        return Figures(seconds, cpu, walsender.seconds, peak)


class MillraceRun:
    """One run of the program on a slot, ended with the `with` block."""

    def __init__(self, name, server, workload, slot, options):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-perf"))
        self.port = free_port()
        keys = {
            "name": "drain", "connector": "postgresql", "topic.prefix": "perf", "database.hostname": "127.0.0.1",
            "database.port": server.port, "database.user": "postgres", "database.dbname": "postgres",
            "slot.name": slot, "publication.name": workload.name, "publication.autocreate.mode": "disabled",
            "table.include.list": f"public.{workload.name}", "snapshot.mode": "no_data", "schemas.enable": False,
            **options,
        }
        file = self.folder / "millrace.yaml"
        file.write_text(f"data.dir: {self.folder}/data\nhttp.listen: 127.0.0.1:{self.port}\npipelines:\n  -\n" +
                        "".join(f"    {key}: {json.dumps(value)}\n" for key, value in keys.items()))
        self.walsender = Walsender(server, slot)
        with open(self.folder / "log", "wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen([BINARY, "run", file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def look(self):
        """Waits a little."""
        if self.process.poll() is not None or time.monotonic() - self.started > PATIENCE:
            raise RunFailed(f"{self.name}: {self.process.poll()}: {self.log_tail()}")
        self.walsender.look()
        time.sleep(LOOK_EVERY)

    def figures(self):
        """Of the run up to now, which then ends."""
        seconds = time.monotonic() - self.started
        found = Figures(seconds, machine.cpu_seconds(self.process.pid), self.walsender.seconds,
                        machine.status_kib(self.process.pid, "VmHWM") / 1024)
        self.process.terminate()
        if self.process.wait(30) != 0:
            raise RunFailed(f"{self.name} ended with {self.process.returncode}: {self.log_tail()}")
        return found

    def log_tail(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Millrace:
    name: str
    options: tuple = ()

    def run(self, server, workload, slot, end, keep=None):
        """keep: a path for the output file, which is else of no interest."""
        kept = {"sink": "file", "file.path": str(keep)} if keep else {}
        wanted = lsn(end)
        with MillraceRun(self.name, server, workload, slot, dict(self.options) | kept) as run:
            while acknowledged(run.port) < wanted:
                run.look()
            return run.figures()


def acknowledged(port):
    """The position up to which the sink has everything; 0 when it cannot be known."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            found = re.search(rb'millrace_position\{[^}]*stage="acknowledged"[^}]*\} ([0-9.e+]+)', answer.read())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0
    return int(float(found[1])) if found else 0
