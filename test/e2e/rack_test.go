package e2e

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
)

// A bridge reads from the broker of its rack alone, aborted transactions and all, and
// knows the leaders' ends. When that broker dies the leaders are read, and nothing is
// lost or sent twice.
func TestRack_isReadFrom(t *testing.T) {
	t.Parallel()
	fronts := newFronts(t, 3)
	kafka := kafkatest.New(t, kafkatest.Options{Nodes: 3, Racks: []string{"a", "b", "c"}, Fronts: fronts.addresses()})
	for i, f := range fronts {
		f.forward(t, kafka.Nodes[i].Behind)
	}
	w := newWorldOn(t, kafka, 6)
	w.env["BRIDGE_KAFKA_BROKERS"] = strings.Join(fronts.addresses(), ",")
	w.env["BRIDGE_KAFKA_RACK"] = "b"
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "30s" // a third is how long a slow broker may take
	near := fronts[1]

	b := w.start()
	client := w.client(kgo.TransactionalID(w.topic))
	for i := range 4 {
		end := kgo.TryCommit
		if i == 1 {
			end = kgo.TryAbort
		}
		w.transact(client, load{records: 3000}, end)
	}
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("no record lags", func() bool { return b.metric("kafka_lag_records") == 0 })
	size := int64(w.truth.Lines() * 300)
	t.Logf("of %d bytes of records the brokers served %d, %d and %d", size, fronts[0].served.Load(), near.served.Load(), fronts[2].served.Load())
	if got := near.served.Load(); got < size {
		t.Errorf("the broker in the rack served %d bytes, want all records: %d at least", got, size)
	}
	for i, f := range fronts {
		if got := f.served.Load(); f != near && got > size/4 {
			t.Errorf("broker %d, in another rack, served %d bytes of %d", i+1, got, size)
		}
	}

	wait := w.produceMeanwhile(load{records: 3000, perSecond: 1000})
	w.stored(w.truth.Lines() + 500)
	kafka.Nodes[1].Kill()
	wait()
	w.waitStored() // from the others
	b.wantSaid("a replica in this rack is not read from for a while")
	if err := kafka.Restart(t.Context(), kafka.Nodes[1]); err != nil {
		t.Fatal(err)
	}
	w.produce(load{records: 1000})
	w.settle(b)
	w.judge()
}

// front is a loopback address that forwards to a broker, and counts what it answers.
type front struct {
	net.Listener
	served atomic.Int64
}

type fronts []*front

func newFronts(t *testing.T, n int) (all fronts) {
	t.Helper()
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &front{Listener: l})
	}
	return all
}

func (f fronts) addresses() (all []string) {
	for _, front := range f {
		all = append(all, front.Addr().String())
	}
	return all
}

// forward forwards connections until the test ends.
func (f *front) forward(t *testing.T, to string) {
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = f.Close()
		wg.Wait() // bridges and brokers have ended before
	})
	wg.Go(func() {
		for {
			conn, err := f.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.join(t, conn, to) })
		}
	})
}

// join copies both ways until either side ends.
func (f *front) join(t *testing.T, client net.Conn, to string) {
	defer client.Close()
	broker, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
	if err != nil {
		return // it is away
	}
	defer broker.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(broker, client) // ends with either connection
		_ = broker.Close()
	})
	_, _ = io.Copy(counted{client, &f.served}, broker)
	_ = client.Close()
	wg.Wait()
}

type counted struct {
	io.Writer
	bytes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}
