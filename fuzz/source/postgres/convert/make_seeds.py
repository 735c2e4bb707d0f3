#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Picks recorded values from tests/data/17/values.tsv as seeds: fuzz/corpus/postgres_value.

Of every conversion the longest value, in both wire forms.
"""

import pathlib
import re
import struct

REPOSITORY = pathlib.Path(__file__).resolve().parents[4]
CORPUS = REPOSITORY / "fuzz/corpus/postgres_value"
BYTES_MAX = 600

# The names of the recording in the order of enum Op (src/source/postgres/convert/op.h); None is not recorded.
OPS = [None, "bool", "int2", "int4", "int8", "oid", "float4", "float8", "decimal", "numeric", "money", "text", None,
       "char", "jsonb", "uuid", "inet", "macaddr", "bytea", "bit1", "bits", "date", "time_ms", "time_us", "timestamp_ms",
       "timestamp_us", "timetz", "timestamptz", "interval", "int4range", "int8range", "numrange", "tsrange", "tstzrange",
       "daterange", "tsvector", "ltree", "hstore", "point"]


def main():
    values = {}
    for line in (REPOSITORY / "tests/data/17/values.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, *forms, _ = line.split("\t")
            values.setdefault(name, []).append([bytes.fromhex(form) for form in forms])
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, recorded in values.items():
        base, argument, array = re.fullmatch(r"(\w+)(?::(-?\d+))?(\[\])?", name).groups()
        for binary, form in enumerate(("text", "binary")):
            longest = max((value[binary] for value in recorded if len(value[binary]) <= BYTES_MAX), key=len)
            head = struct.pack(">BBh", OPS.index(base) | (128 if array else 0), binary, int(argument or 0))
            words = [base, argument and argument.replace("-", "minus_"), array and "array", form]
            (CORPUS / "_".join(word for word in words if word)).write_bytes(head + longest)


if __name__ == "__main__":
    main()
