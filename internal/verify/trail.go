package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// What can become of a delivery.
const (
	Imported     = "imported"      // a receipt holds it
	DeadLettered = "dead_lettered" // the dead-letter topic has it
	LeftOut      = "left_out"      // by a policy
	Held         = "held"          // by a policy, until somebody decides
	Waiting      = "waiting"       // the committed offset has not passed it
	Committed    = "committed"     // the committed offset has passed it, and nobody writes receipts
	Missing      = "missing"       // the committed offset has passed it, and nothing accounts for it
)

// A Trail is the history of one record.
type Trail struct {
	kafka.Place
	// WrittenAt is the record's timestamp; nil where it has none that makes sense, or
	// is not in the log.
	WrittenAt *time.Time `json:"written_at"`
	// There reports whether the log holds the record.
	There bool `json:"there"`
	// Committed is the group's offset in the partition, -1 if it has none.
	Committed int64 `json:"committed_offset"`
	// Reason says why the record becomes no line, and Detail says it in a sentence.
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Deliveries are what the record owes by the present settings: a line for each of
	// its namespaces, or itself if it becomes none. Of a record that is not in the log
	// they are what may have held it.
	Deliveries []*Delivery `json:"deliveries"`
	// Notes say what limits the meaning of this.
	Notes []string `json:"notes"`
}

// A Delivery is a record's line for one namespace, or a record that becomes no line.
type Delivery struct {
	Namespace string    `json:"namespace"` // "" for a record that becomes no line
	State     string    `json:"state"`     // what became of it, one of the constants above
	Imports   []*Import `json:"imports,omitempty"`
	Letters   []Letter  `json:"dead_letters,omitempty"`
}

// An Import is an import that holds a record, as its receipt describes it.
type Import struct {
	RequestID  string     `json:"request_id"` // the import API's name for it, "" if it gave none
	StoredAt   time.Time  `json:"stored_at"`
	First      int64      `json:"first"`                 // offsets of the partition
	Last       int64      `json:"last"`                  //
	Records    int        `json:"records"`               // lines between them
	Status     string     `json:"status"`                // "" if its end was not seen
	FinishedAt *time.Time `json:"finished_at,omitempty"` // nil until the end was seen
}

// A Letter is a dead letter of a record, with its place in the dead-letter topic.
type Letter struct {
	Partition int32  `json:"partition"` // of the dead-letter topic
	Offset    int64  `json:"offset"`    // in that partition
	Reason    string `json:"reason"`    // why the record is no line, one word
	Error     string `json:"error"`     // the same in a sentence
}

// Settled reports whether everything that the record owes has come to an end that
// the bridge is responsible for.
func (t *Trail) Settled() bool {
	for _, d := range t.Deliveries {
		if d.State == Held || d.State == Waiting || d.State == Missing {
			return false
		}
	}
	return len(t.Deliveries) > 0
}

// search is where trace looks for a record.
type search struct {
	kafka.Place
	TopicID   string
	Begin     int64 // where the partition's log begins
	End       int64 // where it ends
	Committed int64 // the group's offset, -1 if it has none
	// Evidence returns the partitions of receipts and dead letters since a time, the
	// zero time for all; receipts are nil where nobody writes them.
	Evidence func(ctx context.Context, since time.Time) (receipts, letters []scan.Range, err error)
}

// trace finds out what became of one record.
func trace(ctx context.Context, in search, src source, by judge) (*Trail, error) {
	s := &tracing{search: in, source: src, trail: &Trail{Place: in.Place, Committed: in.Committed, Notes: []string{}}}
	if err := s.read(ctx, by); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	since := time.Time{}
	if at := s.trail.WrittenAt; at != nil && at.Before(time.Now()) {
		since = *at
	}
	err := s.collect(ctx, since)
	if err == nil && !since.IsZero() && s.empty() && in.Offset < in.Committed {
		err = s.collect(ctx, time.Time{}) // clocks that differ by much
	}
	if err != nil {
		return nil, err
	}
	s.conclude()
	return s.trail, nil
}

// tracing is one trace under way.
type tracing struct {
	search
	source source
	trail  *Trail
	policy record.Policy // of a record that becomes no line

	receipted bool                        // receipts are written
	order     []string                    // keys of receipts in the order in which they were found
	receipts  map[string]*receipt.Receipt // by key; the last one of each, and one with the end before one without
	letters   []foundLetter
}

type foundLetter struct {
	namespace string
	Letter
}

// read looks at the record itself.
func (s *tracing) read(ctx context.Context, by judge) error {
	switch {
	case s.Offset < s.Begin:
		s.note("the log begins at offset %d: the record was deleted by the topic's retention", s.Begin)
		return nil
	case s.Offset >= s.End:
		s.note("the log ends at offset %d: the record is not written yet", s.End)
		return nil
	}
	r := scan.Range{TopicPartition: s.TopicPartition, TopicID: s.TopicID, From: s.Offset, To: s.Offset + 1}
	err := s.source.Read(ctx, &r, func(rec *wire.Record) error {
		s.trail.There = true
		if at := time.UnixMilli(rec.Timestamp).UTC(); rec.Timestamp > 0 {
			s.trail.WrittenAt = &at
		}
		fate, err := by.Fate(ctx, r.TopicPartition, rec)
		if err != nil {
			return err
		}
		s.trail.Reason, s.trail.Detail, s.policy = fate.Reason, fate.Detail, fate.Policy
		for _, namespace := range fate.Namespaces {
			s.trail.Deliveries = append(s.trail.Deliveries, &Delivery{Namespace: strings.Clone(namespace)})
		}
		if fate.Reason != "" {
			s.trail.Deliveries = []*Delivery{{}}
		}
		return nil
	}, func(u scan.Unread) error {
		s.note("the Kafka batch of offsets %d to %d cannot be read: %v", u.First, u.Last, u.Err)
		return nil
	})
	if err == nil && !s.trail.There && len(s.trail.Notes) == 0 {
		s.note("the log holds no record at this offset: it was compacted away or aborted, or it is one of Kafka's own")
	}
	return err
}

// collect finds the receipts and dead letters that may be the record's.
func (s *tracing) collect(ctx context.Context, since time.Time) error {
	receipts, letters, err := s.Evidence(ctx, since)
	if err != nil {
		return err
	}
	s.receipted, s.order, s.receipts, s.letters = receipts != nil, nil, map[string]*receipt.Receipt{}, nil
	passed := func(scan.Unread) error { return nil }
	for i := range receipts {
		if err := s.source.Read(ctx, &receipts[i], s.receipt, passed); err != nil {
			return fmt.Errorf("read receipts: %w", err)
		}
	}
	for i := range letters {
		partition := letters[i].Partition
		if err := s.source.Read(ctx, &letters[i], func(rec *wire.Record) error { return s.letter(partition, rec) }, passed); err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
	}
	return nil
}

func (s *tracing) receipt(rec *wire.Record) error {
	r, err := receipt.Decode(rec.Value)
	if err != nil || s.pieceOf(r) == nil {
		return nil //nolint:nilerr // what is no receipt is none of this record
	}
	key := string(r.Key())
	switch known := s.receipts[key]; {
	case known == nil:
		s.order = append(s.order, key)
	case known.Status != "" && r.Status == "":
		return nil // an earlier one: receipts of one key may stand in several partitions
	}
	s.receipts[key] = r
	return nil
}

// pieceOf returns the part of a receipt whose range the record lies in, nil if none.
func (s *tracing) pieceOf(r *receipt.Receipt) *receipt.Piece {
	for i := range r.Pieces {
		p := &r.Pieces[i]
		if p.OfTopic(s.Topic, s.TopicID) && p.Partition == s.Partition && p.First <= s.Offset && s.Offset <= p.Last {
			return p
		}
	}
	return nil
}

func (s *tracing) letter(partition int32, rec *wire.Record) error {
	source, namespace, ok := parseLetter(rec)
	if !ok || source != s.Place {
		return nil
	}
	reason, _ := rec.Header("bridge.reason")
	cause, _ := rec.Header("bridge.error")
	s.letters = append(s.letters, foundLetter{namespace, Letter{partition, rec.Offset, string(reason), string(cause)}})
	return nil
}

// empty reports whether nothing was found of a delivery.
func (s *tracing) empty() bool { return len(s.order)+len(s.letters) == 0 }

func (s *tracing) note(format string, args ...any) {
	s.trail.Notes = append(s.trail.Notes, fmt.Sprintf(format, args...))
}
