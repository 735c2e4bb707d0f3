# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test may ask for. MILLRACE_PG_VERSIONS ("15 17 18") says which servers; the default is 17.
Tests marked `full` run only with MILLRACE_FULL set, as tests/run --full does."""

import os
import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "servers"))

sys.path.insert(0, str(REPOSITORY / "tests" / "e2e"))
# confluent_kafka, from tests/servers/fetch kafka
sys.path.append(str(pathlib.Path(os.environ.get("MILLRACE_DEPS") or REPOSITORY / ".deps") / "servers" / "python"))

from kafka import REPLICATED, KafkaServer  # noqa: E402
from postgres import PostgresServer  # noqa: E402
from program import Millrace  # noqa: E402

PG_VERSIONS = [int(version) for version in os.environ.get("MILLRACE_PG_VERSIONS", "17").split()]


def pytest_configure(config):
    config.addinivalue_line("markers", "full: takes long; runs only with MILLRACE_FULL set")


def pytest_collection_modifyitems(items):
    if not os.environ.get("MILLRACE_FULL"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="only in tests/run --full"))


@pytest.fixture(scope="session", params=PG_VERSIONS, ids=lambda version: f"pg{version}")
def pg_version(request):
    return request.param


@pytest.fixture(scope="module")
def postgres(pg_version):
    """A server for the tests of one file: each test makes tables, slots and publications of its own."""
    with PostgresServer(pg_version) as server:
        yield server


@pytest.fixture(scope="module")
def small_decoding_memory(postgres):
    """Transactions of some hundred rows are sent while they run."""
    postgres.configure(logical_decoding_work_mem="64kB")


@pytest.fixture(scope="session")
def broker():
    """The Kafka of all files: `kafka` gives it to one after the other."""
    with KafkaServer() as server:
        yield server


@pytest.fixture(scope="module")
def kafka(broker):
    """A broker without topics for the tests of one file, whatever the tests before have left."""
    broker.revive()
    broker.admin.delete_all_topics()
    return broker


@pytest.fixture(scope="module")
def cluster():
    """Two brokers; the first is the controller."""
    with KafkaServer(REPLICATED) as first, KafkaServer(REPLICATED, joins=first) as second:
        yield first, second


@pytest.fixture(scope="session")
def millrace():
    """The program under test: MILLRACE_BINARY, or the release preset's."""
    binary = pathlib.Path(os.environ.get("MILLRACE_BINARY", REPOSITORY / "build/release/src/cli/millrace")).resolve()
    if not binary.exists():
        pytest.fail(f"{binary} is absent: build it first (cmake --build --preset release --target millrace)")
    return str(binary)


@pytest.fixture
def run(millrace, postgres, tmp_path):
    """run(name, **options): a pipeline that is not started yet; ended and cleaned up after the test."""
    made = []

    def make(name, server=None, process=None, **options):
        made.append(Millrace(millrace, server or postgres, tmp_path, name, process, **options))
        return made[-1]

    yield make
    for one in made:
        one.clean_up()
