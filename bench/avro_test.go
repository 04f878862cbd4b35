package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"kafka-import-bridge/internal/decode"
)

// The bridge's decoder makes of each record the line that the store is to hold.
func TestAvroSource_linesAreWhatTheRecordsBecome(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(schema))
	defer server.Close()
	schemas := decode.NewSchemas(&decode.Registry{URL: server.URL, Client: server.Client()}, decode.NewMetrics(nil))
	go func() { _ = schemas.Run(t.Context()) }() // ends with the test
	decoder := schemas.Decoder()
	from, sum := newAvroSource(shape{record: 1 << 10, namespaces: 20}), 0
	const records = 1000
	out := make([]byte, 0, 1<<16)
	for n := range records {
		record, namespace := from.next(n, int64(1795466847123456+n))
		line, _, err := decoder.Decode(out, record, nil, time.Now())
		if waiting := (*decode.Waiting)(nil); errors.As(err, &waiting) {
			<-waiting.Ready
			line, _, err = decoder.Decode(out, record, nil, time.Now())
		}
		if err != nil || string(line) != string(from.line()) {
			t.Fatalf("record %d becomes\n%s (%v), want\n%s", n, line, err, from.line())
		}
		var r struct{ Namespace string }
		if err := json.Unmarshal(line, &r); err != nil || r.Namespace != namespace {
			t.Fatalf("%v, or another namespace than %s: %s", err, namespace, line)
		}
		sum += len(line)
	}
	if mean := sum / records; mean < 900 || mean > 1150 {
		t.Errorf("lines have %d bytes in the mean", mean)
	}
}
