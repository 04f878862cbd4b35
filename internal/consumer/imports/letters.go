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
func (d *DeadLetters) lettersAwaited() {
	if d.Queue.Few() {
		d.assignment.Resume(assignment.AwaitsLetters)
	}
}

// Post sends a record that became no line to the dead-letter topic. Its
// node pins the watermark until the letter is acknowledged.
func (d *DeadLetters) Post(p *assignment.Partition, l *letters.Letter, now time.Time) {
	node := d.assignment.Tracked(p.Ledger.TrackSingle(ledger.DeadLetter, "", l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), now))
	l.Owner = &letterOwner{piece: piece{Partition: p, Node: node}}
	d.Queue.Post(l)
}

// Send starts the next write.
func (d *DeadLetters) Send(now time.Time) {
	if d.Mode == assignment.Fenced || d.Member.Lease.Check() != nil {
		return
	}
	batch := d.Queue.Take(now)
	if len(batch) == 0 {
		return
	}
	ctx, writer, acks := d.Ctx, d.Letters, d.Acks
	d.Tasks.Go(func() { acks <- outbox.Write(ctx, letterPatience, writer, batch) })
}

// Answered settles what the topic has of the letters of a write, and holds what it
// refuses.
func (d *DeadLetters) Answered(errs []error) {
	now := time.Now()
	batch, err := d.Queue.Answered(errs, now)
	for i, l := range batch {
		if errs[i] == nil {
			d.Metrics.DeadLetters.WithLabelValues(l.Source.Topic, l.Reason).Inc()
			d.letterDone(whose(l))
		} else if refused, ok := errors.AsType[*kafka.RefusedError](errs[i]); ok {
			d.holdLetter(l, refused, now)
		}
	}
	d.settleRefused(batch)
	d.lettersAwaited()
	if d.letterError = ""; err != nil {
		d.letterError = d.Explain(err)
		if !kafka.IsThrottled(err) {
			d.Metrics.KafkaFailed("produce")
		}
		d.Faults.Log(now, "dead letters cannot be written; they will be tried again", "dlq",
			"topic", d.Config.DLQTopic, "waiting", d.Queue.Pending(), "error", d.letterError)
	}
}

// Stuck says why the dead-letter topic does not take what waits for it, and ""
// while it does.
func (d *DeadLetters) Stuck() string {
	if d.letterError == "" || d.Queue.Pending() == 0 {
		return ""
	}
	return "dead letters cannot be written to " + d.Config.DLQTopic + ": " + d.letterError
}

func (d *DeadLetters) letterDone(o *letterOwner) {
	if o.refused != nil {
		o.refused.awaited--
	} else if !o.takenBack() {
		d.assignment.SettleNode(o.Partition, o.Node)
	}
}

// holdLetter keeps a record that the dead-letter topic refuses for good.
func (d *DeadLetters) holdLetter(l *letters.Letter, refused *kafka.RefusedError, now time.Time) {
	o := whose(l)
	if o.takenBack() {
		d.letterDone(o)
		return
	}
	d.Faults.Log(now, "the dead-letter topic refuses a record for good; the record is held, the others go on", "dlq-refused/"+l.Source.Topic+"/"+refused.Error(),
		"topic", l.Source.Topic, "partition", l.Source.Partition, "offset", l.Offset, "error", refused, "remedy", refused.Remedy+" ("+d.Config.DLQTopic+"), and restart")
	why := fmt.Sprintf("the dead-letter topic %s refuses it: %s", d.Config.DLQTopic, refused)
	if o.refused != nil {
		d.assignment.HoldRecord(o.Partition, l.Offset, fetch.AgeTime(l.Timestamp, now.UnixMilli()), why, now)
		d.letterDone(o)
		return
	}
	o.Partition.Ledger.Become(o.Node, ledger.HeldRecord)
	o.Partition.FirstHeld.Note(l.Offset, why)
	d.assignment.PauseOrResume(o.Partition)
}
