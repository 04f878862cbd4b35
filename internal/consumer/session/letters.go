package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// letter is one dead letter: the original record, and why it is one.
type letter struct {
	fetch.Original // without the headers that outgoing adds

	reason, err          string
	namespace, requestID string

	partition *partition
	history   *ledger.Partition // of the partition, when it was read
	node      *ledger.Node      // its own, or nil
	upload    *upload           // the refused batch it belongs to, or nil
	outcome   error             // of the last try
}

// isLetter reports whether the record is a dead letter of a bridge. It is never
// dead-lettered again: bridges that read each other's dead-letter topics would
// send it back and forth for ever.
func (l *letter) isLetter() bool {
	named := func(name string) bool {
		return slices.ContainsFunc(l.Headers, func(h kafka.Header) bool { return h.Name == name })
	}
	return named(headerReason) && named(headerSource)
}

// The headers that make a record a dead letter.
const (
	headerReason = "bridge.reason"
	headerSource = "bridge.source.topic"
)

// letterOf makes a letter of a record that was kept, else nil.
func letterOf(r *fetch.Rejected) *letter {
	if r.Original == nil {
		return nil
	}
	return &letter{Original: *r.Original}
}

func (l *letter) describe(reason, err string) { l.reason, l.err = reason, err }

// takenBack says that the record is of a log that has been taken back since.
func (l *letter) takenBack() bool { return l.history != l.partition.ledger }

// outgoing is the letter's headers: the original ones, then ours.
func (l *letter) outgoing() []kafka.Header {
	out := append(slices.Clone(l.Headers),
		kafka.Header{Name: headerReason, Value: []byte(l.reason)},
		kafka.Header{Name: "bridge.error", Value: []byte(l.err)},
		kafka.Header{Name: headerSource, Value: []byte(l.Source.Topic)},
		kafka.Header{Name: "bridge.source.partition", Value: strconv.AppendInt(nil, int64(l.Source.Partition), 10)},
		kafka.Header{Name: "bridge.source.offset", Value: strconv.AppendInt(nil, l.Offset, 10)},
		kafka.Header{Name: "bridge.source.timestamp", Value: fetch.FormatTimestamp(l.Timestamp)})
	if l.namespace != "" {
		out = append(out, kafka.Header{Name: "bridge.namespace", Value: []byte(l.namespace)})
	}
	if l.requestID != "" {
		out = append(out, kafka.Header{Name: "bridge.request_id", Value: []byte(l.requestID)})
	}
	return out
}

// letterWriter produces dead letters and waits until every replica in sync has
// them. The errors are in the order of the letters, nil for the acknowledged.
type letterWriter interface {
	Write(ctx context.Context, letters []*letter) []error
	// Close ends what Write has started. No Write may be under way.
	Close() error
}

// letterTopic writes dead letters to their topic.
type letterTopic struct{ producer *kafka.Producer }

// Write implements letterWriter.
func (t letterTopic) Write(ctx context.Context, letters []*letter) []error {
	records := make([]kafka.Record, len(letters))
	for i, l := range letters {
		records[i] = kafka.Record{Key: l.Key, Value: l.Value, Headers: l.outgoing()}
	}
	return t.producer.Write(ctx, records)
}

// Close implements letterWriter.
func (t letterTopic) Close() error { return t.producer.Close() }

// Bounds of the dead letters that are not acknowledged. Beyond them further
// records stay in Kafka: a dead-letter topic that is away must neither fill the
// memory nor stop other partitions. The budget bounds their bytes.
const (
	maxLetters      = 10000
	letterBatch     = 500
	letterBatchSize = 1 << 20
)

// letterState is what the loop knows of the dead letters under way.
type letterState struct {
	queue     []*letter
	inFlight  []*letter
	restUntil time.Time
	backoff   time.Duration
}

func (st *letterState) pending() int { return len(st.queue) + len(st.inFlight) }

// fewLetters reports whether fewer dead letters than half of the bounds are under way.
func (s *deadLetters) fewLetters() bool {
	return s.letter.pending() < maxLetters/2 && s.budget.Held(budget.Letters) < s.budget.Ceiling(budget.Letters)/2
}

// letterRoom reports whether the chunk's dead letters have room beside those
// under way. Where there are none, the batches make room for them.
func (s *deadLetters) letterRoom(c *fetch.Chunk) bool {
	count, bytes := c.Originals()
	if count == 0 || s.letter.pending() == 0 {
		return true
	}
	return s.letter.pending()+count <= maxLetters && s.budget.Fits(budget.Letters, bytes)
}

// lettersAwaited lets partitions be read again that have paused for dead letters.
func (s *deadLetters) lettersAwaited() {
	if s.letter.pending() == 0 || s.fewLetters() {
		s.resume(awaitsLetters)
	}
}

// deadLetter sends a record that became no line to the dead-letter topic. Its
// node pins the watermark until the letter is acknowledged.
func (s *deadLetters) deadLetter(p *partition, l *letter, now time.Time) {
	l.partition, l.history = p, p.ledger
	l.node = s.tracked(p.ledger.TrackSingle(ledger.DeadLetter, "", l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), now))
	s.post(l)
}

// post queues a letter. What it shares with the chunk that it came in is copied.
func (s *deadLetters) post(l *letter) {
	l.Own()
	s.letter.queue = append(s.letter.queue, l)
	s.budget.Charge(budget.Letters, l.Size())
}

// sendLetters starts the next write, one at a time so that order is kept.
func (s *deadLetters) sendLetters(now time.Time) {
	st := &s.letter
	if len(st.inFlight) > 0 || len(st.queue) == 0 || st.restUntil.After(now) || s.mode == fenced || s.member.Lease.Check() != nil {
		return
	}
	n, size := 0, int64(0)
	for n < len(st.queue) && n < letterBatch && (n == 0 || size+st.queue[n].Size() <= letterBatchSize) {
		size += st.queue[n].Size()
		n++
	}
	st.inFlight = slices.Clone(st.queue[:n])
	st.queue = slices.Delete(st.queue, 0, n)
	batch := st.inFlight
	ctx, writer, acks := s.ctx, s.letters, s.acks
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		for i, err := range writer.Write(ctx, batch) {
			batch[i].outcome = err
		}
		acks <- batch
	})
}

// lettersDone settles what the topic has and sends the rest again later.
func (s *deadLetters) lettersDone(batch []*letter) {
	now := time.Now()
	st := &s.letter
	st.inFlight = nil
	var again []*letter
	for _, l := range batch {
		switch {
		case l.outcome == nil:
			s.budget.Charge(budget.Letters, -l.Size())
			s.metrics.DeadLetters(l.Source.Topic, l.reason).Inc()
			s.letterDone(l)
		case kafka.IsRefused(l.outcome):
			s.budget.Charge(budget.Letters, -l.Size())
			s.holdLetter(l, now)
		default:
			again = append(again, l)
		}
	}
	st.queue = slices.Insert(st.queue, 0, again...)
	s.settleRefused(batch)
	s.lettersAwaited()
	if len(again) == 0 {
		st.backoff = 0
		return
	}
	st.backoff = min(max(2*st.backoff, 100*time.Millisecond), s.cfg.MaxBackoff)
	st.restUntil = now.Add(st.backoff)
	s.metrics.KafkaFailed("produce")
	s.Faults.Log(now, "dead letters cannot be written; they will be tried again", "dlq",
		"topic", s.cfg.DLQTopic, "waiting", st.pending(), "error", s.Explain(again[0].outcome))
}

func (s *deadLetters) letterDone(l *letter) {
	if l.upload != nil {
		l.upload.awaited--
		return
	}
	if l.node != nil && !l.takenBack() {
		s.settleNode(l.partition, l.node)
		s.pauseHeld(l.partition)
	}
}

// holdLetter keeps a record that the dead-letter topic refuses for good.
func (s *deadLetters) holdLetter(l *letter, now time.Time) {
	if l.takenBack() {
		s.letterDone(l)
		return
	}
	refused, _ := errors.AsType[*kafka.RefusedError](l.outcome)
	s.Faults.Log(now, "the dead-letter topic refuses a record for good; the record is held, the others go on", "dlq-refused/"+l.Source.Topic+"/"+refused.Error(),
		"topic", l.Source.Topic, "partition", l.Source.Partition, "offset", l.Offset, "error", refused, "remedy", refused.Remedy+" ("+s.cfg.DLQTopic+"), and restart")
	why := fmt.Sprintf("the dead-letter topic %s refuses it: %s", s.cfg.DLQTopic, refused)
	if l.upload != nil {
		s.holdRecord(l.partition, l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), why, now)
		s.letterDone(l)
		return
	}
	if l.node != nil {
		l.partition.ledger.Become(l.node, ledger.HeldRecord)
		l.partition.heldCount++
		l.partition.firstHeld.note(l.Offset, why)
	}
}
