package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// avoidFor is how long a partition that has taken nothing is given no record.
const avoidFor = 2 * time.Minute

// partitioner decides which partition a produced record goes to, and remembers what became
// of it there. The library waits for all partitions of a write, and where one of them
// gives no answer in time it forgets what the others have acknowledged.
//
// It is the Balancer of the writers, and its method completed their Completion.
type partitioner struct {
	hash kafkago.Hash

	mu      sync.Mutex        // guards what follows, and each delivery
	avoided map[int]time.Time // partitions that took nothing, and until when
}

// delivery is the WriterData of one message: where it went and what became of it.
type delivery struct {
	assigned  bool // to partition
	partition int
	answered  bool
	err       error
}

// Balance returns the partition that the message's key hashes to, any one for a message
// without a key. While that is avoided the next one that is not takes its place. It
// implements kafkago.Balancer.
func (p *partitioner) Balance(m kafkago.Message, partitions ...int) int {
	first := p.hash.Balance(m, partitions...)
	p.mu.Lock()
	defer p.mu.Unlock()
	chosen, now := first, time.Now()
	for i := range partitions {
		if next := partitions[(first+i)%len(partitions)]; !p.avoided[next].After(now) {
			chosen = next
			break
		}
	}
	if d, ok := m.WriterData.(*delivery); ok {
		d.assigned, d.partition = true, chosen
	}
	return chosen
}

// completed notes what became of the messages of one batch.
func (p *partitioner) completed(messages []kafkago.Message, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range messages {
		if d, ok := messages[i].WriterData.(*delivery); ok {
			d.answered, d.err = true, err
			p.judge(d, err)
		}
	}
}

// outcome returns what became of a message, once WriteMessages has returned err.
func (p *partitioner) outcome(d *delivery, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.answered {
		return d.err
	}
	p.judge(d, err)
	return err
}

// judge avoids a partition for a while that has failed to take a record, not for what
// the record is.
func (p *partitioner) judge(d *delivery, err error) {
	switch {
	case !d.assigned, errors.Is(err, context.Canceled): // the caller gave up
	case err == nil:
		delete(p.avoided, d.partition)
	case !IsRefused(produceError(err)):
		p.avoided[d.partition] = time.Now().Add(avoidFor)
	}
}
