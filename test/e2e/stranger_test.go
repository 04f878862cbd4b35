package e2e

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Another program that has members in the group is told, with what to do, and
// the bridge works as soon as it has gone.
func TestGroup_strangerIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	stranger := w.client(kgo.ConsumerGroup(w.group), kgo.ConsumeTopics(w.topic), kgo.DisableAutoCommit(), kgo.Balancers(kgo.StickyBalancer()))
	w.eventually("it is a member", func() bool {
		groups, err := w.admin.DescribeGroups(w.context(), w.group)
		return err == nil && len(groups[w.group].Members) == 1
	})
	w.produce(load{records: 200})
	b := w.launch()
	const says = "choose another BRIDGE_KAFKA_GROUP_ID"
	w.eventually("the log says: "+says, func() bool { return b.says(says) })
	if code, text := w.check(); code != 1 || !bytes.Contains(failures(text), []byte(says)) {
		t.Errorf("bridge check ended with code %d and no fail line that says %q:\n%s", code, says, text)
	}
	stranger.Close()
	w.settle(b)
	w.judge()
}

// A group of another kind under the bridge's name is named, with what to do, in the
// log and by bridge check.
func TestGroup_ofAnotherKindIsNamed(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options func(group string) []kgo.Opt
		says    string
	}{
		{"KIP-848", func(group string) []kgo.Opt { return []kgo.Opt{kgo.ConsumerGroup(group), kgo.ServerSideBalancer()} }, "a group of consumers of the protocol of KIP-848"},
		{"share group", func(group string) []kgo.Opt { return []kgo.Opt{kgo.ShareGroup(group)} }, "a share group"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			stranger := w.client(append(tc.options(w.group), kgo.ConsumeTopics(w.topic))...)
			w.eventually("it is a member", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				stranger.PollFetches(ctx)
				groups, err := w.admin.ListGroups(w.context())
				return err == nil && groups[w.group].State == "Stable"
			})
			b := w.launch()
			w.eventually("the log says: "+tc.says, func() bool { return b.says(tc.says) && b.says("choose another BRIDGE_KAFKA_GROUP_ID") })
			if code, text := w.check(); code != 1 || !bytes.Contains(failures(text), []byte(tc.says)) {
				t.Errorf("bridge check ended with code %d and no fail line that says %q:\n%s", code, tc.says, text)
			}
			stranger.Close()
			b.stop()
			w.judge()
		})
	}
}

// A session timeout that the brokers do not allow is told with the setting.
func TestGroup_sessionTimeoutThatBrokersDoNotAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	b := w.launch(environment{"BRIDGE_KAFKA_SESSION_TIMEOUT": "10h", "BRIDGE_KAFKA_REBALANCE_TIMEOUT": "10h"})
	w.eventually("the log names the setting", func() bool {
		return b.says("the brokers do not allow this BRIDGE_KAFKA_SESSION_TIMEOUT, 10h0m0s: set one between")
	})
	b.stop()
	w.judge()
}
