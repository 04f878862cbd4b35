package consumer

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"kafka-import-bridge/internal/consumer/session"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
)

// joinBackoff is the pause after a failed join.
const joinBackoff = 500 * time.Millisecond

// membership is that of one subscription. The library joins, syncs and
// sends heartbeats; commits, fetches and the end of each generation are ours.
type membership struct {
	*kafkago.ConsumerGroup
	topics  []string
	unheard bool // the brokers gave no answer to the last attempt to leave
}

func (c *Consumer) join(topics []string) (*membership, error) {
	g, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID:                c.cfg.Group,
		Brokers:           c.client.Config().Brokers,
		Dialer:            c.client.Dialer(),
		Topics:            topics,
		GroupBalancers:    []kafkago.GroupBalancer{evenBalancer{}},
		HeartbeatInterval: c.cfg.HeartbeatInterval,
		SessionTimeout:    c.cfg.SessionTimeout,
		RebalanceTimeout:  c.cfg.RebalanceTimeout,
		JoinGroupBackoff:  joinBackoff,
		Timeout:           c.cfg.CallTimeout(),
	})
	if err != nil {
		return nil, err
	}
	return &membership{ConsumerGroup: g, topics: topics}, nil
}

// generation runs the session of one generation inside of it, so that the
// group waits for its drain before it joins again.
func (c *Consumer) generation(ctx context.Context, g *membership, gen *kafkago.Generation, sub *kafka.Subscription) (unfinished, resubscribe bool) {
	unheard := false
	m := session.Member{ID: gen.MemberID, Generation: gen.ID, Topics: sub.Topics, Parts: sub.Parts, IDs: sub.IDs, Cluster: sub.Cluster}
	for topic, parts := range gen.Assignments {
		for _, p := range parts {
			m.Assigned = append(m.Assigned, kafka.TopicPartition{Topic: topic, Partition: int32(p.ID)})
		}
	}
	s := session.New(c.process, m)
	c.log.Info("joined the group", "group", c.cfg.Group, "member_id", m.ID, "generation", m.Generation, "partitions", len(m.Assigned))
	c.metrics.Rebalanced()
	c.process.NoteCredentials(nil)
	done := make(chan struct{})
	gen.Start(func(generation context.Context) {
		defer close(done)
		c.state.begin(s)
		unfinished = s.Run(generation, ctx.Done())
		c.state.end()
		if ctx.Err() != nil || s.TopicsChanged() {
			// Leave, and tell the group, before this function returns: else it
			// joins again first, and waits for everybody.
			unheard = !c.leaveAs(m.ID)
			go func() { _ = g.Close() }()
			sleep.Until(context.Background(), generation.Done(), time.Now().Add(time.Second))
		}
	})
	<-done
	g.unheard = unheard
	if s.PutOut() {
		c.tellTwin(ctx, m.ID)
	}
	return unfinished, s.TopicsChanged()
}

// leaveAs takes one of our own member ids out of the group. An unknown one is
// out already. It says whether the brokers gave an answer.
func (c *Consumer) leaveAs(memberID string) (heard bool) {
	if memberID == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), session.LeavePatience)
	defer cancel()
	if err := c.client.LeaveGroup(ctx, c.cfg.Group, memberID); err != nil && ctx.Err() != nil {
		c.log.Warn("leaving the group failed; the others wait for the session timeout", "error", c.process.Explain(err))
		return false
	}
	return true
}

// leave ends the membership. During a join the library would wait for the
// rebalance to end: a member that it had before is taken out of the group,
// which ends the join, or else its connections are closed.
func (c *Consumer) leave(g *membership) {
	closed := make(chan struct{})
	go func() {
		_ = g.Close()
		close(closed)
	}()
	within := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-closed:
			return true
		case <-t.C:
			return false
		}
	}
	if within(session.LeavePatience / 10) {
		return
	}
	if g.unheard { // to try again would only delay the stop
		c.client.CloseMembership()
		within(session.LeavePatience / 3)
		return
	}
	c.leaveAs(c.state.lastMember())
	if within(session.LeavePatience) {
		return
	}
	c.client.CloseMembership()
	within(session.LeavePatience)
	c.removeNamesake("this process, whose join was not waited for")
}

// removeNamesake removes the member of our own instance name that lives on our
// own host: after a crash the group would otherwise wait a whole session
// timeout for it. Without an instance name nobody can be told apart, and
// nobody is removed.
func (c *Consumer) removeNamesake(what string) {
	if c.cfg.InstanceID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), session.LeavePatience)
	defer cancel()
	group, err := c.client.DescribeGroup(ctx, c.cfg.Group)
	if err != nil {
		c.log.Warn("group cannot be described; a crashed predecessor may delay the start", "error", c.process.Explain(err))
		return
	}
	host := c.client.LocalHost(ctx)
	for _, m := range group.Members {
		if m.ClientID != c.client.Config().ClientID || !sameHost(m.ClientHost, host) {
			continue
		}
		if err := c.client.LeaveGroup(ctx, c.cfg.Group, m.MemberID); err != nil {
			c.log.Warn("member of a predecessor cannot be removed", "member_id", m.MemberID, "error", c.process.Explain(err))
			continue
		}
		c.log.Info("removed a member that bears our name", "whose", what, "member_id", m.MemberID)
	}
}

// tellTwin looks for another member with our name after we were put out.
func (c *Consumer) tellTwin(ctx context.Context, own string) {
	if c.cfg.InstanceID == "" || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout())
	defer cancel()
	group, err := c.client.DescribeGroup(ctx, c.cfg.Group)
	if err != nil {
		return
	}
	for _, m := range group.Members {
		if m.ClientID == c.client.Config().ClientID && m.MemberID != own {
			c.log.Error("duplicate instance id: another member of the group has the same name", "instance_id", c.cfg.InstanceID,
				"other_member_id", m.MemberID, "other_host", m.ClientHost, "remedy", "give each replica its own BRIDGE_INSTANCE_ID")
		}
	}
}

// sameHost compares a member's address, as a broker writes it ("/0:0:0:0:0:0:0:1"),
// with one of our own, and is false where either is none.
func sameHost(member, own string) bool {
	a, err := netip.ParseAddr(strings.TrimPrefix(member, "/"))
	b, err2 := netip.ParseAddr(own)
	return err == nil && err2 == nil && a.Unmap().WithZone("") == b.Unmap().WithZone("")
}

// joinError says whether an error of Next is worth telling: a rebalance that
// goes on is not.
func joinError(err error) bool {
	return !errors.Is(err, kafkago.RebalanceInProgress)
}
