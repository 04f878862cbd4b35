package fetch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestFetcher_aPausedPartitionIsProven: a partition that is read by its topic's name,
// and that is paused when its leader has failed to answer, is asked for until it is
// known to be the one that was read. Nothing more of it is read meanwhile.
func TestFetcher_aPausedPartitionIsProven(t *testing.T) {
	for name, tc := range map[string]struct {
		anew  bool // the topic is created again
		more  int  // values that are produced before it is asked for
		want  string
		doubt bool
	}{
		"the same log":                  {want: "3 "},
		"the same log, which has more":  {more: 4, want: "3 "},
		"another one":                   {anew: true, more: 5, want: "3 fault 7", doubt: true},
		"another one, which is shorter": {anew: true, more: 1, want: "3 fault 7", doubt: true},
		"another one, which is empty":   {anew: true, want: "3 ", doubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			inReadRigOf(t, func(r *readRig) {
				r.Produce("orders", 0, kgo.NoCompression(), valuesOf("a", 3)...)
				ctx, cancel := context.WithCancel(r.T.Context())
				defer cancel()
				go r.fetcher.Run(ctx)
				go r.decoder.Run(ctx, r.fetcher.Work[0])
				c, got := r.cursors[0], ""
				chunks := func() {
					for time.Sleep(10 * time.Second); len(r.take) > 0; {
						k := <-r.take
						if k.Cursor == c && !strings.Contains(got, "fault") { // it comes again until somebody sees to it
							got += brief(k)
						}
						k.Recycle()
					}
				}
				chunks()
				r.fetcher.Pause(c, true)
				time.Sleep(10 * time.Second) // for the request under way
				if tc.anew {
					if err := errors.Join(r.Cluster.DeleteTopic("orders"), r.Cluster.CreateTopic("orders", 2, nil)); err != nil {
						r.T.Fatal(err)
					}
				}
				if tc.more > 0 {
					r.Produce("orders", 0, kgo.NoCompression(), valuesOf("b", tc.more)...)
				}
				r.fetcher.mu.Lock()
				c.suspect()
				doubted := c.doubted
				r.fetcher.wake(c.leader)
				r.fetcher.mu.Unlock()
				if !doubted {
					r.T.Fatal("nobody doubts that the log is the same")
				}
				chunks()
				if got != tc.want {
					r.T.Errorf("%q came, want %q", got, tc.want)
				}
				if s := r.fetcher.Standing(c); s.Doubted != tc.doubt || c.Offset != 3 {
					r.T.Errorf("doubted: %t, want %t, at %d", s.Doubted, tc.doubt, c.Offset)
				}
				cancel()
				time.Sleep(time.Minute)
			}, []kfake.Opt{kfake.MaxVersions(kversion.V2_7_0())})
		})
	}
}
