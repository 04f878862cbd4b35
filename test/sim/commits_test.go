package sim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
)

// heard notes that a commit request has reached the broker; fenced says that
// its member is out of the group.
func (t *truth) heard(process, member string, generation int32, fenced bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !fenced {
		t.alive[process] = time.Now()
		return
	}
	key := fmt.Sprint(member, " of generation ", generation)
	if t.outlaw[key]++; t.outlaw[key] == 5 {
		t.fault("%s goes on committing although it is out of the group", key)
	}
}

// beat notes a heartbeat that has reached the group.
func (t *truth) beat(process string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alive[process] = time.Now()
}

// letter notes a dead letter that was sent.
func (t *truth) letter(topic string, partition int32, offset int64, namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := place{topic, t.current[topic], partition}
	for at.incarnation > 0 && offset >= int64(len(t.logs[at])) {
		at.incarnation-- // a letter names no topic id: this one is of a topic that is gone
	}
	if offset < 0 || offset >= int64(len(t.logs[at])) {
		t.fault("dead letter of %v@%d, which nobody produced", at, offset)
		return
	}
	if r := t.logs[at][offset]; r.open || r.aborted || r.kind == marker {
		t.fault("dead letter of what nobody may read: %s", r)
	}
	if namespace != "" && !t.refusals[namespace] && !t.refusals[""] {
		t.fault("dead letter of a line for %s, whose batches nobody refused: %v@%d", namespace, at, offset)
	}
	r := t.logs[at][offset]
	if r.letters[namespace]++; r.letters[namespace] == 1 {
		r.written[namespace] = time.Now()
	}
}

// done says whether a commit may pass the record: under some settings so far
// nothing of it is owed.
// What is done once stays done, so that it is looked for no more.
func (t *truth) done(r *produced) bool {
	r.done = r.done || r.removed || slices.ContainsFunc(t.used, func(s *settings) bool { return s.finished(r) })
	return r.done
}

func (r *produced) lineDone(namespace string) bool {
	return len(r.stores[namespace]) > 0 || r.letters[namespace] > 0
}

// commit checks one partition of a commit request that has reached the broker.
func (t *truth) commit(process, topic string, partition int32, offset int64, metadata string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commits++
	m, err := ledger.Decode(metadata)
	switch {
	case metadata == "" && t.small:
		m.Committed = offset // nothing is claimed
	case err != nil:
		t.fault("%s commits metadata that is not ours: %q", process, metadata)
		return
	case m.Committed != offset:
		t.fault("%s commits %d with metadata of %d", process, offset, m.Committed)
	}
	at := t.incarnation(topic, partition, m.TopicID)
	log := t.logs[at]
	for t.verified[at] < offset {
		next := t.verified[at]
		if next >= int64(len(log)) {
			t.fault("%s commits %v@%d beyond the end %d", process, at, offset, len(log))
			return
		}
		if !t.done(log[next]) {
			t.fault("%s commits %v@%d while %s %s at %d is not done: %s", process, at, offset, log[next].kind, log[next].unique, next, log[next])
			return
		}
		t.verified[at]++
	}
	t.claims(process, at, offset, m.Frontier)
}

// claims checks what the metadata says is done above the committed offset.
func (t *truth) claims(process string, at place, offset int64, f ledger.Frontier) {
	inherited, log, with := ledger.New(offset, f), t.logs[at], t.runs[process]
	for _, r := range log[min(offset, int64(len(log))):min(max(f.Below, offset), int64(len(log)))] {
		if t.done(r) {
			continue
		}
		names, _, ok := with.fate(r)
		if !ok && inherited.RecordDone(r.offset) {
			t.fault("%s claims in the metadata of %v@%d that %s is done: %+v", process, at, offset, r, f)
		}
		for _, n := range names {
			if inherited.Done(n, r.offset) && !r.lineDone(n) {
				t.fault("%s claims in the metadata of %v@%d that %s of %s is done: %+v", process, at, offset, n, r, f)
			}
		}
	}
}

// incarnation finds the log that a commit is about, by the topic's id.
func (t *truth) incarnation(topic string, partition int32, identity string) place {
	if identity == "" {
		return place{topic, t.current[topic], partition}
	}
	id, _, _ := strings.Cut(identity, ".")
	if id == noTopicID {
		return place{topic, t.current[topic], partition}
	}
	if i, ok := t.ids[id]; ok {
		return place{topic, i, partition}
	}
	t.fault("commit for an unknown topic id %q", identity)
	return place{topic, t.current[topic], partition}
}

// noTopicID is how brokers name every topic that know no ids.
var noTopicID = base64.RawURLEncoding.EncodeToString(make([]byte, 16))

// sample looks at what the group has committed.
func (t *truth) sample(topic string, partition int32, offset int64, metadata string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, _ := ledger.Decode(metadata) // "" is the present topic
	at := t.incarnation(topic, partition, m.TopicID)
	of := place{topic: topic, partition: partition}
	if at.incarnation < t.current[topic] {
		if t.latest[of] > at.incarnation && !t.late {
			t.fault("a commit of the deleted %v replaced one of the present topic", at)
		}
		return // the deleted topic's commits went with it, and its members may not know
	}
	t.latest[of] = at.incarnation
	before, ok := t.committed[at]
	if !ok {
		t.begins(at, offset)
	}
	if ok && offset < before && !t.late {
		t.fault("committed offset of %v went back from %d to %d", at, before, offset)
	}
	if !ok || offset > before {
		t.passed[at] = append(t.passed[at], passing{time.Now(), offset})
	}
	t.committed[at] = offset
}
