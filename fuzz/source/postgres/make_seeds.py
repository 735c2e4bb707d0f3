#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts the recordings in tests/data/postgresql-* into seeds for the fuzz targets here: fuzz/corpus/postgres_*.

A seed is named for what it shows. Of messages that show the same, the first recorded one is kept.
"""

import pathlib
import struct

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CORPUS = REPOSITORY / "fuzz/corpus"
SESSION_BYTES_MAX = 15_000  # a fuzzer gets nowhere with long seeds

NAMES = {"B": "begin", "C": "commit", "O": "origin", "R": "relation", "Y": "type", "I": "insert", "U": "update",
         "D": "delete", "T": "truncate", "M": "message", "S": "stream_start", "E": "stream_stop", "c": "stream_commit",
         "A": "stream_abort", "b": "begin_prepare", "P": "prepare", "K": "commit_prepared", "r": "rollback_prepared",
         "p": "stream_prepare"}
IN_STREAM, ABORT_WITH_LSN = 1, 2


def frames(data):
    at = 0
    while at < len(data):
        size = 1 + struct.unpack(">I", data[at + 1:at + 5])[0]
        yield data[at:at + size]
        at += size


def save(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        path.write_bytes(data)


def tuple_end(body, at):
    """Where the tuple at `at` ends, its column count, and the kinds of its columns."""
    count = struct.unpack(">H", body[at:at + 2])[0]
    at += 2
    kinds = ""
    for _ in range(count):
        kinds += chr(body[at])
        at += 1
        if kinds[-1] in "tb":
            at += 4 + struct.unpack(">I", body[at:at + 4])[0]
    return at, count, kinds


def describe(kinds):
    words = {"t": "text", "b": "binary", "n": "null", "u": "unchanged"}
    return "_".join(words[kind] for kind in "tbnu" if kind in kinds)


def save_message(body, in_stream, abort_with_lsn):
    kind = chr(body[0])
    name = NAMES[kind]
    columns = 0
    if kind in "IUD":
        at = 5 + 4 * in_stream
        marker = chr(body[at])
        if marker in "KO":
            name += "_with_key" if marker == "K" else "_with_full_old"
        end, columns, kinds = tuple_end(body, at + 1)
        if kind == "U" and marker in "KO":
            save("postgres_tuple", f"{'key' if marker == 'K' else 'full_old'}_{describe(kinds)}",
                 bytes([columns]) + body[at + 1:end])
            at = end
            end, columns, kinds = tuple_end(body, at + 1)
        name += f"_{describe(kinds)}"
        save("postgres_tuple", f"{'new' if kind != 'D' else 'old'}_{describe(kinds)}", bytes([columns]) + body[at + 1:end])
    if kind == "R":
        at = body.index(b"\0", body.index(b"\0", 5 + 4 * in_stream) + 1) + 1
        name += f"_identity_{chr(body[at])}"
    if kind == "M":
        name += "_transactional" if body[1 + 4 * in_stream] else "_at_once"
    if kind == "A":
        name += "_with_lsn" if abort_with_lsn else ""
    if in_stream and kind not in "E":
        name += "_streamed"
    options = IN_STREAM * in_stream | ABORT_WITH_LSN * abort_with_lsn
    save("postgres_message", name, bytes([options, columns]) + body)


def shorten(session):
    """The session with runs of inserts cut to three, so that what stands around them stays."""
    kept, run = [], 0
    for frame in session:
        insert = frame[:1] == b"d" and frame[5:6] == b"w" and frame[30:31] == b"I"
        run = run + 1 if insert else 0
        if run <= 3:
            kept.append(frame)
    return b"".join(kept)


def main():
    shown = []
    for recording in sorted(REPOSITORY.glob("tests/data/postgresql-*/*.session"), reverse=True):
        version = recording.parent.name.removeprefix("postgresql-")
        abort_with_lsn = "parallel" in recording.stem
        in_stream = False
        session = list(frames(recording.read_bytes()))
        for frame in session:
            if frame[:1] == b"d" and frame[5:6] == b"w":
                body = frame[30:]
                save_message(body, in_stream, abort_with_lsn)
                in_stream = body[:1] == b"S" or in_stream and body[:1] != b"E"
        kinds = [abort_with_lsn] + [frame[:1] + frame[30:31] * (frame[5:6] == b"w") for frame in session]
        data = shorten(session)
        if kinds in shown or len(data) > SESSION_BYTES_MAX:
            continue
        shown.append(kinds)
        # Cut into slices of 255, 1 and 40 bytes in turn.
        save("postgres_session", f"{recording.stem}_pg{version}", bytes([abort_with_lsn, 3, 255, 1, 40]) + data)
        # Phase: after a command; bodies up to 255 bytes.
        save("postgres_frame", f"{recording.stem}_pg{version}", bytes([0, 255, 2, 3, 90]) + data[:2000])


if __name__ == "__main__":
    main()
