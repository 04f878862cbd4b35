package session

import (
	"slices"
	"sync"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/test/recordbatch"
)

// fakeReceipts is an outbox whose topic acknowledges when the test says so.
type fakeReceipts struct {
	mu      sync.Mutex
	posted  []*receipt.Receipt
	waiting []func()
	bytes   int64
	prompt  bool // acknowledged by itself
	takes   time.Duration
	failing bool
}

func (f *fakeReceipts) Post(key, value []byte, more int64, acked func()) {
	r, err := receipt.Decode(value)
	if err != nil || string(key) != string(r.Key()) || more <= 0 {
		panic("no receipt")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posted = append(f.posted, r)
	if f.prompt {
		time.AfterFunc(f.takes, acked)
		return
	}
	f.waiting, f.bytes = append(f.waiting, acked), f.bytes+int64(len(value))+more
}

func (f *fakeReceipts) Bytes() int64  { f.mu.Lock(); defer f.mu.Unlock(); return f.bytes }
func (f *fakeReceipts) Failing() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.failing }

// acknowledge lets the topic take all receipts that wait.
func (f *fakeReceipts) acknowledge() {
	f.mu.Lock()
	waiting := f.waiting
	f.waiting, f.bytes = nil, 0
	f.mu.Unlock()
	for _, acked := range waiting {
		go acked()
	}
}

// TestSession_offsetsWaitForTheReceipt: what is stored leaves memory at once, its
// offsets are committed when its receipt is acknowledged, and /status says so.
func TestSession_offsetsWaitForTheReceipt(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		receipts := &fakeReceipts{}
		r.Receipts = receipts
		var told []*receipt.Receipt
		r.Stored = func(stored *receipt.Receipt) { told = append(told, stored) }
		r.feed(0, slices.Concat(runOf("a", 0, 4), runOf("b", 5, 9))...)
		r.feed(1, runOf("a", 0, 4)...)
		if len(receipts.posted) != 1 || r.Pool.InUse() == 0 {
			t.Fatalf("%d receipts of one full batch", len(receipts.posted))
		}
		r.stored("a", 0, 1, 2, 3, 4, 0, 1, 2, 3, 4)
		r.watermark(0, 0)
		r.watermark(1, 0)
		pinned := r.status().Partitions[0].PinnedBy
		if pinned == nil || pinned.Kind != "receipt" || pinned.Namespace != "a" {
			t.Errorf("pinned by %+v", pinned)
		}
		got := receipts.posted[0]
		want := []receipt.Piece{
			{Topic: "orders", TopicID: ownTopic.String(), Partition: 0, First: 0, Last: 4, Records: 5},
			{Topic: "orders", TopicID: ownTopic.String(), Partition: 1, First: 0, Last: 4, Records: 5},
		}
		if got.RequestID != "req-a" || got.Namespace != "a" || got.Records != 10 || got.Attempts != 1 || got.Settings != r.Config.Record.Fingerprint() || !slices.Equal(got.Pieces, want) {
			t.Errorf("the receipt is %+v", got)
		}
		if len(told) != 1 || told[0].RequestID != "req-a" || len(told[0].Pieces) != 2 {
			t.Errorf("told are %+v", told)
		}
		receipts.acknowledge()
		r.settleDown()
		r.watermark(0, 5) // b is still open
		r.watermark(1, 5)
	})
}

// TestSession_importsWaitForReceipts once too many are not acknowledged, so that
// they fill no memory.
func TestSession_importsWaitForReceipts(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		receipts := &fakeReceipts{}
		r.Receipts = receipts
		receipts.bytes = r.Budget.ReceiptsCeiling()
		r.feed(0, runOf("a", 0, 9)...)
		r.stored("a")
		receipts.acknowledge()
		r.after(time.Second)
		r.stored("a", offsets(0, 9)...)
	})
}

// TestSession_aDrainRepeatsNothingForWantOfAReceipt: it waits for a try, no longer
// than five seconds, and commits what is stored.
func TestSession_aDrainRepeatsNothingForWantOfAReceipt(t *testing.T) {
	for name, tc := range map[string]struct {
		receipts *fakeReceipts
		upload   time.Duration
		atLeast  time.Duration
		patience time.Duration
	}{
		"a topic that works":               {&fakeReceipts{prompt: true}, 0, 0, time.Second},
		"a slow topic":                     {&fakeReceipts{prompt: true, takes: 2 * time.Second}, 0, 2 * time.Second, 3 * time.Second},
		"a slow topic after a slow upload": {&fakeReceipts{prompt: true, takes: 3 * time.Second}, 4 * time.Second, 7 * time.Second, 8 * time.Second},
		"a topic that does not work":       {&fakeReceipts{failing: true}, 0, 0, time.Second},
		"a topic without an answer":        {&fakeReceipts{}, 0, 5 * time.Second, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) { r.api.takes = tc.upload }, func(r *sessionRun) {
				time.Sleep(time.Second)
				r.rebalance()
				if took := r.took(time.Now()); took < tc.atLeast || took > tc.patience || r.unfinished {
					t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
				}
				r.offset(4)
				if len(tc.receipts.posted) != 2 {
					t.Errorf("%d receipts", len(tc.receipts.posted))
				}
			}, func(s *Session) { s.Receipts = tc.receipts })
		})
	}
}

// A member that is put out of the group knows what it has stored, receipts or not: if
// nobody else has the partition, its next session does not repeat it.
func TestSession_whoIsPutOutRemembersWhatAwaitsAReceipt(t *testing.T) {
	receipts := &fakeReceipts{}
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(age + time.Second)
		r.term.err = kafka.CodeUnknownMember
		close(r.term.lost)
		r.took(time.Now())
		known := r.session.Recollections[kafka.TopicPartition{Topic: "orders", Partition: 0}]
		if len(receipts.posted) != 2 || known.Known.Offset != 4 {
			t.Errorf("%d receipts, remembered %+v", len(receipts.posted), known)
		}
		r.offset(0)
	}, func(s *Session) { s.Receipts = receipts })
}

// TestSession_receiptsOfAnEndedSessionAreAcknowledgedToNobody: their writer does
// not wait for a session that is gone.
func TestSession_receiptsOfAnEndedSessionAreAcknowledgedToNobody(t *testing.T) {
	receipts := &fakeReceipts{}
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(time.Second)
		r.rebalance()
		r.took(time.Now())
		for _, acked := range receipts.waiting {
			acked()
		}
	}, func(s *Session) { s.Receipts = receipts })
}

// TestSession_aReceiptNamesWhatALogStillHolds: not what was taken back.
func TestSession_aReceiptNamesWhatALogStillHolds(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		receipts := &fakeReceipts{}
		r.Receipts = receipts
		r.api.takes = time.Second
		r.feed(0, recordbatch.InNS(0, "a"))
		r.feed(1, runOf("a", 0, 8)...)
		n := r.lines.Namespace("a")
		n.Uploads[0].Pieces[0].Partition.Ledger = r.part(1).Ledger // as if it had started over
		r.after(2 * time.Second)
		if len(receipts.posted) != 1 || len(receipts.posted[0].Pieces) != 1 || receipts.posted[0].Pieces[0].Partition != 1 {
			t.Errorf("the receipt is %+v", receipts.posted)
		}
	})
}
