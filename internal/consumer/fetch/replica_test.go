package fetch

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// racked is a fetcher of zone a that reads one partition from offset 10 on. Broker 1
// leads it and has named broker 2, which has been asked.
type racked struct {
	*Fetcher
	t          *testing.T
	a          asked // of broker 2
	refreshed  int
	distrusted []error
}

const leads, near = 1, 2

func newRacked(t *testing.T, committed bool) *racked {
	t.Helper()
	r := &racked{t: t}
	r.Fetcher = New(&Config{
		Requests: Requests{MaxBytes: 16 << 20, Rack: "a"}, ReadCommitted: committed, Failed: func(string) {},
		Distrusted: func(tp kafka.TopicPartition, replica int32, why error) {
			if tp.Topic != "orders" || replica != near {
				t.Errorf("broker %d is given up for %v", replica, tp)
			}
			r.distrusted = append(r.distrusted, why)
		},
	}, nil, NewAllowance(32<<20, 32<<20), 1, func() { r.refreshed++ })
	r.Open(kafka.TopicPartition{Topic: "orders", Partition: 0}, wire.UUID{1}, 10, 0, 3, leads, 0, false)
	if rack := r.ask(leads); rack != "a" {
		t.Fatalf("the leader is told the rack %q", rack)
	}
	answerWith(t, r.Fetcher, r.a, named(near))
	if len(r.brokers[near]) != 1 {
		t.Fatal("nobody asks the replica")
	}
	if r.ask(near); !r.a.follower {
		t.Fatal("the replica is taken for the leader")
	}
	return r
}

// named is how a leader names a replica.
func named(replica int32) wire.FetchedPartition {
	return wire.FetchedPartition{PreferredReplica: replica, HighWatermark: 100, LastStableOffset: 90, LogStartOffset: 5, DivergingEndOffset: -1}
}

// nothing is an answer without records.
func nothing(high, stable int64) wire.FetchedPartition {
	return wire.FetchedPartition{PreferredReplica: -1, HighWatermark: high, LastStableOffset: stable, LogStartOffset: 9, DivergingEndOffset: -1}
}

// ask makes a request to a broker, which has to be for the partition, and returns the
// rack that it names.
func (r *racked) ask(broker int32) string {
	r.t.Helper()
	batch, next := r.gather(broker)
	if len(batch) != 1 {
		r.t.Fatalf("broker %d is asked for %d partitions, later at %s", broker, len(batch), next)
	}
	r.a = batch[0]
	return r.request(batch).Rack
}

// TestFetcher_asksTheReplicaThatItsLeaderNames: the leader's ends come with its advice;
// those of the replica, which may be behind, neither lower them nor keep the leader
// from being asked for them.
func TestFetcher_asksTheReplicaThatItsLeaderNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRacked(t, true)
		c := r.a.Cursor
		if got := r.Standing(c); got.Leader != leads || got.Server != near {
			t.Errorf("it stands as %+v", got)
		}
		if batch, _ := r.gather(leads); len(batch) != 0 {
			t.Error("the leader is asked as well")
		}
		b := recordbatch.Batch{Base: 10, Last: 19, Records: []recordbatch.Record{{Offset: 10, Value: []byte("{}")}}}
		answerWith(t, r.Fetcher, r.a, wire.FetchedPartition{Records: b.Encode(), HighWatermark: 95, LastStableOffset: 80, LogStartOffset: 9, DivergingEndOffset: -1})
		(<-r.Work[0]).Lease.Release()
		if got := [4]int64{c.Offset, c.HighWatermark.Load(), c.StableOffset.Load(), c.LogStart.Load()}; got != [4]int64{20, 100, 90, 5} {
			t.Errorf("position, ends and start are %v, want the leader's ends", got)
		}
		if leaders := r.unheard(time.Now().Add(time.Second)); len(leaders) != 1 {
			t.Error("the leader is not asked for its ends")
		}
		time.Sleep(time.Minute)
		r.ask(near)
		answerWith(t, r.Fetcher, r.a, nothing(120, 110))
		if got := [2]int64{c.HighWatermark.Load(), c.StableOffset.Load()}; got != [2]int64{120, 110} {
			t.Errorf("ends are %v, want the newer ones of the replica", got)
		}
		if leaders := r.unheard(time.Now().Add(-10 * time.Second)); len(leaders) != 1 || leaders[c.TopicPartition] != leads {
			t.Errorf("%v are asked for their ends", leaders)
		}
		if len(r.distrusted) > 0 {
			t.Errorf("the replica is given up: %v", r.distrusted)
		}
	})
}

// TestFetcher_believesNoBrokerThatIsLate: metadata of an older leader epoch change nothing,
// unless they are of another topic, or may be, as of brokers that know no ids.
func TestFetcher_believesNoBrokerThatIsLate(t *testing.T) {
	for _, tc := range []struct {
		name      string
		known, id wire.UUID
		epoch     int32
		leader    int32
	}{
		{"an older leader", wire.UUID{1}, wire.UUID{1}, 6, 1},
		{"a newer one", wire.UUID{1}, wire.UUID{1}, 8, 2},
		{"the same epoch", wire.UUID{1}, wire.UUID{1}, 7, 2},
		{"a leader of unknown epoch", wire.UUID{1}, wire.UUID{1}, -1, 2},
		{"another topic", wire.UUID{1}, wire.UUID{2}, 0, 2},
		{"brokers without ids", wire.UUID{}, wire.UUID{}, 0, 2},
	} {
		f := New(&Config{}, nil, nil, 1, func() {})
		c := f.Open(kafka.TopicPartition{Topic: "orders"}, tc.known, 10, 0, 3, 1, 7, false)
		f.Relead(&wire.MetadataResponse{Topics: []wire.TopicMetadata{{Name: "orders", ID: tc.id, Partitions: []wire.PartitionMetadata{{Leader: 2, LeaderEpoch: tc.epoch}}}}})
		f.Relead(&wire.MetadataResponse{Topics: []wire.TopicMetadata{{Name: "orders", ID: tc.id, Partitions: []wire.PartitionMetadata{{Leader: -1, LeaderEpoch: 9}}}}})
		if got := f.Standing(c).Leader; got != tc.leader {
			t.Errorf("%s: broker %d leads, want %d", tc.name, got, tc.leader)
		}
	}
}

// TestFetcher_believesNoReplicaAboutTheLog: whatever is wrong with what a replica
// answers, nothing is reported or reset before the leader has been asked, which is then
// asked for no other replica for a while.
func TestFetcher_believesNoReplicaAboutTheLog(t *testing.T) {
	cases := map[string]wire.FetchedPartition{"the log was truncated": {DivergingEndOffset: 7}}
	for _, code := range []kafka.Code{
		kafka.CodeOffsetOutOfRange, kafka.CodeNotLeader, kafka.CodeOffsetNotAvailable, kafka.CodeReplicaNotAvailable, kafka.CodeStorageError,
		kafka.CodeFencedLeaderEpoch, kafka.CodeUnknownLeaderEpoch, kafka.CodeUnknownTopic, kafka.CodeUnknownTopicID, kafka.CodeTopicDenied, kafka.CodeUnknown,
	} {
		cases[code.Error()] = wire.FetchedPartition{ErrorCode: int16(code), HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, DivergingEndOffset: -1}
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRacked(t, true)
				answerWith(t, r.Fetcher, r.a, answer)
				r.isGivenUp()
				if r.refreshed == 0 {
					t.Error("metadata is not asked for")
				}
			})
		})
	}
}

// isGivenUp checks that the leader serves the partition itself, from where it is, until
// it may name a replica again.
func (r *racked) isGivenUp() {
	r.t.Helper()
	c := r.a.Cursor
	switch {
	case len(r.Work[0]) != 0:
		r.t.Errorf("the loop is told %+v", (<-r.Work[0]).fault)
	case len(r.distrusted) != 1 || r.distrusted[0] == nil:
		r.t.Errorf("reported as given up: %v", r.distrusted)
	case len(r.brokers[leads]) != 1:
		r.t.Error("nobody asks the leader")
	case c.Offset != 10 || c.BatchEpoch != 3:
		r.t.Errorf("goes on at %d, epoch %d", c.Offset, c.BatchEpoch)
	case !r.Standing(c).Unanswered.IsZero():
		r.t.Error("the leader is taken for silent")
	}
	time.Sleep(MaxBackoff)
	if rack := r.ask(leads); rack != "" {
		r.t.Errorf("the leader is told the rack %q, and would name the same replica", rack)
	}
	answerWith(r.t, r.Fetcher, r.a, named(near)) // which it does not do unasked
	time.Sleep(adviceHolds)
	if rack := r.ask(leads); rack != "a" {
		r.t.Errorf("much later the leader is told the rack %q", rack)
	}
}

// TestFetcher_givesUpAReplicaThatDoesNotAnswer: it is away, or frozen.
func TestFetcher_givesUpAReplicaThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRacked(t, true)
		r.unanswered([]asked{r.a}, time.Now(), errors.New("connection refused"))
		r.release([]asked{r.a}, time.Now().Add(Backoff))
		r.isGivenUp()
	})
	synctest.Test(t, func(t *testing.T) { // a request that has been answered says nothing any more
		r := newRacked(t, true)
		old := r.a
		answerWith(t, r.Fetcher, old, nothing(100, 90))
		r.ask(near)
		r.unanswered([]asked{old}, time.Now(), errors.New("connection reset"))
		if len(r.distrusted) > 0 {
			t.Error("a replica that has answered is given up")
		}
	})
}

// TestFetcher_givesUpAReplicaWhoseRecordsAreBad: the leader may have good ones.
func TestFetcher_givesUpAReplicaWhoseRecordsAreBad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRacked(t, true)
		r.Distrust(r.a.Cursor, errors.New("checksum is wrong"))
		r.Reset(r.a.Cursor, 10, time.Now().Add(Backoff))
		r.release([]asked{r.a}, time.Time{})
		r.isGivenUp()
		r.a.advised = false
		r.Distrust(r.a.Cursor, errors.New("checksum is wrong"))
		if len(r.distrusted) != 1 {
			t.Error("the leader is given up")
		}
	})
}

// TestFetcher_asksTheLeaderAgainNowAndThen: another replica may be better by then. The
// partition may be in no request when the time is over.
func TestFetcher_asksTheLeaderAgainNowAndThen(t *testing.T) {
	for name, prepare := range map[string]func(*racked){
		"busy":   func(*racked) {},
		"paused": func(r *racked) { r.Pause(r.a.Cursor, true) },
		"rests":  func(r *racked) { r.Reset(r.a.Cursor, 10, time.Now().Add(adviceHolds)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRacked(t, true)
				prepare(r)
				time.Sleep(adviceHolds - time.Second)
				answerWith(t, r.Fetcher, r.a, nothing(100, 90))
				r.Pause(r.a.Cursor, false)
				if batch, _ := r.gather(near); len(batch) > 0 {
					r.release(batch, time.Time{})
				}
				<-r.brokers[near]
				for len(r.brokers[leads]) > 0 {
					<-r.brokers[leads]
				}
				time.Sleep(time.Second)
				if batch, _ := r.gather(near); len(batch) > 0 {
					t.Error("the replica is asked still")
				}
				if len(r.brokers[leads]) != 1 {
					t.Fatal("nobody asks the leader")
				}
				if rack := r.ask(leads); rack != "a" {
					t.Errorf("it is told the rack %q", rack)
				}
				if len(r.distrusted) > 0 {
					t.Error("that counts as a failure")
				}
			})
		})
	}
}

// TestFetcher_givesUpAReplicaThatLags: one that does not hear from its leader answers
// that nothing is new, for ever.
func TestFetcher_givesUpAReplicaThatLags(t *testing.T) {
	for _, tc := range []struct {
		name                        string
		committed                   bool
		leadersStable, high, stable int64
		again                       time.Duration // between two answers
		givenUp, recordsBetween     bool
	}{
		{name: "behind for long", committed: true, leadersStable: 90, high: 10, stable: 10, again: lagPatience, givenUp: true},
		{name: "behind its leader for a moment", committed: true, leadersStable: 90, high: 10, stable: 10, again: lagPatience - 1},
		{name: "all is read", committed: true, leadersStable: 10, high: 10, stable: 10, again: time.Hour},
		{name: "others have filled the answer", committed: true, leadersStable: 90, high: 50, stable: 50, again: lagPatience},
		{name: "a transaction is open", committed: true, leadersStable: 10, high: 90, stable: 10, again: lagPatience},
		{name: "a transaction is open there only", committed: true, leadersStable: 90, high: 90, stable: 10, again: lagPatience, givenUp: true},
		{name: "who takes open transactions", leadersStable: 90, high: 90, stable: 10, again: lagPatience},
		{name: "records come between", committed: true, leadersStable: 90, high: 10, stable: 10, again: lagPatience, recordsBetween: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRacked(t, tc.committed)
				c := r.a.Cursor
				c.until = time.Now().Add(24 * time.Hour)
				r.release([]asked{r.a}, time.Time{})
				for range 2 {
					c.StableOffset.Store(tc.leadersStable)
					r.ask(near)
					answerWith(t, r.Fetcher, r.a, nothing(tc.high, tc.stable))
					if tc.recordsBetween {
						r.ask(near)
						answerWith(t, r.Fetcher, r.a, nothing(60, 60))
					}
					time.Sleep(tc.again)
				}
				if givenUp := len(r.distrusted) > 0; givenUp != tc.givenUp {
					t.Errorf("given up: %v", r.distrusted)
				}
			})
		})
	}
}

// TestFetcher_oneRackForARequest: partitions whose replica was given up share no
// request with those that may have one, and neither waits for the other for ever.
func TestFetcher_oneRackForARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lagging(100, 100, 100, 100)
		f.cfg.Rack = "a"
		for _, i := range []int32{1, 3} {
			f.cursors[kafka.TopicPartition{Topic: "orders", Partition: i}].until = time.Now().Add(time.Hour)
		}
		<-f.brokers[leads]
		first, _ := f.gather(leads)
		if len(f.brokers[leads]) != 1 {
			t.Error("nobody is woken for the others")
		}
		second, _ := f.gather(leads)
		if got := [2]string{f.request(first).Rack, f.request(second).Rack}; got != [2]string{"a", ""} {
			t.Errorf("the racks are %q", got)
		}
		if a, b := partitionsOf(first), partitionsOf(second); len(a) != 2 || len(b) != 2 || a[0] != 0 || b[0] != 1 {
			t.Errorf("%v are asked for, then %v", a, b)
		}
		f.release(first, time.Time{})
		again, _ := f.gather(leads)
		f.release(second, time.Time{})
		f.release(again, time.Time{})
		if third, _ := f.gather(leads); f.request(third).Rack != "" {
			t.Error("those that came second are not first in their turn")
		}
	})
}

// TestFetcher_oneRequestForABroker: a broker that leads some partitions and is a replica
// of others is asked for all of them at once, and names no replica of those that it does
// not lead.
func TestFetcher_oneRequestForABroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRacked(t, true)
		r.release([]asked{r.a}, time.Time{})
		r.Open(kafka.TopicPartition{Topic: "orders", Partition: 1}, wire.UUID{1}, 10, 0, 3, near, 0, false)
		batch, _ := r.gather(near)
		if rack := r.request(batch).Rack; len(batch) != 2 || rack != "a" {
			t.Errorf("%d partitions are asked for, with the rack %q", len(batch), rack)
		}
		for _, a := range batch {
			if a.follower {
				answerWith(t, r.Fetcher, a, named(3))
				if got := r.Standing(a.Cursor).Server; got != near {
					t.Errorf("broker %d is asked, named by a replica", got)
				}
			}
		}
	})
}

// TestFetcher_withoutARackAsksLeadersOnly: what brokers answer then is not asked for.
func TestFetcher_withoutARackAsksLeadersOnly(t *testing.T) {
	f, a, _ := answered(t)
	if rack := f.request([]asked{a}).Rack; rack != "" {
		t.Errorf("rack %q", rack)
	}
	answerWith(t, f, a, named(near))
	if batch, _ := f.gather(1); len(batch) != 1 || f.Standing(a.Cursor).Server != 1 {
		t.Error("the leader is not asked again")
	}
}

// TestFetcher_readsAside: below the position too the replica near by is asked, and the
// leader not for another one.
func TestFetcher_readsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRacked(t, true)
		w := Work{Cursor: r.a.Cursor, From: 7}
		if a := r.aside(&w); a.of != near || !a.follower || a.from != 7 {
			t.Errorf("asks broker %d from %d", a.of, a.from)
		}
		r.Distrust(r.a.Cursor, errors.New("away"))
		time.Sleep(2 * adviceHolds)
		if a := r.aside(&w); a.of != leads || a.follower || r.request([]asked{a}).Rack != "" {
			t.Errorf("asks broker %d, with the rack %q", a.of, r.request([]asked{a}).Rack)
		}
	})
}

// TestFetcher_someLaneAlwaysReads: whatever happens, in whatever order, one lane and
// only one has the partition, or has been woken for it, or wakes by itself in time;
// and no replica is asked whether the topic is still the one that was read.
func TestFetcher_someLaneAlwaysReads(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		synctest.Test(t, func(t *testing.T) {
			f := New(&Config{
				Requests: Requests{MaxBytes: 16 << 20, MaxWait: time.Second, Rack: "a"}, ReadCommitted: true, Failed: func(string) {},
				Distrusted: func(kafka.TopicPartition, int32, error) {},
			}, nil, NewAllowance(32<<20, 32<<20), 1, func() {})
			w := &laneWorld{Fetcher: f, t: t, seed: seed, rng: rng, sleeps: map[int32]time.Time{}}
			w.c = f.Open(kafka.TopicPartition{Topic: "orders", Partition: 0}, wire.UUID{1}, 10, 0, 3, rng.Int32N(3), 0, false)
			if rng.IntN(2) == 0 {
				w.c.last = wire.BatchID{BaseOffset: 5}
			}
			for range 40 {
				w.step()
				w.check()
			}
		})
	}
}

// laneWorld plays the lanes of three brokers that serve one partition.
type laneWorld struct {
	*Fetcher
	t      *testing.T
	seed   uint64
	rng    *rand.Rand
	c      *Cursor
	asked  []asked             // of the request under way, if any
	sleeps map[int32]time.Time // until when the lanes of a broker sleep unless woken, zero for ever
}

func (w *laneWorld) step() {
	switch w.rng.IntN(8) {
	case 0:
		time.Sleep(time.Duration(w.rng.Int64N(int64(adviceHolds))))
	case 1:
		w.Reset(w.c, 10, time.Now().Add(time.Duration(w.rng.Int64N(int64(time.Minute)))))
	case 2:
		w.Relead(&wire.MetadataResponse{Topics: []wire.TopicMetadata{{Name: "orders", Partitions: []wire.PartitionMetadata{{Leader: w.rng.Int32N(3)}}}}})
	case 3:
		w.Pause(w.c, w.rng.IntN(2) == 0)
	case 4:
		w.Distrust(w.c, errors.New("bad records"))
	default:
		if len(w.asked) > 0 {
			w.answer()
		}
	}
	w.runLanes()
}

// runLanes lets the lanes that are awake ask, as serve does.
func (w *laneWorld) runLanes() {
	for again := true; again; {
		again = false
		for broker, wake := range w.brokers {
			due := !w.sleeps[broker].IsZero() && !w.sleeps[broker].After(time.Now())
			select {
			case <-wake:
			default:
				if !due {
					continue
				}
			}
			again = true
			batch, next := w.gather(broker)
			w.sleeps[broker] = next
			if len(batch) == 0 {
				continue
			}
			if len(w.asked) > 0 {
				w.t.Errorf("seed %d: the partition is in two requests", w.seed)
			}
			if w.asked = batch; batch[0].follower && batch[0].from < batch[0].offset {
				w.t.Errorf("seed %d: a replica is asked whether the topic is the one that was read", w.seed)
			}
		}
	}
}

// answer ends the request under way.
func (w *laneWorld) answer() {
	a := w.asked[0]
	w.asked = nil
	switch w.rng.IntN(4) {
	case 0:
		w.unanswered([]asked{a}, time.Now(), errors.New("away"))
		w.release([]asked{a}, time.Now().Add(Backoff))
	case 1:
		answerWith(w.t, w.Fetcher, a, wire.FetchedPartition{ErrorCode: int16([]kafka.Code{1, 6, 78, 100}[w.rng.IntN(4)]), DivergingEndOffset: -1})
	case 2:
		answerWith(w.t, w.Fetcher, a, named(w.rng.Int32N(4)-1))
	default:
		answerWith(w.t, w.Fetcher, a, nothing(100, 10+w.rng.Int64N(2)*80))
	}
	for len(w.Work[0]) > 0 {
		<-w.Work[0]
	}
	w.sleeps[a.of] = time.Now() // its lane looks again at once
}

func (w *laneWorld) check() {
	server := w.c.server()
	switch wakes := w.sleeps[server]; {
	case len(w.asked) > 0 || w.c.Paused:
	case w.c.busy:
		w.t.Fatalf("seed %d: nobody has the partition, and it counts as busy", w.seed)
	case wakes.IsZero() || wakes.After(w.c.retryAt):
		w.t.Fatalf("seed %d: broker %d is to be asked at %s, and its lanes sleep until %s", w.seed, server, w.c.retryAt, wakes)
	}
}
