# SPDX-License-Identifier: Apache-2.0
"""The simulation's model server sends what a real one sends: tests/sim/conformance."""

import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_the_model_server_sends_what_postgresql_sends():
    done = subprocess.run([REPOSITORY / "tests/sim/conformance/run", "--seeds", "3"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
