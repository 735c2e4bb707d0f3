# SPDX-License-Identifier: Apache-2.0
"""Every type of the contract at default options, on three paths: copied by the snapshot, streamed as text, streamed as binary.
The three must be the same to the byte; what they must be, the server's own casts say."""

import base64
import dataclasses
import json
import re
import struct
from decimal import Decimal

import pytest
from postgres import PostgresServer

SETUP = """
create extension hstore; create extension citext; create extension ltree; create extension isn;
create type mood as enum ('sad', 'it''s ok', 'über');
create type pair as (a int, b text);
create domain positive as numeric(10, 2) check (value > 0);
create domain short_text as varchar(8);
create domain shorter as short_text check (length(value) < 5);
create domain moods as mood[];
"""


# What the contract makes of a value, by the text the server casts it to.


def same(text):
    return text


def boolean(text):
    return {"true": True, "false": False}[text]


def double(text):
    return text if text in ("NaN", "Infinity", "-Infinity") else float(text)


def real(text):
    """The JSON number must be the same float when it is read as one."""
    return text if text in ("NaN", "Infinity", "-Infinity") else struct.unpack("f", struct.pack("f", float(text)))[0]


def integer_bytes(number):
    size = (number + (number < 0)).bit_length() // 8 + 1
    return base64.b64encode(number.to_bytes(size, "big", signed=True)).decode()


def decimal(scale):
    def value(text):
        if text in ("NaN", "Infinity", "-Infinity"):
            return None
        return integer_bytes(int(Decimal(re.sub(r"[$,]", "", text)).scaleb(scale)))

    return value


def variable_decimal(text):
    if text in ("NaN", "Infinity", "-Infinity"):
        return None
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return {"scale": len(fraction), "value": integer_bytes(int(whole + fraction))}


def as_base64(text):
    return base64.b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()


def bits(text):
    """Bit 0 of byte 0 is the rightmost; only as many bytes as the highest bit needs."""
    number = int(text or "0", 2)
    return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "little")).decode()


def one_bit(text):
    return text == "1"


def point(text):
    x, y = (double(part) for part in text.strip("()").split(","))
    as_number = lambda value: float(value.replace("Infinity", "inf")) if isinstance(value, str) else value
    wkb = b"\x01\x01\x00\x00\x00" + struct.pack("<dd", as_number(x), as_number(y))
    return {"x": x, "y": y, "wkb": base64.b64encode(wkb).decode(), "srid": None}


def zoned(digits):
    """timestamptz: exactly the declared digits; years as in ISO 8601."""

    def value(text):
        if text.endswith("infinity"):
            return text
        year, rest, fraction, bc = re.fullmatch(r"(\d+)(-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d+))?\+00( BC)?", text).groups()
        number = 1 - int(year) if bc else int(year)
        sign = "+" if number > 9999 else "-" if number < 0 else ""
        tail = "." + (fraction or "").ljust(digits, "0") if digits else ""
        return f"{sign}{abs(number):04}{rest.replace(' ', 'T')}{tail}Z"

    return value


def zoned_time(text):
    """timetz: in UTC, the fraction without trailing zeros."""
    hour, minute, second, fraction, sign, zone = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(\.\d+)?([+-])([\d:]+)", text).groups()
    offset = sum(int(part) * unit for part, unit in zip(zone.split(":"), (3600, 60, 1)))
    seconds = (int(hour) * 3600 + int(minute) * 60 + int(second) - (offset if sign == "+" else -offset)) % 86400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{(fraction or '').rstrip('0')}Z"


def duration(text):
    """interval: months of 365.25 / 12 days; counted in doubles, cut to whole microseconds."""
    years, months, days, hours, minutes, seconds = json.loads(text)
    whole_days = (years * 12 + months) * (365.25 / 12) + days
    return int(((((whole_days * 24 + hours) * 60) + minutes) * 60 + seconds) * 1e6)


def number(text):
    """An integer; null where 64 bits do not hold it, as microseconds from the year 294247 on."""
    return int(text) if int(text) < 2**63 else None


# The server computes these itself.
DAYS = "case when v = 'infinity' then -2147472692 when v = '-infinity' then -2147472691 else v - date '1970-01-01' end::text"
TIME = "trunc(extract(epoch from {v}) * {unit})::text"
STAMP = ("case when {v} = 'infinity' then {big} when {v} = '-infinity' then {small} "
         "else floor(extract(epoch from {v})::numeric * {unit}) end::numeric(40)::text")
MICROS = {"v": "v", "unit": 1000000, "big": "9223372036825200000", "small": "-9223372036832400000"}
MILLIS = {"v": "v", "unit": 1000, "big": "9223372036825200", "small": "-9223372036832400"}
PARTS = ("json_build_array(extract(year from v), extract(month from v), extract(day from v), extract(hour from v), "
         "extract(minute from v), extract(second from v))::text")


@dataclasses.dataclass
class Type:
    """A column type: its values as SQL, its schema as `type name`, what a value becomes, and the cast that tells it."""

    sql: str
    schema: str
    values: list
    judge: object = same
    cast: str = "v::text"
    element: str = None  # of an array: the element's cast, in x


def array(sql, schema, values, judge=same, element="x::text"):
    return Type(sql, schema, values, judge, element=element)


TEXTS = ["''", "'plain'", "'quote \" slash \\ tab\tnew\nline \x01 \x7f'", "'äöü € 漢字 😀 \u2028'", "repeat('long ', 20000)"]
DATES = ["'1970-01-01'", "'2024-02-29'", "'0001-01-01'", "'0044-03-15 BC'", "'4713-01-01 BC'", "'1582-10-10'", "'5874897-12-31'",
         "'infinity'", "'-infinity'"]
STAMPS = ["'1970-01-01'", "'2024-02-29 12:34:56.789012'", "'1969-12-31 23:59:59.999999'", "'0044-03-15 01:02:03.5 BC'",
          "'4713-01-01 BC'", "'294276-12-31 23:59:59.999999'", "'infinity'", "'-infinity'", "'12345-06-07 08:09:10'", "'0001-01-01 BC'"]
TIMES = ["'00:00'", "'23:59:59.999999'", "'12:34:56.5'", "'24:00:00'", "'01:02:03.0004'"]
NUMBERS = ["0", "1.5", "-1.5", "0.0001", "-0.01", "127", "128", "-128", "-129", "123456.7891", "'NaN'"]
LARGE = ["'1e130'", "'-1e-130'", "'9' || repeat('9', 500) || '.' || repeat('1', 500)", "1000", "10.500", "'Infinity'", "'-Infinity'",
         "0.00000", "-0.000123000"]

TYPES = {
    "bool": Type("bool", "boolean", ["true", "false"], boolean),
    "int2": Type("int2", "int16", ["0", "-32768", "32767"], number),
    "int4": Type("int4", "int32", ["0", "-2147483648", "2147483647"], number),
    "int8": Type("int8", "int64", ["0", "'-9223372036854775808'", "9223372036854775807", "9007199254740993"], number),
    "oid": Type("oid", "int64", ["0", "4294967295"], number),
    "float4": Type("float4", "float", ["0", "'-0'", "1.1", "1e10", "1.17549435e-38", "3.4028235e38", "1e-45", "16777216", "0.001", "0.0001",
                                       "9999999", "'NaN'", "'Infinity'", "'-Infinity'"], real),
    "float8": Type("float8", "double", ["0", "'-0'", "0.1", "1e7", "1e22", "123456789012345680", "2.2250738585072014e-308", "5e-324",
                                        "1.7976931348623157e308", "0.001", "9.5e-4", "100", "'NaN'", "'Infinity'", "'-Infinity'"], double),
    "numeric_fixed": Type("numeric(12, 4)", "bytes org.apache.kafka.connect.data.Decimal", NUMBERS, decimal(4)),
    "numeric_whole": Type("numeric(5)", "bytes org.apache.kafka.connect.data.Decimal", ["0", "-99999", "128", "'NaN'"], decimal(0)),
    "numeric_wide": Type("numeric(1000, 500)", "bytes org.apache.kafka.connect.data.Decimal", ["'1e400'", "'-1e-400'", "0"], decimal(500)),
    "numeric_free": Type("numeric", "struct io.debezium.data.VariableScaleDecimal", NUMBERS + LARGE, variable_decimal),
    "money": Type("money", "bytes org.apache.kafka.connect.data.Decimal", ["0", "12.34", "-1234567.89", "'92233720368547758.07'"],
                  decimal(2), "(v::numeric)::text"),
    "text": Type("text", "string", TEXTS),
    "varchar": Type("varchar(30)", "string", ["'x'", "'trailing  '"]),
    "char": Type("char(5)", "string", ["'ab'", "''"], cast="rpad(v::text, 5)"),
    "name": Type("name", "string", ["'a_name'"]),
    "citext": Type("citext", "string", ["'MiXed'"]),
    "isbn": Type("isbn", "string", ["'978-0-393-04002-9'"]),
    "enum": Type("mood", "string io.debezium.data.Enum", ["'sad'", "'it''s ok'", "'über'"]),
    "bytea": Type("bytea", "bytes", ["''", r"'\x00ff10'", "decode(repeat('ab', 5000), 'hex')"], as_base64),
    "bit_1": Type("bit", "boolean", ["B'1'", "B'0'"], one_bit),
    "bit_n": Type("bit(19)", "bytes io.debezium.data.Bits", ["B'1000000000000000001'", "B'0000000000000000000'", "B'0000000000100000000'"],
                  bits),
    "varbit": Type("varbit(19)", "bytes io.debezium.data.Bits", ["B'101'", "B'0'", "B'111111111'"], bits),
    "varbit_free": Type("varbit", "bytes io.debezium.data.Bits", ["B'101'", "B'1000000000000000000000001'"], bits),
    "uuid": Type("uuid", "string io.debezium.data.Uuid", ["'B68A35A7-17AD-35B3-AF2A-AE46EDB4545A'"]),
    "json": Type("json", "string io.debezium.data.Json", ["'{\"a\" : [1, null,  \"x\\n\"]}'", "'1'"]),
    "jsonb": Type("jsonb", "string io.debezium.data.Json", ["'{\"b\":2, \"a\": [1.50, {\"ü\": \"\\u0041\"}]}'", "'null'"]),
    "xml": Type("xml", "string io.debezium.data.Xml", ["'<a b=\"1\">x &amp; y</a>'"]),
    "tsvector": Type("tsvector", "string io.debezium.data.Tsvector", ["to_tsvector('english', 'the fat cats ate it''s rats')", "''",
                                                                      "'''it''''s'':3A,4B \\\\:1'"]),
    "ltree": Type("ltree", "string io.debezium.data.Ltree", ["'Top.Science.Astronomy'"]),
    "hstore": Type("hstore", "string io.debezium.data.Json", ["''", "'a=>1, b=>NULL, \"q\\\"\"=>\"x\\\\y\"'"], json.loads, "hstore_to_json(v)::text"),
    "inet": Type("inet", "string", ["'192.168.1.5/24'", "'10.0.0.1'", "'::1'", "'2001:db8::ff00:42:8329/64'"],
                 cast="format('%s', v)"),
    "cidr": Type("cidr", "string", ["'192.168.0.0/16'", "'10.0.0.0/32'", "'2001:db8::/32'", "'::/0'"]),
    "macaddr": Type("macaddr", "string", ["'08:00:2b:01:02:03'"]),
    "macaddr8": Type("macaddr8", "string", ["'08:00:2b:01:02:03:04:05'"]),
    "int4range": Type("int4range", "string", ["'[1,5)'", "'empty'", "'(,)'", "'[3,]'"]),
    "int8range": Type("int8range", "string", ["'[1,5)'", "'(,7)'"]),
    "numrange": Type("numrange", "string", ["'[1.10,5.5]'", "'(,0)'", "'[NaN,NaN]'"]),
    "daterange": Type("daterange", "string", ["'[2024-01-01,2024-02-01)'", "'[2024-01-01,infinity)'"]),
    "tsrange": Type("tsrange", "string", ["'[2024-01-01 00:00:00.5,2024-02-01 10:00)'", "'empty'"]),
    "tstzrange": Type("tstzrange", "string", ["'[2024-01-01 00:00:00+02,)'"]),
    "point": Type("point", "struct io.debezium.data.geometry.Point", ["'(1,-2.5)'", "'(1e300,1e-300)'", "'(0,Infinity)'"], point),
    "date": Type("date", "int32 io.debezium.time.Date", DATES, number, DAYS),
    "time": Type("time", "int64 io.debezium.time.MicroTime", TIMES, number, TIME.format(v="v", unit=1000000)),
    "time_3": Type("time(3)", "int32 io.debezium.time.Time", TIMES, number, TIME.format(v="v", unit=1000)),
    "time_0": Type("time(0)", "int32 io.debezium.time.Time", TIMES, number, TIME.format(v="v", unit=1000)),
    "timestamp": Type("timestamp", "int64 io.debezium.time.MicroTimestamp", STAMPS, number, STAMP.format(**MICROS)),
    "timestamp_3": Type("timestamp(3)", "int64 io.debezium.time.Timestamp", [value for value in STAMPS if "294276" not in value], number,
                        STAMP.format(**MILLIS)),
    "timestamp_0": Type("timestamp(0)", "int64 io.debezium.time.Timestamp", [value for value in STAMPS if "294276" not in value], number,
                        STAMP.format(**MILLIS)),
    "timestamptz": Type("timestamptz", "string io.debezium.time.ZonedTimestamp", [value.replace(" BC'", "+02 BC'") for value in STAMPS],
                        zoned(6)),
    "timestamptz_2": Type("timestamptz(2)", "string io.debezium.time.ZonedTimestamp", ["'2024-02-29 12:34:56.789+05:30'", "'infinity'"], zoned(2)),
    "timestamptz_0": Type("timestamptz(0)", "string io.debezium.time.ZonedTimestamp", ["'2024-02-29 12:34:56.789+05:30'"], zoned(0)),
    "timetz": Type("timetz", "string io.debezium.time.ZonedTime", ["'14:00+02'", "'01:30:00.25-05:30'", "'23:59:59.999999+00'", "'00:00+15:59:59'"],
                   zoned_time),
    "interval": Type("interval", "int64 io.debezium.time.MicroDuration", [
        "'0'", "'1 year 2 mons 3 days 04:05:06.78'", "'-1 year -2 mons +3 days -04:05:06.78'", "'100000 hours'", "'1 mon'", "'-00:00:00.000001'"],
                     duration, PARTS),
    "domain": Type("positive", "bytes org.apache.kafka.connect.data.Decimal", ["1.5", "99999999.99"], decimal(2)),
    "domain_of_domain": Type("shorter", "string", ["'abcd'"]),
    "domain_of_array": array("moods", "array", ["'{sad,NULL}'", "'{}'"]),
    "int2[]": array("int2[]", "array", ["'{1,NULL,-3}'", "'{}'"], number),
    "int4[]": array("int4[]", "array", ["'{1,NULL,-3}'", "array(select generate_series(1, 5000))"], number),
    "int8[]": array("int8[]", "array", ["'{9007199254740993,NULL}'"], number),
    "oid[]": array("oid[]", "array", ["'{4294967295}'"], number),
    "float4[]": array("float4[]", "array", ["'{1.1,NULL,NaN,1e20}'"], real),
    "float8[]": array("float8[]", "array", ["'{0.1,-Infinity,1e-7}'"], double),
    "bool[]": array("bool[]", "array", ["'{t,f,NULL}'"], boolean),
    "text[]": array("text[]", "array", ["array['', 'NULL', null, 'a,b', 'q\"\\', '{x}', ' blank ', 'ü😀']", "array[repeat('x', 20000)]"]),
    "varchar[]": array("varchar(5)[]", "array", ["'{a,NULL}'"]),
    "char[]": array("char(3)[]", "array", ["'{a,NULL}'"], element="rpad(x::text, 3)"),
    "citext[]": array("citext[]", "array", ["'{A,b}'"]),
    "numeric[]": array("numeric(8,2)[]", "array", ["'{1.5,NULL,-7}'"], decimal(2)),
    "numeric_free[]": array("numeric[]", "array", ["'{1.50,NULL,-700}'"], variable_decimal),
    "date[]": array("date[]", "array", ["'{2024-02-29,NULL,0044-03-15 BC}'"], number, "(x - date '1970-01-01')::text"),
    "time[]": array("time[]", "array", ["'{12:34:56.5,NULL}'"], number, TIME.format(v="x", unit=1000000)),
    "timestamp[]": array("timestamp[]", "array", ["'{2024-02-29 12:34:56.5,NULL}'"], number, STAMP.format(**MICROS | {"v": "x"})),
    "timestamptz[]": array("timestamptz[]", "array", ["'{2024-02-29 12:34:56.5+01,NULL}'"], zoned(6)),
    "timetz[]": array("timetz[]", "array", ["'{14:00+02,NULL}'"], zoned_time),
    "uuid[]": array("uuid[]", "array", ["'{b68a35a7-17ad-35b3-af2a-ae46edb4545a,NULL}'"]),
    "json[]": array("json[]", "array", ["array['{\"a\": \"x,y\"}', null]::json[]"]),
    "jsonb[]": array("jsonb[]", "array", ["array['{\"a\": \"x,y\"}', '1']::jsonb[]"]),
    "ltree[]": array("ltree[]", "array", ["'{a.b,c}'"]),
    "inet[]": array("inet[]", "array", ["'{10.0.0.1,10.0.0.0/8}'"], element="format('%s', x)"),
    "cidr[]": array("cidr[]", "array", ["'{10.0.0.0/8}'"]),
    "macaddr[]": array("macaddr[]", "array", ["'{08:00:2b:01:02:03}'"]),
    "int4range[]": array("int4range[]", "array", ["array[int4range(1, 5), null, 'empty']"]),
    "tsrange[]": array("tsrange[]", "array", ["array[tsrange('2024-01-01', '2024-02-01 10:00')]"]),
    "bytea[]": array("bytea[]", "array", [r"array['\x00ff'::bytea, null, '']"], as_base64),
    "enum[]": array("mood[]", "array", ["'{sad,über}'", "array['it''s ok']::mood[]"]),
    "hstore[]": array("hstore[]", "array", ["array['a=>1'::hstore]"], json.loads, "hstore_to_json(x)::text"),
}
OMITTED = {
    "box": "'(1,1),(0,0)'", "circle": "'<(0,0),1>'", "line": "'{1,2,3}'", "lseg": "'[(0,0),(1,1)]'", "path": "'[(0,0),(1,1)]'",
    "polygon": "'((0,0),(1,1),(1,0))'", "int4multirange": "'{[1,5)}'", "pair": "'(1,x)'", "xid": "'5'", "pg_lsn": "'0/16B3748'",
    "tsquery": "'a & b'", "regclass": "'pg_class'", "money[]": "'{1}'", "name[]": "'{a}'", "interval[]": "'{1 day}'",
    "varbit[]": "'{101}'", "xml[]": "array['<a/>']::xml[]", "point[]": "array['(1,2)'::point]", "shorter[]": "'{a}'",
}


def table(name):
    return f"ty_{list(TYPES).index(name)}"


@pytest.fixture(scope="module")
def server(pg_version):
    with PostgresServer(pg_version) as running:
        running.psql(SETUP)
        for name, kind in TYPES.items():
            running.execute(f"create table {table(name)} (id int primary key, v {kind.sql})")
            for n, value in enumerate([*kind.values, "null"]):
                running.execute(f"insert into {table(name)} values ({n}, ({value})::{kind.sql})")
        columns = ", ".join(f'"{n}" {kind}' for n, kind in enumerate(OMITTED))
        running.execute(f"create table ty_omitted (id int primary key, {columns})")
        running.execute(f"insert into ty_omitted values (0, {', '.join(OMITTED.values())})")
        yield running


@pytest.fixture(scope="module")
def rows(server, millrace, tmp_path_factory):
    """For each path, the `after` of every row by (table, id), numbers as they are written; and the fields' schemas."""
    from program import Millrace

    raw = {"parse_float": lambda text: ("float", text), "parse_int": lambda text: ("int", text)}
    folder = tmp_path_factory.mktemp("types")
    copied = Millrace(millrace, server, folder, "types_text", **{"table.include.list": r"public\.ty_\w+", "schemas.enable": True,
                                                                   "pgoutput.binary": "false"})
    binary = Millrace(millrace, server, folder, "types_binary", **{"table.include.list": r"public\.ty_\w+", "snapshot.mode": "no_data",
                                                                     "pgoutput.binary": "true"})
    try:
        copied.start().wait_streaming()
        binary.start().wait_streaming()
        count = 0
        for name in TYPES:
            server.execute(f"insert into {table(name)} select id + 1000, v from {table(name)}")
            count += len(TYPES[name].values) + 1
        server.execute(f"insert into ty_omitted values (1000, {', '.join(OMITTED.values())})")
        count += 1
        copied.wait_for_lines(2 * count)
        binary.wait_for_lines(count)
        found = {"snapshot": {}, "text": {}, "binary": {}}
        schemas = {}
        for path, pipeline in (("text", copied), ("binary", binary)):
            for line in pipeline.output.read_bytes().splitlines():
                event = json.loads(line, **raw)
                value = event["value"]
                if "payload" in value:
                    schemas[event["topic"].removeprefix("p.public.")] = value["schema"]["fields"][1]["fields"]
                    value = value["payload"]
                after = value["after"]
                id = int(after.pop("id")[1])
                where = "snapshot" if value["op"] == "r" else path
                found[where][event["topic"].removeprefix("p.public."), id % 1000] = after
        assert [len(found[path]) for path in found] == [count] * 3
        yield found, schemas, copied.log_text() + binary.log_text()
    finally:
        copied.clean_up()
        binary.clean_up()


def plain(value):
    """Numbers as Python's own."""
    if isinstance(value, tuple):
        return float(value[1]) if value[0] == "float" else int(value[1])
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("name", TYPES)
def test_value(server, rows, name):
    kind = TYPES[name]
    found, schemas, _ = rows
    with server.connect(options="-c timezone=UTC -c extra_float_digits=3 -c lc_monetary=C -c intervalstyle=postgres") as connection:
        with connection.cursor() as cursor:
            if kind.element:
                cursor.execute(f"select id, v is null, (select array_agg({kind.element} order by o) from unnest(v) with ordinality u (x, o)) "
                               f"from {table(name)} where id < 1000 order by id")
            else:
                cursor.execute(f"select id, v is null, {kind.cast} from {table(name)} where id < 1000 order by id")
            judged = cursor.fetchall()
    assert len(judged) == len(kind.values) + 1
    for id, is_null, text in judged:
        value = found["snapshot"][table(name), id]["v"]
        what = kind.values[id] if id < len(kind.values) else "null"
        for path in ("text", "binary"):
            assert found[path][table(name), id]["v"] == value, f"{what} differs between snapshot and {path}"
        if is_null:
            expected = None
        elif kind.element:
            expected = [None if one is None else kind.judge(one) for one in text or []]
        else:
            expected = kind.judge(text)
        got = plain(value)
        if kind.schema.startswith(("string io.debezium.data.Json",)) and kind.judge is json.loads and got is not None:
            got = json.loads(got)
        if name == "hstore[]" and got is not None:
            got = [json.loads(one) for one in got]
        if kind.judge is real:
            got = [real(repr(one)) if isinstance(one, float) else one for one in got] if isinstance(got, list) else \
                real(repr(got)) if isinstance(got, float) else got
        assert got == expected, f"{what}: the server says {text!r}"
        if isinstance(got, float):
            assert str(got) == str(expected), what  # tells -0.0 from 0.0


@pytest.mark.parametrize("name", TYPES)
def test_schema(rows, name):
    _, schemas, _ = rows
    field = next(field for field in schemas[table(name)] if field["field"] == "v")
    assert " ".join(filter(None, [field["type"], field.get("name")])) == TYPES[name].schema
    assert field["optional"] is True


def test_types_without_a_form_are_left_out_and_told(rows):
    found, schemas, log = rows
    for path in found:
        assert found[path]["ty_omitted", 0] == {}, path
    assert [field["field"] for field in schemas["ty_omitted"]] == ["id"]


def test_numbers_are_written_as_java_does(rows):
    """Shortest digits that round-trip, plain between 1e-3 and 1e7."""
    found, _, _ = rows
    written = [found["text"][table("float8"), n]["v"] for n in range(12)]
    assert [text if isinstance(text, str) else text[1] for text in written] == [
        "0.0", "-0.0", "0.1", "1.0E7", "1.0E22", "1.2345678901234568E17", "2.2250738585072014E-308", "4.9E-324",
        "1.7976931348623157E308", "0.001", "9.5E-4", "100.0"]
