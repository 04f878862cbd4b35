package session

import (
	"context"
	"fmt"
	"time"

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
		s.describe(st, now, detail)
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

// describe fills in what the loop knows.
func (s *Session) describe(st *report.Status, now time.Time, detail bool) {
	if s.Mode == assignment.Draining {
		st.State, st.Group.State = report.Draining, "draining"
	}
	if text := s.commits.Failure(); text != "" {
		st.KafkaError = &text
	} else if len(s.unclear) > 0 {
		text := fmt.Sprintf("the brokers do not describe the topics %v to this user, who needs DESCRIBE and READ on them; the other topics are read", s.unclear)
		st.KafkaError = &text
	}
	switch {
	case s.Pacer.Shut(pace.Credentials):
		text := "the import API refuses the credentials: " + imports.CredentialsRemedy
		st.APIError = &text
	case s.Pacer.Shut(pace.Place):
		text := "the import API does not know the call: " + imports.PlaceRemedy
		st.APIError = &text
	}
	st.Buffer.Bytes += s.Pool.InUse() + s.Budget.Held(budget.Letters) + s.Budget.Held(budget.Marks)
	full := ""
	if s.memoryFull(now) {
		full = s.Fullest()
	}
	for _, p := range assignment.Sorted(s.Partitions) {
		out := p.Status(now)
		if pin := out.PinnedBy; pin != nil && pin.Kind == ledger.DeadLetter.String() {
			pin.Reason = s.LettersStuck()
		}
		s.standstill(&out, p, full, now)
		if out.State == "held" || out.Corrupt {
			st.Gauges.PartitionsHeld++
		}
		st.Partitions = append(st.Partitions, out)
	}
	st.Gauges.OpenBatches, st.Gauges.Flying = s.Batches.Len(), s.Pacer.InFlight()
	s.countNamespaces(&st.Gauges)
	s.listNamespaces(st, now, detail)
}
