package session

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

var (
	refusal    = Outcome{Class: Refused, Status: 422, Err: errors.New("unprocessable")}
	overloaded = Outcome{Class: Retry, Status: 503, Delay: 10 * time.Second, Err: errors.New("unavailable")}
	accepted   = Outcome{Class: Stored}
)

// sessionRig turns a session's loop by hand, in virtual time: its partitions
// are lists of records, its commits never go out.
type sessionRig struct {
	*Session
	t       *testing.T
	api     *fakeAPI
	letters *fakeLetters
	logs    map[kafka.TopicPartition][]recordbatch.Record
	decode  *fetch.Decoder
	read    chan *fetch.Chunk
	perJob  int            // records of one catch-up fetch
	jobs    int            // catch-up fetches so far
	answers int            // that further catch-up fetches get; the others wait
	away    map[int32]bool // partitions without a leader for them
	reg     *prometheus.Registry
}

// metric returns the value of a counter or gauge, or the sum of a histogram, "" for one without a label.
func (r *sessionRig) metric(name, label string) float64 { return metricOf(r.t, r.reg, name, label) }

func metricOf(t testing.TB, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
	}
	t.Errorf("no metric %s of %q", name, label)
	return 0
}

// inSession runs a test with a session of two partitions of the topic orders.
func inSession(t *testing.T, test func(*sessionRig), change ...func(*process.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{}, change...)) })
}

// newSessionRig starts where an earlier owner has committed, else at 0.
func newSessionRig(t *testing.T, committed map[kafka.TopicPartition]kafka.CommitOffset, change ...func(*process.Config)) *sessionRig {
	t.Helper()
	r := &sessionRig{t: t, api: newFakeAPI(), letters: &fakeLetters{}, logs: map[kafka.TopicPartition][]recordbatch.Record{}, read: make(chan *fetch.Chunk, 100), perJob: 10, answers: math.MaxInt, reg: prometheus.NewPedanticRegistry()}
	change = append([]func(*process.Config){func(c *process.Config) { c.Batch.MaxRecords = 10 }}, change...)
	p, err := process.New(testConfig(t, change...), process.Dependencies{NewImport: r.api.NewImport, Metrics: report.NewMetrics(r.reg, 10), Log: slog.New(slog.DiscardHandler), Explain: error.Error})
	if err != nil {
		t.Fatal(err)
	}
	p.Letters = r.letters
	p.Config.DLQTopic = "dlq"
	m := assignment.Member{
		ID: "member", Generation: 3, Assigned: []kafka.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 1}},
		Subscription: kafka.Subscription{Cluster: "cluster", Topics: []string{"orders"}, Parts: map[string]int{"orders": 2}, IDs: map[string]wire.UUID{"orders": ownTopic}},
	}
	r.Session = New(p, m)
	s := r.Session
	s.Enter(t.Context())
	s.Member.Term, s.Member.Lease = newFakeTerm(), group.NewLease(s.Config.SessionTimeout, time.Now())
	reading := s.Config.Reading(s.Metrics.KafkaFailed, s.throttled)
	s.Fetcher = fetch.New(&reading, nil, s.Fetched, 1, func() {})
	s.lines.CatchUp.Reader = fetch.NewCatchUpReader(s.Fetcher, nil)
	s.commits.Schedule.Sent(time.Now(), 0) // no commit goes out
	r.decode = fetch.NewDecoder(&reading, s.Mapper, s.Inflated, r.read)
	var found []discovery.Start
	for _, tp := range m.Assigned {
		o := kafka.Committed{Offset: -1}
		if c, ok := committed[tp]; ok {
			o = kafka.Committed{Offset: c.Offset, LeaderEpoch: c.LeaderEpoch, Metadata: c.Metadata}
		}
		found = append(found, s.starting().Place(tp, o, kafka.Range{Begin: 0, End: 1000, Stable: 1000}, true))
	}
	s.open(found, time.Now())
	t.Cleanup(r.end)
	return r
}

// end checks that nothing is left behind.
func (r *sessionRig) end() {
	r.Cancel()
	r.Tasks.Wait()
	r.giveUp()
	r.decode.DropArena()
	if r.memory.pending != nil {
		r.memory.pending.Recycle()
	}
	if used, f, i := r.Pool.InUse(), r.Fetched.Used(), r.Inflated.Used(); used+f+i != 0 {
		r.t.Errorf("memory at the end: %d bytes of batches, %d of answers, %d inflated", used, f, i)
	}
}

func (r *sessionRig) part(n int32) *assignment.Partition {
	return r.assignment.Partitions[kafka.TopicPartition{Topic: "orders", Partition: n}]
}

// feed appends records to a partition's log and lets the session take them.
func (r *sessionRig) feed(partition int32, records ...recordbatch.Record) {
	r.t.Helper()
	tp := kafka.TopicPartition{Topic: "orders", Partition: partition}
	r.logs[tp] = append(r.logs[tp], records...)
	p := r.assignment.Partitions[tp]
	r.decode.Serve(r.t.Context(), r.work(p.Cursor, records, nil))
	r.settleDown()
}

func (r *sessionRig) work(c *fetch.Cursor, records []recordbatch.Record, job *fetch.CatchUpJob) fetch.Work {
	r.t.Helper()
	raw := recordbatch.Batch{Base: records[0].Offset, Records: records}.Encode()
	l, err := r.Fetched.Lend(r.t.Context(), int64(len(raw)))
	if err != nil {
		r.t.Fatal(err)
	}
	from := records[0].Offset
	if job == nil { // the main read goes on where it was
		from = r.assignment.Partitions[c.TopicPartition].Ledger.Position()
	}
	return fetch.Work{Cursor: c, Epoch: c.Epoch.Load(), From: from, High: 1000, Records: l.Bytes[:copy(l.Bytes, raw)], Lease: l, CatchUp: job}
}

// settleDown turns the loop until nothing happens any more without the clock.
func (r *sessionRig) settleDown() {
	r.t.Helper()
	for range 10_000 {
		r.turn(time.Now())
		synctest.Wait()
		switch {
		case len(r.read) > 0 && r.memory.pending == nil: // as run does
			r.intake.take(<-r.read)
		case len(r.attempts.Results) > 0:
			r.attempts.Attempted(<-r.attempts.Results)
		case len(r.deadLetters.Acks) > 0:
			r.deadLetters.Answered(<-r.deadLetters.Acks)
		case len(r.filing.Filed) > 0:
			r.filing.Receipted(<-r.filing.Filed)
		case len(r.lines.CatchUp.Reader.Jobs) > 0 && r.answers > 0:
			r.answers--
			r.catchUpRead(<-r.lines.CatchUp.Reader.Jobs)
		default:
			return
		}
	}
	r.t.Fatal("the session spins")
}

// catchUpRead does what the reader does with one job.
func (r *sessionRig) catchUpRead(job *fetch.CatchUpJob) {
	r.jobs++
	if r.away[job.Cursor.Partition] {
		end := fetch.NewChunk(job.Cursor, job.Cursor.Epoch.Load())
		end.CatchUp, end.Start, end.Next = job, job.From, job.From
		end.Fault = &fetch.Fault{Kind: fetch.FaultRetry, Err: errors.New("no leader")}
		r.intake.take(end)
		return
	}
	records := r.logs[job.Cursor.TopicPartition]
	at, _ := slices.BinarySearchFunc(records, job.From, func(rec recordbatch.Record, from int64) int { return int(rec.Offset - from) })
	records = records[at:min(len(records), at+r.perJob)]
	if len(records) == 0 {
		r.t.Fatalf("catch-up read of %d at %d, behind the end", job.Cursor.Partition, job.From)
	}
	w := r.work(job.Cursor, records, job)
	w.From = job.From // a hole may lie before the first record
	r.decode.Serve(r.t.Context(), w)
	end := fetch.NewChunk(job.Cursor, job.Cursor.Epoch.Load())
	end.CatchUp, end.Fault = job, &fetch.Fault{Kind: fetch.FaultNone}
	end.Start = records[len(records)-1].Offset + 1
	end.Next = end.Start
	r.read <- end
}

// after lets time pass, turning the loop every second.
func (r *sessionRig) after(d time.Duration) {
	r.t.Helper()
	for ; d > 0; d -= time.Second {
		time.Sleep(min(d, time.Second))
		r.Member.Lease.Renew(time.Now())
		r.settleDown()
	}
}

// stored compares what the store has of a namespace, in order.
func (r *sessionRig) stored(ns string, offsets ...int64) {
	r.t.Helper()
	r.api.mu.Lock()
	defer r.api.mu.Unlock()
	var want []string
	for _, o := range offsets {
		want = append(want, fmt.Sprint(o))
	}
	if got := r.api.stored[ns]; !slices.Equal(got, want) {
		r.t.Errorf("stored of %s: %v, want %v", ns, got, want)
	}
}

// watermark compares the committable offset of a partition.
func (r *sessionRig) watermark(partition int32, want int64) {
	r.t.Helper()
	if got := r.part(partition).Ledger.Watermark(); got != want {
		r.t.Errorf("watermark of partition %d is %d, want %d", partition, got, want)
	}
}

// frontier is what a commit of the partition would say now.
func (r *sessionRig) frontier(partition int32) ledger.Frontier {
	r.t.Helper()
	m, err := ledger.Decode(r.commits.CommitOf(r.part(partition)).Metadata)
	if err != nil {
		r.t.Fatal(err)
	}
	return m.Frontier
}

// status is what /status would show.
func (r *sessionRig) status() *report.Status {
	st := &report.Status{}
	r.view.describe(st, time.Now(), true)
	return st
}

// run of offsets for a namespace.
func runOf(ns string, first, last int64) (records []recordbatch.Record) {
	for o := first; o <= last; o++ {
		records = append(records, recordbatch.InNS(o, ns))
	}
	return records
}

func offsets(first, last int64) (list []int64) {
	for o := first; o <= last; o++ {
		list = append(list, o)
	}
	return list
}
