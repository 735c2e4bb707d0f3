# SPDX-License-Identifier: Apache-2.0
"""session_probe as a function: a configuration, requests in order, an answer for each."""

import json
import os
import pathlib
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


class Probe:
    def __init__(self, binary, folder):
        self.binary = binary
        self.folder = pathlib.Path(folder)

    def command(self, server, *requests, **options):
        keys = {
            "name": "probe", "connector": "postgresql", "topic.prefix": "p", "database.hostname": "127.0.0.1",
            "database.port": str(server.port), "database.user": "postgres", "database.dbname": "postgres",
            "slot.name": "probe", "publication.name": "probe", "sink": "null", "connect.timeout.ms": 5000,
            **{name.replace("__", "."): value for name, value in options.items()},
        }
        file = self.folder / "probe.yaml"
        file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
        return [self.binary, str(file), *requests]

    def ask(self, server, *requests, environment=None, timeout=120, **options):
        """The answers, one object per request."""
        # HOME: a developer's .pgpass and .postgresql are not for tests.
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **(environment or {})}
        done = subprocess.run(self.command(server, *requests, **options), capture_output=True, text=True, timeout=timeout,
                              env=env)
        assert done.returncode == 0, done.stderr
        self.log = done.stderr
        assert "s3cret" not in done.stdout + done.stderr, "a password was shown"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def fails(self, server, *requests, **options):
        """The last answer, which must be a failure: (reason, retryable, message)."""
        answer = self.ask(server, *requests, **options)[-1]
        assert answer["event"] == "failed", answer
        return answer["reason"], answer["retryable"], answer["message"]


@pytest.fixture
def probe(tmp_path):
    binary = os.environ.get("MILLRACE_SESSION_PROBE", str(REPOSITORY / "build/release/tests/e2e/session/session_probe"))
    if not os.path.exists(binary):
        pytest.fail(f"{binary} is absent: build session_probe, or set MILLRACE_SESSION_PROBE")
    return Probe(binary, tmp_path)
