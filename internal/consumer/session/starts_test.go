package session

import (
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// A start that says more than the commit that was found is committed at once. One that
// is held is not read, and stays committed as it was found, but for what only this
// process knows of it.
func TestSession_opensWhatAStartSays(t *testing.T) {
	commit := func(topic wire.UUID, offset, below int64) kafka.Committed {
		text, _ := ledger.New(offset, ledger.Frontier{Below: below}).Encode(ledger.Metadata{TopicID: ledger.Identity(topic, "cluster"), Fingerprint: process.FingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
		return kafka.Committed{Offset: offset, LeaderEpoch: 4, Metadata: text}
	}
	for name, tc := range map[string]struct {
		reset              ledger.OffsetReset
		committed, recalls kafka.Committed // by the group, and what this process knows beyond it
		begin              int64           // of the log
		position, below    int64           // where it goes on, and what counts as done then
		news, held, found  bool            // there is something to commit; it is held; the commit stays as it was found
	}{
		"as committed":           {committed: commit(ownTopic, 10, 10), position: 10, below: 10},
		"without a commit":       {committed: kafka.Committed{Offset: -1}, begin: 3, position: 3, below: 3, news: true},
		"done beyond the commit": {committed: commit(ownTopic, 10, 10), recalls: commit(ownTopic, 10, 20), position: 10, below: 20, news: true},
		"created anew":           {committed: commit(goneTopic, 0, 0), news: true},
		"removed, but done":      {committed: commit(ownTopic, 5, 40), begin: 30, position: 30, below: 40, news: true},
		"created anew and held":  {reset: ledger.ResetHold, committed: commit(goneTopic, 10, 10), position: 10, held: true, found: true},
		"removed and held":       {reset: ledger.ResetHold, committed: commit(ownTopic, 10, 10), begin: 50, position: 10, below: 10, held: true, found: true},
		"removed, and held with what was done": {reset: ledger.ResetHold, committed: commit(ownTopic, 10, 10), recalls: commit(ownTopic, 10, 20),
			begin: 50, position: 10, below: 20, news: true, held: true},
	} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				p := r.part(0)
				p.Cursor, p.Dirty, p.Born = nil, false, 0
				if tc.recalls.Metadata != "" {
					r.Recollections[p.TopicPartition] = discovery.Recollection{
						TopicID: p.TopicID, Acked: ledger.CommitPoint{Offset: tc.committed.Offset, Metadata: tc.committed.Metadata},
						Known: ledger.CommitPoint{Offset: tc.recalls.Offset, Metadata: tc.recalls.Metadata}, Epoch: 4,
					}
				}
				start := r.starting().Place(p.TopicPartition, tc.committed, kafka.Range{Begin: tc.begin, End: 1000, Stable: 1000}, false)
				r.open([]discovery.Start{start}, time.Now())
				if p.Ledger.Position() != tc.position || p.Cursor.Offset != tc.position {
					t.Errorf("it goes on at %d, and is read from %d, want %d", p.Ledger.Position(), p.Cursor.Offset, tc.position)
				}
				if p.Dirty != tc.news || p.IsHeld() != tc.held || p.Cursor.Paused != tc.held {
					t.Errorf("something to commit: %t, want %t; held: %t, and not read: %t, want %t", p.Dirty, tc.news, p.IsHeld(), p.Cursor.Paused, tc.held)
				}
				o := r.commits.CommitOf(p)
				if tc.found {
					if want := (kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: tc.committed.Offset, LeaderEpoch: 4, Metadata: tc.committed.Metadata}); o != want {
						t.Errorf("what was found is committed as %+v, want %+v", o, want)
					}
					return
				}
				if m, err := ledger.Decode(o.Metadata); err != nil || o.Offset != tc.position || m.Frontier.Below != tc.below {
					t.Errorf("%d is committed with all done below %d (%v), want %d and %d", o.Offset, m.Frontier.Below, err, tc.position, tc.below)
				}
			}, func(c *process.Config) { c.OffsetReset = tc.reset })
		})
	}
}

// A session that does nothing owes nothing: neither a drain nor the next session of the
// process has to tell the group what it has told itself.
func TestSession_owesNothingOfWhatItFound(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	found := map[kafka.TopicPartition]kafka.CommitOffset{}
	inSession(t, func(r *sessionRig) {
		r.feed(0, append(poison(0, 0), runOf("a", 1, 9)...)...)
		r.after(age)
		r.part(0).Born = 0 // as of a group that is not new
		found[tp] = r.commits.CommitOf(r.part(0))
	})
	synctest.Test(t, func(t *testing.T) {
		r := newSessionRig(t, found)
		if r.commits.OwesCommit() {
			t.Errorf("%+v is owed, which is what was found: %+v", r.commits.CommitOf(r.part(0)), found[tp])
		}
		r.commits.Remember()
		if known, ok := r.Recollections[tp]; ok {
			t.Errorf("it is remembered beside the commit: %+v", known)
		}
	})
}

// Partitions that the cluster has no longer are lost, until it has them again. Where it
// says nothing of a topic, its partitions stay as they are, and /status says so.
func TestSession_followsWhatTheClusterHas(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		cluster := func(id wire.UUID, partitions int) discovery.Found {
			return discovery.Found{Subscription: kafka.Subscription{IDs: map[string]wire.UUID{"orders": id}, Parts: map[string]int{"orders": partitions}}}
		}
		unclear := discovery.Found{Subscription: kafka.Subscription{Unclear: []string{"orders"}}}
		for i, step := range []struct {
			found discovery.Found
			lost  [2]bool
		}{
			{cluster(ownTopic, 2), [2]bool{}},
			{unclear, [2]bool{}},
			{cluster(ownTopic, 1), [2]bool{false, true}},
			{unclear, [2]bool{false, true}},
			{cluster(ownTopic, 2), [2]bool{}},
			{cluster(otherTopic, 2), [2]bool{true, true}},
			{cluster(ownTopic, 2), [2]bool{}},
			{discovery.Found{}, [2]bool{true, true}},
		} {
			r.follow(&step.found, time.Now())
			var lost [2]bool
			for n := range lost {
				lost[n] = r.part(int32(n)).State() == assignment.Lost
			}
			if lost != step.lost {
				t.Errorf("step %d, %+v: lost are %v, want %v", i, step.found, lost, step.lost)
			}
			if told := r.status().KafkaError != nil; told != (len(step.found.Unclear) > 0) {
				t.Errorf("step %d: an error of Kafka is told: %t", i, told)
			}
		}
	})
}

// Who asks for new metadata, again and again, does not wait for it: the loop does.
func TestSession_asksForMetadataWithoutWaiting(t *testing.T) {
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(2 * age)
		took := make(chan time.Duration, 1)
		r.session.queries <- func(began time.Time) {
			for range 100 {
				r.session.Fetcher.Refresh()
			}
			took <- time.Since(began)
		}
		select {
		case d := <-took:
			if d > 0 {
				t.Errorf("the loop has waited for %s", d)
			}
		case <-time.After(time.Hour):
			panic("the loop waits for ever") // and nothing else would end the test
		}
		r.end(true)
	})
}
