package e2e

import (
	"bytes"
	"testing"

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
