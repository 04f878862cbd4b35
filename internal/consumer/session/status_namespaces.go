package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/report"
)

// countNamespaces sums up all namespaces without listing them.
func (s *Session) countNamespaces(g *report.Gauges) {
	g.Oldest, _ = s.Batches.Oldest()
	settling := s.settling()
	for n := range s.Namespaces() {
		if n.IsHeld() && (settling || s.here(n)) {
			g.NamespacesHeld++
		}
		for _, u := range n.Uploads {
			if u.Call == imports.NoCall || u.Call == imports.Preparing {
				g.Waiting++
			}
			if g.Oldest.IsZero() || u.Batch.Opened.Before(g.Oldest) {
				g.Oldest = u.Batch.Opened
			}
		}
	}
}

// listNamespaces lists the namespaces, worst first, at most
// MaxStatusNamespaces: held, retrying, uploading, and then what is open, oldest
// first where not all of it has room.
func (s *Session) listNamespaces(st *report.Status, now time.Time, detail bool) {
	picked, total := s.pickNamespaces(detail)
	list := make([]report.NamespaceStatus, 0, len(picked))
	listed := make(map[string]bool, len(picked))
	for _, n := range picked {
		list = append(list, s.namespaceStatus(n.Name, n, now))
		listed[n.Name] = true
	}
	if detail {
		s.Batches.All(func(b *batcher.Batch) bool {
			if !listed[b.Namespace] {
				list = append(list, s.namespaceStatus(b.Namespace, nil, now))
			}
			return len(list) < report.MaxStatusNamespaces
		})
		st.NamespacesOmitted = total - len(list)
	}
	report.SortNamespaces(list)
	st.Namespaces = list
}

// pickNamespaces returns those in trouble or with an import, the worst where
// there are too many, and the total number of these and of the open ones.
func (s *Session) pickNamespaces(detail bool) (picked []*imports.Namespace, total int) {
	var byState [3][]*imports.Namespace // held, retrying, the rest
	settling := s.settling()
	for n := range s.Namespaces() {
		switch {
		case !settling && !s.here(n):
		case n.IsHeld():
			byState[0] = append(byState[0], n)
		case detail && n.Troubled():
			byState[1] = append(byState[1], n)
		case detail && (n.InFlight() > 0 || len(n.Uploads) > 0):
			byState[2] = append(byState[2], n)
		}
	}
	all := slices.Concat(byState[:]...)
	total = s.Batches.Len() + len(all)
	for _, n := range all {
		if _, ok := s.Batches.Open(n.Name); ok {
			total--
		}
	}
	return all[:min(len(all), report.MaxStatusNamespaces)], total
}

// here says whether this member has lines of the namespace, in memory or not. One
// without is left over from partitions that another member has now, which tells
// of it.
func (s *Session) here(n *imports.Namespace) bool {
	_, open := s.Batches.Open(n.Name)
	return open || n.InFlight() > 0 || !n.Idle()
}

// settling says whether lines that an earlier generation has left unfinished may
// still have to be read.
func (s *Session) settling() bool {
	for _, p := range s.Partitions {
		if p.State() != assignment.Lost && !p.IsHeld() && (!p.IsOpen() || p.Ledger.Inheriting()) {
			return true
		}
	}
	return false
}

// namespaceStatus describes one namespace; n is nil if it has nothing but an
// open batch.
func (s *Session) namespaceStatus(name string, n *imports.Namespace, now time.Time) report.NamespaceStatus {
	out := report.NamespaceStatus{Name: name, State: "open", LastRequestID: s.Requests.Last(name)}
	add := func(b *batcher.Batch) {
		out.BufferedBytes += b.Bytes
		out.BufferedRecords += b.Records
		if at := time.UnixMilli(b.OldestTimestamp); out.OldestRecordAt == nil || at.Before(*out.OldestRecordAt) {
			out.OldestRecordAt = &at
		}
	}
	if b, ok := s.Batches.Open(name); ok {
		add(b)
	}
	if n != nil {
		for _, u := range n.Uploads {
			add(u.Batch)
		}
		n.Describe(&out, now)
	}
	return out
}
