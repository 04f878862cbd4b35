package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/session"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
)

func (c *Consumer) newMember() *group.Member {
	return group.New(group.Config{
		Settings: c.process.Config.Settings, CallTimeout: c.process.Config.CallTimeout(), Trouble: c.heartbeatFailed,
	}, c.process.Client)
}

// heartbeatFailed logs that the coordinator does not take heartbeats, and with nil that
// it does again. The goroutine of the heartbeats calls it.
func (c *Consumer) heartbeatFailed(err error) {
	if err == nil {
		c.state.heartbeats("")
		return
	}
	text := c.process.Explain(err)
	c.process.Metrics.KafkaFailed("heartbeat")
	c.process.NoteCredentials(err)
	c.state.heartbeats(text)
	c.process.Faults.Log(time.Now(), "heartbeat failed; it is sent again", "heartbeat/"+text, "error", text)
}

// nextGeneration joins the group and works in the generation that comes of it. Where
// it cannot join it says so, and waits for a while. unfinished says that the session
// has given up something that no policy holds. An error is for good.
func (c *Consumer) nextGeneration(ctx context.Context, m *group.Member) (unfinished bool, err error) {
	sub, err := c.resolve(ctx)
	if err != nil {
		m.Pause() // who does not read must not keep partitions
		c.cannotJoin(ctx, "metadata", err)
		return false, nil
	}
	c.state.joining()
	gen, err := m.Join(ctx, sub.Topics, sub.Parts)
	switch {
	case errors.Is(err, group.ErrFenced):
		return false, c.twin()
	case err != nil:
		c.cannotJoin(ctx, "join", c.whyNot(ctx, err))
		return false, nil
	}
	c.state.joined(gen.MemberID, gen.ID)
	c.process.NoteCredentials(nil)
	c.process.Metrics.Rebalances.Inc()
	recreated := sub.RecreatedSince(&c.last)
	sub.Parts = gen.Counts
	c.last = sub
	return c.generation(ctx, gen, &sub, recreated)
}

// resolve finds out what there is to subscribe to. A topic of which the brokers say
// nothing, such as one that may not be described any more, keeps the others from
// nothing: it is taken for what it was, or left out if it has never been seen.
func (c *Consumer) resolve(ctx context.Context) (kafka.Subscription, error) {
	sub, md, err := c.process.Client.Resolve(ctx, c.process.Config.Topics)
	if md == nil {
		return sub, err
	}
	if sub.Assume(&c.last); err != nil && len(sub.Topics) > 0 {
		c.process.WatchFailed(err, sub.Unclear)
		err = nil
	}
	if err == nil && len(sub.Topics) == 0 {
		err = c.noTopics(&sub)
		c.process.Metrics.Subscribed(c.process.Config.Topics.Topics)
	}
	if err == nil && len(sub.Missing) > 0 {
		c.process.Faults.Log(time.Now(), "some topics do not exist yet; they are read as soon as they do", "missing", "topics", sub.Missing)
	}
	return sub, err
}

// whyNot finds a better reason for an error of Join than its code is.
func (c *Consumer) whyNot(ctx context.Context, err error) error {
	code, ok := kafka.CodeOf(err)
	switch {
	case errors.Is(err, group.ErrNotStored):
		return errors.New("the coordinator cannot store the group's members, which is one record: raise max.message.bytes of __consumer_offsets, " +
			"or let each group of bridges read fewer topics (BRIDGE_KAFKA_TOPICS, BRIDGE_KAFKA_TOPIC_REGEX)")
	case code == kafka.CodeInvalidSessionTimeout:
		return fmt.Errorf("the brokers do not allow this BRIDGE_KAFKA_SESSION_TIMEOUT, %s: set one between their group.min.session.timeout.ms and group.max.session.timeout.ms", c.process.Config.SessionTimeout)
	case ok && (code == kafka.CodeUnknown || code == kafka.CodeInconsistentProtocol || code == kafka.CodeUnknownGroup):
		return cmp.Or(c.process.Client.ForeignGroup(ctx, c.process.Config.Group), err)
	}
	return err
}

// generation runs the session of one generation, before which some topics may have been
// created anew. What it has stored is committed when it returns, so that the group may
// give the partitions away.
func (c *Consumer) generation(ctx context.Context, gen *group.Generation, sub *kafka.Subscription, recreated []string) (unfinished bool, err error) {
	m := assignment.Member{
		ID: gen.MemberID, InstanceID: c.process.Config.InstanceID, Generation: gen.ID, Term: gen, Lease: gen.Lease, Stale: gen.Stale,
		Subscription: *sub, Recreated: recreated,
	}
	for topic, parts := range gen.Assigned {
		for _, p := range parts {
			m.Assigned = append(m.Assigned, kafka.TopicPartition{Topic: topic, Partition: p})
		}
	}
	s := session.New(c.process, m)
	c.process.Log.Info("joined the group", "group", c.process.Config.Group, "member_id", m.ID, "generation", m.Generation, "partitions", len(m.Assigned))
	c.state.runs(s)
	unfinished = s.Run(ctx.Done())
	c.state.runs(nil)
	if why := s.FencedBy(); errors.Is(why, group.ErrFenced) || errors.Is(why, kafka.CodeFencedInstance) {
		return false, c.twin()
	}
	return unfinished, nil
}

// twin logs that another process has taken over this one's name, and returns how Run
// ends then.
func (c *Consumer) twin() error {
	c.process.Log.Error("duplicate instance id: this process stops, the newer one goes on", "group", c.process.Config.Group, "instance_id", c.process.Config.InstanceID,
		"remedy", "give each replica its own BRIDGE_INSTANCE_ID")
	return fmt.Errorf("another process has joined the group %s under the instance id %s, and this one stops at once: "+
		"give each replica a BRIDGE_INSTANCE_ID of its own", c.process.Config.Group, c.process.Config.InstanceID)
}

// leave ends the membership, unless this process is to stay a member while it is
// restarted.
func (c *Consumer) leave(m *group.Member) {
	if c.process.Config.StayOnStop {
		m.Pause()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), assignment.LeavePatience)
	defer cancel()
	if err := m.Leave(ctx); err != nil {
		c.process.Log.Warn("leaving the group failed; the others wait for the session timeout", "error", c.process.Explain(err))
	}
}
