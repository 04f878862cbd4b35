//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Brokers that are older than what is promised are refused in one sentence, with what
// they lack and the remedy; a bridge that runs says so too, and waits for them.
func TestBrokers_thatAreTooOld(t *testing.T) {
	w := newCheckWorld(t, kfake.MaxVersions(kversion.V2_3_0()))
	want := "the broker at " + w.broker + " is older than Kafka 2.4: it lacks LeaveGroup version 3 (it has 2): upgrade the brokers to Kafka 2.4 or newer"
	code, out := w.check(nil)
	if code != 1 || strings.Count(out, want) != 1 || !strings.Contains(out, "fail") {
		t.Errorf("exit code %d: %s", code, out)
	}
	w.untouched()

	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	log := &stopWhen{want: want, stop: stop}
	if code := run(ctx, []string{"run"}, w.environ(map[string]string{"BRIDGE_HTTP_ADDR": "127.0.0.1:0"}), io.Discard, log); code != 0 || errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("exit code %d, %v: %s", code, context.Cause(ctx), log.String())
	}
}

// stopWhen is a log that calls stop once a text is in it.
type stopWhen struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	stop func()
}

func (l *stopWhen) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if strings.Contains(l.text.String(), l.want) {
		l.stop()
	}
	return len(p), nil
}

func (l *stopWhen) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// What a bridge asks of its brokers, as docs/clusters.md lists it: brokers that offer
// no more, and that no later than Azure Event Hubs has, are enough to check, to read,
// to dead-letter and to commit. Transactions are not asked for, and of configurations by
// the check alone, which does without.
func TestBrokers_thatOfferLittle(t *testing.T) {
	offered := kversion.V2_4_0()
	offered.SetMaxKeyVersion(kmsg.Fetch.Int16(), 6)
	offered.SetMaxKeyVersion(kmsg.ListOffsets.Int16(), 2)
	offered.SetMaxKeyVersion(kmsg.Metadata.Int16(), 5)
	offered.SetMaxKeyVersion(kmsg.DescribeConfigs.Int16(), -1)
	w := newCheckWorld(t, kfake.MaxVersions(offered))
	w.produce("users", 0, "no JSON")
	asked := map[string]bool{}
	var mu sync.Mutex
	w.cluster.Control(func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		asked[kmsg.NameForKey(req.Key())] = true
		return nil, nil, false
	})
	changes := map[string]string{"BRIDGE_ON_INVALID": "dlq", "BRIDGE_DLQ_TOPIC": "dead"}
	if code, out := w.check(changes, "-sample", "1"); code != 0 {
		t.Errorf("check: exit code %d: %s", code, out)
	}
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	r := w.start(log, changes)
	r.until("it is a member", func() bool { return r.metric("bridge_group_member") == "1" })
	r.until("the invalid record is dead-lettered", func() bool { return r.metric(`bridge_dlq_records_total{reason="not_json",topic="users"}`) == "1" })
	want := []string{"ApiVersions", "Fetch", "FindCoordinator", "JoinGroup", "ListOffsets", "Metadata", "OffsetCommit", "OffsetFetch", "Produce", "SyncGroup"}
	var got []string
	r.until("it has asked for all that it needs", func() bool {
		mu.Lock()
		defer mu.Unlock()
		got = slices.Sorted(maps.Keys(asked))
		return !slices.ContainsFunc(want, func(api string) bool { return !asked[api] })
	})
	r.stores("a")
	r.terminates()
	offsets, err := kadm.NewClient(w.client()).FetchOffsets(t.Context(), "bridge")
	if at, _ := offsets.Lookup("users", 0); err != nil || at.At != 2 {
		t.Errorf("committed %d, %v", at.At, err)
	}
	may := []string{"DescribeConfigs", "DescribeGroups", "Heartbeat", "LeaveGroup", "ListGroups"}
	for _, api := range got {
		if !slices.Contains(want, api) && !slices.Contains(may, api) {
			t.Errorf("the bridge asks for %s", api)
		}
	}
}
