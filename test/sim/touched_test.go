package sim

import (
	"net/http"
	"slices"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// touch is a while in which some lines may have to wait: a fault of the schedule, or
// that the group is not at rest.
type touch struct {
	from, to time.Time
	// rest is how long after its end what it touched may still wait: backoffs, the
	// next probe, the attempt that was under way.
	rest time.Duration
	why  string
	scope
}

// scope says which lines a touch is about: all of them, or those of a namespace, a
// topic or a partition.
type scope struct {
	namespace string // empty: any
	topic     string // empty: any
	partition int32  // of the topic, everyPartition for all
	only      string // empty: lines, letters and commits
}

// What alone some touches are about.
const (
	commitsOnly = "commits"
	lettersOnly = "letters"
)

const everyPartition = -1

var everything, allCommits, allLetters = scope{partition: everyPartition}, scope{partition: everyPartition, only: commitsOnly}, scope{partition: everyPartition, only: lettersOnly}

func ofPartition(topic string, n int32) scope { return scope{topic: topic, partition: n} }
func ofTopic(topic string) scope              { return scope{topic: topic, partition: everyPartition} }
func ofNamespace(name string) scope           { return scope{namespace: name, partition: everyPartition} }

// holds says whether it is about a record's line for a namespace, "" for its letter.
func (s scope) holds(r *produced, namespace string) bool {
	return (s.namespace == "" || s.namespace == namespace) && (s.topic == "" || s.topic == r.topic) && (s.partition == everyPartition || s.partition == r.partition)
}

// forever is the end of what ends no earlier than the run.
var forever = epoch.Add(1000 * time.Hour)

// touch notes something that touches lines from now on for a while.
func (w *world) touch(span, rest time.Duration, what scope, why string) {
	now := time.Now()
	w.truth.mark(func() {
		w.truth.touches = append(w.truth.touches, touch{now, now.Add(span), rest, why, what})
	})
}

// partitionRest is how long a partition, the group or a connection may take to be well
// again once a fault of it has ended: a backoff, a look at the metadata, a join.
const partitionRest = 15 * time.Second

// lostRest is how long a commit without an answer is waited for.
const lostRest = 15 * time.Second

// deniedRest is how long what was denied may wait: a commit that is denied again and again
// rests for a minute.
const deniedRest = time.Minute + partitionRest

// attemptTime is how long a call of the API that comes to nothing takes.
const attemptTime = 30 * time.Second

// scopeOf is what a fault of the API touches: its namespace, or everything if attempts of
// that namespace take their time and may take every slot.
func (s *settings) scopeOf(f sandbox.Fault) scope {
	if s.uploads <= s.perNamespace && (f.Delay > 0 || f.Drip || f.Endless) {
		return everything
	}
	return ofNamespace(f.Namespace)
}

// restOf is how long what a fault of the API has touched may wait after its end: for a
// backoff, or a probe of what it refused, and for the attempt that was under way.
func (s *settings) restOf(f sandbox.Fault) time.Duration {
	rest := max(maxBackoff, f.RetryAfter)
	if f.Status >= 400 && f.Status < 500 && f.Status != http.StatusRequestTimeout && f.Status != http.StatusTooManyRequests {
		rest = max(rest, s.probe)
	}
	if s.urlLife > 0 {
		rest += maxBackoff // for one to find that its URL has expired
	}
	if f.Drip || f.Endless {
		rest += attemptTime
	}
	if f.Doomed {
		rest = putsBeforeNewURL * maxBackoff
	}
	return rest + f.Delay
}

// unrest notes a while in which the group was not at rest.
func (t *truth) unrest(from, to time.Time, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.touches); n > 0 && t.touches[n-1].why == why && !t.touches[n-1].to.Before(from) {
		t.touches[n-1].to = to
		return
	}
	t.touches = append(t.touches, touch{from, to, 0, why, everything})
}

// restless says why the group is not at rest, "" if it is: some member is not
// running any more, or some process is no member.
func (w *world) restless() string {
	w.mu.Lock()
	all := slices.Clone(w.processes)
	ending := 0
	for _, n := range w.stopping {
		ending += n
	}
	w.mu.Unlock()
	if ending > 0 {
		return "somebody stops"
	}
	info := w.cluster.GroupInfo(group)
	if info == nil || info.State != "Stable" {
		return "the group is not stable"
	}
	members := map[string]int{}
	for _, m := range info.Members {
		members[m.ClientID]++
	}
	living := 0
	for _, p := range all {
		if p.over() || p.killed.Load() {
			continue
		}
		living++
		if members[p.name] != 1 || p.kafka.stands() {
			return "somebody is no member"
		}
	}
	if living == 0 || living != len(info.Members) {
		return "a member is nobody"
	}
	return ""
}
