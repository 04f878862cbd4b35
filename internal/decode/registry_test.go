package decode

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/record"
)

// fakeRegistry answers without a network, so that time can be virtual.
type fakeRegistry struct {
	mu       sync.Mutex
	answers  map[string]string // by path
	status   int               // answers this instead, if set
	body     string            // of what is not found or of the status; "": the registry's own
	header   http.Header
	err      error
	delay    time.Duration
	password string // that is right
	given    string // that is sent
	asked    []string
}

func (f *fakeRegistry) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.URL.EscapedPath())
	if f.delay > 0 {
		f.mu.Unlock()
		select {
		case <-time.After(f.delay):
		case <-r.Context().Done():
			f.mu.Lock()
			return nil, r.Context().Err()
		}
		f.mu.Lock()
	}
	if f.err != nil {
		return nil, f.err
	}
	status, body := f.status, "SECRET of the registry"
	if _, password, _ := r.BasicAuth(); status == 0 && password != f.password {
		status = http.StatusUnauthorized
	}
	if status == 0 {
		answer, ok := f.answers[r.URL.EscapedPath()]
		answer, hidden := strings.CutPrefix(answer, deleted)
		if status, body = http.StatusOK, answer; !ok || hidden && r.URL.Query().Get("deleted") != "true" {
			status, body = http.StatusNotFound, cmp.Or(f.body, `{"error_code":40403,"message":"SECRET"}`)
		}
	}
	return &http.Response{StatusCode: status, Header: f.header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (f *fakeRegistry) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeRegistry) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

const (
	deleted     = "deleted" // begins the answer for a version that was deleted
	avroSchema  = `{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}"}`
	protoSchema = `{"schemaType":"PROTOBUF","schema":"syntax=\"proto3\"; message A { string a = 1; message B { string b = 1; } } message C { string c = 1; }"}`
	jsonSchema  = `{"schemaType":"JSON","schema":"{}"}`
	guid        = "89791762-2336-4186-9674-299b90a802e2"
	rawGUID     = "\x89\x79\x17\x62\x23\x36\x41\x86\x96\x74\x29\x9b\x90\xa8\x02\xe2"
)

func newFake() *fakeRegistry {
	return &fakeRegistry{answers: map[string]string{
		"/base/schemas/ids/7": avroSchema, "/base/schemas/ids/8": protoSchema, "/base/schemas/ids/9": jsonSchema,
		"/base/schemas/guids/" + guid:     protoSchema,
		"/base/schemas/ids/10":            `{"schemaType":"XML","schema":"<x/>"}`,
		"/base/schemas/ids/11":            `{"schema":"{\"type\":\"what\"}"}`,
		"/base/schemas/ids/12":            `{"schema":"[\"null\",\"a.R\"]","references":[{"name":"a.R","subject":"s/1","version":3}]}`,
		"/base/subjects/s%2F1/versions/3": `{"schema":"{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"f\",\"type\":\"F\"}]}","references":[{"name":"a.F","subject":"f","version":1}]}`,
		"/base/subjects/f/versions/1":     `{"schema":"{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":1}","references":[{"name":"a.R","subject":"s/1","version":3}]}`,
		"/base/schemas/ids/13":            `{"schemaType":"PROTOBUF","schema":"syntax=\"proto3\"; import \"x/y.proto\"; message A { x.Y y = 1; }","references":[{"name":"x/y.proto","subject":"y","version":1}]}`,
		"/base/subjects/y/versions/1":     `{"schemaType":"PROTOBUF","schema":"syntax=\"proto3\"; package x; message Y { string z = 1; }"}`,
		"/base/schemas/ids/14":            `{"schema":"\"a.R\"","references":[{"name":"a.R","subject":"gone","version":3}]}`,
		"/base/schemas/ids/15":            `{"schema":"\"int\"","references":[{"name":"a","subject":"large","version":1}]}`,
		"/base/subjects/large/versions/1": `{"schema":"` + strings.Repeat("x", maxSchemaBytes) + `"}`,
		"/base/schemas/ids/16":            `{"schema":"[\"null\",\"string\"]"}`,
		"/base/schemas/ids/17":            `{"schemaType":"JSON","schema":"{}","references":[{"name":"a","subject":"gone","version":3}]}`,
		"/base/schemas/ids/18":            `{"schema":"` + strings.Repeat(" ", maxAnswerBytes) + `"}`,
		"/base/schemas/ids/19":            `{"schema":"\"a.R\"","references":[{"name":"a.R","subject":"old","version":2}]}`,
		"/base/subjects/old/versions/2":   deleted + `{"schema":"{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}"}`,
	}}
}

// cache starts a cache on a fake registry, inside a bubble.
func cache(t *testing.T, f *fakeRegistry) (*Schemas, *Decoder) {
	t.Helper()
	s := NewSchemas(&Registry{
		URL: "http://registry:8081/base", Username: "user", Client: &http.Client{Transport: f},
		Password: func() (given string) { f.set(func() { given = f.given }); return given },
	}, NewMetrics(nil))
	f.password, f.given = "PASSWORDSECRET", "PASSWORDSECRET"
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { <-done })
	return s, s.Decoder()
}

// decode decodes a value, waiting for schemas as a partition does.
func decode(t *testing.T, d *Decoder, value string, h record.Headers, recorded time.Time) (string, error) {
	t.Helper()
	for {
		json, _, err := d.Decode(make([]byte, 0, 1000), []byte(value), h, recorded)
		w, waits := errors.AsType[*Waiting](err)
		if !waits {
			return string(json), err
		}
		<-w.Ready
	}
}

// header is a record's only header.
type header struct{ name, value string }

func (h header) Header(name string) ([]byte, bool) { return []byte(h.value), name == h.name }

func framed(id byte, body string) string { return "\x00\x00\x00\x00" + string(rune(id)) + body }

func TestDecoder_values(t *testing.T) {
	byGUID := func(rest string) header { return header{Header, "\x01" + rawGUID + rest} }
	none := header{"other", "x"}
	for _, tc := range []struct {
		name, value string
		header      header
		want        string // JSON, or a part of the rejection's detail
		ok          bool
	}{
		{"Avro", framed(7, "\x02x"), none, `{"id":"x"}`, true},
		{"Avro by an id in the header", "\x02x", header{Header, "\x00\x00\x00\x00\x07"}, `{"id":"x"}`, true},
		{"Avro with references", framed(12, "\x02\xff"), none, `{"f":"/w=="}`, true},
		{"Avro's null", framed(12, "\x00"), none, ``, true},
		{"Protobuf, the first message", framed(8, "\x00\x0a\x01x"), none, `{"a":"x"}`, true},
		{"Protobuf, the first message in full", framed(8, "\x02\x00\x0a\x01x"), none, `{"a":"x"}`, true},
		{"Protobuf, another message", framed(8, "\x02\x02\x0a\x01x"), none, `{"c":"x"}`, true},
		{"Protobuf, a nested message", framed(8, "\x04\x00\x00\x0a\x01x"), none, `{"b":"x"}`, true},
		{"Protobuf by GUID", "\x0a\x01x", byGUID("\x00"), `{"a":"x"}`, true},
		{"Protobuf by GUID, a nested message", "\x0a\x01x", byGUID("\x04\x00\x00"), `{"b":"x"}`, true},
		{"Protobuf with imports", framed(13, "\x00\x0a\x03\x0a\x01x"), none, `{"y":{"z":"x"}}`, true},
		{"JSON", framed(9, "{ \"id\" : 1 }\n"), none, "{ \"id\" : 1 }\n", true},
		{"JSON whose references are gone", framed(17, "{}"), none, "{}", true},
		{"Avro whose reference was deleted", framed(19, "\x02x"), none, `{"id":"x"}`, true},
		{"plain JSON", `{"id":"x"}`, none, "does not begin with the magic byte", false},
		{"nothing", "", none, "does not begin with the magic byte", false},
		{"an id that no registry gives", "\x00\xff\xff\xff\xff\x02x", none, "does not begin with the magic byte", false},
		{"a cut id", "\x00\x00\x00\x00", none, "does not begin with the magic byte", false},
		{"magic byte 1 before the value", "\x01" + rawGUID, none, "does not begin with the magic byte", false},
		{"a cut GUID", "x", header{Header, "\x01" + rawGUID[1:]}, "names no schema", false},
		{"an empty header", "x", header{Header, ""}, "names no schema", false},
		{"cut Avro", framed(7, "\x04x"), none, "schema 7 (AVRO): the value does not fit it: the value ends too early", false},
		{"Avro with bytes left", framed(7, "\x02xSECRET"), none, "bytes are left", false},
		{"Protobuf of no message", framed(8, "\x02\x10x"), none, "no message of the indexes", false},
		{"Protobuf without indexes", framed(8, ""), none, "indexes of a Protobuf message are damaged", false},
		{"Protobuf with a million indexes", framed(8, "\x80\x80\x80\x01"), none, "indexes of a Protobuf message are damaged", false},
		{"an unknown type", framed(10, "x"), none, "schema 10 (XML): it cannot be used: its type", false},
		{"a schema that does not parse", framed(11, "x"), none, `schema 11 (AVRO): it cannot be used: the type "what" is not defined`, false},
		{"a reference that is gone", framed(14, "x"), none, "schema 14: it refers to gone 3: the schema registry does not have it", false},
		{"a large schema", framed(15, "x"), none, "schema 15: it cannot be used: the schema is larger", false},
		{"a large answer", framed(18, "x"), none, "it cannot be used: the schema is larger", false},
		{"an unknown id", framed(99, "x"), none, "schema 99: the schema registry does not have it", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, d := cache(t, newFake())
				got, err := decode(t, d, tc.value, tc.header, time.Time{})
				if tc.ok && (err != nil || got != tc.want) {
					t.Fatalf("got %s, %v, want %s", got, err, tc.want)
				}
				if tc.ok {
					return
				}
				bad, ok := errors.AsType[*Invalid](err)
				if !ok || bad.Rejection.Reason != record.NotDecodable || !strings.Contains(bad.Rejection.Detail, tc.want) || strings.Contains(bad.Rejection.Detail, "SECRET") {
					t.Fatalf("got %s, %v, want %s", got, err, tc.want)
				}
				if _, again := decode(t, d, tc.value, tc.header, time.Time{}); !errors.Is(again, err) {
					t.Errorf("another rejection for the same fault: %v", again)
				}
			})
		})
	}
}

// TestDecoder_memory: the JSON stays in the memory that was given, or is not made.
func TestDecoder_memory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d := cache(t, newFake())
		if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		memory := make([]byte, 100)
		copy(memory, "before")
		json, out, err := d.Decode(memory[:6:20], []byte(framed(7, "\x02x")), nil, time.Time{})
		if err != nil || string(json) != `{"id":"x"}` || string(out) != `before{"id":"x"}` || &out[0] != &memory[0] {
			t.Errorf("got %s in %s, %v", json, out, err)
		}
		if _, out, err = d.Decode(memory[:6:15], []byte(framed(7, "\x02x")), nil, time.Time{}); !errors.Is(err, ErrRoom) || string(out) != "before" {
			t.Errorf("got %s, %v, want no room", out, err)
		}
	})
}

// TestSchemas_oneRequestForAll: many decoders that need a schema at once ask once,
// and nobody waits in Decode.
func TestSchemas_oneRequestForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Second
		s, _ := cache(t, f)
		var wg sync.WaitGroup
		start := time.Now()
		for range 20 {
			wg.Go(func() {
				if _, err := decode(t, s.Decoder(), framed(7, "\x02x"), nil, time.Time{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second || f.count() != 1 {
			t.Errorf("%d requests in %v, want one in a second", f.count(), took)
		}
	})
}

// TestSchemas_outage: while the registry is away it is left alone more and more, what
// is known already is decoded, and afterwards everything goes on.
func TestSchemas_outage(t *testing.T) {
	for name, break_ := range map[string]func(f *fakeRegistry){
		"refuses connections":  func(f *fakeRegistry) { f.err = errors.New("connection refused") },
		"answers 503":          func(f *fakeRegistry) { f.status = 503 },
		"answers 500":          func(f *fakeRegistry) { f.status = 500 },
		"answers 302":          func(f *fakeRegistry) { f.status = 302 },
		"refuses the password": func(f *fakeRegistry) { f.password = "another" },
		"answers no JSON":      func(f *fakeRegistry) { f.answers["/base/schemas/ids/8"] = "<html>" },
		"answers other JSON":   func(f *fakeRegistry) { f.answers["/base/schemas/ids/8"] = "{}" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				s, d := cache(t, f)
				if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Time{}); err != nil {
					t.Fatal(err)
				}
				f.set(func() { break_(f) })
				asked := f.count()
				time.AfterFunc(10*time.Minute, func() {
					fresh := newFake()
					f.set(func() { f.err, f.status, f.password, f.answers = nil, 0, "PASSWORDSECRET", fresh.answers })
				})
				time.AfterFunc(5*time.Minute, func() {
					if got, err := decode(t, s.Decoder(), framed(7, "\x02y"), nil, time.Time{}); err != nil || got != `{"id":"y"}` {
						t.Errorf("a schema that is known: %s, %v", got, err)
					}
					trouble := s.Trouble()
					if trouble == nil || strings.Contains(trouble.Error(), "SECRET") || errors.Is(trouble, ErrRefused) != (name == "refuses the password") {
						t.Errorf("trouble %v, refused %t", trouble, errors.Is(trouble, ErrRefused))
					}
					_, _, err := d.Decode(nil, []byte(framed(8, "\x00")), nil, time.Now())
					w, waits := errors.AsType[*Waiting](err)
					if !waits || w.Err == nil || !strings.Contains(err.Error(), "waits for schema 8: ") {
						t.Errorf("while it is away: %v", err)
					}
				})
				start := time.Now()
				got, err := decode(t, s.Decoder(), framed(8, "\x00\x0a\x01x"), nil, time.Now())
				if err != nil || got != `{"a":"x"}` {
					t.Fatalf("after the outage: %s, %v", got, err)
				}
				if took := time.Since(start); took < 10*time.Minute || took > 10*time.Minute+maxBackoff {
					t.Errorf("it took %v", took)
				}
				if n := f.count() - asked; n < 20 || n > 60 {
					t.Errorf("%d requests in ten minutes", n)
				}
				if s.Trouble() != nil {
					t.Errorf("trouble %v remains", s.Trouble())
				}
			})
		})
	}
}

// TestSchemas_slow: a request that is not answered ends after its budget.
func TestSchemas_slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Hour
		s, d := cache(t, f)
		_, _, err := d.Decode(nil, []byte(framed(7, "")), nil, time.Now())
		w, _ := errors.AsType[*Waiting](err)
		start := time.Now()
		<-w.Ready
		if took := time.Since(start); took != attemptBudget || s.Trouble() == nil {
			t.Errorf("after %v: %v", took, s.Trouble())
		}
	})
}

// TestSchemas_missing: a new record waits a little for its schema, an old one does
// not, and neither asks without end.
func TestSchemas_missing(t *testing.T) {
	for _, tc := range []struct {
		name     string
		age      time.Duration // of the record
		appears  time.Duration // when the schema does
		decoded  bool
		min, max time.Duration
	}{
		{"an old record", time.Hour, 2 * time.Second, false, 0, 0},
		{"a new record", 0, time.Hour, false, propagation, propagation + 2*time.Second},
		{"a new record whose schema comes", 0, 1500 * time.Millisecond, true, time.Second, 3 * time.Second},
		{"a record of next year", -1000 * time.Hour, 2 * time.Second, false, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				_, d := cache(t, f)
				start := time.Now()
				time.AfterFunc(tc.appears, func() { f.set(func() { f.answers["/base/schemas/ids/99"] = avroSchema }) })
				got, err := decode(t, d, framed(99, "\x02x"), nil, start.Add(-tc.age))
				took := time.Since(start)
				if (err == nil) != tc.decoded || took < tc.min || took > tc.max {
					t.Errorf("got %s, %v after %v", got, err, took)
				}
				asked := f.count()
				if _, again := decode(t, d, framed(99, "\x02x"), nil, start.Add(-tc.age)); !errors.Is(again, err) || f.count() != asked {
					t.Errorf("asked again: %v", again)
				}
				time.Sleep(2 * time.Hour)
				if got, err := decode(t, d, framed(99, "\x02x"), nil, start.Add(-tc.age)); err != nil || got != `{"id":"x"}` {
					t.Errorf("when it is there: %s, %v", got, err)
				}
			})
		})
	}
}

// unknownPath is what Confluent's registry answers to a call that it does not know.
const unknownPath = `{"error_code":404,"message":"HTTP 404 Not Found"}`

// TestSchemas_notFoundOfThePlace: a 404 that says nothing of schemas makes no record
// invalid.
func TestSchemas_notFoundOfThePlace(t *testing.T) {
	for name, tc := range map[string]struct {
		body    string
		types   bool // the registry knows the path of types
		invalid bool
		want    string
	}{
		"a page of an ingress":             {"<html>404 page not found</html>", true, false, "no schema registry"},
		"nothing":                          {" ", true, false, "no schema registry"},
		"JSON of somebody else":            {`{"status":404}`, true, false, "no schema registry"},
		"a path that nobody knows":         {unknownPath, false, false, "does not know the path"},
		"a path of a registry that is one": {unknownPath, true, true, ErrNotFound.Error()},
		"a schema":                         {`{"error_code":40403}`, false, true, ErrNotFound.Error()},
		"a subject":                        {`{"error_code":40401,"message":"x"}`, false, true, ErrNotFound.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.body = tc.body
				if tc.types {
					f.answers["/base"+typesPath] = `["AVRO"]`
				}
				s, d := cache(t, f)
				_, _, err := d.Decode(nil, []byte(framed(99, "\x02x")), nil, time.Time{})
				w, ok := errors.AsType[*Waiting](err)
				if !ok {
					t.Fatal(err)
				}
				<-w.Ready
				_, _, err = d.Decode(nil, []byte(framed(99, "\x02x")), nil, time.Time{})
				if _, invalid := errors.AsType[*Invalid](err); invalid != tc.invalid || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v", err)
				}
				if (s.Trouble() == nil) != tc.invalid {
					t.Errorf("trouble: %v", s.Trouble())
				}
				f.set(func() { f.answers["/base/schemas/ids/99"] = avroSchema })
				time.Sleep(2 * time.Minute)
				if got, err := decode(t, d, framed(99, "\x02x"), nil, time.Time{}); err != nil || got != `{"id":"x"}` {
					t.Errorf("when it is there: %s, %v", got, err)
				}
			})
		})
	}
}

// TestSchemas_lost: a schema that the registry had and lost makes no record invalid.
func TestSchemas_lost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s, d := cache(t, f)
		if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		delete(s.entries, Ref{id: 7}) // as if many others had been used since
		s.mu.Unlock()
		f.set(func() { delete(f.answers, "/base/schemas/ids/7") })
		asked := f.count()
		time.AfterFunc(time.Hour, func() { f.set(func() { f.answers["/base/schemas/ids/7"] = avroSchema }) })
		start := time.Now()
		if got, err := decode(t, s.Decoder(), framed(7, "\x02x"), nil, time.Time{}); err != nil || got != `{"id":"x"}` {
			t.Errorf("got %s, %v", got, err)
		}
		if took := time.Since(start); took < time.Hour || took > time.Hour+lostPoll || f.count()-asked > 400 {
			t.Errorf("%d requests in %v", f.count()-asked, took)
		}
	})
}

// TestSchemas_passwordChanges: a new password is taken without a restart.
func TestSchemas_passwordChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		_, d := cache(t, f)
		f.set(func() { f.password = "new" })
		time.AfterFunc(time.Minute, func() { f.set(func() { f.given = "new" }) })
		if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Now()); err != nil {
			t.Error(err)
		}
	})
}

// TestSchemas_retryAfter: the registry's own wish is a floor.
func TestSchemas_retryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.status, f.header = 429, http.Header{"Retry-After": {"100"}}
		_, d := cache(t, f)
		start := time.Now()
		time.AfterFunc(time.Second, func() { f.set(func() { f.status = 0 }) })
		if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Now()); err != nil || time.Since(start) != 100*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestSchemas_areBounded: neither many schemas nor many ids that do not exist take
// memory without end; what is forgotten is asked for again.
func TestSchemas_areBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		large := `{"schema":"{\"type\":\"record\",\"doc\":\"` + strings.Repeat("x", maxTextBytes/20) + `\",\"name\":\"R\",\"fields\":[]}"}`
		for i := range 30 {
			f.answers[fmt.Sprintf("/base/schemas/ids/%d", 100_000+i)] = large
		}
		s, d := cache(t, f)
		value := func(id int) string { return string([]byte{0, 0, byte(id >> 16), byte(id >> 8), byte(id)}) }
		for i := range 30 {
			if got, err := decode(t, d, value(100_000+i), nil, time.Time{}); err != nil || got != "{}" {
				t.Fatalf("%s, %v", got, err)
			}
		}
		if s.text > maxTextBytes || len(s.entries) < 15 {
			t.Errorf("%d schemas with %d bytes are kept", len(s.entries), s.text)
		}
		for i := range 2 * maxSchemas {
			if _, err := decode(t, d, value(200_000+i), nil, time.Time{}); err == nil {
				t.Fatal("decoded")
			}
		}
		if len(s.entries) > maxSchemas || s.text != 0 {
			t.Errorf("%d schemas with %d bytes are kept", len(s.entries), s.text)
		}
		if _, err := decode(t, d, framed(7, "\x02x"), nil, time.Time{}); err != nil {
			t.Error(err)
		}
	})
}

// TestSchemas_floodWhileAway: ids that nobody answers for are bounded too.
func TestSchemas_floodWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.status = 503
		s, d := cache(t, f)
		var first *Waiting
		for i := range 3 * maxSchemas {
			_, _, err := d.Decode(nil, []byte{0, 1, 0, byte(i >> 8), byte(i)}, nil, time.Now())
			w, ok := errors.AsType[*Waiting](err)
			if !ok {
				t.Fatal(err)
			}
			if first == nil {
				first = w
			}
		}
		<-first.Ready // it was forgotten, and is not left waiting
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.entries) > maxSchemas {
			t.Errorf("%d entries", len(s.entries))
		}
	})
}

func TestRegistry_check(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(f *fakeRegistry)
		want   error
	}{
		"answers":        {func(f *fakeRegistry) { f.answers["/base/schemas/types"] = `["AVRO"]` }, nil},
		"knows no types": {func(f *fakeRegistry) { f.body = unknownPath }, nil},
		"refuses":        {func(f *fakeRegistry) { f.status = 403 }, ErrRefused},
		"is none":        {func(f *fakeRegistry) { f.body = "<html>404</html>" }, errNoRegistry},
	} {
		f := newFake()
		tc.change(f)
		r := &Registry{URL: "http://registry/base", Client: &http.Client{Transport: f}}
		if err := NewSchemas(r, NewMetrics(nil)).Check(t.Context()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
