"""Makes parquet/ with pyarrow 26: the same rows in every codec, encoding and page version, and those rows as JSON lines."""
import json, pathlib, random
import pyarrow as pa, pyarrow.parquet as pq
here = pathlib.Path(__file__).parent / "parquet"
random.seed(1)
word = lambda: "".join(random.choice("abcdefg") for _ in range(random.randint(1, 12)))
rows = [{"text": None if i % 7 == 3 else "prefix of all texts " + word(), "kind": ["first kind", "second kind"][i // 20 % 2], "label": i // 11, "count": None if i % 5 == 0 else i * i * 1000003,
         "score": i / 8, "yes": i % 3 == 0, "tags": [word() for _ in range(i % 4)], "who": {"name": word(), "ids": list(range(i % 3))}} for i in range(90)]
schema = pa.schema([("text", pa.string()), ("kind", pa.string()), ("label", pa.int32()), ("count", pa.int64()), ("score", pa.float64()), ("yes", pa.bool_()),
                    ("tags", pa.list_(pa.string())), ("who", pa.struct([("name", pa.string()), ("ids", pa.list_(pa.int64()))]))])
table = pa.Table.from_pylist(rows, schema=schema)
with open(here / "rows.jsonl", "w") as f:
    f.writelines(json.dumps(r) + "\n" for r in rows)
def put(name, **kw):
    pq.write_table(table, here / (name + ".parquet"), **{"compression": "none", "data_page_size": 400, "row_group_size": 65, **kw})
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for version in ["1.0", "2.0"][codec == "lz4":]:
        put(codec + "-v" + version[0], compression=codec, data_page_version=version)
texts = ["text", "kind", "tags.list.element", "who.name"]
ints = ["label", "count", "who.ids.list.element"]
for name, enc in {"delta-length": {**dict.fromkeys(texts, "DELTA_LENGTH_BYTE_ARRAY"), **dict.fromkeys(ints, "DELTA_BINARY_PACKED"), "yes": "RLE", "score": "BYTE_STREAM_SPLIT"},
                  "delta-bytes": {**dict.fromkeys(texts, "DELTA_BYTE_ARRAY"), **dict.fromkeys(ints, "BYTE_STREAM_SPLIT")}, "plain": {}}.items():
    put(name + "-v2", compression="zstd", data_page_version="2.0", use_dictionary=False, column_encoding=enc or None)
    put(name + "-v1", data_page_version="1.0", use_dictionary=False, column_encoding=enc or None)
