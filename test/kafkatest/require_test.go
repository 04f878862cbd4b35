package kafkatest

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// report is a testing.TB that remembers how a test was ended.
type report struct {
	testing.TB
	skipped, failed bool
}

func (r *report) Helper() {}

func (r *report) Skipf(string, ...any) {
	r.skipped = true
	runtime.Goexit()
}

func (r *report) Fatalf(string, ...any) {
	r.failed = true
	runtime.Goexit()
}

func TestRequire_skipsLoudlyButFailsInCI(t *testing.T) {
	missing := fmt.Errorf("%w: java", errMissing)
	for _, tc := range []struct {
		name            string
		err             error
		ci              string
		skipped, failed bool
	}{
		{"all is there", nil, "", false, false},
		{"a program is missing", missing, "", true, false},
		{"a program is missing in CI", missing, "true", false, true},
		{"the broker does not start", errors.New("broken"), "", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CI", tc.ci)
			r := &report{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				require(r, tc.err)
			}()
			<-done
			if r.skipped != tc.skipped || r.failed != tc.failed {
				t.Errorf("skipped %v, failed %v; want %v, %v", r.skipped, r.failed, tc.skipped, tc.failed)
			}
		})
	}
}
