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

// routes decides which partition a produced record goes to, and remembers what became
// of it there. The library waits for all partitions of a write, and where one of them
// gives no answer in time it forgets what the others have acknowledged.
//
// It is the Balancer of the writers, and its method completed their Completion.
type routes struct {
	hash kafkago.Hash

	mu      sync.Mutex        // guards what follows, and each route
	avoided map[int]time.Time // partitions that took nothing, and until when
}

// route is the WriterData of one message: where it went and what became of it.
type route struct {
	routed    bool
	partition int
	answered  bool
	err       error
}

// Balance returns the partition that the message's key hashes to, any one for a message
// without a key. While that is avoided the next one that is not takes its place. It
// implements kafkago.Balancer.
func (r *routes) Balance(m kafkago.Message, partitions ...int) int {
	first := r.hash.Balance(m, partitions...)
	r.mu.Lock()
	defer r.mu.Unlock()
	chosen, now := first, time.Now()
	for i := range partitions {
		if p := partitions[(first+i)%len(partitions)]; !r.avoided[p].After(now) {
			chosen = p
			break
		}
	}
	if to, ok := m.WriterData.(*route); ok {
		to.routed, to.partition = true, chosen
	}
	return chosen
}

// completed notes what became of the messages of one batch.
func (r *routes) completed(messages []kafkago.Message, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range messages {
		if to, ok := messages[i].WriterData.(*route); ok {
			to.answered, to.err = true, err
			r.judge(to, err)
		}
	}
}

// outcome returns what became of a message, once WriteMessages has returned err.
func (r *routes) outcome(to *route, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to.answered {
		return to.err
	}
	r.judge(to, err)
	return err
}

// judge avoids a partition for a while that has failed to take a record, not for what
// the record is.
func (r *routes) judge(to *route, err error) {
	switch {
	case !to.routed, errors.Is(err, context.Canceled): // the caller gave up
	case err == nil:
		delete(r.avoided, to.partition)
	case !IsRefused(produceError(err)):
		r.avoided[to.partition] = time.Now().Add(avoidFor)
	}
}
