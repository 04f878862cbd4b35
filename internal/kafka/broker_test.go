package kafka_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

// cutter dials for a client, and can take an address away.
type cutter struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	gone string
	open map[string][]net.Conn
}

func (c *cutter) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dial(ctx, network, address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if address == c.gone {
		_ = conn.Close()
		return nil, errors.New("nobody listens there")
	}
	c.open[address] = append(c.open[address], conn)
	return conn, nil
}

// cut ends the connections to an address, and lets none be opened.
func (c *cutter) cut(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = address
	for _, conn := range c.open[address] {
		_ = conn.Close()
	}
}

// A client that was given one broker's address does without that broker once it knows
// the others: metadata, commits and all that a group's coordinator is asked.
func TestClient_withoutTheConfiguredBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094))
		line := &cutter{dial: r.Dial, open: map[string][]net.Conn{}}
		at := slices.IndexFunc([]int32{0, 1, 2}, func(node int32) bool { return node != r.Cluster.CoordinatorFor("g") })
		address := r.Cluster.ListenAddrs()[at]
		c := kafka.NewClient(kafka.Config{Brokers: []string{address}, Dial: line.connect})
		defer c.Close()
		orders := kafka.TopicPartition{Topic: "orders"}
		calls := map[string]func() error{
			"metadata": func() error { _, err := c.Metadata(t.Context(), nil); return err },
			"commit": func() error {
				_, err := c.CommitOffsets(t.Context(), kafka.Commit{Group: "g", Generation: -1, Offsets: []kafka.CommitOffset{{TopicPartition: orders, Offset: 3, LeaderEpoch: -1}}})
				return err
			},
			"fetch offsets": func() error { _, err := c.FetchOffsets(t.Context(), "g", []kafka.TopicPartition{orders}); return err },
			"describe":      func() error { _, err := c.DescribeGroup(t.Context(), "g"); return err },
			"settings":      func() error { _, err := c.TopicSettings(t.Context(), "orders", "cleanup.policy"); return err },
		}
		for _, name := range []string{"metadata", "commit", "fetch offsets", "describe", "settings"} { // there is no group before
			if err := calls[name](); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		line.cut(address)
		failed := 0
		for range 12 {
			for name, call := range calls {
				if err := call(); err != nil {
					failed++
					t.Logf("%s: %v", name, err)
				}
			}
			time.Sleep(time.Minute) // connections that are idle end
		}
		if failed > 3 { // a broker has two turns, as such and by its configured address
			t.Errorf("%d calls fail", failed)
		}
	})
}

// No broker alone says who leads: one that has lost touch with the controller of its
// cluster would be believed for ever.
func TestClient_asksOneBrokerAfterTheOtherForMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094))
		asked := map[int32]int{}
		r.Cluster.ControlKey(int16(kmsg.Metadata), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if len(q.(*kmsg.MetadataRequest).Topics) > 0 {
				asked[r.Cluster.CurrentNode()]++
			}
			return nil, nil, false
		})
		for range 12 {
			r.Topic("orders")
		}
		if synctest.Wait(); len(asked) != 3 {
			t.Errorf("brokers are asked %v times", asked)
		}
	})
}

// Behind one address, of a load balancer or of a proxy, are brokers of two releases: each
// connection speaks the versions of the broker that it leads to.
func TestClient_brokersOfTwoReleasesBehindOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upgraded := kafkarig.New(t, kafka.Config{})
		old := kafkarig.New(t, kafka.Config{}, kfake.MaxVersions(kversion.V2_4_0()))
		for _, r := range []*kafkarig.Rig{upgraded, old} {
			r.Produce("orders", 0, kgo.NoCompression(), "a")
		}
		topic := upgraded.Topic("orders")
		upgraded.Client.SetDial(old.Dial)
		if got, version := values(upgraded, topic); !slices.Equal(got, []string{"a"}) || version != 11 {
			t.Errorf("at the older broker: version %d, %q", version, got)
		}
	})
}
