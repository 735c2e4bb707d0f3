# SPDX-License-Identifier: Apache-2.0
"""The file of a recording, and the hashes that choose partitions."""

import gzip

import pytest

import partitions
import recording as recordings
from recording import Record, Recording, RecordingWriter

RECORDS = [
    Record("p.a", 0, 0, 1, 1_795_000_000_000, b"k", b"v", (("h", b"1"), ("g", None))),
    Record("p.a", 0, 1, 1, 1_795_000_000_001, None, b"", ()),
    Record("p.é", 2, 7, 2, -1, b"", None, (("h", b"1"), ("g", None))),
    Record("p.a", 1, 1 << 40, 1, 0, bytes(range(256)), b"x" * 100_000, (("", b""),)),
]
PARTITIONS = {"p.a": 2, "p.é": 3}
WATERMARKS = {"p.a": [(0, 2), (0, (1 << 40) + 1)], "p.é": [(0, 0), (0, 0), (7, 8)]}


def test_what_is_saved_is_loaded(tmp_path):
    Recording(PARTITIONS, RECORDS, WATERMARKS).save(tmp_path / "r")
    loaded = recordings.load(tmp_path / "r")
    assert (loaded.partitions, loaded.records, loaded.watermarks, loaded.complete) == (PARTITIONS, RECORDS, WATERMARKS, True)
    assert loaded.by_partition()["p.é", 1] == [] and loaded.by_partition()["p.a", 0] == RECORDS[:2]


def test_cut_anywhere_it_loads_what_stands_before(tmp_path):
    Recording(PARTITIONS, RECORDS, WATERMARKS).save(tmp_path / "r")
    whole = gzip.decompress((tmp_path / "r").read_bytes())
    counts = set()
    for size in [*range(len(recordings.MAGIC), 300), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(gzip.compress(whole[:size], 1))
        cut = recordings.load(tmp_path / "cut")
        assert not cut.complete and cut.records == RECORDS[:len(cut.records)]
        counts.add(len(cut.records))
    assert counts == {0, 1, 2, 3, 4}
    packed = (tmp_path / "r").read_bytes()
    (tmp_path / "cut").write_bytes(packed[:len(packed) // 2])
    assert not recordings.load(tmp_path / "cut").complete


def test_without_its_end_it_is_not_complete(tmp_path):
    with RecordingWriter(tmp_path / "r") as writer:
        writer.topic("p.a", 2)
        writer.add(RECORDS[0])
    assert not recordings.load(tmp_path / "r").complete


def test_other_files_are_refused(tmp_path):
    (tmp_path / "r").write_bytes(gzip.compress(b"something else entirely"))
    with pytest.raises(recordings.NotARecording):
        recordings.load(tmp_path / "r")


# Apache Kafka, UtilsTest.testMurmur2.
@pytest.mark.parametrize("key, hash", [
    (b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829), (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107)])
def test_murmur2(key, hash):
    assert partitions.murmur2(key) == hash & 0xFFFF_FFFF
    assert partitions.of_key(key, 7) == (hash & 0x7FFF_FFFF) % 7


# libxxhash's XXH3_64bits.
@pytest.mark.parametrize("text, hash", [(b"public.no", 0x27BC_DB75_D644_D72C), (b"public.notes", 0x73B4_819F_7C25_B0F2),
                                        (b"public.notes1234", 0x12DE_F90F_CB57_3BEE)])
def test_xxh3(text, hash):
    assert partitions.xxh3_64(text) == hash
