package session

import (
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
)

// TestSession_metadataRoomRecovers lets the broker take hardly any metadata for
// a while: the frontier is written again soon after that.
func TestSession_metadataRoomRecovers(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.api.create = only("bad", refusal)
		r.most = 20
	}, func(r *sessionRun) {
		below := func() int64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			m, err := ledger.Decode(r.committed[0].Metadata)
			if err != nil {
				return -1
			}
			return m.Frontier.Below
		}
		time.Sleep(40 * time.Minute)
		r.offsetNow(2)
		if got := below(); got != -1 {
			t.Errorf("the commit says that all below %d is done, where it may say nothing", got)
		}
		r.mu.Lock()
		if r.refusals > 12 {
			t.Errorf("%d commits were refused in 40 minutes", r.refusals)
		}
		r.most = 0
		r.mu.Unlock()
		time.Sleep(40 * time.Minute)
		if got := below(); got != 4 {
			t.Errorf("the commit says that all below %d is done, want 4", got)
		}
		close(r.stop)
		r.offset(2)
	})
}

// TestSession_deniedCommitsAreRepeated: a permission that is taken away while
// the session runs is told, and nothing ends because of it.
func TestSession_deniedCommitsAreRepeated(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.answer = func(int) kafka.Code { return kafka.CodeGroupDenied }
	}, func(r *sessionRun) {
		time.Sleep(10 * time.Minute)
		if why := r.kafkaError(); !strings.Contains(why, "30") {
			t.Errorf("told as %q", why)
		}
		r.mu.Lock()
		if n := r.commits; n < 200 || n > 400 {
			t.Errorf("%d commits in 10 minutes, want one in 2 s", n)
		}
		r.answer = nil
		r.mu.Unlock()
		time.Sleep(time.Minute)
		if why := r.kafkaError(); why != "" {
			t.Errorf("still told as %q", why)
		}
		r.offsetNow(4)
		close(r.stop)
		r.offset(4)
	})
}

// kafkaError is what /status tells while the session runs, "" for nothing.
func (r *sessionRun) kafkaError() (text string) {
	done := make(chan struct{})
	r.session.queries <- func(now time.Time) {
		defer close(done)
		st := &report.Status{}
		if r.session.view.describe(st, now, true); st.KafkaError != nil {
			text = *st.KafkaError
		}
	}
	<-done
	return text
}
