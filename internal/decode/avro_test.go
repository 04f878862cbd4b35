package decode

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// avroJSON decodes a datum with room for its JSON.
func avroJSON(t testing.TB, schema string, datum []byte) (string, fault) {
	t.Helper()
	n, err := parseAvro(nil, schema)
	if err != nil {
		t.Fatalf("schema %s: %v", schema, err)
	}
	return readAvro(n, datum, 1<<20)
}

func readAvro(read avroType, datum []byte, room int) (string, fault) {
	r := avroReader{writer: writer{out: make([]byte, 0, room)}, in: datum}
	if !read(&r) {
		return "", r.fault
	}
	if len(r.in) > 0 {
		return "", faultRest
	}
	return string(r.out), faultNone
}

// avroData writes Avro's binary encoding.
type avroData []byte

func (b avroData) long(v int64) avroData  { return binary.AppendVarint(b, v) } // zigzag, as Avro's
func (b avroData) text(s string) avroData { return append(b.long(int64(len(s))), s...) }
func (b avroData) double(v float64) avroData {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func TestAvro_types(t *testing.T) {
	b := avroData{}
	tree := `{"type":"record","name":"T","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","T"]}]}`
	for _, tc := range []struct {
		name, schema string
		datum        []byte
		want         string
	}{
		{"null", `"null"`, nil, `null`},
		{"a bare word", `string`, b.text("a"), `"a"`},
		{"boolean", `{"type":"boolean"}`, []byte{1}, `true`},
		{"int", `"int"`, b.long(-1 << 31), `-2147483648`},
		{"long", `"long"`, b.long(math.MinInt64), `-9223372036854775808`},
		{"a long beyond 2^53", `"long"`, b.long(9007199254740993), `9007199254740993`},
		{"float", `"float"`, binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.1)), `0.1`},
		{"double", `"double"`, b.double(1e21), `1e+21`},
		{"small double", `"double"`, b.double(-1.5e-7), `-1.5e-07`},
		{"no number", `"double"`, b.double(math.NaN()), `"NaN"`},
		{"infinity", `"double"`, b.double(math.Inf(-1)), `"-Infinity"`},
		{"bytes", `"bytes"`, b.text("\x00\xff"), `"AP8="`},
		{"text", `"string"`, b.text("é\"\\\n\x00\x1f<\u2028😀"), "\"é\\\"\\\\\\n\\u0000\\u001f<\u2028😀\""},
		{"enum", `{"type":"enum","name":"E","symbols":["A","B\""]}`, b.long(1), `"B\""`},
		{"fixed", `{"type":"fixed","name":"F","size":3}`, []byte("abc"), `"YWJj"`},
		{"array", `{"type":"array","items":"int"}`, b.long(2).long(1).long(2).long(1).long(3).long(0), `[1,2,3]`},
		{"array with sizes", `{"type":"array","items":"int"}`, b.long(-2).long(2).long(1).long(2).long(0), `[1,2]`},
		{"empty array", `{"type":"array","items":"int"}`, b.long(0), `[]`},
		{"map", `{"type":"map","values":["null","long"]}`, b.long(2).text("a").long(1).long(7).text("\"").long(0).long(0), `{"a":7,"\"":null}`},
		{"union", `["null",{"type":"map","values":"int"},"string"]`, b.long(2).text("x"), `"x"`},
		{"record", `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b\"","type":"string"}]}`, b.long(1).text("x"), `{"a":1,"b\"":"x"}`},
		{"record without fields", `{"type":"record","name":"R","fields":[]}`, nil, `{}`},
		{"error", `{"type":"error","name":"R","fields":[{"name":"a","type":{"type":{"type":"int"}}}]}`, b.long(1), `{"a":1}`},
		{"recursive", tree, b.long(1).long(1).long(2).long(0), `{"v":1,"next":{"v":2,"next":null}}`},
		{"decimal", `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, b.text("\x04\xd2"), `"12.34"`},
		{"negative decimal", `{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, b.text("\xff"), `"-0.01"`},
		{"decimal without scale", `{"type":"bytes","logicalType":"decimal","precision":4}`, b.text("\x80"), `"-128"`},
		{"decimal of 8 bytes", `{"type":"bytes","logicalType":"decimal","precision":19,"scale":19}`, b.text("\x80\x00\x00\x00\x00\x00\x00\x00"), `"-0.9223372036854775808"`},
		{"decimal of 9 bytes", `{"type":"bytes","logicalType":"decimal","precision":30,"scale":1}`, b.text("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), `"-1844674407370955161.7"`},
		{"fixed decimal", `{"type":"fixed","name":"D","size":2,"logicalType":"decimal","precision":4,"scale":3}`, []byte("\x00\x05"), `"0.005"`},
		{"fixed decimal of all digits", `{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":9}`, []byte("\x3b\x9a\xc9\xff"), `"999999999"`},
		{"fixed decimal of more digits than fit", `{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":10}`, []byte("abcd"), `"YWJjZA=="`},
		{"fixed decimal of no bytes", `{"type":"fixed","name":"D","size":0,"logicalType":"decimal","precision":1}`, nil, `""`},
		{"decimal with a bad scale", `{"type":"bytes","logicalType":"decimal","precision":1,"scale":2}`, b.text("\x00"), `"AA=="`},
		{"date", `{"type":"int","logicalType":"date"}`, b.long(20455), `"2026-01-02"`},
		{"the first date", `{"type":"int","logicalType":"date"}`, b.long(firstDay), `"0000-01-01"`},
		{"the last date", `{"type":"int","logicalType":"date"}`, b.long(lastDay), `"9999-12-31"`},
		{"time-millis", `{"type":"int","logicalType":"time-millis"}`, b.long(86399999), `"23:59:59.999"`},
		{"time-micros", `{"type":"long","logicalType":"time-micros"}`, b.long(1), `"00:00:00.000001"`},
		{"time-nanos", `{"type":"long","logicalType":"time-nanos"}`, b.long(3600e9), `"01:00:00.000000000"`},
		{"timestamp-millis", `{"type":"long","logicalType":"timestamp-millis"}`, b.long(1767323045678), `"2026-01-02T03:04:05.678Z"`},
		{"timestamp-micros", `{"type":"long","logicalType":"timestamp-micros"}`, b.long(-1), `"1969-12-31T23:59:59.999999Z"`},
		{"timestamp-nanos", `{"type":"long","logicalType":"timestamp-nanos"}`, b.long(math.MinInt64), `"1677-09-21T00:12:43.145224192Z"`},
		{"local-timestamp-micros", `{"type":"long","logicalType":"local-timestamp-micros"}`, b.long(1e6), `"1970-01-01T00:00:01.000000"`},
		{"uuid", `{"type":"string","logicalType":"uuid"}`, b.text("00000000-2336-4186-9674-299b90a802e2"), `"00000000-2336-4186-9674-299b90a802e2"`},
		{"fixed uuid", `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, []byte("\x89\x79\x17\x62\x23\x36\x41\x86\x96\x74\x29\x9b\x90\xa8\x02\xe2"), `"89791762-2336-4186-9674-299b90a802e2"`},
		{"duration", `{"type":"fixed","name":"D","size":12,"logicalType":"duration"}`, []byte{1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0}, `"P1M2DT3.004S"`},
		{"an unknown logical type", `{"type":"int","logicalType":"date-time"}`, b.long(1), `1`},
		{"a logical type of another type", `{"type":"string","logicalType":"date"}`, b.text("a"), `"a"`},
		{"a logical type of a field", `{"type":"record","name":"R","fields":[{"name":"a","type":"int","logicalType":"date"}]}`, b.long(1), `{"a":1}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, fault := avroJSON(t, tc.schema, tc.datum)
			if got != tc.want || fault != faultNone {
				t.Errorf("got %s %s, want %s", got, fault, tc.want)
			}
		})
	}
}

func TestAvro_faults(t *testing.T) {
	b := avroData{}
	tree := `{"type":"record","name":"T","fields":[{"name":"next","type":["null","T"]}]}`
	for _, tc := range []struct {
		name, schema string
		datum        []byte
		want         fault
	}{
		{"nothing", `"int"`, nil, faultEnd},
		{"a cut integer", `"int"`, []byte{0x80}, faultEnd},
		{"an integer of 11 bytes", `"long"`, []byte(strings.Repeat("\xff", 10) + "\x01"), faultVarint},
		{"an int beyond 32 bits", `"int"`, b.long(1 << 31), faultRange},
		{"bytes left", `"int"`, []byte{0, 0}, faultRest},
		{"a cut string", `"string"`, b.long(2), faultEnd},
		{"a negative length", `"string"`, b.long(-1), faultLength},
		{"a huge length", `"bytes"`, b.long(math.MaxInt64), faultEnd},
		{"a boolean of 2", `"boolean"`, []byte{2}, faultBoolean},
		{"no UTF-8", `"string"`, b.text("a\xff"), faultUTF8},
		{"a surrogate", `"string"`, b.text("\xed\xa0\x80"), faultUTF8},
		{"a branch too many", `["null"]`, b.long(1), faultBranch},
		{"a negative branch", `["null"]`, b.long(-1), faultBranch},
		{"a symbol too many", `{"type":"enum","name":"E","symbols":["A"]}`, b.long(1), faultSymbol},
		{"a cut fixed", `{"type":"fixed","name":"F","size":3}`, []byte("ab"), faultEnd},
		{"a cut double", `"double"`, []byte("1234567"), faultEnd},
		{"a huge array", `{"type":"array","items":"int"}`, b.long(math.MaxInt64).long(1), faultEnd},
		{"a huge array of a negative count", `{"type":"array","items":"int"}`, b.long(math.MinInt64).long(1), faultLength},
		{"a huge array of nothing", `{"type":"array","items":"null"}`, b.long(math.MaxInt64), faultShort},
		{"a huge array of empty records", `{"type":"array","items":{"type":"record","name":"R","fields":[]}}`, b.long(math.MaxInt64), faultShort},
		{"a map whose key is none", `{"type":"map","values":"null"}`, b.long(1).text("\xff").long(0), faultUTF8},
		{"too deep", tree, []byte(strings.Repeat("\x02", maxDepth+1)), faultDepth},
		{"a record in itself", `{"type":"record","name":"T","fields":[{"name":"next","type":"T"}]}`, nil, faultDepth},
		{"a decimal without bytes", `{"type":"bytes","logicalType":"decimal","precision":4}`, b.text(""), faultDecimal},
		{"a huge decimal", `{"type":"bytes","logicalType":"decimal","precision":4}`, b.text(strings.Repeat("\x7f", maxDecimal+1)), faultDecimal},
		{"the day before the first", `{"type":"int","logicalType":"date"}`, b.long(firstDay - 1), faultTimestamp},
		{"the day after the last", `{"type":"int","logicalType":"date"}`, b.long(lastDay + 1), faultTimestamp},
		{"a timestamp of the year 292278994", `{"type":"long","logicalType":"timestamp-millis"}`, b.long(math.MaxInt64), faultTimestamp},
		{"the second after the last", `{"type":"long","logicalType":"timestamp-millis"}`, b.long((lastDay + 1) * secondsOfDay * 1000), faultTimestamp},
		{"25 o'clock", `{"type":"int","logicalType":"time-millis"}`, b.long(86400000), faultTimeOfDay},
		{"before midnight", `{"type":"long","logicalType":"time-micros"}`, b.long(-1), faultTimeOfDay},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, fault := avroJSON(t, tc.schema, tc.datum)
			if got != "" || fault != tc.want {
				t.Errorf("got %s %q, want %q", got, fault, tc.want)
			}
		})
	}
}

func TestParseAvro_names(t *testing.T) {
	for _, tc := range []struct {
		name       string
		references []string
		schema     string
		ok         bool
	}{
		{"of the enclosing namespace", nil, `{"type":"record","name":"a.b.R","fields":[{"name":"x","type":{"type":"fixed","name":"F","size":1}},{"name":"y","type":"F"},{"name":"z","type":"a.b.F"}]}`, true},
		{"of its own namespace", nil, `{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"c","size":1}},{"name":"y","type":"c.F"}]}`, true},
		{"of another namespace", nil, `{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"c","size":1}},{"name":"y","type":"F"}]}`, false},
		{"without a namespace inside of one", nil, `{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":1}},{"name":"y","type":"F"}]}`, true},
		{"of a reference", []string{`{"type":"record","name":"a.R","fields":[]}`}, `{"type":"record","name":"b.S","fields":[{"name":"x","type":"a.R"}]}`, true},
		{"of a reference in a reference", []string{`{"type":"fixed","name":"a.F","size":1}`, `{"type":"record","name":"a.R","fields":[{"name":"f","type":"F"}]}`}, `["null","a.R"]`, true},
		{"unknown", nil, `{"type":"record","name":"R","fields":[{"name":"x","type":"Q"}]}`, false},
		{"of odd characters", nil, `{"type":"record","name":"my-record $1","fields":[{"name":"a-b","type":"int"}]}`, true},
		{"redefined", []string{`{"type":"record","name":"R","fields":[]}`}, `{"type":"record","name":"R","fields":[]}`, true},
		{"no type", nil, `{"name":"R"}`, false},
		{"no size", nil, `{"type":"fixed","name":"F"}`, false},
		{"a negative size", nil, `{"type":"fixed","name":"F","size":-1}`, false},
		{"no items", nil, `{"type":"array"}`, false},
		{"a number", nil, `7`, false},
		{"nothing", nil, ``, false},
		{"no JSON", nil, `{"type":`, false},
		{"deep", nil, strings.Repeat(`{"type":"array","items":`, 2000) + `"int"` + strings.Repeat("}", 2000), false},
		{"a broken reference", []string{`{`}, `"int"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := parseAvro(tc.references, tc.schema)
			if (err == nil) != tc.ok {
				t.Errorf("got a type: %t, %v", n != nil, err)
			}
		})
	}
}

// avroGenerator draws schemas and data together, so that it shares nothing with the
// code that reads them.
type avroGenerator struct {
	rnd   *rand.Rand
	names int
}

func (g *avroGenerator) name() string { g.names++; return "N" + strconv.Itoa(g.names) }

// pair draws a schema and a function that draws data of it.
func (g *avroGenerator) pair(depth int) (schema string, draw func() (avroData, string)) {
	b := avroData{}
	n := g.rnd.IntN(16)
	if depth > 4 {
		n = g.rnd.IntN(9)
	}
	switch n {
	case 0:
		return `"null"`, func() (avroData, string) { return nil, "null" }
	case 1:
		return `"boolean"`, func() (avroData, string) {
			v := g.rnd.IntN(2)
			return avroData{byte(v)}, []string{"false", "true"}[v]
		}
	case 2:
		return `"int"`, func() (avroData, string) {
			v := int64(int32(g.rnd.Uint32() >> g.rnd.IntN(32)))
			return b.long(v), strconv.FormatInt(v, 10)
		}
	case 3:
		return `{"type":"long"}`, func() (avroData, string) {
			v := int64(g.rnd.Uint64() >> g.rnd.IntN(64))
			return b.long(v), strconv.FormatInt(v, 10)
		}
	case 4, 5:
		return `"string"`, func() (avroData, string) {
			s := strings.Repeat(pick(g.rnd, "", "a", "日本", "plain text of some length ", `"`, "\\", "\t"), g.rnd.IntN(5))
			return b.text(s), `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\t", `\t`).Replace(s) + `"`
		}
	case 6:
		return `{"type":"long","logicalType":"timestamp-millis"}`, func() (avroData, string) {
			at := time.UnixMilli(g.rnd.Int64N(3e14) - 6e13).UTC()
			return b.long(at.UnixMilli()), at.Format(`"2006-01-02T15:04:05.000Z"`)
		}
	case 7:
		return `{"type":"bytes","logicalType":"decimal","precision":18,"scale":3}`, func() (avroData, string) {
			v := int64(g.rnd.Uint64()) >> g.rnd.IntN(64)
			sign, abs := "", uint64(v)
			if v < 0 {
				sign, abs = "-", -abs
			}
			return b.text(string(binary.BigEndian.AppendUint64(nil, uint64(v)))), fmt.Sprintf(`"%s%d.%03d"`, sign, abs/1000, abs%1000)
		}
	case 8:
		return `{"type":"enum","name":"` + g.name() + `","symbols":["X","Y"]}`, func() (avroData, string) {
			v := g.rnd.IntN(2)
			return b.long(int64(v)), []string{`"X"`, `"Y"`}[v]
		}
	case 9, 10:
		return g.list(depth)
	case 11, 12:
		return g.union(depth)
	default:
		return g.record(depth)
	}
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

func (g *avroGenerator) list(depth int) (string, func() (avroData, string)) {
	schema, draw := g.pair(depth + 1)
	isMap := g.rnd.IntN(2) == 0
	form, brackets := `{"type":"array","items":%s}`, "[]"
	if isMap {
		form, brackets = `{"type":"map","values":%s}`, "{}"
	}
	return fmt.Sprintf(form, schema), func() (out avroData, want string) {
		var items []string
		for range g.rnd.IntN(3) {
			var block avroData
			count := 1 + g.rnd.IntN(3)
			for range count {
				datum, text := draw()
				if isMap {
					key := "k" + strconv.Itoa(g.rnd.IntN(100))
					block, text = block.text(key), `"`+key+`":`+text
				}
				block, items = append(block, datum...), append(items, text)
			}
			if g.rnd.IntN(2) == 0 {
				out = append(out.long(int64(count)), block...)
			} else {
				out = append(out.long(int64(-count)).long(int64(len(block))), block...)
			}
		}
		return out.long(0), brackets[:1] + strings.Join(items, ",") + brackets[1:]
	}
}

func (g *avroGenerator) union(depth int) (string, func() (avroData, string)) {
	schemas, draws := []string{`"null"`}, []func() (avroData, string){func() (avroData, string) { return nil, "null" }}
	for range 1 + g.rnd.IntN(2) {
		schema, draw := g.pair(depth + 1)
		schemas, draws = append(schemas, schema), append(draws, draw)
	}
	return "[" + strings.Join(schemas, ",") + "]", func() (avroData, string) {
		i := g.rnd.IntN(len(draws))
		datum, want := draws[i]()
		return append(avroData{}.long(int64(i)), datum...), want
	}
}

func (g *avroGenerator) record(depth int) (string, func() (avroData, string)) {
	var fields []string
	var draws []func() (avroData, string)
	name := g.name()
	for i := range g.rnd.IntN(5) {
		schema, draw := g.pair(depth + 1)
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, schema))
		draws = append(draws, draw)
	}
	return fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, strings.Join(fields, ",")), func() (out avroData, want string) {
		var members []string
		for i, draw := range draws {
			datum, text := draw()
			out, members = append(out, datum...), append(members, fmt.Sprintf(`"f%d":%s`, i, text))
		}
		return out, "{" + strings.Join(members, ",") + "}"
	}
}

func randomSeed(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("DECODE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("DECODE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestAvro_random: what is drawn with its JSON becomes that JSON; cut anywhere it is
// refused; and with less room than the JSON needs it does not fit.
func TestAvro_random(t *testing.T) {
	rnd := randomSeed(t)
	for range 2000 {
		g := avroGenerator{rnd: rnd}
		schema, draw := g.pair(0)
		n, err := parseAvro(nil, schema)
		if err != nil {
			t.Fatalf("schema %s: %v", schema, err)
		}
		for range 5 {
			datum, want := draw()
			if got, fault := readAvro(n, datum, len(want)+64); got != want || fault != faultNone {
				t.Fatalf("schema %s datum %x\n got %s %s\nwant %s", schema, []byte(datum), got, fault, want)
			}
			if len(datum) > 0 {
				cut := rnd.IntN(len(datum))
				if got, fault := readAvro(n, datum[:cut], len(want)+64); fault == faultNone || fault == faultShort {
					t.Fatalf("schema %s datum %x cut at %d: got %s %s", schema, []byte(datum), cut, got, fault)
				}
			}
			if got, fault := readAvro(n, datum, rnd.IntN(len(want))); fault != faultShort {
				t.Fatalf("schema %s datum %x without room: got %s %s", schema, []byte(datum), got, fault)
			}
		}
	}
}

func BenchmarkAvro_flat(b *testing.B) {
	var fields []string
	var datum avroData
	for i := range 16 {
		fields = append(fields,
			fmt.Sprintf(`{"name":"text_%d","type":"string"}`, i),
			fmt.Sprintf(`{"name":"number_%d","type":["null","long"]}`, i))
		datum = datum.text("some text of a field " + strconv.Itoa(i)).long(1).long(int64(i) * 1234567)
	}
	read, err := parseAvro(nil, `{"type":"record","name":"R","fields":[`+strings.Join(fields, ",")+`]}`)
	if err != nil {
		b.Fatal(err)
	}
	r := avroReader{writer: writer{out: make([]byte, 0, 4096)}}
	r.in = datum
	if !read(&r) {
		b.Fatal(r.fault)
	}
	b.SetBytes(int64(len(r.out)))
	b.ReportAllocs()
	b.Logf("%d bytes of Avro, %d of JSON", len(datum), len(r.out))
	for b.Loop() {
		r.in, r.out = datum, r.out[:0]
		if !read(&r) {
			b.Fatal(r.fault)
		}
	}
}
