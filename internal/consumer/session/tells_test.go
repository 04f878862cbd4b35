package session

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/test/recordbatch"
)

// listen makes the session log to the buffer that it returns.
func (r *sessionRig) listen() *bytes.Buffer {
	var b bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&b, nil))
	r.Faults = logging.NewFaultLog(r.Log)
	return &b
}

func TestSession_tellsOnceThatABatchMayBeStoredTwice(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		tries := 0
		r.api.put = func(i *fakeImport) Outcome {
			if i.namespace == "bad" {
				if tries++; tries < 4 {
					i.mayRepeat = tries > 1
					return Outcome{Class: Retry, Delay: time.Second, Err: errors.New("connection reset")}
				}
			}
			return accepted
		}
		r.feed(0, append(runOf("bad", 0, 9), runOf("good", 10, 19)...)...)
		r.after(10 * time.Second)
		r.stored("bad", offsets(0, 9)...)
		if got := strings.Count(log.String(), "a batch may be stored twice"); got != 1 || !strings.Contains(log.String(), "namespace=bad request_id=req-bad records=10 offsets=orders/0@0-9") {
			t.Errorf("told %d times:\n%s", got, log)
		}
		if got := r.metric("bridge_import_possible_repeats_total", ""); got != 1 {
			t.Errorf("%v possible repeats are counted, want 1", got)
		}
	})
}

// TestSession_tellsAFaultOnceForAllNamespaces: an outage that meets very many
// namespaces is one fault, and does not hide another one.
func TestSession_tellsAFaultOnceForAllNamespaces(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		answer := overloaded
		r.api.create = func(string) Outcome { return answer }
		var records []recordbatch.Record
		for i := range int64(300) {
			records = append(records, recordbatch.InNS(i, fmt.Sprint("n", i)))
		}
		r.feed(0, records...)
		const failed = "import attempt failed"
		r.after(age + 65*time.Second)
		if got := strings.Count(log.String(), failed); got != 2 || !strings.Contains(log.String(), "repeated=") {
			t.Errorf("%d lines of one fault in 65 s, want the first one and one with the count", got)
		}
		if st := r.status(); len(st.Namespaces) != 300 || st.Namespaces[299].State != "retrying" || st.Namespaces[299].LastError == nil {
			t.Error("/status does not name all namespaces that the fault has met")
		}
		for i, other := range []Outcome{
			{Class: Retry, Status: 200, Reason: "malformed", Delay: 10 * time.Second, Err: errors.New("status 200: answer has no upload_url")},
			{Class: Retry, Reason: "network", Delay: 10 * time.Second, Err: errors.New("connection refused")},
			{Class: Retry, Reason: "timeout", Delay: 10 * time.Second, Err: errors.New("not finished in time")},
		} {
			answer = other
			r.after(11 * time.Second)
			if got := strings.Count(log.String(), failed); got != 3+i || !strings.Contains(log.String(), other.Err.Error()) {
				t.Errorf("%d lines, want %d: %v is told when it begins", got, 3+i, other.Err)
			}
		}
		r.api.create = nil
		r.after(age)
	})
}

// TestSession_tellsSheddingOnceForAllNamespaces that leave memory together.
func TestSession_tellsSheddingOnceForAllNamespaces(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		r.api.create = func(ns string) Outcome {
			if ns == "good" {
				return accepted
			}
			return overloaded
		}
		var records []recordbatch.Record
		for i := range int64(20) {
			records = append(records, recordbatch.InNS(i, fmt.Sprint("n", i)))
		}
		r.feed(0, records...)
		r.after(age + 2*time.Second)
		r.feed(1, runOf("good", 0, 9)...)
		r.memory.relieve(1<<40, time.Now())
		if got := strings.Count(log.String(), "memory is short"); got != 1 || r.Pool.InUse() != 0 {
			t.Errorf("%d lines for 20 namespaces, want 1; %d bytes are left", got, r.Pool.InUse())
		}
		r.api.create = nil
		r.after(time.Minute)
	})
}
