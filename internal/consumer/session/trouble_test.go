package session

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// TestSession_troubleGoesWithItsPartitions: in the generation after a namespace
// was held, all of its lines are another member's, or are still here.
func TestSession_troubleGoesWithItsPartitions(t *testing.T) {
	for _, tc := range []struct {
		name string
		here bool
	}{{"gone", false}, {"still here", true}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := newSessionRig(t, nil)
				first.api.create = only("bad", refusal)
				first.feed(0, append(runOf("bad", 0, 9), runOf("good", 10, 19)...)...)
				committed := map[kafka.TopicPartition]kafka.CommitOffset{}
				if tc.here {
					committed[kafka.TopicPartition{Topic: "orders", Partition: 0}] = first.commits.CommitOf(first.part(0))
				}
				first.giveUp()
				first.Pacer.Reset()

				r := newSessionRig(t, committed)
				r.Pacer = first.Pacer
				r.api.create = first.api.create
				if tc.here {
					if r.settleDown(); len(r.status().Namespaces) != 1 {
						t.Error("a held namespace is not told of before its lines can have been read")
					}
					r.feed(0, append(runOf("bad", 0, 9), runOf("good", 10, 19)...)...)
				}
				r.settleDown()
				if st := r.status(); (len(st.Namespaces) == 1) != tc.here || (st.Gauges.NamespacesHeld == 1) != tc.here {
					t.Errorf("%d namespaces, %d held", len(st.Namespaces), st.Gauges.NamespacesHeld)
				}
				if r.after(r.Config.HoldProbeInterval - 2*time.Second); r.api.creates["bad"] != 0 {
					t.Error("the namespace is tried before its time")
				}
				r.after(4 * time.Second)
				if (r.api.creates["bad"] == 1) != tc.here || (r.lines.Lookup("bad") != nil) != tc.here {
					t.Errorf("%d attempts, remembered as %+v", r.api.creates["bad"], r.lines.Lookup("bad"))
				}
				// It may come back, and is tried again then.
				r.api.create = nil
				r.feed(1, runOf("bad", 500, 509)...)
				r.after(2 * r.Config.HoldProbeInterval)
				want := offsets(500, 509)
				if tc.here {
					want = append(offsets(0, 9), want...)
				}
				// Which partition is caught up first is not said.
				slices.SortFunc(r.api.stored["bad"], func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
				r.stored("bad", want...)
			})
		})
	}
}

// A namespace whose lines have left memory is asked for less and less often while the API
// is away, like any other that fails; and is served soon once the API is back.
func TestSession_probesThatFailBackOff(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.grows = true
		n := r.dropped()
		r.answers = 1000
		before := r.api.created("bad")
		r.after(10 * overloaded.Delay)
		if got := r.api.created("bad") - before; got < 3 || got > 5 {
			t.Errorf("%d probes in %s, want 4: after 1, 3, 6 and 10 times %s", got, 10*overloaded.Delay, overloaded.Delay)
		}
		r.api.create = nil
		r.after(time.Until(n.WakeAt()) + time.Second)
		r.after(2 * age)
		r.stored("bad", offsets(0, 14)...)
	})
}

// A probe's URL is of use to the next batch, but very many of them are not kept until
// their namespaces' turn.
func TestSession_veryManyProbesKeepNoURLs(t *testing.T) {
	for _, tc := range []struct{ namespaces, unused int }{{100, 0}, {400, 400 - 256}} {
		inSession(t, func(r *sessionRig) {
			r.api.create = func(string) Outcome { return refusal }
			for i := range tc.namespaces {
				r.feed(0, recordbatch.InNS(int64(i), fmt.Sprint("n", i)))
			}
			r.after(age)
			if held := r.status().Gauges.NamespacesHeld; held != tc.namespaces {
				t.Fatalf("%d namespaces are held, want %d", held, tc.namespaces)
			}
			r.api.create = nil
			r.after(3 * r.Config.HoldProbeInterval)
			for i := range tc.namespaces {
				r.stored(fmt.Sprint("n", i), int64(i))
			}
			if got := r.api.unused; got < tc.unused || tc.unused == 0 && got > 0 {
				t.Errorf("of %d namespaces %d URLs are given up, want %d", tc.namespaces, got, tc.unused)
			}
		})
	}
}
