package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
)

// ErrUnfinished is returned by Run when something could not be stored before
// the shutdown timeout. It stays uncommitted.
var ErrUnfinished = errors.New("not everything could be stored before BRIDGE_SHUTDOWN_TIMEOUT")

// Consumer is one member of the consumer group. Create it with New, then Run
// it once.
type Consumer struct {
	process *process.Process // what the sessions share
	state   state
	last    kafka.Subscription // of the generation before; Run's goroutine has it
}

// New checks the configuration and builds a consumer. It starts nothing.
func New(cfg process.Config, d process.Dependencies) (*Consumer, error) {
	p, err := process.New(cfg, d)
	if err != nil {
		return nil, err
	}
	c := &Consumer{process: p, state: state{started: time.Now()}}
	d.Metrics.Attach(c)
	return c, nil
}

// Run joins the group and imports until ctx ends; then it drains, commits and
// leaves. While brokers or credentials fail it keeps trying. The error is nil,
// ErrUnfinished, or says that another process has joined under the same instance
// id: Run returns at once then.
func (c *Consumer) Run(ctx context.Context) error {
	c.process.Pulse.Beat(time.Now())
	beat := c.heartbeat()
	defer beat()
	defer context.AfterFunc(ctx, c.state.stop)()
	m := c.newMember()
	unfinished := false
	var fenced error
	for ctx.Err() == nil && fenced == nil {
		unfinished, fenced = c.nextGeneration(ctx, m)
	}
	if fenced == nil {
		c.leave(m)
	} else {
		m.Pause()
	}
	c.state.stopped()
	c.process.Client.Close()
	c.process.Close()
	if unfinished {
		return ErrUnfinished
	}
	return fenced
}

func (c *Consumer) noTopics(sub *kafka.Subscription) error {
	switch topics := &c.process.Config.Topics; {
	case topics.Exclude != nil:
		return fmt.Errorf("no topic matches BRIDGE_KAFKA_TOPIC_REGEX %q, and BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX %q not, yet", topics.Regex, topics.Exclude)
	case topics.Regex != nil:
		return fmt.Errorf("no topic matches BRIDGE_KAFKA_TOPIC_REGEX %q yet", topics.Regex)
	}
	return fmt.Errorf("none of the topics of BRIDGE_KAFKA_TOPICS exists yet: %v (or this user may not describe them)", sub.Missing)
}

// cannotJoin logs why there is no membership and waits before the next try.
func (c *Consumer) cannotJoin(ctx context.Context, operation string, err error) {
	if ctx.Err() != nil {
		return
	}
	text := c.process.Explain(err)
	c.process.Metrics.KafkaFailed(operation)
	c.process.NoteCredentials(err)
	c.state.outside(text)
	c.process.Faults.Log(time.Now(), "waiting for Kafka", operation+text, "operation", operation, "error", text)
	_ = sleep.For(ctx, min(time.Second, c.process.Config.MetadataRefresh))
}

// beatInterval is how often the pulse beats while no session does it.
const beatInterval = 5 * time.Second

// heartbeat keeps /healthz content while no session turns: waiting for a known
// outside cause is progress too.
func (c *Consumer) heartbeat() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var beats sync.WaitGroup
	beats.Go(func() {
		for sleep.For(ctx, beatInterval) == nil {
			if c.state.current() == nil {
				c.process.Pulse.Beat(time.Now())
			}
		}
	})
	return func() {
		cancel()
		beats.Wait()
	}
}
