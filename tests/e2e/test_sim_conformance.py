# SPDX-License-Identifier: Apache-2.0
"""The simulation's models of servers do what real ones do: tests/sim/conformance."""

import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_the_model_server_sends_what_postgresql_sends():
    done = subprocess.run([REPOSITORY / "tests/sim/conformance/run", "--seeds", "3"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_the_model_partitions_answer_as_those_of_kafka():
    done = subprocess.run([REPOSITORY / "tests/sim/conformance/run_kafka", "--seeds", "5"], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
