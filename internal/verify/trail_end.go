package verify

import (
	"slices"

	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
)

// conclude says of each delivery what became of it.
func (s *tracing) conclude() {
	if !s.trail.There {
		s.suspects()
	}
	for _, d := range s.trail.Deliveries {
		for _, key := range s.order {
			if r := s.receipts[key]; d.Namespace != "" && r.Namespace == d.Namespace {
				d.Imports = append(d.Imports, s.importOf(r))
			}
		}
		for _, l := range s.letters {
			if d.Namespace == "" || l.namespace == "" || l.namespace == d.Namespace {
				d.Letters = append(d.Letters, l.Letter)
			}
		}
		d.State = s.stateOf(d)
		if len(d.Imports) > 1 {
			s.note("%d imports of %s have the record between their offsets: it was stored again, as after a crash, or some of them hold its neighbours only", len(d.Imports), d.Namespace)
		}
	}
	if !s.receipted {
		s.note("no receipts are written: set BRIDGE_RECEIPTS_TOPIC, so that they name the import of each record; the log line \"imported\" with offsets around this one does")
	}
}

// suspects makes a delivery of each namespace whose receipts or dead letters may be
// those of a record that is not in the log.
func (s *tracing) suspects() {
	add := func(namespace string) {
		if !slices.ContainsFunc(s.trail.Deliveries, func(d *Delivery) bool { return d.Namespace == namespace }) {
			s.trail.Deliveries = append(s.trail.Deliveries, &Delivery{Namespace: namespace})
		}
	}
	for _, key := range s.order {
		add(s.receipts[key].Namespace)
	}
	for _, l := range s.letters {
		add(l.namespace)
	}
	if len(s.order) > 0 {
		s.note("which namespaces the record had nobody can say any more: these imports have it between their offsets, beside records of other namespaces")
	}
}

// stateOf returns the state of a delivery once all of its receipts and letters are
// known.
func (s *tracing) stateOf(d *Delivery) string {
	ahead := s.Offset >= s.Committed
	rejected := d.Namespace == "" && s.trail.Reason != ""
	switch {
	case len(d.Imports) > 0:
		return Imported
	case len(d.Letters) > 0:
		return DeadLettered
	case rejected && s.policy == record.Hold && ahead:
		return Held
	case ahead:
		return Waiting
	case rejected && s.policy != record.DeadLetter:
		return LeftOut
	case !s.receipted && !rejected:
		return Committed
	}
	return Missing
}

// importOf returns the part of a receipt that concerns the record.
func (s *tracing) importOf(r *receipt.Receipt) *Import {
	p := s.pieceOf(r)
	i := &Import{RequestID: r.RequestID, StoredAt: r.StoredAt, First: p.First, Last: p.Last, Records: p.Records, Status: r.Status}
	if !r.FinishedAt.IsZero() {
		at := r.FinishedAt
		i.FinishedAt = &at
	}
	return i
}
