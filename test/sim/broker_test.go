package sim

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seeCommit checks each commit as it reaches the broker, and what the ones
// before have come to.
func (w *world) seeCommit(req kmsg.Request) (kmsg.Response, error, bool) {
	w.sample()
	r := req.(*kmsg.OffsetCommitRequest)
	if w.operator.Load() {
		return nil, nil, false
	}
	who := w.processOf(r.MemberID)
	w.truth.heard(who, r.MemberID, r.Generation, w.commitsRefused.Load() == 0 && w.fenced(r))
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			metadata := ""
			if p.Metadata != nil {
				metadata = *p.Metadata
			}
			w.truth.commit(who, t.Topic, p.Partition, p.Offset, metadata)
		}
	}
	if w.commitMoment(who) {
		w.cluster.KeepControl()
		return nil, errLost, true
	}
	return nil, nil, false
}

// processOf is the process that a member id was given to: its client id, as the
// group shows it as long as the member is in it.
func (w *world) processOf(memberID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owners[memberID] == "" {
		if info := w.cluster.GroupInfo(group); info != nil {
			for _, m := range info.Members {
				w.owners[m.MemberID] = m.ClientID
			}
		}
	}
	return w.owners[memberID]
}

// silence lets a broker answer no fetch until then.
func (w *world) silence(node int32, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until.After(w.silent[node]) {
		w.silent[node] = until
	}
}

// seeFetch lets a fetch wait while its broker is silent. It is the only control
// that sleeps: a request that sleeps in two of them is a data race in kfake.
func (w *world) seeFetch(kmsg.Request) (kmsg.Response, error, bool) {
	node := w.cluster.CurrentNode()
	if rest := w.silentFor(node); rest > 0 {
		w.cluster.SleepControl(func() {
			for ; rest > 0; rest = w.silentFor(node) {
				time.Sleep(rest)
			}
		})
	}
	return nil, nil, false
}

func (w *world) silentFor(node int32) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Until(w.silent[node])
}

// seeHeartbeat notes each heartbeat that reaches the group's coordinator.
func (w *world) seeHeartbeat(req kmsg.Request) (kmsg.Response, error, bool) {
	r := req.(*kmsg.HeartbeatRequest)
	info := w.cluster.GroupInfo(group)
	if w.cluster.CurrentNode() == w.cluster.CoordinatorFor(group) && info != nil && info.Epoch == r.Generation {
		w.truth.beat(w.processOf(r.MemberID))
	}
	return nil, nil, false
}

// fenced says whether who commits is no member any more, and is told so.
func (w *world) fenced(r *kmsg.OffsetCommitRequest) bool {
	if w.cluster.CurrentNode() != w.cluster.CoordinatorFor(group) {
		return false
	}
	info := w.cluster.GroupInfo(group)
	return info == nil || !slices.ContainsFunc(info.Members, func(m kfake.GroupMember) bool { return m.MemberID == r.MemberID })
}

// sample tells the truth what is committed now.
func (w *world) sample() map[string]map[int32]kfake.GroupCommit {
	w.sampling.Lock()
	defer w.sampling.Unlock()
	info := w.cluster.GroupInfo(group)
	if info == nil {
		return nil
	}
	for topic, parts := range info.Commits {
		for p, c := range parts {
			w.truth.sample(topic, p, c.Offset, c.Metadata)
		}
	}
	return info.Commits
}
