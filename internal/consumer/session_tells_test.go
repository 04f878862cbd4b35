package consumer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// listen makes the session log to the buffer that it returns.
func (r *sessionRig) listen() *bytes.Buffer {
	var b bytes.Buffer
	r.log = plainLog(&b)
	r.faults.log = r.log
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
		if got := testutil.ToFloat64(r.metrics.possibleRepeats); got != 1 {
			t.Errorf("%v possible repeats are counted, want 1", got)
		}
	})
}
