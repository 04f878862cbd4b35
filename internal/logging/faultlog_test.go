package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func plainLog(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestFaultLog_tellsTheFirstAndThenOneAMinute(t *testing.T) {
	var b bytes.Buffer
	f := NewFaultLog(plainLog(&b))
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for s := range 150 { // one of each kind a second
		now := start.Add(time.Duration(s) * time.Second)
		f.Log(now, "it failed", "a", "second", s)
		if s%100 == 0 {
			f.Log(now, "something else failed", "b", "second", s)
		}
	}
	want := `level=WARN msg="it failed" second=0
level=WARN msg="something else failed" second=0
level=WARN msg="it failed" second=60 repeated=59
level=WARN msg="something else failed" second=100
level=WARN msg="it failed" second=120 repeated=59
`
	if b.String() != want {
		t.Errorf("log\n%s\nwant\n%s", b.String(), want)
	}
}

func TestFaultLog_isBounded(t *testing.T) {
	var b bytes.Buffer
	f := NewFaultLog(plainLog(&b))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const kinds = 3 * faultLogKinds
	for i := range kinds {
		f.Log(now, "it failed", fmt.Sprint(i))
		if len(f.kinds) > faultLogKinds {
			t.Fatalf("%d kinds are remembered, want at most %d", len(f.kinds), faultLogKinds)
		}
	}
	if got := strings.Count(b.String(), "\n"); got != kinds {
		t.Errorf("%d lines for %d kinds: a new kind must be told at once", got, kinds)
	}
}

// The local port of a connection is another one at each try, and the fault the same.
func TestFaultLog_localPortsMakeNoKinds(t *testing.T) {
	var log bytes.Buffer
	f := NewFaultLog(plainLog(&log))
	for i := range 100 {
		for _, form := range []string{"read tcp 10.0.0.7:%d->10.0.0.9:9092: i/o timeout", "write tcp [fd00::7]:%d->[fd00::9]:9092: broken pipe", "lookup kafka on 10.0.0.2:53: read udp 10.0.0.7:%d->10.0.0.2:53: i/o timeout"} {
			f.Log(time.Unix(0, 0), "heartbeat failed", "heartbeat/"+fmt.Sprintf(form, 40000+i))
		}
	}
	f.Log(time.Unix(0, 0), "heartbeat failed", "heartbeat/read tcp 10.0.0.7:40000->10.0.0.8:9092: i/o timeout")
	if n := strings.Count(log.String(), "heartbeat failed"); n != 4 {
		t.Errorf("%d lines of four faults", n)
	}
}
