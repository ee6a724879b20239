"""Writes Parquet files with pyarrow, and the rows that it wrote in JSON:

    oracle_parquet.py DIR                 the goldens of loaders/data/parquet
    oracle_parquet.py --random N SEED DIR N files of random schemas and rows

The test of that package reads both (ROUX_PARQUET names another folder)."""

import datetime as dt
import decimal
import json
import os
import random
import shutil
import struct
import sys
import uuid

try:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    print("skip: the Python package pyarrow is not installed")
    sys.exit(0)

UTC = dt.timezone.utc


def text(v, t):
    """A value as JSON, the way that the package says its rows."""
    if v is None:
        return "null"
    if isinstance(t, pa.BaseExtensionType) and isinstance(v, uuid.UUID):
        return json.dumps(str(v))
    if pa.types.is_dictionary(t):
        return text(v, t.value_type)
    if pa.types.is_map(t):
        pairs = {k if isinstance(k, str) else text(k, t.key_type).strip('"'): text(x, t.item_type) for k, x in v}
        return "{" + ",".join(json.dumps(k) + ":" + x for k, x in pairs.items()) + "}"
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return "[" + ",".join(text(x, t.value_type) for x in v) + "]"
    if pa.types.is_struct(t):
        return "{" + ",".join(json.dumps(f.name) + ":" + text(v[f.name], f.type) for f in t) + "}"
    if pa.types.is_fixed_size_binary(t):
        return json.dumps("hex:" + v.hex())
    if isinstance(v, bytes):
        try:
            return json.dumps(v.decode())
        except UnicodeDecodeError:
            return json.dumps("hex:" + v.hex())
    if pa.types.is_decimal(t):
        return format(v, "f")
    if pa.types.is_floating(t):
        v = float(v)
        return json.dumps(v) if np.isfinite(v) else json.dumps(str(v))
    if isinstance(v, dt.timedelta):
        return str(v // dt.timedelta(milliseconds=1))
    if isinstance(v, (dt.date, dt.time)):
        return json.dumps(str(v))
    return json.dumps(v)


def expect(path, table):
    rows = table.to_pylist()
    with open(path.removesuffix(".parquet") + ".json", "w") as f:
        f.write("[" + ",\n".join("{" + ",".join(json.dumps(c.name) + ":" + text(r[c.name], c.type) for c in table.schema) + "}" for r in rows) + "]\n")


def write(path, table, **how):
    pq.write_table(table, path, **how)
    expect(path, table)


# What follows writes files that pyarrow cannot: those of older writers. A value of
# the compact protocol is a pair of its type and its bytes.


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def i32(n):
    return 5, varint(n << 1)


def i64(n):
    return 6, varint(n << 1)


def string(v):
    return 8, varint(len(v)) + v.encode()


def many(items):
    return 9, bytes([len(items) << 4 | items[0][0]]) + b"".join(x for _, x in items)


def fields(**values):
    """A struct, whose fields are named _1, _2 and so on; None is left out."""
    out, last = b"", 0
    for name, value in values.items():
        if value is not None:
            out += bytes([int(name[1:]) - last << 4 | value[0]]) + value[1]
            last = int(name[1:])
    return 12, out + b"\0"


def runs(levels, width):
    """Levels in the encoding RLE, each a run of its own."""
    body = b"".join(b"\x02" + bytes([x]) for x in levels)
    return struct.pack("<I", len(body)) + body


def packed(levels, width):
    bits = "".join(format(x, f"0{width}b") for x in levels)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def old(path, schema, rows, columns, coding=3):
    """Writes a file of one row group.

    schema: name, type, repetition, children, converted type of each element;
    columns: type, path, most levels, repetition levels, definition levels, values.
    """
    out, chunks = b"PAR1", []
    for kind, names, most, reps, defs, values in columns:
        page = b""
        for levels, m in ((reps, most[0]), (defs, most[1])):
            if m:
                page += (runs if coding == 3 else packed)(levels, m.bit_length())
        page += values
        at = len(out)
        head = fields(_1=i32(len(defs)), _2=i32(0), _3=i32(coding), _4=i32(coding))
        out += fields(_1=i32(0), _2=i32(len(page)), _3=i32(len(page)), _5=head)[1] + page
        size = i64(len(out) - at)
        meta = fields(_1=i32(kind), _2=many([i32(0), i32(coding)]), _3=many([string(x) for x in names]), _4=i32(0), _5=i64(len(defs)), _6=size, _7=size, _9=i64(at))
        chunks.append(fields(_2=i64(at), _3=meta))
    number = lambda x: None if x is None else i32(x)
    elements = [fields(_1=number(t), _3=number(r), _4=string(n), _5=number(c), _6=number(v), _7=number(2 if v == DECIMAL else None), _8=number(9 if v == DECIMAL else None)) for n, t, r, c, v in schema]
    group = fields(_1=many(chunks), _2=i64(len(out)), _3=i64(rows))
    foot = fields(_1=i32(1), _2=many(elements), _3=i64(rows), _4=many([group]))[1]
    with open(path, "wb") as f:
        f.write(out + foot + struct.pack("<I", len(foot)) + b"PAR1")
    if coding == 3:
        expect(path, pq.read_table(path))


def ints(*values):
    return struct.pack(f"<{len(values)}i", *values)


def texts(*values):
    return b"".join(struct.pack("<I", len(v)) + v.encode() for v in values)


REQUIRED, OPTIONAL, REPEATED = 0, 1, 2
INT32, INT64, BYTES = 1, 2, 6
UTF8, MAP, MAP_KEY_VALUE, LIST, DECIMAL, DATE, TIME_MILLIS, TIME_MICROS, TIMESTAMP_MILLIS, TIMESTAMP_MICROS, UINT_8, UINT_64, INT_16 = 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 14, 16


def old_files(dir):
    root = lambda n: ("schema", None, None, n, None)
    # Meanings said the older way alone.
    long = lambda *v: struct.pack(f"<{len(v)}q", *v)
    numbers = [(INT32, c, ints(*v)) for c, v in ((DECIMAL, (-5, 12345)), (DATE, (-1, 20000)), (TIME_MILLIS, (1, 86399999)), (UINT_8, (0, 255)), (INT_16, (-9, 9)))]
    numbers += [(INT64, c, long(*v)) for c, v in ((DECIMAL, (-7, 2**29)), (TIME_MICROS, (1, 86399999999)), (TIMESTAMP_MILLIS, (-1, 10**12)), (TIMESTAMP_MICROS, (-1, 10**15)), (UINT_64, (0, -1)))]
    numbers.append((BYTES, DECIMAL, b"\2\0\0\0\xff\0\1\0\0\0\x10"))
    old(f"{dir}/old_values.parquet", [root(len(numbers))] + [(f"c{i}", t, REQUIRED, None, c) for i, (t, c, _) in enumerate(numbers)], 2,
        [(t, [f"c{i}"], (0, 0), [], [0, 0], body) for i, (t, c, body) in enumerate(numbers)])
    # The repeated node is the element: [1, 2], null, [], [3]
    flat = dict(rows=4, columns=[(INT32, ["l", "element"], (1, 2), [0, 1, 0, 0, 0], [2, 2, 0, 1, 2], ints(1, 2, 3))])
    schema = [root(1), ("l", None, OPTIONAL, 1, LIST), ("element", INT32, REPEATED, None, None)]
    old(f"{dir}/old_list.parquet", schema, **flat)
    # The format has the highest bits of such levels first, as parquet-java writes
    # and reads them; pyarrow takes the lowest first, and so is no judge here.
    old(f"{dir}/old_levels.parquet", schema, coding=4, **flat)
    shutil.copy(f"{dir}/old_list.json", f"{dir}/old_levels.json")
    # So it is where its name says so, though it is a group of one.
    for name in ("array", "l_tuple"):
        old(f"{dir}/old_{name}.parquet", [root(1), ("l", None, OPTIONAL, 1, LIST), (name, None, REPEATED, 1, None), ("x", INT32, OPTIONAL, None, None)], 3,
            [(INT32, ["l", name, "x"], (1, 3), [0, 1, 0, 0], [3, 2, 1, 0], ints(1))])
    # A group of two, and one of another name around the element.
    old(f"{dir}/old_pairs.parquet", [root(1), ("l", None, REQUIRED, 1, LIST), ("e", None, REPEATED, 2, None), ("x", INT32, REQUIRED, None, None), ("y", BYTES, OPTIONAL, None, UTF8)], 2,
        [(INT32, ["l", "e", "x"], (1, 1), [0, 1, 0], [1, 1, 0], ints(1, 2)), (BYTES, ["l", "e", "y"], (1, 2), [0, 1, 0], [2, 1, 0], texts("a"))])
    old(f"{dir}/old_bag.parquet", [root(1), ("l", None, OPTIONAL, 1, LIST), ("bag", None, REPEATED, 1, None), ("array_element", INT32, OPTIONAL, None, None)], 3,
        [(INT32, ["l", "bag", "array_element"], (1, 3), [0, 1, 0, 0], [3, 2, 1, 0], ints(1))])
    # Repeated without a list around it, alone and as a group.
    old(f"{dir}/old_repeated.parquet", [root(2), ("n", INT32, REPEATED, None, None), ("g", None, REPEATED, 1, None), ("s", BYTES, REPEATED, None, UTF8)], 3,
        [(INT32, ["n"], (1, 1), [0, 1, 0, 0], [1, 1, 0, 1], ints(1, 2, 3)), (BYTES, ["g", "s"], (2, 2), [0, 2, 1, 0, 0], [2, 2, 1, 0, 2], texts("a", "b", "c"))])
    for name, kind in (("old_map", MAP), ("old_key_value", MAP_KEY_VALUE)):
        old(f"{dir}/{name}.parquet", [root(1), ("m", None, OPTIONAL, 1, kind), ("map", None, REPEATED, 2, None), ("key", BYTES, REQUIRED, None, UTF8), ("value", INT32, OPTIONAL, None, None)], 3,
            [(BYTES, ["m", "map", "key"], (1, 2), [0, 1, 0, 0], [2, 2, 1, 0], texts("a", "b")), (INT32, ["m", "map", "value"], (1, 3), [0, 1, 0, 0], [3, 2, 1, 0], ints(5))])


# Goldens of pyarrow.


def values():
    D, T = decimal.Decimal, dt.datetime(2020, 1, 31, 23, 59, 1, 678000)
    U = T.replace(tzinfo=UTC)
    before = dt.datetime(1960, 2, 3, 4, 5, 6)
    return {
        "bool": pa.array([True, None, False]),
        "int8": pa.array([1, None, -3], pa.int8()), "int16": pa.array([1, None, -300], pa.int16()), "int32": pa.array([1, None, -(2**31)], pa.int32()), "int64": pa.array([1, None, -(2**63)]),
        "uint8": pa.array([1, None, 250], pa.uint8()), "uint16": pa.array([1, None, 65535], pa.uint16()), "uint32": pa.array([1, None, 2**32 - 1], pa.uint32()), "uint64": pa.array([1, None, 2**64 - 1], pa.uint64()),
        "half": pa.array(np.array([1.5, 6e-8, -np.inf], np.float16)), "float": pa.array([1.1, None, np.nan], pa.float32()), "double": pa.array([1.1, None, np.inf]),
        "string": pa.array(["a", None, "\u00fc\n"]), "large": pa.array(["", None, "b"], pa.large_string()), "binary": pa.array([b"\xff\0", None, b"ab"]), "fixed": pa.array([b"abc", None, b"xyz"], pa.binary(3)),
        "dec9": pa.array([D("1.23"), None, D("-0.05")], pa.decimal128(5, 2)), "dec38": pa.array([D(10) ** 30, None, D("-4.00")], pa.decimal128(38, 2)), "dec76": pa.array([D(10) ** 60, None, D("-1")], pa.decimal256(76, 0)),
        "date": pa.array([T.date(), None, before.date()]), "ms": pa.array([T, None, before], pa.timestamp("ms")), "us": pa.array([U, None, before], pa.timestamp("us", tz="UTC")),
        "ns": pa.array([np.datetime64("2020-01-31T23:59:01.000000007"), None, np.datetime64("1960-01-01", "ns")], pa.timestamp("ns")),
        "time": pa.array([dt.time(1, 2, 3), None, dt.time(23, 59, 59, 500000)], pa.time32("ms")), "time_us": pa.array([dt.time(1, 2, 3), None, dt.time(0, 0, 0, 7)], pa.time64("us")),
        "span": pa.array([dt.timedelta(seconds=1), None, dt.timedelta(-1)], pa.duration("ms")), "null": pa.nulls(3), "uuid": pa.array([uuid.UUID(int=7).bytes, None, uuid.UUID(int=2**127 + 1).bytes], pa.uuid()),
        "category": pa.array(["x", None, "y"]).dictionary_encode(),
    }


def nests():
    words, pair = pa.list_(pa.string()), pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))])
    return {
        "list": pa.array([[1, None, 2], None, [], [3]], pa.list_(pa.int32())), "lists": pa.array([[["a"], None, [], ["b", None]], None, [], [[]]], pa.list_(words)),
        "struct": pa.array([{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}, {"a": 2, "b": []}], pair), "structs": pa.array([[{"a": 1, "b": ["x", None]}], None, [None, {"a": None, "b": []}], []], pa.list_(pair)),
        "map": pa.array([[("k", 1), ("l", None)], None, [], [("k", 2)]], pa.map_(pa.string(), pa.int32())), "map_lists": pa.array([[(1, ["x"]), (-2, [])], None, [], [(3, None)]], pa.map_(pa.int64(), words)),
        "choices": pa.array([{"text": ["a", "b"], "label": ["A", None]}, None, {"text": [], "label": None}, {"text": ["c"], "label": ["C"]}], pa.struct([("text", words), ("label", words)])),
        "three": pa.array([[1, 2, 3], None, [4, None, 6], [7, 8, 9]], pa.list_(pa.int8(), 3)),
        "bare": pa.array([[1], [], [2, 3], [4]], pa.list_(pa.field("e", pa.int32(), nullable=False))),
    }


def goldens(dir):
    os.makedirs(dir, exist_ok=True)
    small = dict(store_schema=False, write_statistics=False)
    write(f"{dir}/values.parquet", pa.table(values()), compression="none", use_dictionary=False)
    write(f"{dir}/values_dictionary.parquet", pa.table({k: v for k, v in values().items() if k != "span"}), compression="none", **small)
    write(f"{dir}/values_old.parquet", pa.table({k: v for k, v in values().items() if k not in ("span", "uuid", "half", "ns")}), version="1.0", compression="none", **small)
    write(f"{dir}/decimals.parquet", pa.table({k: values()[k] for k in ("dec9",)} | {"dec18": pa.array([decimal.Decimal("-123456789.012345678"), None, 0], pa.decimal128(18, 9))}), store_decimal_as_integer=True, **small)
    write(f"{dir}/int96.parquet", pa.table({"t": values()["ns"]}), use_deprecated_int96_timestamps=True, **small)
    nested = pa.table(nests())
    write(f"{dir}/nested.parquet", nested, compression="none", **small)
    write(f"{dir}/nested_v2.parquet", nested, data_page_version="2.0", row_group_size=2, use_compliant_nested_type=False, **small)
    numbers = [random.Random(1).randint(-(2**20), 2**20) if i % 9 else None for i in range(700)]
    words = pa.array([None if i % 7 == 0 else f"word {i // 3} of {i * i}" for i in range(700)])
    table = pa.table({"text": words, "n": pa.array(numbers)})
    for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
        for version in ("1.0", "2.0"):
            write(f"{dir}/{codec}_{version[0]}.parquet", table.slice(0, 60), compression=codec, data_page_version=version, data_page_size=200, write_batch_size=20, row_group_size=40, write_page_checksum=version == "2.0", **small)
    for encoding, name, column in (
        ("DELTA_BINARY_PACKED", "delta32", pa.array(numbers, pa.int32())), ("DELTA_BINARY_PACKED", "delta64", pa.array([None if x is None else x**3 for x in numbers])),
        ("DELTA_LENGTH_BYTE_ARRAY", "lengths", words.slice(0, 80)), ("DELTA_BYTE_ARRAY", "prefixes", words.slice(0, 200)), ("DELTA_BYTE_ARRAY", "prefixes_fixed", pa.array([b"%07d" % (i * 3) for i in range(50)], pa.binary(7))),
        ("BYTE_STREAM_SPLIT", "split_float", pa.array([0.5 * i for i in range(40)], pa.float32())), ("BYTE_STREAM_SPLIT", "split_double", pa.array([i / 3 for i in range(40)])),
        ("BYTE_STREAM_SPLIT", "split_int", pa.array(numbers[:40], pa.int32())), ("BYTE_STREAM_SPLIT", "split_long", pa.array(numbers[:40])), ("BYTE_STREAM_SPLIT", "split_fixed", pa.array([b"%05d" % i for i in range(40)], pa.binary(5))),
        ("RLE", "bits", pa.array([i % 7 < 3 if i % 5 else None for i in range(90)])),
    ):
        write(f"{dir}/{name}.parquet", pa.table({"x": column}), use_dictionary=False, column_encoding={"x": encoding}, **small)
    write(f"{dir}/empty.parquet", pa.table({"x": pa.array([], pa.string())}), **small)
    write(f"{dir}/nothing.parquet", pa.table({"x": pa.array([None] * 20, pa.string()), "l": pa.array([[]] * 20, pa.list_(pa.int8()))}), data_page_version="2.0", **small)
    pq.write_table(table.slice(0, 5), f"{dir}/refused_brotli.parquet", compression="brotli", **small)
    old_files(dir)


# Files of random schemas and rows.


def scalar(r):
    """A random type and a function that draws a value of it."""
    letters = "abcdef \u00fc\n\u4e2d"
    word = lambda: "".join(r.choices(letters, k=r.choice((0, 1, 3, 10, 40))))
    pool = [word() for _ in range(r.randint(1, 20))]
    bits = r.choice((8, 16, 32, 64))
    whole = lambda lo, hi: r.choice((r.randint(lo, hi), r.randint(max(lo, -9), min(hi, 9))))
    digits, size = r.randint(1, 76), r.randint(1, 9)
    scale = r.randint(0, digits)
    moment = lambda: dt.datetime(1, 1, 2) + dt.timedelta(days=r.randint(0, 3652000), microseconds=r.choice((0, r.randrange(86400 * 10**6), r.randrange(86400) * 10**6)))
    near = lambda: np.datetime64(r.randint(-(2**62), 2**62), "ns")
    trunc = lambda v: v.replace(microsecond=v.microsecond // 1000 * 1000)
    return r.choice((
        (pa.bool_(), lambda: r.random() < 0.5),
        (getattr(pa, f"int{bits}")(), lambda: whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)),
        (getattr(pa, f"uint{bits}")(), lambda: whole(0, 2**bits - 1)),
        (pa.float16(), lambda: np.float16(r.gauss(0, 100))), (pa.float32(), lambda: r.choice((r.gauss(0, 1), float("inf"), float("nan"), 0.0))), (pa.float64(), lambda: r.gauss(0, 1e9)),
        (pa.string(), lambda: r.choice(pool)), (pa.string(), word), (pa.large_string(), word), (pa.binary(), lambda: r.randbytes(r.randint(0, 20))), (pa.binary(size), lambda: r.randbytes(size)),
        (pa.decimal256(digits, scale) if digits > 38 else pa.decimal128(digits, scale), lambda: decimal.Decimal(r.choice((-1, 1)) * r.randint(0, 10 ** r.randint(1, digits) - 1)).scaleb(-scale)),
        (pa.date32(), lambda: moment().date()), (pa.timestamp("s"), lambda: moment().replace(microsecond=0)), (pa.timestamp("ms"), lambda: trunc(moment())), (pa.timestamp("us"), moment), (pa.timestamp("us", tz="UTC"), moment), (pa.timestamp("ns"), near),
        (pa.time32("ms"), lambda: trunc(moment()).time()), (pa.time64("us"), lambda: moment().time()),
    ))


def kind(r, depth):
    """A random type, perhaps nested, and a function that draws a value of it."""
    some = lambda draw: (lambda: None if r.random() < holes else draw())
    holes = r.choice((0, 0, 0.1, 0.5, 0.95))
    roll = r.random()
    if depth == 0 or roll < 0.45:
        t, draw = scalar(r)
        return t, some(draw), holes
    if roll < 0.7:
        t, draw, inner = kind(r, depth - 1)
        most = r.choice((1, 3, 8))
        field = pa.field("e", t, nullable=inner > 0)
        if r.random() < 0.15:
            return pa.list_(field, most), some(lambda: [draw() for _ in range(most)]), holes
        return r.choice((pa.list_, pa.large_list))(field), some(lambda: [draw() for _ in range(r.randint(0, most))]), holes
    if roll < 0.9:
        members = [(f"f{i}",) + kind(r, depth - 1) for i in range(r.randint(1, 3))]
        return pa.struct([pa.field(n, t, nullable=inner > 0) for n, t, _, inner in members]), some(lambda: {n: draw() for n, _, draw, _ in members}), holes
    key, draw_key = r.choice(((pa.string(), lambda: r.choice("abcdefgh")), (pa.int64(), lambda: r.randint(-5, 5)), (pa.date32(), lambda: dt.date(2000, 1, r.randint(1, 9)))))
    t, draw, _ = kind(r, depth - 1)
    return pa.map_(key, t), some(lambda: [(k, draw()) for k in {draw_key() for _ in range(r.randint(0, 4))}]), holes


CODED = {
    "INT32": ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"), "INT64": ("PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"), "FLOAT": ("PLAIN", "BYTE_STREAM_SPLIT"), "DOUBLE": ("PLAIN", "BYTE_STREAM_SPLIT"),
    "BOOLEAN": ("PLAIN", "RLE"), "BYTE_ARRAY": ("PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"), "FIXED_LEN_BYTE_ARRAY": ("PLAIN", "DELTA_BYTE_ARRAY", "BYTE_STREAM_SPLIT"), "INT96": ("PLAIN",),
}


def draw_file(r, path):
    rows = r.choice((0, 1, 2, 10, 100, 500))
    fields, columns = [], []
    for i in range(r.randint(1, 5)):
        t, draw, holes = kind(r, r.randint(0, 3))
        fields.append(pa.field(f"c{i}", t, nullable=holes > 0))
        columns.append(pa.array([draw() for _ in range(rows)], t))
    table = pa.table(columns, schema=pa.schema(fields))
    how = dict(
        compression=r.choice(("none", "snappy", "gzip", "zstd", "lz4")), data_page_version=r.choice(("1.0", "2.0")), data_page_size=r.choice((1, 100, 1000, 1 << 20)), write_batch_size=r.choice((1, 7, 64, 1024)),
        row_group_size=r.choice((1, 7, 100, 1000)), write_page_checksum=r.random() < 0.3, use_compliant_nested_type=r.random() < 0.7, store_schema=True, write_statistics=r.random() < 0.5,
        version=r.choice(("1.0", "2.4", "2.6")), dictionary_pagesize_limit=r.choice((20, 300, 1 << 20)))
    if rows == 500:
        how["row_group_size"] = max(100, how["row_group_size"])
    # Of times beyond those of 64 bits in nanoseconds INT96 keeps the bits.
    how["use_deprecated_int96_timestamps"] = not any(unit in str(table.schema) for unit in ("[s]", "[ms]", "[us"))
    how["use_dictionary"] = r.random() < 0.5
    how["store_decimal_as_integer"] = r.random() < 0.5
    if not how["use_dictionary"]:
        sink = pa.BufferOutputStream()
        pq.write_table(table.slice(0, 0), sink, **how)
        schema = pq.ParquetFile(sink.getvalue()).schema
        how["column_encoding"] = {c.path: r.choice(CODED[c.physical_type]) for c in (schema.column(i) for i in range(len(schema)))}
    if "[ns]" in str(table.schema):
        how["version"] = "2.6"  # older ones have no nanoseconds
    write(path, table, **how)


def main(args):
    if args[0] != "--random":
        return goldens(args[0])
    count, seed, dir = int(args[1]), int(args[2]), args[3]
    os.makedirs(dir, exist_ok=True)
    for i in range(count):
        draw_file(random.Random(seed * 1_000_003 + i), f"{dir}/{i:05}.parquet")
    print(f"{count} random Parquet files")


if __name__ == "__main__":
    main(sys.argv[1:])
