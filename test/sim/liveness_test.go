package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	shared "kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/sandbox"
)

// livelyWithin bounds how long after the passing faults a record may wait that
// no lasting trouble touches. It is some hold intervals: while nothing has been
// stored yet, what follows a namespace in trouble is read a buffer at a time.
const livelyWithin = 15 * time.Minute

// lastingRest is the Retry-After of a namespace in lasting trouble: longer than
// others are waited for.
const lastingRest = livelyWithin + 5*time.Minute

// floodBuffer is the buffer of a process whose first namespace has more than that.
const floodBuffer = 1 << 20

// lastingTrouble lets some namespaces fail from a moment on until everything
// else is judged, each in a way of its own. They share partitions, batches and
// memory with the others.
func (s *schedule) lastingTrouble(rnd *rand.Rand) {
	names := []string{"n0", "n1", "n2", "n3"}
	rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	doubtful, throttled := false, 0
	for _, name := range names[:1+rnd.IntN(3)] {
		f := sandbox.Fault{Namespace: name, Operation: pick(rnd, sandbox.OperationCreate, sandbox.OperationUpload)}
		switch rnd.IntN(6) {
		case 0:
			f.Status = pick(rnd, 500, 503)
		case 1:
			// Of three namespaces at once it would be the API that asks for quiet.
			f.Status, f.RetryAfter = 429, lastingRest
			if throttled++; throttled > 2 {
				f.Status, f.RetryAfter = 503, 0
			}
		case 2:
			f.Status = pick(rnd, 400, 422)
		case 3:
			// Of several namespaces in a row the answer would be about the API.
			f.Operation, f.Status = sandbox.OperationCreate, pick(rnd, 403, 404)
			if doubtful {
				f.Status = 503
			}
			doubtful = true
		case 4:
			f.Reset = pick(rnd, sandbox.ResetBefore, sandbox.ResetMid)
		case 5:
			if s.graceful {
				f.Status = 502
			} else { // the body is taken, and there is no answer
				f.Operation, f.Reset = sandbox.OperationUpload, sandbox.ResetAfter
			}
		}
		text, _ := f.MarshalJSON()
		s.add(pick(rnd, 0, 0, time.Duration(rnd.Int64N(int64(s.length)))), fmt.Sprintf("lasting API fault: %s", text), func(w *world) {
			w.lasting = append(w.lasting, f.Namespace)
			w.touch(time.Until(forever), 0, ofNamespace(f.Namespace), "lasting trouble")
			w.mu.Lock()
			w.untold = w.untold || f.RetryAfter > 0
			w.mu.Unlock()
			w.imposeLasting(f)
		})
		if rnd.IntN(2) == 0 { // more of it than memory holds, before the others
			s.settings.buffer, s.settings.batchBytes = floodBuffer, 16<<10
			s.settings.probe = 5 * time.Second
			partition, many := rnd.Int32N(s.partitions), 600+rnd.IntN(600)
			s.add(pick(rnd, time.Millisecond, time.Duration(rnd.Int64N(int64(s.length)))), fmt.Sprintf("%d records of %s to t0/%d", many, name, partition), func(w *world) {
				if w.settings.Load().buffer != floodBuffer {
					return // transactions need another one: see transact
				}
				w.truth.mark(func() { w.truth.flooded += int64(many) * (1500 + shared.LineOverhead) })
				w.emit("t0", partition, 1500, slices.Repeat([]string{name}, many)...)
			})
		}
	}
}

// imposeLasting makes an API fault active that endPassing leaves.
func (w *world) imposeLasting(f sandbox.Fault) {
	w.impose(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastingFaults = append(w.lastingFaults, w.fault)
}

// endPassing ends the API's faults but for the lasting ones.
func (w *world) endPassing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ambushes = nil
	w.api.ClearFaults()
	w.api.SetKeys("")
	for n := range w.fault + 1 {
		f, ok := w.faults[n]
		if !ok {
			continue
		}
		if slices.Contains(w.lastingFaults, n) {
			w.api.Inject(f)
		} else {
			delete(w.faults, n)
		}
	}
}

// checkLiveness wants everything to be stored that no lasting trouble touches.
func (w *world) checkLiveness() {
	if len(w.lasting) == 0 {
		return
	}
	owed, stuck := "", newStuck()
	for end := time.Now().Add(livelyWithin); time.Now().Before(end); time.Sleep(2 * time.Second) {
		w.watch()
		if owed = w.owedToHealthy(); owed == "" {
			return
		}
		if stuck.look(w) {
			end = time.Now().Add(livelyWithin)
		}
	}
	w.truth.blame("%s after only %v are in trouble it is not stored: %s; the group: %s%s", livelyWithin, w.lasting, owed, w.membersNow(), w.told())
}

// owedToHealthy names a line of a namespace without trouble that is not stored,
// "" for none.
func (w *world) owedToHealthy() string {
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	for at, log := range w.truth.logs {
		if at.incarnation != w.truth.current[at.topic] {
			continue
		}
		for _, r := range log {
			if r.open { // and what lies behind an open transaction is not to be read
				break
			}
			if !r.removed && !slices.ContainsFunc(w.truth.used, func(s *settings) bool { return w.healthyDone(r, s) }) {
				return r.String()
			}
		}
	}
	return ""
}

// healthyDone says whether these settings owe nothing of the record but to
// namespaces in lasting trouble. Earlier settings may have finished it.
func (w *world) healthyDone(r *produced, s *settings) bool {
	names, _, ok := s.fate(r)
	return !ok || r.refused || !slices.ContainsFunc(names, func(name string) bool {
		return !slices.Contains(w.lasting, name) && !r.lineDone(name)
	})
}

// told is what the processes tell of what they wait for.
func (w *world) told() (text string) {
	for i := range maxSlots {
		p := w.slot(i)
		if p == nil {
			continue
		}
		st := p.status()
		if st == nil {
			text += fmt.Sprintf("\n    %s does not answer", p.name)
			continue
		}
		text += fmt.Sprintf("\n    %s is %s with %d of %d bytes", p.name, st.State, st.Buffer.Bytes, st.Buffer.LimitBytes)
		for _, part := range st.Partitions {
			text += fmt.Sprintf("\n      %s/%d %s at %d of %d", part.Topic, part.Partition, part.State, part.NextOffset, part.HighWatermark)
			if part.Error != nil {
				text += ": " + *part.Error
			}
		}
		for _, n := range st.Namespaces {
			text += fmt.Sprintf("\n      %s %s %d bytes, next %v", n.Name, n.State, n.BufferedBytes, n.NextAttemptAt)
		}
	}
	return text
}

// longestRest is how long a namespace may rest after its trouble has ended.
func (w *world) longestRest() time.Duration {
	if len(w.lasting) > 0 {
		return lastingRest
	}
	return 0
}
