"""Writes avro.json and protobuf.json: schemas, records that other implementations
have written by them, and the JSON that each record should become.

    python3 -m venv venv && venv/bin/pip install fastavro==1.12.1 protobuf==7.36.2 grpcio-tools==1.85.1
    venv/bin/python encode.py

Avro is written by fastavro, and its JSON is put down here by hand. Protobuf is
compiled by protoc, written by Google's library, and its JSON made by that as well.
"""

import base64
import importlib
import io
import json
import math
import os
import sys
import tempfile
from datetime import date, datetime, time, timezone
from decimal import Decimal
from uuid import UUID

import fastavro
from google.protobuf import any_pb2, json_format, struct_pb2
from grpc_tools import protoc


def text(body):
    return base64.b64encode(body).decode()


# ---- Avro ----

address = {
    "type": "record", "name": "Address", "namespace": "shop.common",
    "fields": [{"name": "street", "type": "string"}, {"name": "zip", "type": ["null", "string"], "default": None}],
}
user_v1 = {
    "type": "record", "name": "User", "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "age", "type": "int"},
        {"name": "visits", "type": "long"},
        {"name": "score", "type": "double"},
        {"name": "ratio", "type": "float"},
        {"name": "active", "type": "boolean"},
        {"name": "photo", "type": "bytes"},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "color", "type": {"type": "enum", "name": "Color", "symbols": ["RED", "BLUE"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {"name": "note", "type": ["null", "string", "long", {"type": "array", "items": "int"}]},
        {"name": "friend", "type": ["null", "User"]},
        {"name": "home", "type": "shop.common.Address"},
    ],
}
user_v2 = dict(user_v1, fields=[f for f in user_v1["fields"] if f["name"] in ("id", "home")]
               + [{"name": "email", "type": ["null", "string"], "default": None}])
moments = {
    "type": "record", "name": "Moments",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 3}},
        {"name": "fixed", "type": {"type": "fixed", "name": "D", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "tms", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "tus", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "us", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "maybe", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
    ],
}


def user(**changes):
    value = {
        "id": "u1", "age": -7, "visits": 9007199254740993, "score": 1.5e300, "ratio": 0.5, "active": True,
        "photo": b"\x00\xff", "hash": b"\x01\x02\x03\x04", "color": "BLUE", "tags": ["a", "é\"\\\n日本😀", ""],
        "counts": {"k": -1}, "note": None, "friend": None, "home": {"street": "Main St", "zip": None},
    }
    value.update(changes)
    return value


def user_json(**changes):
    value = user()
    value.update({"photo": "AP8=", "hash": "AQIDBA=="})
    value.update(changes)
    return value


empty = dict(photo=b"", tags=[], counts={}, score=-0.0, visits=-9223372036854775808)
empty_json = dict(photo="", tags=[], counts={}, score=-0.0, visits=-9223372036854775808)

avro = [
    {
        "schemas": [{"subject": "shop-address", "text": address}],
        "subject": "shop-user", "text": user_v1, "references": [{"name": "shop.common.Address", "subject": "shop-address", "version": 1}],
        "records": [
            (user(), user_json()),
            (user(note="text"), user_json(note="text")),
            (user(note=12), user_json(note=12)),
            (user(note=[1, 2]), user_json(note=[1, 2])),
            (user(friend=user(id="u2", friend=user(id="u3"))), user_json(friend=user_json(id="u2", friend=user_json(id="u3")))),
            (user(**empty), user_json(**empty_json)),
            (user(score=math.nan, ratio=-math.inf), user_json(score="NaN", ratio="-Infinity")),
            (user(home={"street": "x", "zip": "8000"}), user_json(home={"street": "x", "zip": "8000"})),
        ],
    },
    {
        "schemas": [{"subject": "shop-address", "text": address}],
        "subject": "shop-user-2", "text": user_v2, "references": [{"name": "shop.common.Address", "subject": "shop-address", "version": 1}],
        "records": [
            ({"id": "u1", "home": {"street": "x", "zip": None}, "email": "a@b"}, {"id": "u1", "home": {"street": "x", "zip": None}, "email": "a@b"}),
        ],
    },
    {
        "schemas": [], "subject": "moments", "text": moments, "references": [],
        "records": [
            (
                {"id": UUID("89791762-2336-4186-9674-299b90a802e2"), "amount": Decimal("-12345678901234567890123456.789"), "fixed": Decimal("0.05"),
                 "day": date(2026, 1, 2), "tms": time(23, 59, 59, 999000), "tus": time(0, 0, 0, 1),
                 "ms": datetime(2026, 1, 2, 3, 4, 5, 678000, timezone.utc), "us": datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc),
                 "local": datetime(2026, 1, 2, 3, 4, 5), "maybe": None},
                {"id": "89791762-2336-4186-9674-299b90a802e2", "amount": "-12345678901234567890123456.789", "fixed": "0.05",
                 "day": "2026-01-02", "tms": "23:59:59.999", "tus": "00:00:00.000001",
                 "ms": "2026-01-02T03:04:05.678Z", "us": "1969-12-31T23:59:59.999999Z",
                 "local": "2026-01-02T03:04:05.000", "maybe": None},
            ),
            (
                {"id": UUID(int=0), "amount": Decimal("0.000"), "fixed": Decimal("-999999999999999999.99"),
                 "day": date(1, 1, 1), "tms": time(0), "tus": time(23, 59, 59, 999999),
                 "ms": datetime(1, 1, 1, tzinfo=timezone.utc), "us": datetime(9999, 12, 31, 23, 59, 59, 999999, timezone.utc),
                 "local": datetime(1970, 1, 1), "maybe": datetime(1970, 1, 1, tzinfo=timezone.utc)},
                {"id": "00000000-0000-0000-0000-000000000000", "amount": "0.000", "fixed": "-999999999999999999.99",
                 "day": "0001-01-01", "tms": "00:00:00.000", "tus": "23:59:59.999999",
                 "ms": "0001-01-01T00:00:00.000Z", "us": "9999-12-31T23:59:59.999999Z",
                 "local": "1970-01-01T00:00:00.000", "maybe": "1970-01-01T00:00:00.000Z"},
            ),
        ],
    },
]


def write_avro():
    out = []
    for group in avro:
        named = {}
        for reference in group["schemas"]:
            fastavro.parse_schema(reference["text"], named)
        schema = fastavro.parse_schema(group["text"], named)
        records = []
        for value, want in group["records"]:
            body = io.BytesIO()
            fastavro.schemaless_writer(body, schema, value)
            records.append({"body": text(body.getvalue()), "want": json.dumps(want, ensure_ascii=False)})
        out.append({
            "type": "AVRO", "schemas": [{"subject": s["subject"], "text": json.dumps(s["text"])} for s in group["schemas"]],
            "subject": group["subject"], "text": json.dumps(group["text"]), "references": group["references"], "records": records,
        })
    return out


# ---- Protobuf ----

common_proto = """syntax = "proto3";
package common;
message Money { string currency = 1; int64 units = 2; int32 nanos = 3; }
"""
order_proto = """syntax = "proto3";
package shop;
import "common/money.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/any.proto";
enum State { UNKNOWN = 0; OPEN = 1; CLOSED = 2; }
message First { string id = 1; }
message Order {
  map<string, int32> counts = 8;
  message Line {
    message Part { string name = 1; }
    string sku = 1; uint32 quantity = 2; repeated Part parts = 3;
  }
  string id = 1;
  int64 big = 2; uint64 unsigned_big = 3; sint32 zig = 4; fixed64 fixed = 5; bool paid = 6; double total = 7;
  bytes raw = 9; State state = 10; repeated State states = 11; repeated Line lines = 12;
  optional int32 maybe = 13;
  oneof payment { string card = 14; common.Money cash = 15; }
  google.protobuf.Timestamp at = 16; google.protobuf.Duration took = 17; google.protobuf.Struct extra = 18;
  google.protobuf.Value value = 19; google.protobuf.StringValue nickname = 20; google.protobuf.FieldMask mask = 21;
  google.protobuf.Any any = 22; map<int64, Line> by_number = 23; repeated float floats = 24; repeated int32 numbers = 25;
  string snake_case_name = 26; string with_json_name = 27 [json_name = "@odd"];
}
"""
old_proto = """syntax = "proto2";
package old;
message Old {
  required string id = 1; optional int32 zero = 2 [default = 7]; repeated int32 list = 3;
  optional group Sub = 4 { optional string a = 1; } extensions 100 to 200;
}
extend Old { optional string extra = 100; }
"""


def compile_protos():
    folder = tempfile.mkdtemp()
    for name, proto in (("common/money.proto", common_proto), ("order.proto", order_proto), ("old.proto", old_proto)):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w") as f:
            f.write(proto)
    include = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    code = protoc.main(["protoc", "-I" + folder, "-I" + include, "--python_out=" + folder, "common/money.proto", "order.proto", "old.proto"])
    assert code == 0
    sys.path.insert(0, folder)
    return importlib.import_module("order_pb2"), importlib.import_module("old_pb2")


def write_protobuf():
    order_pb2, old_pb2 = compile_protos()
    order = order_pb2.Order(
        id="o1", big=-9007199254740993, unsigned_big=18446744073709551615, zig=-5, fixed=7, paid=True, total=0.1,
        raw=b"\x00\xff", state=order_pb2.CLOSED, states=[order_pb2.OPEN, order_pb2.UNKNOWN, 9], maybe=0, counts={"b": 2, "a": 1},
        floats=[0.5, -0.0], numbers=[1, -1, 300], snake_case_name="s", with_json_name="j",
    )
    order.lines.add(sku="x", quantity=2).parts.add(name="é\"\\\n日本")
    order.lines.add()
    order.cash.currency, order.cash.units = "CHF", 12
    order.at.FromJsonString("2026-01-02T03:04:05.678Z")
    order.took.FromJsonString("-1.500s")
    order.extra.update({"a": [1, "two", None, {"b": True}]})
    order.value.string_value = "v"
    order.nickname.value = ""
    order.mask.FromJsonString("fooBar,baz")
    order.any.Pack(order_pb2.First(id="inside"))
    order.by_number[-3].sku = "y"
    other = order_pb2.Order(id="o2", card="4111", floats=[float("nan"), float("inf")])
    other.any.Pack(struct_pb2.Value(number_value=1))
    other.value.null_value = 0
    old = old_pb2.Old(id="x", zero=0, list=[1, 2])
    old.sub.a = "g"
    old.Extensions[old_pb2.extra] = "e"

    def record(message, indexes, shuffled=False):
        body = message.SerializeToString()
        if shuffled:  # a message may come in parts: what comes later is merged, or wins
            body = order_pb2.Order(id="before", big=1, states=[order_pb2.OPEN], maybe=5).SerializeToString() + body
            message = order_pb2.Order.FromString(body)
        return {"indexes": indexes, "body": text(body), "want": json_format.MessageToJson(message, indent=None)}

    money = [{"subject": "money", "text": common_proto}]
    reference = [{"name": "common/money.proto", "subject": "money", "version": 1}]
    return [
        {
            "type": "PROTOBUF", "schemas": money, "subject": "order", "text": order_proto, "references": reference,
            "records": [
                record(order, [1]), record(other, [1]), record(order_pb2.Order(), [1]), record(order, [1], shuffled=True),
                record(order_pb2.First(id="f"), [0]),
                record(order.lines[0], [1, 0]), record(order.lines[0].parts[0], [1, 0, 0]),
            ],
        },
        {"type": "PROTOBUF", "schemas": [], "subject": "old", "text": old_proto, "references": [], "records": [record(old, [0])]},
    ]


assert any_pb2  # registers the type, for MessageToJson
for name, groups in (("avro.json", write_avro()), ("protobuf.json", write_protobuf())):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "w") as f:
        json.dump(groups, f, indent=1, ensure_ascii=False)
        f.write("\n")
