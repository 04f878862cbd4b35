package sim

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	fleetMembers    = flag.Int("fleet-members", 6, "members of TestFleet")
	fleetPartitions = flag.Int("fleet-partitions", 120, "partitions of TestFleet")
	fleetRate       = flag.Int("fleet-rate", 60, "records a second of TestFleet")
)

// fleetSettings are those of each member: the defaults of BRIDGE_*, but for a
// smaller buffer and a batch age that does not hide what a deployment costs.
func fleetSettings() *settings {
	s := defaultSettings()
	s.batchAge, s.buffer, s.session, s.heartbeat, s.rebalance = 5*time.Second, 2<<20, 30*time.Second, 3*time.Second, 2*time.Minute
	return s
}

// A fleet under steady traffic is deployed anew, member by member: nothing is
// lost, nothing is sent twice, and no record waits long. `make fleet` plays the
// figures of docs/scaling.md.
func TestFleet_rollingDeploy(t *testing.T) {
	for _, d := range []struct {
		name   string
		static bool // members keep their names, and stay in the group while they restart
		deploy func(f *fleet)
	}{{"one at a time", false, (*fleet).replaceEach}, {"surge of one", false, (*fleet).surge}, {"static members, one at a time", true, (*fleet).replaceEach}} {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, *fleetMembers, int32(*fleetPartitions), *fleetRate)
				f.static = d.static
				f.phase("start")
				f.startAll()
				time.Sleep(10 * time.Second)
				f.phase("steady")
				time.Sleep(time.Minute)
				f.phase("deploy")
				d.deploy(f)
				f.phase("after")
				time.Sleep(time.Minute)
				f.phase("end")
				f.stop()
				f.judge()
			})
		})
	}
}

// podStart is how long a new process takes until it runs.
const podStart = 5 * time.Second

// replaceEach stops each member and starts its successor where it was, as a
// StatefulSet does.
func (f *fleet) replaceEach() {
	for i := range f.members {
		f.members[i].stop(f.t)
		time.Sleep(podStart)
		f.members[i] = f.start(i)
		f.members[i].awaitReady()
	}
}

// surge starts a successor before it stops each member, as a Deployment with
// maxSurge 1 and maxUnavailable 0 does.
func (f *fleet) surge() {
	for i := range f.members {
		time.Sleep(podStart)
		next := f.start(i)
		next.awaitReady()
		f.members[i].stop(f.t)
		f.members[i] = next
	}
}

// feed produces at the fleet's rate until the fleet stops.
func (f *fleet) feed() {
	const step = 100 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for owed := 0; ; owed %= int(time.Second / step) {
		select {
		case <-f.stopping:
			return
		case <-tick.C:
		}
		var batch []*kgo.Record
		for owed += f.rate; owed >= int(time.Second/step); owed -= int(time.Second / step) {
			batch = append(batch, f.record())
		}
		if err := f.producer.ProduceSync(context.Background(), batch...).FirstErr(); err != nil {
			f.t.Errorf("produce: %v", err)
			return
		}
	}
}

// record draws the next record: ten namespaces, any partition.
func (f *fleet) record() *kgo.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.produced)
	f.produced = append(f.produced, delivery{at: time.Now(), phase: len(f.phases) - 1})
	return &kgo.Record{Topic: "t0", Partition: f.rnd.Int32N(f.partitions), Value: fmt.Appendf(nil, `{"id":"%d","n":%d,"ns":"n%d"}`, n, n, f.rnd.IntN(10))}
}

func newFleet(t *testing.T, members int, partitions int32, rate int) *fleet {
	f := &fleet{
		t: t, rnd: rand.New(rand.NewPCG(1, 1)), members: make([]*fleetMember, members), partitions: partitions, rate: rate,
		stopping: make(chan struct{}), fed: make(chan struct{}),
	}
	f.serve()
	go func() { // ended by stop
		defer close(f.fed)
		f.feed()
	}()
	return f
}

// startAll starts all members at about the same time.
func (f *fleet) startAll() {
	for i := range f.members {
		f.members[i] = f.start(i)
		time.Sleep(50 * time.Millisecond)
	}
	for _, m := range f.members {
		m.awaitReady()
	}
}

// stop ends the traffic, then the members, then the rest.
func (f *fleet) stop() {
	close(f.stopping)
	<-f.fed
	time.Sleep(20 * time.Second)
	for _, m := range f.members {
		m.stop(f.t)
	}
	f.end = f.kafka.Cluster().GroupInfo(group).Commits["t0"]
	f.highWatermarks()
	f.producer.Close()
	f.stopAPI()
	f.kafka.Close()
	time.Sleep(5 * time.Minute) // for what sleeps
}
