package consumer

import (
	"cmp"
	"context"

	"kafka-import-bridge/internal/consumer/report"
)

// Status asks the owner of the state for a copy. It fails when the loop does
// not answer before ctx ends.
func (c *Consumer) Status(ctx context.Context) (*report.Status, error) { return c.Snapshot(ctx, true) }

// Snapshot implements report.Source. Without detail it lists the held namespaces
// only, which is all that a scrape needs of what may be very many.
func (c *Consumer) Snapshot(ctx context.Context, detail bool) (*report.Status, error) {
	st := c.base()
	s := c.state.current()
	if s == nil {
		return st, nil
	}
	answered, err := s.Describe(ctx, st, detail)
	switch {
	case err != nil:
		return nil, err
	case !answered: // it has ended meanwhile
		return c.base(), nil
	}
	return st, nil
}

// base returns the part of the status that is known without the loop.
func (c *Consumer) base() *report.Status {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	st := &report.Status{StartedAt: c.state.started, State: c.state.name, Partitions: []report.PartitionStatus{}, Namespaces: []report.NamespaceStatus{}}
	if st.State == "" {
		st.State = report.Waiting
	}
	if text := cmp.Or(c.state.kafkaError, c.state.unheard); text != "" {
		st.KafkaError = &text
	}
	if c.process.Config.Schemas != nil {
		if trouble := c.process.Config.Schemas.Trouble(); trouble != nil {
			text := trouble.Error()
			st.RegistryError = &text
		}
	}
	st.Group = report.GroupStatus{ID: c.process.Config.Group, MemberID: c.state.memberID, Generation: c.state.generation, State: groupState(c.state.name)}
	st.Buffer = report.BufferStatus{Bytes: c.process.Lent(), LimitBytes: c.process.Config.BufferMaxBytes}
	st.Totals = c.process.Metrics.Totals()
	st.Gauges.UploadLimit = c.process.Config.UploadConcurrency
	return st
}

func groupState(name string) string {
	switch name {
	case report.Running:
		return "stable"
	case report.Draining:
		return "draining"
	case report.Joining:
		return "joining"
	}
	return "none"
}
