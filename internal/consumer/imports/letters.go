package imports

import (
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/outbox"
)

// letterPatience is how long one write of dead letters may take.
const letterPatience = 30 * time.Second

// letterOwner is the Owner of a letter: whom it concerns.
type letterOwner struct {
	piece            // with a node of the letter's own, or the refused batch's
	refused *Refused // that it belongs to, or nil
}

// whose returns whom a letter concerns.
func whose(l *letters.Letter) *letterOwner { return l.Owner.(*letterOwner) }

// lettersAwaited lets partitions be read again that have paused for dead letters.
func (s *deadLetters) lettersAwaited() {
	if s.LetterQueue.Few() {
		s.Resume(assignment.AwaitsLetters)
	}
}

// DeadLetter sends a record that became no line to the dead-letter topic. Its
// node pins the watermark until the letter is acknowledged.
func (s *deadLetters) DeadLetter(p *assignment.Partition, l *letters.Letter, now time.Time) {
	node := s.Tracked(p.Ledger.TrackSingle(ledger.DeadLetter, "", l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), now))
	l.Owner = &letterOwner{piece: piece{Partition: p, Node: node}}
	s.LetterQueue.Post(l)
}

// SendLetters starts the next write.
func (s *deadLetters) SendLetters(now time.Time) {
	if s.Mode == assignment.Fenced || s.Member.Lease.Check() != nil {
		return
	}
	batch := s.LetterQueue.Take(now)
	if len(batch) == 0 {
		return
	}
	ctx, writer, acks := s.Ctx, s.Letters, s.Acks
	s.Tasks.Go(func() { acks <- outbox.Write(ctx, letterPatience, writer, batch) })
}

// LettersDone settles what the topic has of the letters of a write, and holds what it
// refuses.
func (s *deadLetters) LettersDone(errs []error) {
	now := time.Now()
	batch, err := s.LetterQueue.Answered(errs, now)
	for i, l := range batch {
		if errs[i] == nil {
			s.Metrics.DeadLetters.WithLabelValues(l.Source.Topic, l.Reason).Inc()
			s.letterDone(whose(l))
		} else if refused, ok := errors.AsType[*kafka.RefusedError](errs[i]); ok {
			s.holdLetter(l, refused, now)
		}
	}
	s.settleRefused(batch)
	s.lettersAwaited()
	if s.letterError = ""; err != nil {
		s.letterError = s.Explain(err)
		if !kafka.IsThrottled(err) {
			s.Metrics.KafkaFailed("produce")
		}
		s.Faults.Log(now, "dead letters cannot be written; they will be tried again", "dlq",
			"topic", s.Config.DLQTopic, "waiting", s.LetterQueue.Pending(), "error", s.letterError)
	}
}

// LettersStuck says why the dead-letter topic does not take what waits for it, and ""
// while it does.
func (s *deadLetters) LettersStuck() string {
	if s.letterError == "" || s.LetterQueue.Pending() == 0 {
		return ""
	}
	return "dead letters cannot be written to " + s.Config.DLQTopic + ": " + s.letterError
}

func (s *deadLetters) letterDone(o *letterOwner) {
	if o.refused != nil {
		o.refused.awaited--
	} else if !o.takenBack() {
		s.SettleNode(o.Partition, o.Node)
	}
}

// holdLetter keeps a record that the dead-letter topic refuses for good.
func (s *deadLetters) holdLetter(l *letters.Letter, refused *kafka.RefusedError, now time.Time) {
	o := whose(l)
	if o.takenBack() {
		s.letterDone(o)
		return
	}
	s.Faults.Log(now, "the dead-letter topic refuses a record for good; the record is held, the others go on", "dlq-refused/"+l.Source.Topic+"/"+refused.Error(),
		"topic", l.Source.Topic, "partition", l.Source.Partition, "offset", l.Offset, "error", refused, "remedy", refused.Remedy+" ("+s.Config.DLQTopic+"), and restart")
	why := fmt.Sprintf("the dead-letter topic %s refuses it: %s", s.Config.DLQTopic, refused)
	if o.refused != nil {
		s.HoldRecord(o.Partition, l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), why, now)
		s.letterDone(o)
		return
	}
	o.Partition.Ledger.Become(o.Node, ledger.HeldRecord)
	o.Partition.FirstHeld.Note(l.Offset, why)
}
