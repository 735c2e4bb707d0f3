#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records values of every type as a PostgreSQL sends them, in text and binary form, with the JSON they must become.

    tests/data/record_values.py 17 > tests/data/17/values.tsv

The forms come from the server's own output and send functions. The JSON is computed here, by other means than the
program's: Python's arithmetic, and the server's casts and extract(). Expected forms: debezium-contract 2.10 to 2.13.
A line: conversion, text in hex, binary in hex, JSON or the word unrepresentable.
"""

import base64
import decimal
import json
import math
import pathlib
import random
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))

from postgres import PostgresServer  # noqa: E402

decimal.getcontext().prec = 200_000
SESSION = """set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 1;
             set bytea_output = 'hex'; set lc_monetary = 'C'"""
DAYS_PER_MONTH = 365.25 / 12.0
MOST = {"f": struct.unpack("f", b"\xff\xff\x7f\x7f")[0], "d": sys.float_info.max}


class Unrepresentable(Exception):
    pass


# JSON as Kafka's JsonConverter writes it

def string(text):
    escapes = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    out = []
    for c in text:
        if c in escapes:
            out.append(escapes[c])
        elif ord(c) < 0x20:
            out.append(f"\\u{ord(c):04X}")
        elif ord(c) > 0xFFFF:
            units = c.encode("utf-16-be").hex().upper()
            out.append(f"\\u{units[:4]}\\u{units[4:]}")
        else:
            out.append(c)
    return '"' + "".join(out) + '"'


def base64_of(data):
    return '"' + base64.b64encode(data).decode() + '"'


def java_float(text, code="d"):
    """Java's notation: the fewest digits, but two at least, that round to the value; the closest of these. The server's
    own text may have a digit more: it leaves out digits that lie exactly between two values."""
    value = float(text)
    if math.isnan(value) or math.isinf(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    value, = struct.unpack(code, struct.pack(code, value))
    minus = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return minus + "0.0"
    for digits in range(1, 17):
        shortest = f"{abs(value):.{digits}e}"
        if struct.pack(code, min(float(shortest), MOST[code])) == struct.pack(code, abs(value)):
            break
    digits, _, exponent = shortest.replace(".", "").partition("e")
    digits, exponent = digits.rstrip("0"), int(exponent)
    if -3 <= exponent < 7:
        whole, _, fraction = format(decimal.Decimal(shortest), "f").partition(".")
        return f"{minus}{whole}.{fraction.rstrip('0') or '0'}"
    return f"{minus}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def unscaled(value):
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return base64_of(value.to_bytes(size, "big", signed=True))


def decimal_of(text):
    value = decimal.Decimal(text)
    if not value.is_finite():
        raise Unrepresentable
    return value


def scaled(text, scale):
    return unscaled(int(decimal_of(text).scaleb(scale)))


def variable(text):
    value = decimal_of(text)
    _, _, exponent = value.as_tuple()
    whole, _, fraction = text.partition(".")
    scale = len(fraction.rstrip("0"))
    return f'{{"scale":{scale},"value":{unscaled(int(value.scaleb(scale)))}}}'


def java_hash(text):
    units = text.encode("utf-16-be")
    h = 0
    for i in range(0, len(units), 2):
        h = (h * 31 + int.from_bytes(units[i:i + 2], "big")) & 0xFFFFFFFF
    return h ^ (h >> 16)


def hstore(pairs):
    buckets = 16
    while len(pairs) > buckets * 0.75:
        buckets *= 2
    ordered = sorted(pairs, key=lambda pair: java_hash(pair[0]) & (buckets - 1))
    inner = ",".join(inner_string(key) + ":" + ("null" if value is None else inner_string(value)) for key, value in ordered)
    return string("{" + inner + "}")


def inner_string(text):
    """As above, but what stands beyond the BMP is escaped only by the outer string."""
    return '"' + "".join(string(c)[1:-1] if ord(c) <= 0xFFFF else c for c in text) + '"'


def interval(months, days, us):
    sign = -1 if us < 0 else 1
    seconds, micros = divmod(abs(us), 1_000_000)
    hours, minutes, whole = sign * (seconds // 3600), sign * (seconds // 60 % 60), sign * (seconds % 60)
    number_of_days = months * DAYS_PER_MONTH + days
    total = (((number_of_days * 24 + hours) * 60) + minutes) * 60 + (whole + sign * micros / 1_000_000)
    return str(min(max(int(total * 1e6), -2**63), 2**63 - 1))


def bits(text):
    value = int(text or "0", 2)
    return base64_of(value.to_bytes((value.bit_length() + 7) // 8, "little"))


def point(text):
    x, y = text[1:-1].split(",")
    wkb = base64_of(struct.pack("<BIdd", 1, 1, float(x), float(y)))
    return f'{{"x":{java_float(x)},"y":{java_float(y)},"wkb":{wkb},"srid":null}}'


def special(infinity, minus_infinity):
    """For what the contract says of infinity; `sql` says the rest."""
    return lambda text, known: infinity if text == "infinity" else minus_infinity if text == "-infinity" else known


# What to record

class Kind:
    """name: of the conversion; type: in SQL; expected(text, known): the JSON, with `sql` of the value as `known`."""

    def __init__(self, name, type, literals, expected, sql="null", arrays=True):
        self.name, self.type, self.literals, self.expected, self.sql, self.arrays = name, type, literals, expected, sql, arrays


def zoned(digits):
    fraction = {0: "", 3: ".MS", 6: ".US"}[digits]
    return f"""case when not isfinite(v) then null
                    when v >= '0001-01-01 00:00:00+00' and v < '10000-01-01 00:00:00+00'
                    then to_char(v, 'YYYY-MM-DD"T"HH24:MI:SS{fraction}"Z"')
                    when v >= '10000-01-01 00:00:00+00' then '+' || to_char(v, 'YYYY-MM-DD"T"HH24:MI:SS{fraction}"Z"')
                    else case when extract(year from v) = -1 then '' else '-' end
                         || lpad((-extract(year from v) - 1)::text, 4, '0') || to_char(v, '-MM-DD"T"HH24:MI:SS{fraction}"Z"') end"""


def plain(text, known):
    return string(text)


def kinds(rng):
    def numbers(count, least, most):
        spread = [rng.randint(least, most) >> rng.randrange(0, 60) for _ in range(count)]
        return [str(min(max(n, least), most)) for n in spread + [0, 1, -1 if least < 0 else 2, least, most]]

    def floats(count, code):
        size = struct.calcsize(code)
        made = []
        while len(made) < count:
            value = struct.unpack(">" + code, rng.randbytes(size))[0]
            made.append(repr(value) if math.isfinite(value) else "NaN")
        made += [repr(round(rng.uniform(-10**rng.randrange(12), 10**rng.randrange(12)), rng.randrange(6))) for _ in range(count)]
        return made + ["0", "-0", "1", "Infinity", "-Infinity", "NaN", "1e-3", "9999999", "1e7", "123456789012345680", "1e15", "1e16", "1e23", "9007199254740993", "16777217", "1e-45"]

    def decimals(count, whole, scale):
        return [f"{rng.choice(['', '-'])}{rng.randrange(10**rng.randint(0, whole))}.{rng.randrange(10**scale):0{scale}d}" if scale
                else f"{rng.choice(['', '-'])}{rng.randrange(10**rng.randint(1, whole))}" for _ in range(count)] + ["0", "1", "-1", "NaN"]

    alphabet = ['a', 'Z', ' ', '"', "'", '\\', '/', '\n', '\t', '\x01', '\x1f', '\x7f', 'é', '€', '😀', '{', '}', ',', '0', 'NULL']

    def texts(count, most):
        return ["".join(rng.choices(alphabet, k=rng.randrange(most))) for _ in range(count)] + ["", "NULL", "null", "x" * 200]

    def date():
        year, era = rng.choice([(rng.randint(1, 4713), " BC"), (rng.randint(1, 9999), ""), (rng.randint(1900, 2100), ""), (rng.randint(10000, 290000), "")])
        return f"{year:04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}", era

    def clock(digits=6):
        fraction = f".{rng.randrange(10**digits):0{digits}d}" if digits and rng.random() < 0.7 else ""
        return f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}{fraction}"

    def timestamps(count, digits=6, zone=""):
        made = []
        for _ in range(count):
            day, era = date()
            made.append(f"{day} {clock(digits)}{zone}{era}")
        return made + ["infinity", "-infinity", "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999", "2024-02-29 12:00:00", "0001-01-01 00:00:00", "0001-12-31 00:00:00 BC", "9999-12-31 23:59:59.9", "10000-01-01 00:00:00"]

    def intervals(count):
        made = []
        for _ in range(count):
            parts = [f"{rng.randint(-200, 200)} {unit}" for unit in ("years", "mons", "days") if rng.random() < 0.6]
            made.append(" ".join(parts + [rng.choice(["", "-"]) + clock()]))
        return made + ["0", "1 year", "-1 mons", "178000000 years", "-1 days +02:03:00", "2562047788:00:54.775807", "0.000001 s"]

    def ranges(count, low, high, values):
        made = []
        for _ in range(count):
            a, b = sorted([values(), values()], key=low)
            made.append(rng.choice("[(") + rng.choice([high(a), high(a), ""]) + "," + rng.choice([high(b), high(b), ""]) + rng.choice("])"))
        return made + ["empty", "(,)"]

    def ip():
        if rng.random() < 0.5:
            return f"{'.'.join(str(rng.randrange(256)) for _ in range(4))}/{rng.randint(0, 32)}"
        words = ":".join(rng.choice(["0", "0", "ffff", f"{rng.randrange(65536):x}"]) for _ in range(8))
        return f"{words}/{rng.randint(0, 128)}"

    def cidr():
        bits = rng.randint(0, 32)
        network = rng.randrange(2**32) >> (32 - bits) << (32 - bits) if bits else 0
        return ".".join(str(network >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{bits}"

    def lexemes():
        words = {"".join(rng.choices("abcé'\\ x:", k=rng.randint(1, 6))) for _ in range(rng.randrange(5))}
        quoted = ["'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words]
        return " ".join(word + rng.choice(["", ":" + ",".join(f"{rng.randint(1, 16383)}{rng.choice('ABCD')}" for _ in range(3))]) for word in quoted)

    def hstores(count):
        made = []
        for _ in range(count):
            pairs = {"".join(rng.choices(alphabet + list("bcdefgh"), k=rng.randint(1, 5))): rng.choice([None, *rng.choices(alphabet, k=2)])
                     for _ in range(rng.randrange(20))}
            quote = lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'  # noqa: E731
            made.append(", ".join(f"{quote(k)}=>{'NULL' if v is None else quote(v)}" for k, v in pairs.items()))
        return made

    verbatim = lambda text, known: text  # noqa: E731
    known = lambda text, known: known  # noqa: E731
    dates = ["".join(date()) for _ in range(150)]
    us = "case when isfinite(v) then (extract(epoch from v) * 1000000)::numeric(40)::text end"
    ms = "case when isfinite(v) then (extract(epoch from v) * 1000)::numeric(40)::text end"
    simple_dates = [d for d in dates if "BC" not in d and len(d) == 10]
    times = [f"{rng.choice(simple_dates)} {clock()}" for _ in range(60)]
    return [
        Kind("bool", "bool", ["t", "f"], lambda text, known: "true" if text == "t" else "false"),
        Kind("int2", "int2", numbers(50, -2**15, 2**15 - 1), verbatim),
        Kind("int4", "int4", numbers(100, -2**31, 2**31 - 1), verbatim),
        Kind("int8", "int8", numbers(200, -2**63, 2**63 - 1), verbatim),
        Kind("oid", "oid", numbers(50, 0, 2**32 - 1), verbatim),
        Kind("float4", "float4", floats(150, "f"), lambda text, known: java_float(text, "f")),
        Kind("float8", "float8", floats(300, "d"), lambda text, known: java_float(text)),
        Kind("decimal:2", "numeric(12,2)", decimals(100, 10, 2), lambda text, known: scaled(text, 2)),
        Kind("decimal:0", "numeric(18)", decimals(60, 18, 0), lambda text, known: scaled(text, 0)),
        Kind("decimal:9", "numeric(38,9)", decimals(100, 29, 9), lambda text, known: scaled(text, 9)),
        Kind("decimal:20", "numeric(60,20)", decimals(60, 40, 20), lambda text, known: scaled(text, 20)),
        Kind("decimal:-3", "numeric(10,-3)", decimals(30, 12, 0), lambda text, known: scaled(text, -3)),
        Kind("numeric", "numeric", decimals(60, 10, 3) + decimals(60, 5, 12) + decimals(40, 60, 0) + decimals(20, 1, 40)
             + ["1000", "1000.000", "1e100", "1e-100", "0.000", "10.500", "9" * 400 + "." + "9" * 300, "Infinity", "-Infinity"],
             lambda text, known: variable(text)),
        Kind("money:2", "money", [f"{rng.randint(-10**rng.randrange(1, 15), 10**rng.randrange(1, 15)) / 100:.2f}" for _ in range(40)],
             lambda text, known: scaled(known, 2), sql="v::numeric::text", arrays=False),
        Kind("text", "text", texts(150, 60), plain),
        Kind("text", "varchar(20)", texts(30, 15)[:-1], plain),
        Kind("text", "char(30)", texts(30, 15)[:-1], plain),
        Kind("text", "name", ["a", "Ab c", "é"], plain, arrays=False),
        Kind("text", "citext", texts(20, 20), plain),
        Kind("text", "mood", ["sad", "ok", "so so \"happy\""], plain),
        Kind("text", "json", [json.dumps({text: [1, text]}, ensure_ascii=False, indent=2) for text in texts(30, 20)], plain),
        Kind("text", "xml", ["<a b=\"c\">é</a>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>", "text"], plain, arrays=False),
        Kind("char", '"char"', ["a", "", "\"", "\\", "\\377", "\\200"], plain),
        Kind("jsonb", "jsonb", [json.dumps({text: [1, text]}, ensure_ascii=False) for text in texts(30, 20)], plain),
        Kind("uuid", "uuid", [f"{rng.randrange(2**128):032x}" for _ in range(30)], plain),
        Kind("inet", "inet", [ip() for _ in range(150)] + ["::1", "::", "::ffff:1.2.3.4", "::1.2.3.4", "10.0.0.1"], plain),
        Kind("inet", "cidr", [cidr() for _ in range(40)] + ["2001:db8::/32", "::/0"], plain),
        Kind("macaddr", "macaddr", [f"{rng.randrange(2**48):012x}" for _ in range(20)], plain),
        Kind("macaddr", "macaddr8", [f"{rng.randrange(2**64):016x}" for _ in range(20)], plain),
        Kind("bytea", "bytea", ["\\x" + rng.randbytes(rng.randrange(70)).hex() for _ in range(100)],
             lambda text, known: base64_of(bytes.fromhex(text[2:]))),
        Kind("bit1", "bit(1)", ["0", "1"], lambda text, known: "true" if text == "1" else "false", arrays=False),
        Kind("bits", "varbit", [f"{rng.randrange(2**n):0{n}b}" for n in range(1, 70)] + ["", "0" * 40, "1" * 100],
             lambda text, known: bits(text), arrays=False),
        Kind("bits", "bit(11)", [f"{rng.randrange(2**11):011b}" for _ in range(20)], lambda text, known: bits(text), arrays=False),
        Kind("date", "date", dates + ["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "0001-02-29 BC"],
             special("-2147472692", "-2147472691"), sql="case when isfinite(v) then (v - date '1970-01-01')::text end"),
        Kind("time_ms", "time(3)", [clock(3) for _ in range(50)] + ["24:00:00"], known, sql="(extract(epoch from v) * 1000)::int8::text"),
        Kind("time_us", "time", [clock() for _ in range(80)] + ["24:00:00", "00:00:00"], known, sql="(extract(epoch from v) * 1000000)::int8::text"),
        Kind("timestamp_ms", "timestamp(3)", timestamps(80, 3) + ["294276-12-31 23:59:59"], special("9223372036825200", "-9223372036832400"), sql=ms),
        Kind("timestamp_us", "timestamp", timestamps(150), special("9223372036825200000", "-9223372036832400000"), sql=us),
        Kind("timetz", "timetz", [clock() + rng.choice(["+00", "-08", "+05:30", "+14", "-11:59"]) for _ in range(80)],
             lambda text, known: '"' + (known.rstrip("0").rstrip(".") if "." in known else known) + 'Z"',
             sql="(v at time zone 'UTC')::time::text"),
        *(Kind(f"timestamptz:{p}", f"timestamptz({p})", timestamps(100, p, "+00") + timestamps(20, p, "-08"),
               lambda text, known: string(known or text), sql=zoned(p)) for p in (0, 3, 6)),
        Kind("interval", "interval", intervals(200), lambda text, known: interval(*map(int, known.split())), arrays=False,
             sql="((extract(year from v)::int8 * 12 + extract(month from v)::int8) || ' ' || extract(day from v)::int8 || ' ' || "
                 "(extract(hour from v)::int8 * 3600000000 + extract(minute from v)::int8 * 60000000 + extract(microseconds from v)::int8))"),
        Kind("int4range", "int4range", ranges(30, int, str, lambda: rng.randint(-1000, 1000)), plain),
        Kind("int8range", "int8range", ranges(30, int, str, lambda: rng.randint(-10**15, 10**15)), plain),
        Kind("numrange", "numrange", ranges(40, float, str, lambda: round(rng.uniform(-1000, 1000), rng.randrange(6))) + ["[1,NaN]", "[1e50,)"], plain),
        Kind("tsrange", "tsrange", ranges(40, str, str, lambda: rng.choice(times)) + ["[0044-03-15 00:00:00 BC,infinity)"], plain),
        Kind("tstzrange", "tstzrange", ranges(40, str, str, lambda: rng.choice(times)) + ["[-infinity,2000-01-01 00:00:00.5+03]"], plain),
        Kind("daterange", "daterange", ranges(40, str, str, lambda: rng.choice(simple_dates)) + ["[0044-03-15 BC,infinity]"], plain),
        Kind("tsvector", "tsvector", [lexemes() for _ in range(60)] + [""], plain, arrays=False),
        Kind("ltree", "ltree", ["a", "a.b.c", ""], plain),
        Kind("hstore", "hstore", hstores(60), lambda text, known: hstore([tuple(pair) for pair in json.loads(known)]),
             sql="(select coalesce(json_agg(json_build_array(key, value) order by length(convert_to(key, 'UTF8')), convert_to(key, 'UTF8')), '[]')::text from each(v))"),
        Kind("point", "point", [f"({rng.uniform(-180, 180)!r},{rng.randint(-90, 90)})" for _ in range(30)] + ["(1e300,NaN)", "(Infinity,-0)"],
             lambda text, known: point(text), arrays=False),
    ]


def record(server, rng, out):
    server.execute("create extension if not exists hstore; create extension if not exists citext; create extension if not exists ltree")
    server.execute("create type mood as enum ('sad', 'ok', 'so so \"happy\"')")
    lines = 0
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(SESSION)

        def forms(type, expression, values):
            base = type.split("(")[0] if not type.endswith("[]") else type.split("(")[0].removesuffix("[]") + "[]"
            cursor.execute("select typoutput::regproc::text, typsend::regproc::text from pg_type where oid = %s::regtype", (base,))
            output, send = cursor.fetchone()
            cursor.execute(f"select {output}(v)::text, encode({send}(v), 'hex'), {expression} "
                           f"from unnest(%s::text[]) with ordinality as t(x, n), lateral (select x::{type} as v) as c order by n", (values,))
            return cursor.fetchall()

        for kind in kinds(rng):
            expected = {}
            for text, binary, known in forms(kind.type, kind.sql, kind.literals):
                try:
                    expected[text] = kind.expected(text, known)
                except Unrepresentable:
                    expected[text] = "unrepresentable"
                print(kind.name, text.encode().hex(), binary, expected[text], sep="\t", file=out)
                lines += 1
            if not kind.arrays:
                continue
            usable = [text for text, json_text in expected.items() if json_text != "unrepresentable"]
            for _ in range(8):
                chosen = rng.choices(usable, k=rng.randrange(6))
                elements = [None if rng.random() < 0.2 else text for text in chosen]
                cursor.execute("select %s::text[]::text", (elements,))
                (text, binary, _), = forms(kind.type + "[]", "null", [cursor.fetchone()[0]])
                body = ",".join("null" if text is None else expected[text] for text in elements)
                print(kind.name + "[]", text.encode().hex(), binary, f"[{body}]", sep="\t", file=out)
                lines += 1
    return lines


def main():
    version = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with PostgresServer(version) as server:
        print(f"# Values as PostgreSQL {version} sends them. Written by tests/data/record_values.py, seed {seed}.")
        record(server, random.Random(seed), sys.stdout)


if __name__ == "__main__":
    main()
