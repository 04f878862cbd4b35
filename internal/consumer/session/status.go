package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/report"
)

// Describe asks the loop to fill in what it knows. It reports whether the session was
// still there to do so, and fails when the loop does not answer before ctx ends.
func (s *Session) Describe(ctx context.Context, st *report.Status, detail bool) (answered bool, err error) {
	done := make(chan struct{})
	ask := func(now time.Time) {
		s.view.describe(st, now, detail)
		close(done)
	}
	select {
	case s.queries <- ask:
		<-done
		return true, nil
	case <-s.gone:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// view describes what the owners of the session hold, for /status and the metrics. It
// changes nothing.
type view struct {
	*assignment.Generation
	assignment  *assignment.Assignment
	commits     *assignment.Committer
	lines       *imports.Lines
	deadLetters *imports.DeadLetters
	memory      *memory
}

// describe fills in what the loop knows.
func (v *view) describe(st *report.Status, now time.Time, detail bool) {
	if v.Mode == assignment.Draining {
		st.State, st.Group.State = report.Draining, "draining"
	}
	if text := v.commits.Schedule.Failure(); text != "" {
		st.KafkaError = &text
	} else if len(v.Member.Unclear) > 0 {
		text := fmt.Sprintf("the brokers do not describe the topics %v to this user, who needs DESCRIBE and READ on them; the other topics are read", v.Member.Unclear)
		st.KafkaError = &text
	}
	switch {
	case v.Pacer.Shut(pace.Credentials):
		text := "the import API refuses the credentials: " + imports.CredentialsRemedy
		st.APIError = &text
	case v.Pacer.Shut(pace.Place):
		text := "the import API does not know the call: " + imports.PlaceRemedy
		st.APIError = &text
	}
	st.Buffer.Bytes += v.Pool.InUse() + v.Budget.Held(budget.Letters) + v.Budget.Held(budget.Marks)
	full := v.memory.whyFull(now)
	for _, p := range assignment.Sorted(v.assignment.Partitions) {
		out := p.Status(now)
		if pin := out.PinnedBy; pin != nil && pin.Kind == ledger.DeadLetter.String() {
			pin.Reason = v.deadLetters.Stuck()
		}
		v.standstill(&out, p, full, now)
		if out.State == "held" || out.Corrupt {
			st.Gauges.PartitionsHeld++
		}
		st.Partitions = append(st.Partitions, out)
	}
	st.Gauges.OpenBatches, st.Gauges.Flying = v.lines.Batches.Len(), v.Pacer.InFlight()
	v.listNamespaces(st, now, detail)
}

// listNamespaces lists the namespaces, worst first, at most
// MaxStatusNamespaces: held, retrying, uploading, and then what is open, oldest
// first where not all of it has room.
func (v *view) listNamespaces(st *report.Status, now time.Time, detail bool) {
	picked, total := v.pickNamespaces(&st.Gauges, detail)
	list := make([]report.NamespaceStatus, 0, len(picked))
	listed := make(map[string]bool, len(picked))
	for _, n := range picked {
		list = append(list, v.namespaceStatus(n.Name, n, now))
		listed[n.Name] = true
	}
	if detail {
		v.lines.Batches.All(func(b *batcher.Batch) bool {
			if !listed[b.Namespace] {
				list = append(list, v.namespaceStatus(b.Namespace, nil, now))
			}
			return len(list) < report.MaxStatusNamespaces
		})
		st.NamespacesOmitted = total - len(list)
	}
	report.SortNamespaces(list)
	st.Namespaces = list
}

// pickNamespaces sums up all namespaces, and returns those in trouble or with an
// import, the worst where there are too many, and the total number of these and of the
// open ones.
func (v *view) pickNamespaces(g *report.Gauges, detail bool) (picked []*imports.Namespace, total int) {
	var byState [3][]*imports.Namespace // held, retrying, the rest
	settling := v.settling()
	g.Oldest, _ = v.lines.Batches.Oldest()
	for n := range v.lines.Namespaces() {
		for _, u := range n.Uploads {
			if u.Call == imports.Attempting || u.Call == imports.Asking {
				g.Waiting--
			}
		}
		for b := range n.Sealed() {
			g.Waiting++
			if g.Oldest.IsZero() || b.Opened.Before(g.Oldest) {
				g.Oldest = b.Opened
			}
		}
		switch {
		case !settling && !v.here(n):
		case n.IsHeld():
			byState[0] = append(byState[0], n)
		case detail && n.Troubled():
			byState[1] = append(byState[1], n)
		case detail && n.Busy():
			byState[2] = append(byState[2], n)
		}
	}
	g.NamespacesHeld = len(byState[0])
	all := slices.Concat(byState[:]...)
	total = v.lines.Batches.Len() + len(all)
	for _, n := range all {
		if _, ok := v.lines.Batches.Open(n.Name); ok {
			total--
		}
	}
	return all[:min(len(all), report.MaxStatusNamespaces)], total
}

// here reports whether this member has lines of the namespace, in memory or not. One
// without is left over from partitions that another member has now, which shows it.
func (v *view) here(n *imports.Namespace) bool {
	_, open := v.lines.Batches.Open(n.Name)
	return open || n.InFlight() > 0 || !n.Idle()
}

// settling says whether lines that an earlier generation has left unfinished may
// still have to be read.
func (v *view) settling() bool {
	for _, p := range v.assignment.Partitions {
		if p.State() != assignment.Lost && !p.IsHeld() && (!p.IsOpen() || p.Ledger.Inheriting()) {
			return true
		}
	}
	return false
}

// namespaceStatus describes one namespace; n is nil if it has nothing but an
// open batch.
func (v *view) namespaceStatus(name string, n *imports.Namespace, now time.Time) report.NamespaceStatus {
	out := report.NamespaceStatus{Name: name, State: "open", LastRequestID: v.Requests.Last(name)}
	add := func(b *batcher.Batch) {
		out.BufferedBytes += b.Bytes
		out.BufferedRecords += b.Records
		if at := time.UnixMilli(b.OldestTimestamp); out.OldestRecordAt == nil || at.Before(*out.OldestRecordAt) {
			out.OldestRecordAt = &at
		}
	}
	if b, ok := v.lines.Batches.Open(name); ok {
		add(b)
	}
	if n == nil {
		return out
	}
	for b := range n.Sealed() {
		add(b)
	}
	out.InFlight = n.InFlight()
	switch {
	case n.IsHeld():
		out.State = "held"
	case n.Troubled():
		out.State = "retrying"
	case n.Busy():
		out.State = "uploading"
	}
	if n.Troubled() {
		since := n.Since()
		out.Since, out.HoldReason = &since, n.HoldReason()
		if text := n.LastError(); text != "" {
			out.LastError = &text
		}
		if at := n.WakeAt(); at.After(now) {
			out.NextAttemptAt = &at
		}
	}
	return out
}
