package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/consumer/session"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
)

// ErrUnfinished is returned by Run when something could not be stored before
// the shutdown timeout. It stays uncommitted.
var ErrUnfinished = errors.New("not everything could be stored before BRIDGE_SHUTDOWN_TIMEOUT")

// Consumer is one member of the consumer group. Create it with New, then Run
// it once.
type Consumer struct {
	cfg     *session.Config
	client  *kafka.Client
	log     *slog.Logger
	metrics *report.Metrics
	process *session.Process // what the sessions share
	state   state
}

// New checks the configuration and builds a consumer. It starts nothing.
func New(cfg session.Config, d session.Dependencies) (*Consumer, error) {
	p, err := session.NewProcess(cfg, d)
	if err != nil {
		return nil, err
	}
	c := &Consumer{cfg: &cfg, client: d.Client, log: d.Log, metrics: d.Metrics, process: p}
	c.state.started = time.Now()
	d.Metrics.Attach(c)
	return c, nil
}

// Run joins the group and imports until ctx ends; then it drains, commits and
// leaves. While brokers or credentials fail it keeps trying. The error is
// ErrUnfinished or nil.
func (c *Consumer) Run(ctx context.Context) error {
	c.process.Pulse.Beat(time.Now())
	beat := c.heartbeat()
	defer beat()
	defer context.AfterFunc(ctx, c.state.stop)()
	unfinished, first := false, true
	for ctx.Err() == nil {
		sub, _, err := c.client.Resolve(ctx, c.cfg.Selection())
		if err == nil && len(sub.Topics) == 0 {
			err = c.noTopics(&sub)
			c.metrics.Subscribed(c.cfg.Topics)
		}
		if err != nil {
			c.cannotJoin(ctx, "metadata", err)
			continue
		}
		if len(sub.Missing) > 0 {
			c.process.Faults.Log(time.Now(), "some topics do not exist yet; they are read as soon as they do", "missing", "topics", sub.Missing)
		}
		if first {
			c.removeNamesake("a crashed predecessor")
			first = false
		}
		unfinished = c.belong(ctx, &sub)
	}
	c.state.stopped()
	c.client.Close()
	c.process.Close()
	if unfinished {
		return ErrUnfinished
	}
	return nil
}

// belong is a member of the group until ctx ends or the topics change. It says
// whether the session that ctx has ended left something unfinished.
func (c *Consumer) belong(ctx context.Context, sub *kafka.Subscription) (unfinished bool) {
	g, err := c.join(sub.Topics)
	if err != nil {
		c.cannotJoin(ctx, "join", err)
		return false
	}
	defer c.leave(g)
	for ctx.Err() == nil {
		c.state.joining()
		gen, err := g.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafkago.ErrGroupClosed) {
			return false
		}
		if err != nil {
			if joinError(err) {
				c.cannotJoin(ctx, "join", err)
			}
			continue
		}
		c.state.joined(gen.MemberID, gen.ID)
		c.metrics.KafkaRefused(false)
		var resubscribe bool
		unfinished, resubscribe = c.generation(ctx, g, gen, sub)
		if ctx.Err() != nil {
			return unfinished
		}
		if resubscribe || len(gen.Assignments) == 0 && sleep.For(ctx, joinBackoff) != nil {
			return false
		}
		next, _, err := c.client.Resolve(ctx, c.cfg.Selection())
		if err != nil || len(next.Topics) == 0 {
			continue // the next generation will see it again
		}
		if !slices.Equal(next.Topics, sub.Topics) {
			return false
		}
		*sub = next
	}
	return false // stopped while it had no partitions: what was left is another's
}

func (c *Consumer) noTopics(sub *kafka.Subscription) error {
	if c.cfg.TopicRegex != nil {
		return fmt.Errorf("no topic matches BRIDGE_KAFKA_TOPIC_REGEX %q yet", c.cfg.TopicRegex)
	}
	return fmt.Errorf("none of the topics of BRIDGE_KAFKA_TOPICS exists yet: %v (or this user may not describe them)", sub.Missing)
}

// cannotJoin tells why there is no membership and waits before the next try.
func (c *Consumer) cannotJoin(ctx context.Context, operation string, err error) {
	if ctx.Err() != nil {
		return
	}
	text := c.process.Explain(err)
	c.metrics.KafkaFailed(operation)
	c.process.NoteCredentials(err)
	c.state.outside(text)
	c.process.Faults.Log(time.Now(), "waiting for Kafka", operation+text, "operation", operation, "error", text)
	_ = sleep.For(ctx, min(time.Second, c.cfg.MetadataRefresh))
}

// beatInterval is how often the pulse beats while no session does it.
const beatInterval = 5 * time.Second

// heartbeat keeps /healthz content while no session turns: waiting for a known
// outside cause is progress too.
func (c *Consumer) heartbeat() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep.For(ctx, beatInterval) == nil {
			if c.state.current() == nil {
				c.process.Pulse.Beat(time.Now())
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
