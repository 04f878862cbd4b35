package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// everything has fields of all kinds, in all forms.
const everything = `syntax = "proto3";
package test;
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/empty.proto";
enum Color { RED = 0; GREEN = 1; VERT = 1; option allow_alias = true; }
message Everything {
  message Nested { string a = 1; Everything deeper = 2; int32 b_c = 3; }
  double f1 = 1; float f2 = 2; int32 f3 = 3; int64 f4 = 4; uint32 f5 = 5; uint64 f6 = 6; sint32 f7 = 7; sint64 f8 = 8;
  fixed32 f9 = 9; fixed64 f10 = 10; sfixed32 f11 = 11; sfixed64 f12 = 12; bool f13 = 13; string f14 = 14; bytes f15 = 15;
  Color f16 = 16; Nested f17 = 17;
  optional int32 o1 = 21; optional string o2 = 22; optional Color o3 = 23;
  repeated int32 r1 = 31; repeated string r2 = 32; repeated Nested r3 = 33; repeated double r4 = 34 [packed = false]; repeated Color r5 = 35;
  repeated sfixed32 r6 = 36; repeated bool r7 = 37;
  map<string, int64> m1 = 41; map<int32, Nested> m2 = 42; map<bool, bytes> m3 = 43; map<uint64, Color> m4 = 44; map<string, google.protobuf.Timestamp> m5 = 45;
  oneof choice { int32 c1 = 51; string c2 = 52; Nested c3 = 53; Color c4 = 54; }
  google.protobuf.Timestamp w1 = 61; google.protobuf.Duration w2 = 62; google.protobuf.Struct w3 = 63; google.protobuf.Value w4 = 64;
  google.protobuf.ListValue w5 = 65; google.protobuf.NullValue w6 = 66; google.protobuf.FieldMask w7 = 67; google.protobuf.Empty w8 = 68;
  google.protobuf.Int64Value w9 = 69; google.protobuf.BoolValue w10 = 70; google.protobuf.BytesValue w11 = 71; google.protobuf.DoubleValue w12 = 72;
  google.protobuf.Any w13 = 73; repeated google.protobuf.StringValue w14 = 74;
  string with_underscores = 500; string renamed = 501 [json_name = "other \"name\""];
}
`

const everything2 = `syntax = "proto2";
package test2;
message Old {
  required string id = 1; optional int32 zero = 2 [default = 7]; repeated int32 list = 3; optional group Sub = 4 { optional string a = 1; repeated group Inner = 2 { optional int32 x = 1; } }
  repeated group Many = 5 { optional int32 y = 1; } extensions 100 to 200; optional Old self = 6; enum Closed { ONE = 1; } optional Closed closed = 7;
}
extend Old { optional string extra = 100; }
message Scope { extend Old { repeated int32 more = 101; } }
`

const everything3 = `edition = "2023";
package test3;
option features.message_encoding = DELIMITED;
option features.field_presence = IMPLICIT;
message Edited {
  message Sub { string a = 1; Edited deeper = 2; int32 b = 3 [features.field_presence = EXPLICIT]; }
  enum Open { ZERO = 0; ONE = 1; }
  string id = 1; int32 explicit = 2 [features.field_presence = EXPLICIT]; double d = 3; bytes raw = 4;
  repeated int32 expanded = 5 [features.repeated_field_encoding = EXPANDED]; repeated int32 packed = 6;
  Sub delimited = 7; Sub prefixed = 8 [features.message_encoding = LENGTH_PREFIXED];
  repeated Sub many = 9; map<string, Sub> of = 10; map<int32, Open> opens = 11;
  oneof choice { string text = 12; Sub sub = 13; int64 number = 14; }
  Open open = 15; int32 required = 16 [features.field_presence = LEGACY_REQUIRED];
  int32 preset = 17 [features.field_presence = EXPLICIT, default = 7];
}
`

func compileProto(t testing.TB, text string) *protoFile {
	t.Helper()
	f, err := parseProto(t.Context(), nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func readProto(f *protoFile, index int, data []byte, room int) (string, fault) {
	m := f.message([]int{index})
	r := protoReader{writer: writer{out: make([]byte, 0, room)}, file: f}
	ok := r.message(m, data)
	for _, o := range r.sorted[:cap(r.sorted)] {
		if o.field != nil || o.data != nil {
			panic("memory is kept alive")
		}
	}
	if !ok {
		return "", r.fault
	}
	if len(r.sorted) != 0 || r.depth != 0 {
		panic("state is left over")
	}
	return string(r.out), faultNone
}

// protoModel is what the reference implementation makes of a message.
type protoModel struct {
	file     *protoFile
	message  protoreflect.MessageDescriptor
	resolver *dynamicpb.Types
}

func newProtoModel(t testing.TB, f *protoFile, text string, index int) protoModel {
	t.Helper()
	file, err := describeProto(t.Context(), nil, text)
	if err != nil {
		t.Fatal(err)
	}
	files := new(protoregistry.Files)
	var register func(protoreflect.FileDescriptor)
	register = func(fd protoreflect.FileDescriptor) {
		if _, err := files.FindFileByPath(fd.Path()); err == nil {
			return
		}
		for i := range fd.Imports().Len() {
			register(fd.Imports().Get(i).FileDescriptor)
		}
		if err := files.RegisterFile(fd); err != nil {
			t.Fatal(err)
		}
	}
	register(file)
	return protoModel{file: f, message: file.Messages().Get(index), resolver: dynamicpb.NewTypes(files)}
}

// json parses and prints; ok is false if the reference refuses the message, or has
// no JSON for it.
func (m protoModel) json(data []byte) (text string, ok bool) {
	defer func() {
		if recover() != nil { // dynamicpb does, for some damaged messages
			text, ok = "", false
		}
	}()
	message := dynamicpb.NewMessage(m.message)
	if err := (proto.UnmarshalOptions{Resolver: m.resolver, AllowPartial: true}).Unmarshal(data, message); err != nil {
		return "", false
	}
	out, err := protojson.MarshalOptions{Resolver: m.resolver, AllowPartial: true}.Marshal(message)
	return string(out), err == nil
}

// value parses JSON; numbers are compared as numbers, since their notation differs.
func value(t testing.TB, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return floats(v)
}

func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = floats(v[k])
		}
	}
	return v
}

// compareProto checks one message against the model. What the model refuses may be
// accepted: a part that a later one replaces is not looked into.
func compareProto(t testing.TB, m protoModel, index int, data []byte) {
	t.Helper()
	want, ok := m.json(data)
	got, fault := readProto(m.file, index, data, 1<<20)
	switch {
	case fault == faultShort || fault == faultScattered || fault == faultDepth:
	case fault == faultNone && !json.Valid([]byte(got)):
		t.Fatalf("data %x: no JSON: %s", data, got)
	case ok && fault == faultTimestamp && bytes.Count(data, protowire.AppendTag(nil, 45, protowire.BytesType)) > 1:
		// it may be that of an entry of m5 which a later one with its key replaces
	case ok && fault != faultNone:
		t.Fatalf("data %x: %s, want %s", data, fault, want)
	case ok && !reflect.DeepEqual(value(t, got), value(t, want)):
		t.Fatalf("data %x\n got %s\nwant %s", data, got, want)
	}
}

// protoGenerator fills messages with random values.
type protoGenerator struct{ rnd *rand.Rand }

func (g protoGenerator) message(d protoreflect.MessageDescriptor, depth int) protoreflect.Message {
	m := dynamicpb.NewMessage(d)
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		m.Set(d.Fields().ByName("seconds"), protoreflect.ValueOfInt64(g.rnd.Int64N(3e11)-6e10))
		m.Set(d.Fields().ByName("nanos"), protoreflect.ValueOfInt32(g.nanos()))
		return m
	case "google.protobuf.Duration":
		sign := int64(1 - 2*g.rnd.IntN(2))
		m.Set(d.Fields().ByName("seconds"), protoreflect.ValueOfInt64(sign*g.rnd.Int64N(3e11)>>g.rnd.IntN(40)*sign*sign))
		seconds := m.Get(d.Fields().ByName("seconds")).Int()
		if seconds < 0 {
			sign = -1
		} else if seconds > 0 {
			sign = 1
		}
		m.Set(d.Fields().ByName("nanos"), protoreflect.ValueOfInt32(int32(sign)*g.nanos()))
		return m
	case "google.protobuf.FieldMask":
		list := m.Mutable(d.Fields().ByName("paths")).List()
		for range g.rnd.IntN(3) {
			list.Append(protoreflect.ValueOfString(pick(g.rnd, "a", "foo_bar", "a.b_c")))
		}
		return m
	case "google.protobuf.Any":
		return m
	case "google.protobuf.Value":
		kinds := []protoreflect.Name{"null_value", "number_value", "string_value", "bool_value", "struct_value", "list_value"}
		f := d.Fields().ByName(kinds[g.rnd.IntN(len(kinds))])
		if depth > 5 {
			f = d.Fields().ByName("string_value")
		}
		v := g.value(f, depth)
		if f.Kind() == protoreflect.DoubleKind && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
			v = protoreflect.ValueOfFloat64(1)
		}
		m.Set(f, v)
		return m
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if g.rnd.IntN(3) > 0 || depth > 4 && f.Message() != nil {
			continue
		}
		switch {
		case f.IsMap():
			for range g.rnd.IntN(3) {
				m.Mutable(f).Map().Set(g.value(f.MapKey(), depth).MapKey(), g.value(f.MapValue(), depth+1))
			}
		case f.IsList():
			for range g.rnd.IntN(4) {
				m.Mutable(f).List().Append(g.value(f, depth+1))
			}
		default:
			m.Set(f, g.value(f, depth+1))
		}
	}
	return m
}

func (g protoGenerator) nanos() int32 {
	return pick[int32](g.rnd, 0, 1, 1000, 500_000_000, 123_456_789, 120_000)
}

func (g protoGenerator) value(f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	u := g.rnd.Uint64() >> g.rnd.IntN(65)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(u&1 == 1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(u))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(u))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(u))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(u)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(g.float(u)))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(g.float(u))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(pick(g.rnd, "", "a", "日本\"\\\n", "\x00\u2028", strings.Repeat("text ", 10)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(pick(g.rnd, "", "\xff\x00", "abc")))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pick(g.rnd, 0, 0, 1, 5)))
	default:
		return protoreflect.ValueOfMessage(g.message(f.Message(), depth+1))
	}
}

func (g protoGenerator) float(u uint64) float64 {
	return pick(g.rnd, 0, math.Copysign(0, -1), 1.5, 1e-9, 1e22, math.NaN(), math.Inf(1), math.Inf(-1), float64(int64(u)), math.MaxFloat32)
}

// TestProto_agreesWithProtojson sends random messages, whole, in parts, with their
// fields shuffled, and damaged.
func TestProto_agreesWithProtojson(t *testing.T) {
	rnd := randomSeed(t)
	for _, text := range []string{everything, everything2, everything3} {
		f := compileProto(t, text)
		m := newProtoModel(t, f, text, 0)
		g := protoGenerator{rnd}
		rounds := 1500
		if testing.Short() {
			rounds = 300
		}
		for range rounds {
			var data []byte
			for range 1 + rnd.IntN(2)*rnd.IntN(3) {
				part, err := proto.MarshalOptions{Deterministic: rnd.IntN(2) == 0, AllowPartial: true}.Marshal(g.message(m.message, 0).Interface())
				if err != nil {
					t.Fatal(err)
				}
				data = append(data, part...)
			}
			if rnd.IntN(3) == 0 {
				data = shuffled(rnd, data)
			}
			compareProto(t, m, 0, data)
			if len(data) > 0 {
				data[rnd.IntN(len(data))] ^= byte(1 << rnd.IntN(8))
				compareProto(t, m, 0, data)
				compareProto(t, m, 0, data[:rnd.IntN(len(data))])
			}
		}
	}
}

// shuffled puts a message's fields into another order.
func shuffled(rnd *rand.Rand, data []byte) []byte {
	var fields [][]byte
	for len(data) > 0 {
		_, _, n := protowire.ConsumeField(data)
		if n < 0 {
			return data
		}
		fields, data = append(fields, data[:n]), data[n:]
	}
	rnd.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return bytes.Join(fields, nil)
}

func FuzzProto_agreesWithProtojson(f *testing.F) {
	type side struct {
		m protoModel
	}
	var sides []side
	for _, text := range []string{everything, everything2, everything3} {
		file := compileProto(f, text)
		m := newProtoModel(f, file, text, 0)
		sides = append(sides, side{m})
		g := protoGenerator{rand.New(rand.NewPCG(1, 2))}
		for range 20 {
			data, err := proto.MarshalOptions{AllowPartial: true}.Marshal(g.message(m.message, 2).Interface())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range sides {
			compareProto(t, s.m, 0, data)
		}
	})
}

func TestProto_specialMessages(t *testing.T) {
	f := compileProto(t, everything)
	m := newProtoModel(t, f, everything, 0)
	nested := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("x"))
	anyOf := func(url string, value []byte) []byte {
		a := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), url)
		a = protowire.AppendBytes(protowire.AppendTag(a, 2, protowire.BytesType), value)
		return protowire.AppendBytes(protowire.AppendTag(nil, 73, protowire.BytesType), a)
	}
	seconds := func(v int64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(v))
	}
	at := func(number protowire.Number, message []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), message)
	}
	for _, tc := range []struct {
		name  string
		data  []byte
		want  string
		fault fault
	}{
		{"any", anyOf("type.googleapis.com/test.Everything.Nested", nested), `{"w13":{"@type":"type.googleapis.com/test.Everything.Nested","a":"x"}}`, faultNone},
		{"any without fields", anyOf("x/test.Everything", nil), `{"w13":{"@type":"x/test.Everything"}}`, faultNone},
		{"any of a timestamp", anyOf("x/google.protobuf.Timestamp", seconds(1)), `{"w13":{"@type":"x/google.protobuf.Timestamp","value":"1970-01-01T00:00:01Z"}}`, faultNone},
		{"empty any", at(73, nil), `{"w13":{}}`, faultNone},
		{"any of an unknown type", anyOf("x/y.Z", nil), "", faultAny},
		{"the first timestamp", at(61, seconds(firstProtoSecond)), `{"w1":"0001-01-01T00:00:00Z"}`, faultNone},
		{"too early a timestamp", at(61, seconds(firstProtoSecond-1)), "", faultTimestamp},
		{"the last timestamp", at(61, seconds((lastDay+1)*secondsOfDay-1)), `{"w1":"9999-12-31T23:59:59Z"}`, faultNone},
		{"too late a timestamp", at(61, seconds((lastDay+1)*secondsOfDay)), "", faultTimestamp},
		{"the longest duration", at(62, seconds(-maxProtoDuration)), `{"w2":"-315576000000s"}`, faultNone},
		{"too long a duration", at(62, seconds(maxProtoDuration+1)), "", faultDuration},
		{"a duration of the least integer", at(62, seconds(math.MinInt64)), "", faultDuration},
		{"no value", at(64, nil), `{"w4":null}`, faultNone},
		{"no wrapped value", at(69, nil), `{"w9":"0"}`, faultNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, fault := readProto(f, 0, tc.data, 1000)
			if got != tc.want || fault != tc.fault {
				t.Errorf("got %s %s, want %s %s", got, fault, tc.want, tc.fault)
			}
			compareProto(t, m, 0, tc.data)
		})
	}
}

// TestProto_isBounded: hostile data costs memory and time in proportion to it.
func TestProto_isBounded(t *testing.T) {
	f := compileProto(t, everything)
	nest := func(levels, copies int) (data []byte) {
		for range levels {
			data = protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), data)
			one := protowire.AppendBytes(protowire.AppendTag(nil, 17, protowire.BytesType), data)
			if data = nil; len(one) > 1<<20 {
				return one
			}
			for range copies {
				data = append(data, one...)
			}
		}
		return data
	}
	scattered := bytes.Repeat(append(protowire.AppendVarint(protowire.AppendTag(nil, 31, protowire.VarintType), 1),
		protowire.AppendBytes(protowire.AppendTag(nil, 32, protowire.BytesType), nil)...), 200_000)
	for _, tc := range []struct {
		name string
		data []byte
		want fault
	}{
		{"deep", nest(2*maxDepth, 1), faultDepth},
		{"in parts at each level", nest(40, 2), faultScattered},
		{"scattered", scattered, faultScattered},
		{"groups", append(bytes.Repeat(protowire.AppendTag(nil, 600, protowire.StartGroupType), 300_000), bytes.Repeat(protowire.AppendTag(nil, 600, protowire.EndGroupType), 300_000)...), faultWire},
		{"many empty messages", bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, 33, protowire.BytesType), nil), 1<<20), faultShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, fault := readProto(f, 0, tc.data, 1<<20); fault != tc.want {
				t.Errorf("%q, want %q", fault, tc.want)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = readProto(f, 0, tc.data, 1<<20)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
				t.Errorf("%d bytes are allocated for %d of data", got, len(tc.data))
			}
		})
	}
}

// TestProto_oddMessagesLeaveNoMemory: what is kept for the next message is not what the
// largest one took.
func TestProto_oddMessagesLeaveNoMemory(t *testing.T) {
	data := []byte{0}
	for i := range 50_000 {
		data = protowire.AppendVarint(protowire.AppendTag(data, protowire.Number(32-i%2), protowire.VarintType), 1)
	}
	s := &schema{kind: typeProtobuf, proto: compileProto(t, `syntax = "proto3"; message A { repeated int32 a = 31; repeated int32 b = 32; }`)}
	d := &Decoder{}
	if _, flt := d.append(make([]byte, 0, 1<<20), s, &frame{body: data}); flt != faultNone {
		t.Fatal(flt)
	}
	if kept := cap(d.proto.sorted); kept > 1<<10 {
		t.Errorf("%d fields are kept", kept)
	}
}

func TestProto_faults(t *testing.T) {
	f := compileProto(t, everything)
	for _, tc := range []struct {
		name, data string
		want       fault
	}{
		{"a cut tag", "\x80", faultWire},
		{"field 0", "\x00\x00", faultWire},
		{"a cut varint", "\x18\x80", faultWire},
		{"a varint of 11 bytes", "\x18" + strings.Repeat("\xff", 10) + "\x01", faultWire},
		{"a cut string", "\x72\x05abcd", faultWire},
		{"a cut double", "\x091234567", faultWire},
		{"a string that is no UTF-8", "\x72\x01\xff", faultUTF8},
		{"a map key that is no UTF-8", "\xca\x02\x03\x0a\x01\xff", faultUTF8},
		{"a cut nested message", "\x8a\x01\x02\x0a\x05", faultWire},
		{"a cut packed list", "\xfa\x01\x01\x80", faultWire},
		{"a group without end", "\x93\x20\x08\x01", faultWire},
		{"an end without group", "\x0c", faultWire},
		{"another group's end", "\x93\x20\x9c\x20", faultWire},
		{"wire type 6", "\x0e", faultWire},
		{"another wire type is an unknown field", "\x0a\x01x", faultNone},
		{"an unknown group", "\x93\x20\x08\x01\x94\x20", faultNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, fault := readProto(f, 0, []byte(tc.data), 1000)
			if fault != tc.want || fault == faultNone && got != "{}" {
				t.Errorf("got %s %q, want %q", got, fault, tc.want)
			}
		})
	}
}

func TestProtoFile_message(t *testing.T) {
	f := compileProto(t, `syntax = "proto3";
message A { map<string, string> m = 1; message B { message C {} } message D {} }
message E {}`)
	for _, tc := range []struct {
		indexes []int
		want    string
	}{
		{[]int{0}, "A"}, {[]int{1}, "E"}, {[]int{0, 0}, "A.B"}, {[]int{0, 0, 0}, "A.B.C"}, {[]int{0, 1}, "A.D"},
		{[]int{2}, ""}, {[]int{-1}, ""}, {[]int{0, 2}, ""}, {[]int{1, 0}, ""}, {nil, ""},
	} {
		if m := f.message(tc.indexes); m != f.messages[protoreflect.FullName(tc.want)] || (m == nil) != (tc.want == "") {
			t.Errorf("%v: got %+v, want %q", tc.indexes, m, tc.want)
		}
	}
}

func TestParseProto_imports(t *testing.T) {
	main := `syntax = "proto3"; import "confluent/meta.proto"; import "confluent/type/decimal.proto"; import "other/thing.proto";
message A { option (confluent.message_meta).doc = "x"; confluent.type.Decimal d = 1 [(confluent.field_meta).tags = "PII"]; other.Thing t = 2; }`
	thing := `syntax = "proto3"; package other; message Thing { string x = 1; }`
	if _, err := parseProto(t.Context(), map[string]string{"other/thing.proto": thing, "schema.proto": thing}, main); err != nil {
		t.Error(err)
	}
	for name, references := range map[string]map[string]string{
		"a reference is missing": nil, "a reference is broken": {"other/thing.proto": "message"},
	} {
		if _, err := parseProto(t.Context(), references, main); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := parseProto(t.Context(), nil, "not a schema"); err == nil {
		t.Error("no error for what is no schema")
	}
}

// TestParseProto_keepsLittle: a small schema is small, whatever it imports.
func TestParseProto_keepsLittle(t *testing.T) {
	for name, text := range map[string]string{
		"options": `import "confluent/meta.proto"; message A%d { option (confluent.message_meta).doc = "x"; string id = 1; }`,
		"types":   `import "google/type/money.proto"; import "google/type/datetime.proto"; import "google/protobuf/struct.proto"; message A%d { google.type.Money m = 1; }`,
	} {
		const many = 100
		var kept []*protoFile
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range many {
			kept = append(kept, compileProto(t, fmt.Sprintf("syntax = \"proto3\"; "+text, i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / many; each > 16<<10 {
			t.Errorf("%s: %d bytes are kept of each schema", name, each)
		}
		runtime.KeepAlive(kept)
	}
}

// Every file that serializers do not register is known, and is what its authors define:
// a message of each is read.
func TestParseProto_knownFiles(t *testing.T) {
	var text strings.Builder
	text.WriteString("syntax = \"proto3\";\n")
	for _, name := range []string{
		"calendar_period", "color", "date", "datetime", "dayofweek", "decimal", "expr", "fraction", "interval", "latlng",
		"localized_text", "money", "month", "phone_number", "postal_address", "quaternion", "timeofday",
	} {
		fmt.Fprintf(&text, "import \"google/type/%s.proto\";\n", name)
	}
	for _, name := range []string{"any", "api", "descriptor", "duration", "empty", "field_mask", "source_context", "struct", "timestamp", "type", "wrappers"} {
		fmt.Fprintf(&text, "import \"google/protobuf/%s.proto\";\n", name)
	}
	text.WriteString(`import "confluent/meta.proto"; import "confluent/types/decimal.proto";
message Order {
  google.type.Money total = 1; google.type.Date day = 2; google.type.Month month = 3; google.type.PhoneNumber phone = 4;
  google.type.LatLng at = 5; google.type.Color color = 6; confluent.type.Decimal weight = 7; google.type.DateTime local = 8;
}`)
	f := compileProto(t, text.String())
	field := func(number protowire.Number, message ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), message)
	}
	data := bytes.Join([][]byte{
		field(1, 0x0a, 3, 'E', 'U', 'R', 0x10, 7, 0x18, 9), field(2, 0x08, 2, 0x10, 3, 0x18, 4), {0x18, 12},
		field(4, 0x0a, 2, '+', '1'), field(5, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f), field(6, 0x0d, 0, 0, 0x80, 0x3f),
		field(7, 0x0a, 1, 1, 0x10, 5, 0x18, 2), field(8, 0x08, 1, 0x4a, 3, 0x0a, 1, 'Z'),
	}, nil)
	got, flt := readProto(f, 0, data, 1000)
	want := `{"total":{"currencyCode":"EUR","units":"7","nanos":9},"day":{"year":2,"month":3,"day":4},"month":"DECEMBER",` +
		`"phone":{"e164Number":"+1"},"at":{"latitude":1},"color":{"red":1},"weight":{"value":"AQ==","precision":5,"scale":2},"local":{"year":1,"timeZone":{"id":"Z"}}}`
	if got != want || flt != faultNone {
		t.Errorf("got %s %s\nwant %s", got, flt, want)
	}
}

func BenchmarkProto_flat(b *testing.B) {
	var fields strings.Builder
	var data []byte
	for i := range 16 {
		fmt.Fprintf(&fields, "string text_%d = %d; uint32 number_%d = %d;\n", i, 2*i+1, i, 2*i+2)
		data = protowire.AppendString(protowire.AppendTag(data, protowire.Number(2*i+1), protowire.BytesType), fmt.Sprintf("some text of a field %d", i))
		data = protowire.AppendVarint(protowire.AppendTag(data, protowire.Number(2*i+2), protowire.VarintType), uint64(i)*1234567)
	}
	f := compileProto(b, `syntax = "proto3"; message A {`+fields.String()+`}`)
	m := f.message([]int{0})
	r := protoReader{writer: writer{out: make([]byte, 0, 4096)}, file: f}
	b.ReportAllocs()
	for b.Loop() {
		r.out = r.out[:0]
		if !r.message(m, data) {
			b.Fatal(r.fault)
		}
	}
	b.SetBytes(int64(len(r.out)))
}
