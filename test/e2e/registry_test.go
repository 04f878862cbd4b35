package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/registry"
	"kafka-import-bridge/test/truth"
)

// avroSchema is a schema that is registered, with what writes by it.
type avroSchema struct {
	id uint32
	*avro.Schema
}

func (w *world) register(r *registry.Registry, name, fields string) avroSchema {
	w.t.Helper()
	text := fmt.Sprintf(`{"type":"record","name":%q,"fields":[{"name":"id","type":"string"},{"name":"namespace","type":"string"},{"name":"text","type":"string"}%s]}`, name, fields)
	schema, err := avro.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return avroSchema{r.Register(w.t, registry.Schema{Type: "AVRO", Subject: w.topic + "-" + name, Text: text}), schema}
}

// write turns a record's JSON into Avro, in Confluent's wire format.
func (s avroSchema) write(t *testing.T, r *kgo.Record, more map[string]any) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(r.Value, &object); err != nil {
		t.Fatal(err)
	}
	for k, v := range more {
		object[k] = v
	}
	var err error
	if r.Value, err = s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, s.id), object); err != nil {
		t.Fatal(err)
	}
}

// guard stands before a registry, with TLS and a password of its own.
type guard struct {
	t        *testing.T
	env      environment
	file     string // with the password
	password atomic.Pointer[string]
}

func guardRegistry(t *testing.T, r *registry.Registry) *guard {
	t.Helper()
	to, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	path := to.Path
	to.Path = ""
	g := &guard{t: t, file: filepath.Join(t.TempDir(), "password")}
	admits := func(r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		return user == "reader" && password == *g.password.Load()
	}
	behind := httputil.NewSingleHostReverseProxy(to)
	behind.ErrorHandler = func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) }
	behind.ModifyResponse = func(res *http.Response) error {
		if !admits(res.Request) {
			return errors.New("the password has changed meanwhile")
		}
		return nil
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !admits(r) {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	g.change(secretPassword)
	g.tell()
	g.env = environment{
		"BRIDGE_SCHEMA_REGISTRY_URL":           server.URL + path,
		"BRIDGE_SCHEMA_REGISTRY_CA_FILE":       certificateFile(t, server),
		"BRIDGE_SCHEMA_REGISTRY_USERNAME":      "reader",
		"BRIDGE_SCHEMA_REGISTRY_PASSWORD_FILE": g.file,
	}
	return g
}

// change makes the password another one.
func (g *guard) change(password string) { g.password.Store(&password) }

// tell writes the password into the file.
func (g *guard) tell() {
	g.t.Helper()
	if err := os.WriteFile(g.file, []byte(*g.password.Load()+"\n"), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// Records of several schemas, also in one batch, become plain JSON. While the
// registry is away a partition that needs a schema which is not known waits and says
// so; the others go on, and nothing is lost. A password of the registry that changes is
// read from its file.
func TestRegistry_partitionsWaitForTheirSchemasOnly(t *testing.T) {
	t.Parallel()
	r := registry.Start(t)
	w := newWorld(t, 2)
	guard := guardRegistry(t, r)
	w.env = w.env.with(guard.env, environment{"BRIDGE_VALUE_FORMAT": "registry", "BRIDGE_ON_INVALID": "skip"})
	first := w.register(r, "first", "")
	second := w.register(r, "second", `,{"name":"more","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}`)
	write := func(of func(i int, p int32) avroSchema) func(int, *kgo.Record, *truth.Record) {
		return func(i int, rec *kgo.Record, want *truth.Record) {
			line := fmt.Sprintf(`{"id":"%s-%d","namespace":%q,"text":%q`, w.topic, w.next[w.topic], want.Namespaces[0], secretContent)
			rec.Value = []byte(line + "}")
			schema := of(i, rec.Partition)
			switch {
			case i%20 == 9:
				rec.Value, want.Namespaces, want.Fate = []byte(`{"no":"frame"}`), nil, truth.LeftOut
			case i%20 == 11:
				rec.Value, want.Namespaces, want.Fate = nil, nil, truth.LeftOut
			case schema == first:
				first.write(t, rec, nil)
				want.Line = []byte(line + "}")
			default:
				schema.write(t, rec, map[string]any{"more": int64(1767323045678)})
				want.Line = []byte(line + `,"more":"2026-01-02T03:04:05.678Z"}`)
			}
		}
	}
	w.produce(load{records: 400, edit: write(func(i int, _ int32) avroSchema { return []avroSchema{first, second}[i/2%2] })})
	out, code := w.command("check", "-sample", "100")
	for _, schema := range []avroSchema{first, second} {
		if want := fmt.Sprintf("by schema %d (AVRO)", schema.id); !strings.Contains(out, want) {
			t.Errorf("bridge check (exit code %d) does not say %q: %s", code, want, out)
		}
	}
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("records_skipped_total", `reason="invalid"`); got != 20 {
		t.Errorf("%v records were left out as invalid, want 20", got)
	}

	third := w.register(r, "third", `,{"name":"more","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}`)
	r.Freeze()
	w.produce(load{records: 400, edit: write(func(i int, p int32) avroSchema {
		if p == 1 && i%6 == 1 {
			return third
		}
		return first
	})})
	w.eventually("the partition whose schemas are known goes on", func() bool { return w.truth.Committed(w.topic, 0) == 400 })
	w.eventually("the other one says what it waits for", func() bool {
		state, problem := b.partition(1)
		return state == "failed" && strings.Contains(problem, fmt.Sprintf("waits for schema %d", third.id)) && b.metric("schema_registry_unavailable") == 1
	})
	w.eventually("the log says it", func() bool { return b.says("a schema is not to be had") })
	b.expect(map[string]float64{`schema_requests_total result="ok"`: 2, `schema_requests_total result="refused"`: 0})
	guard.change(secretPassword + " of today")
	r.Thaw()
	w.eventually("the old password is told as refused", func() bool { return b.metric("credentials_refused", `target="registry"`) == 1 })
	guard.tell()
	w.settle()
	b.expect(map[string]float64{"schema_registry_unavailable": 0, "credentials_refused": 0, `schema_requests_total result="ok"`: 3})
	b.stop()
	w.judge()
}
