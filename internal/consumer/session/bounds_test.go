package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
)

// What was read before a partition's reading began anew belongs to another
// history, or is read again.
func TestSession_staleChunksAreDropped(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.part(0)
		r.decode.Serve(r.t.Context(), r.work(p.Cursor, runOf("a", 0, 9), nil))
		stale := <-r.read
		p.Cursor.Epoch.Add(1) // as the fetcher does
		r.intake.take(stale)
		r.settleDown()
		r.stored("a")
		r.watermark(0, 0)
		r.feed(0, runOf("a", 0, 9)...)
		r.stored("a", offsets(0, 9)...)
	})
}

// A catch-up fetch may bring more than what was dropped: what lies behind the
// position is the main read's, for the namespace itself and for the others.
func TestSession_aCatchUpReadEndsAtThePosition(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.perJob = 100
		r.api.create = only("a", refusal)
		r.feed(0, runOf("a", 0, 9)...)
		r.api.create = nil
		behind := append(runOf("a", 10, 14), runOf("b", 15, 19)...)
		tp := r.part(0).TopicPartition
		read := len(r.logs[tp])
		r.logs[tp] = append(r.logs[tp], behind...)
		r.after(2 * time.Minute)
		r.stored("a", offsets(0, 9)...)
		r.watermark(0, 10)
		r.logs[tp] = r.logs[tp][:read]
		r.feed(0, behind...)
		r.after(age)
		r.stored("a", offsets(0, 14)...)
		r.stored("b", offsets(15, 19)...)
		r.watermark(0, 20)
	})
}

// A commit that got no answer is sent again for all of its partitions, and then
// now and then, in case the first one is applied after all.
func TestSession_aCommitWithoutAnswerIsSentAgain(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		again := func(when string) {
			t.Helper()
			for n := range int32(2) {
				if p := r.part(n); !p.Dirty {
					t.Errorf("%s: partition %d is not committed again", when, n)
				}
				r.commits.CommitOf(r.part(n)) // it is now
			}
		}
		res := assignment.CommitResult{Sent: time.Now(), Err: errors.New("connection reset")}
		for n := range int32(2) {
			res.Commit.Offsets = append(res.Commit.Offsets, r.commits.CommitOf(r.part(n)))
		}
		r.commits.Answer(res)
		r.commits.Schedule.Sent(time.Now(), 0)
		again("at once")
		r.commits.RestateDue(time.Now())
		again("with the next one")
		time.Sleep(r.Config.SessionTimeout / 3)
		r.commits.RestateDue(time.Now())
		again("later")
	})
}

// TestSession_knowsWhatItCouldNotCommit is put out of the group after it has
// stored something: if nobody has had the partition meanwhile, the next session
// of the process goes on from there.
func TestSession_knowsWhatItCouldNotCommit(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.answer = func(int) kafka.Code {
			if len(r.api.lines("good")) > 0 {
				return kafka.CodeUnknownMember
			}
			return kafka.CodeOK
		}
	}, func(r *sessionRun) {
		<-r.returned
		r.offset(0)
		o := r.offsetAt(0)
		found := r.session.starting().Place(kafka.TopicPartition{Topic: "orders", Partition: 0}, kafka.Committed{Offset: o.Offset, Metadata: o.Metadata}, kafka.Range{Begin: 0, End: 4, Stable: 4}, false)
		if found.At.Offset == 0 {
			t.Error("the next session begins where the group says, and stores all of it again")
		}
	})
}

// However large the answers and batches that are being read, the largest record
// finds room beside them and beside dead letters whose topic is away: else it
// would wait for the very memory it lies in.
func TestSession_theLargestRecordFindsRoomBesideLargeBatches(t *testing.T) {
	for _, buffer := range []int64{16 << 20, 256 << 20} {
		t.Run(fmt.Sprint(buffer), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.Budget.Charge(budget.Letters, r.Budget.Ceiling(budget.Letters))
				r.Budget.Charge(budget.Marks, r.Budget.Ceiling(budget.Marks))
				for _, a := range []*fetch.Allowance{r.Fetched, r.Inflated} {
					var large *fetch.Buffer
					go func() { large, _ = a.Lend(r.t.Context(), a.Ceiling) }()
					synctest.Wait()
					r.memory.grantLarge(time.Now())
					if synctest.Wait(); large == nil {
						r.t.Fatal("an allowance gives nothing of its largest size")
					}
					defer large.Release()
				}
				c := fetch.NewChunk(r.part(0).Cursor, 0)
				c.Add("a", fetch.Line{Bytes: fmt.Appendf(nil, `{"id":"0","large":%q}`, strings.Repeat("x", int(buffer/4)-22))})
				c.Next = 1
				r.intake.take(c)
				r.settleDown()
				if r.memory.pending != nil {
					r.t.Errorf("a record of %d bytes waits with %d free", buffer/4, r.Budget.Free())
				}
			}, func(c *process.Config) { c.BufferMaxBytes, c.Batch.MaxBytes = buffer, buffer })
		})
	}
}
