package record_test

import (
	"testing"

	"kafka-import-bridge/internal/record"
)

func namespaceSource(t testing.TB, s string) record.NamespaceSource {
	t.Helper()
	var src record.NamespaceSource
	if err := src.UnmarshalText([]byte(s)); err != nil {
		t.Fatalf("namespace source %q: %v", s, err)
	}
	return src
}

func idSource(t testing.TB, s string) record.IDSource {
	t.Helper()
	var src record.IDSource
	if err := src.UnmarshalText([]byte(s)); err != nil {
		t.Fatalf("id source %q: %v", s, err)
	}
	return src
}

func TestWorker_ownBytes(t *testing.T) {
	m, err := record.NewMapper(record.Settings{Namespace: namespaceSource(t, "field:ns"), ID: idSource(t, "field:id")})
	if err != nil {
		t.Fatal(err)
	}
	in := record.Input{Value: []byte(" {\"id\": \"1\", \"ns\":[\"a\",\"b\"], \"n\":1.0}\t")}
	line, out, rej := m.Worker().Line(nil, &in)
	if rej != nil || string(line.Bytes) != string(in.Value) || len(out) != 0 || len(line.Namespaces) != 2 {
		t.Fatalf("got %q %q %v", line.Bytes, line.Namespaces, rej)
	}
}
