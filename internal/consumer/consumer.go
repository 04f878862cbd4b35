package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/sleep"
)

// ErrUnfinished is returned by Run when something could not be stored before
// the shutdown timeout. It stays uncommitted.
var ErrUnfinished = errors.New("not everything could be stored before BRIDGE_SHUTDOWN_TIMEOUT")

// Dependencies are what New wires together.
type Dependencies struct {
	Client   *kafka.Client
	Importer Importer
	Metrics  *report.Metrics
	Log      *slog.Logger
	// Stored is told of each import that the store has taken, by the loop: it
	// must return at once. nil tells nobody.
	Stored func(StoredImport)
	// Explain turns an error of a broker into a sentence with its remedy; nil
	// leaves it as it is. It is never given nil.
	Explain func(error) string
}

// Consumer is one member of the consumer group. Create it with New, then Run
// it once.
type Consumer struct {
	*resources
	state state
}

// New checks the configuration and builds a consumer. It starts nothing.
func New(cfg Config, d Dependencies) (*Consumer, error) {
	mapper, err := record.NewMapper(cfg.Record)
	if err != nil {
		return nil, fmt.Errorf("build record mapper: %w", err)
	}
	if (len(cfg.Topics) > 0) == (cfg.TopicRegex != nil) {
		return nil, errors.New("either Topics or TopicRegex is needed")
	}
	if d.Explain == nil {
		d.Explain = error.Error
	}
	if d.Stored == nil {
		d.Stored = func(StoredImport) {}
	}
	r := &resources{
		cfg: &cfg, client: d.Client, importer: d.Importer, mapper: mapper, fingerprint: fingerprintOf(cfg.Record),
		log: d.Log, faults: report.NewFaultLog(d.Log), metrics: d.Metrics, pool: batcher.NewPool(),
		fetched:       fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.AnswerCeiling(cfg.BufferMaxBytes)).Own(),
		inflated:      fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.InflateCeiling(cfg.BufferMaxBytes)).Own(),
		pacer:         pace.New(cfg.UploadConcurrency, cfg.NamespaceConcurrency),
		recollections: map[kafka.TopicPartition]recollection{}, pulse: newPulse(time.Now()), explain: d.Explain, stored: d.Stored,
	}
	if cfg.DLQTopic != "" {
		r.letters = letterTopic{kafka.NewProducer(d.Client, cfg.DLQTopic, letterBatch)}
	}
	r.divide()
	c := &Consumer{resources: r}
	c.state.started = time.Now()
	d.Metrics.Attach(c)
	return c, nil
}

// Run joins the group and imports until ctx ends; then it drains, commits and
// leaves. While brokers or credentials fail it keeps trying. The error is
// ErrUnfinished or nil.
func (c *Consumer) Run(ctx context.Context) error {
	c.pulse.beat(time.Now())
	beat := c.heartbeat()
	defer beat()
	defer context.AfterFunc(ctx, c.state.stop)()
	unfinished, first := false, true
	for ctx.Err() == nil {
		sub, _, err := c.client.Resolve(ctx, c.cfg.selection())
		if err == nil && len(sub.Topics) == 0 {
			err = c.noTopics(&sub)
			c.metrics.Subscribed(c.cfg.Topics)
		}
		if err != nil {
			c.cannotJoin(ctx, "metadata", err)
			continue
		}
		if len(sub.Missing) > 0 {
			c.faults.Log(time.Now(), "some topics do not exist yet; they are read as soon as they do", "missing", "topics", sub.Missing)
		}
		if first {
			c.removeNamesake("a crashed predecessor")
			first = false
		}
		unfinished = c.belong(ctx, &sub)
	}
	c.state.stopped()
	c.client.Close()
	if c.letters != nil {
		// Every letter has been answered or given up: what the writers still try
		// fails at once, and opens the transport again.
		_ = c.letters.Close()
		c.client.Close()
	}
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
		next, _, err := c.client.Resolve(ctx, c.cfg.selection())
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
	text := c.explain(err)
	c.metrics.KafkaFailed(operation)
	c.noteCredentials(err)
	c.state.outside(text)
	c.faults.Log(time.Now(), "waiting for Kafka", operation+text, "operation", operation, "error", text)
	_ = sleep.For(ctx, min(time.Second, c.cfg.MetadataRefresh))
}

// heartbeat keeps /healthz content while no session turns: waiting for a known
// outside cause is progress too.
func (c *Consumer) heartbeat() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep.For(ctx, maxSleep) == nil {
			if c.state.session.Load() == nil {
				c.pulse.beat(time.Now())
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
