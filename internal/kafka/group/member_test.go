package group

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// process is a bridge as far as its group is concerned.
type process struct {
	name    string
	topics  []string
	member  *Member
	at      atomic.Pointer[Generation] // that it works in; nil while it joins
	drain   atomic.Int64               // how long it takes to hand over, nanoseconds
	uneven  bool                       // it takes any time up to that
	cancel  context.CancelFunc
	stopped chan struct{}
	failure atomic.Pointer[error] // that it ended with
	joins   atomic.Int32
}

func testConfig(instance string) Config {
	return Config{Settings: Settings{Group: "g", InstanceID: instance, SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second,
		HeartbeatInterval: time.Second}, CallTimeout: 3 * time.Second}
}

// startProcess runs a process until it is killed or stopped. instance "" is a
// dynamic member.
func startProcess(c *coordinator, name, instance string, topics ...string) *process {
	p := &process{name: name, topics: topics, member: New(testConfig(instance), c), stopped: make(chan struct{})}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(p.stopped)
		p.run(ctx, c)
	}()
	return p
}

func (p *process) run(ctx context.Context, c *coordinator) {
	for ctx.Err() == nil {
		counts, err := c.Partitions(ctx, p.topics)
		if err != nil {
			continue
		}
		g, err := p.member.Join(ctx, p.topics, counts)
		if errors.Is(err, ErrFenced) {
			p.failure.Store(&err)
			return
		}
		if err != nil {
			_ = sleep.For(ctx, time.Second)
			continue
		}
		p.joins.Add(1)
		p.at.Store(g)
		if !p.work(ctx, c, g) {
			return
		}
		p.at.Store(nil)
	}
}

// work is a generation's life: until the group rebalances, the partitions change,
// or a stale generation is old enough. It returns false if a twin has come.
func (p *process) work(ctx context.Context, c *coordinator, g *Generation) bool {
	watch := time.NewTicker(20 * time.Second)
	defer watch.Stop()
	for {
		select {
		case <-g.Rebalance():
			_ = sleep.For(ctx, p.handOver())
			return true
		case <-g.Lost():
			err := g.Err()
			p.at.Store(nil)
			if errors.Is(err, ErrFenced) {
				p.failure.Store(&err)
				return false
			}
			return true
		case <-watch.C:
			counts, err := c.Partitions(ctx, p.topics)
			if g.Stale > 0 || err == nil && !maps.Equal(counts, g.Counts) {
				return true
			}
		case <-ctx.Done():
			return true
		}
	}
}

func (p *process) handOver() time.Duration {
	longest := p.drain.Load()
	if p.uneven && longest > 0 {
		return time.Duration(rand.Int64N(longest))
	}
	return time.Duration(longest)
}

// fenced reports whether it has ended because of a twin.
func (p *process) fenced() bool { return p.failure.Load() != nil }

// kill ends the process without a word to the group.
func (p *process) kill() {
	p.cancel()
	<-p.stopped
	p.member.Pause()
}

// stop ends it as SIGTERM does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	<-p.stopped
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := p.member.Leave(ctx); err != nil {
		t.Errorf("%s: %v", p.name, err)
	}
}

// owners lists who may work on each partition, and blames two.
func owners(t *testing.T, processes ...*process) map[kafka.TopicPartition]string {
	t.Helper()
	all := map[kafka.TopicPartition]string{}
	for _, p := range processes {
		g := p.at.Load()
		if g == nil || g.Lease.Check() != nil {
			continue
		}
		for topic, ids := range g.Assigned {
			for _, id := range ids {
				if other, ok := all[kafka.TopicPartition{Topic: topic, Partition: id}]; ok {
					t.Errorf("%s/%d belongs to %s and %s at once", topic, id, other, p.name)
				}
				all[kafka.TopicPartition{Topic: topic, Partition: id}] = p.name
			}
		}
	}
	return all
}

// settled waits until all partitions belong to somebody and nobody drains.
func settled(t *testing.T, c *coordinator, processes ...*process) map[kafka.TopicPartition]string {
	t.Helper()
	want := c.at().partitions
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		all, same := owners(t, processes...), true
		for _, p := range processes {
			g := p.at.Load()
			same = same && g != nil && g.ID == c.at().generation && g.Stale == 0
		}
		if len(all) == want && same && c.at().state == "stable" {
			return all
		}
		if time.Now().After(end) {
			for _, p := range processes {
				if g := p.at.Load(); g != nil {
					t.Logf("%s is %s in generation %d with %v of %v, stale %d, lease %v", p.name, g.MemberID, g.ID, g.Assigned, g.Counts, g.Stale, g.Lease.Check())
				} else {
					t.Logf("%s is in no generation, fenced %t", p.name, p.fenced())
				}
			}
			t.Errorf("after five minutes %d of %d partitions belong to somebody; %s", len(all), want, c)
			return all
		}
	}
}

func inBubble(t *testing.T, play func(t *testing.T, c *coordinator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCoordinator(rand.New(rand.NewPCG(1, 1)), map[string]int{"orders": 6, "users": 1})
		play(t, c)
		time.Sleep(time.Hour) // for the model's timers
	})
}

func TestMember_joinsRebalancesAndLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a := startProcess(c, "a", "", "orders", "users")
		settled(t, c, a)
		id := a.at.Load().MemberID
		b := startProcess(c, "b", "", "orders", "users")
		all := settled(t, c, a, b)
		if a.at.Load().MemberID != id {
			t.Error("the member id was forgotten over a rebalance")
		}
		share := map[string]int{}
		for _, name := range all {
			share[name]++
		}
		if share["a"]+share["b"] != 7 || share["a"] < 3 || share["b"] < 3 {
			t.Errorf("shares %v", share)
		}
		b.stop(t)
		settled(t, c, a)
		a.stop(t)
		if c.at().state != "empty" {
			t.Errorf("after all have left: %s", c)
		}
	})
}

// A drain may take longer than the session timeout: heartbeats go on. One that
// takes longer than the rebalance timeout is not waited for.
func TestMember_drains(t *testing.T) {
	for _, tc := range []struct {
		drain time.Duration
		joins int32
		took  time.Duration
	}{{25 * time.Second, 2, 25 * time.Second}, {time.Minute, 2, 30 * time.Second}} {
		t.Run(tc.drain.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *coordinator) {
				a := startProcess(c, "a", "", "orders", "users")
				settled(t, c, a)
				time.Sleep(time.Minute)
				a.drain.Store(int64(tc.drain))
				g, began := a.at.Load(), time.Now()
				b := startProcess(c, "b", "", "orders", "users")
				<-g.Rebalance()
				if noticed := time.Since(began); noticed > 1100*time.Millisecond {
					t.Errorf("noticed after %s", noticed)
				}
				if until := g.Deadline().Sub(began); until > 30*time.Second || until < 28*time.Second {
					t.Errorf("to be over within %s", until)
				}
				time.Sleep(time.Until(began.Add(20 * time.Second))) // two sessions
				if err := g.Lease.Check(); err != nil {
					t.Errorf("while it drains: %v", err)
				}
				for b.at.Load() == nil {
					time.Sleep(100 * time.Millisecond)
					owners(t, a, b)
				}
				if took := time.Since(began).Round(time.Second); took < tc.took || took > tc.took+2*time.Second {
					t.Errorf("the next generation came after %s, want %s", took, tc.took)
				}
				a.drain.Store(int64(0))
				settled(t, c, a, b)
				a.kill()
				b.kill()
			})
		})
	}
}

// A static member that is killed and comes back within the session timeout
// takes its partitions up again at once, and nobody else notices.
func TestMember_staticReturns(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(fmt.Sprintf("leader %t", leads), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *coordinator) {
				a := startProcess(c, "a", "pod-0", "orders", "users")
				settled(t, c, a)
				b := startProcess(c, "b", "pod-1", "orders", "users")
				before, generation := settled(t, c, a, b), c.at().generation
				victim := &a
				if (c.at().leader == a.at.Load().MemberID) != leads {
					victim = &b
				}
				name, instance := (*victim).name, (*victim).member.cfg.InstanceID
				(*victim).kill()
				began := time.Now()
				*victim = startProcess(c, name, instance, "orders", "users")
				after := settled(t, c, a, b)
				if took := time.Since(began); took > 200*time.Millisecond {
					t.Errorf("it took %s", took)
				}
				if c.at().generation != generation {
					t.Errorf("a rebalance: generation %d after %d", c.at().generation, generation)
				}
				for p, name := range before {
					if after[p] != name {
						t.Errorf("%v has moved from %s to %s", p, name, after[p])
					}
				}
				a.kill()
				b.kill()
			})
		})
	}
}

// A rolling restart of static members that stay in the group moves no partition
// and makes no rebalance; of such that leave it gives the same shares in the end.
func TestMember_staticRollingRestart(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("leaves %t", leaves), func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *coordinator) {
				var ps []*process
				for i := range 3 {
					ps = append(ps, startProcess(c, fmt.Sprint(i), fmt.Sprint("pod-", i), "orders", "users"))
				}
				before, made := settled(t, c, ps...), c.at().completed
				for i := range ps {
					if leaves {
						ps[i].stop(t)
					} else {
						ps[i].kill()
					}
					time.Sleep(5 * time.Second)
					ps[i] = startProcess(c, fmt.Sprint(i), fmt.Sprint("pod-", i), "orders", "users")
					after := settled(t, c, ps...)
					for p, name := range before {
						if after[p] != name {
							t.Errorf("%v has moved from %s to %s", p, name, after[p])
						}
					}
				}
				if want := map[bool]int{false: 0, true: 6}[leaves]; c.at().completed-made != want {
					t.Errorf("%d rebalances, want %d", c.at().completed-made, want)
				}
				for _, p := range ps {
					p.kill()
				}
			})
		})
	}
}

// Of two processes of one name the older one stops, whatever it does just now.
func TestMember_twin(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a := startProcess(c, "a", "pod-0", "orders", "users")
		settled(t, c, a)
		g := a.at.Load()
		twin := startProcess(c, "twin", "pod-0", "orders", "users")
		<-a.stopped
		if !a.fenced() || g.Lease.Check() == nil {
			t.Errorf("the older one was told: %t, lease %v", a.fenced(), g.Lease.Check())
		}
		settled(t, c, twin)
		a.stop(t) // must not take the other out
		time.Sleep(time.Minute)
		settled(t, c, twin)
		twin.kill()
	})
}

// A static member whose settings have changed, or that has missed new
// partitions, is not content with the assignment that was kept for it.
func TestMember_staticReturnsToOtherTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a, b := startProcess(c, "a", "pod-0", "orders"), startProcess(c, "b", "pod-1", "orders")
		time.Sleep(time.Minute)
		for _, p := range []**process{&a, &b} {
			(*p).kill()
			*p = startProcess(c, (*p).name, (*p).member.cfg.InstanceID, "users")
			time.Sleep(time.Minute)
		}
		for p, name := range owners(t, a, b) {
			if p.Topic != "users" {
				t.Errorf("%v belongs to %s, which does not read it", p, name)
			}
		}
		if n := len(owners(t, a, b)); n != 1 {
			t.Errorf("%d partitions belong to somebody, want the one of users", n)
		}
		for _, p := range []**process{&a, &b} { // all at once, while partitions are added
			(*p).kill()
			c.grow("users", 8)
			*p = startProcess(c, (*p).name, (*p).member.cfg.InstanceID, "users")
		}
		time.Sleep(time.Minute)
		if n := len(owners(t, a, b)); n != 8 {
			t.Errorf("%d partitions belong to somebody, want all 8 of users", n)
		}
		a.kill()
		b.kill()
	})
}

// The coordinator moves, or is gone, in the middle of each call.
func TestMember_coordinatorMovesAtEachStep(t *testing.T) {
	steps := map[string]func(r wire.Request) bool{
		"join":      func(r wire.Request) bool { _, ok := r.(*wire.JoinGroupRequest); return ok },
		"sync":      func(r wire.Request) bool { _, ok := r.(*wire.SyncGroupRequest); return ok },
		"heartbeat": func(r wire.Request) bool { _, ok := r.(*wire.HeartbeatRequest); return ok },
		"leave":     func(r wire.Request) bool { _, ok := r.(*wire.LeaveGroupRequest); return ok },
	}
	for name, is := range steps {
		for _, code := range []int16{14, 15, 16, -1} { // -1: it moves and says nothing
			t.Run(fmt.Sprintf("%s %d", name, code), func(t *testing.T) {
				inBubble(t, func(t *testing.T, c *coordinator) {
					a := startProcess(c, "a", "pod-0", "orders", "users")
					settled(t, c, a)
					var n atomic.Int32
					c.refusing(func(r wire.Request) int16 {
						if !is(r) || n.Add(1) > 1 {
							return 0
						}
						if code < 0 {
							go c.move()
							return 0
						}
						return code
					})
					b := startProcess(c, "b", "", "orders", "users")
					began := time.Now()
					settled(t, c, a, b)
					if took := time.Since(began); took > 12*time.Second {
						t.Errorf("it took %s to join", took)
					}
					b.stop(t)
					settled(t, c, a)
					if n.Load() == 0 {
						t.Error("the step was not met")
					}
					a.stop(t)
				})
			})
		}
	}
}

// A member waits in a join for one that drains, and is stopped.
func TestMember_stopsWhileItJoins(t *testing.T) {
	for _, instance := range []string{"", "pod-1"} {
		t.Run(instance, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *coordinator) {
				a := startProcess(c, "a", "", "orders", "users")
				settled(t, c, a)
				a.drain.Store(int64(20 * time.Second))
				b := startProcess(c, "b", instance, "orders", "users")
				time.Sleep(5 * time.Second)
				began := time.Now()
				b.stop(t)
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("it took %s to stop", took)
				}
				if c.at().members != 1 {
					t.Errorf("it is still in the group: %s", c)
				}
				settled(t, c, a)
				a.stop(t)
			})
		})
	}
}

// A process that is stopped before it has heard of its member id leaves nobody behind
// for whom the others would wait.
func TestMember_stopsBeforeItHasAMemberID(t *testing.T) {
	for after := range 8 {
		inBubble(t, func(t *testing.T, c *coordinator) {
			a := startProcess(c, "a", "", "orders", "users")
			time.Sleep(time.Duration(after) * time.Millisecond)
			a.stop(t)
			if c.mu.Lock(); len(c.pending) > 0 || len(c.members) > 0 {
				t.Errorf("stopped after %d ms it leaves %v and %v in the group", after, c.pending, c.members)
			}
			c.mu.Unlock()
		})
	}
}

func TestMember_heartbeatsAreLost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a := startProcess(c, "a", "", "orders", "users")
		settled(t, c, a)
		g := a.at.Load()
		c.fail(100)
		time.Sleep(9 * time.Second)
		if err := g.Lease.Check(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if g.Lease.Check() == nil {
			t.Error("the lease is longer than a session timeout")
		}
		c.fail(0)
		settled(t, c, a)
		a.stop(t)
	})
}

// The lease counts from when a heartbeat was sent: the group may have taken it for the
// last one at any moment from then on.
func TestMember_theLeaseCountsFromTheRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a := startProcess(c, "a", "", "orders", "users")
		settled(t, c, a)
		c.mu.Lock()
		c.slow = time.Second
		c.mu.Unlock()
		var arrived atomic.Pointer[time.Time] // when the last heartbeat came that was taken
		c.refusing(func(r wire.Request) int16 {
			if _, ok := r.(*wire.HeartbeatRequest); ok {
				now := time.Now()
				arrived.Store(&now)
			}
			return 0
		})
		time.Sleep(20 * time.Second)
		g := a.at.Load()
		c.fail(100)
		for g.Lease.Check() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		if held := time.Since(*arrived.Load()); held > 10*time.Second-900*time.Millisecond {
			t.Errorf("the lease holds for %s after the coordinator has heard of the member, who sent that a second before", held)
		}
		c.refusing(nil)
		c.fail(0)
		settled(t, c, a)
		a.stop(t)
	})
}

// Processes come, go, are killed and return while requests and answers are lost
// and the coordinator moves: no partition has two owners at any time, and once
// that ends everybody settles.
func TestMember_randomWalk(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { walk(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func walk(t *testing.T, rnd *rand.Rand) {
	c := newCoordinator(rand.New(rand.NewPCG(rnd.Uint64(), 1)), map[string]int{"orders": 1 + rnd.IntN(6), "users": rnd.IntN(4)})
	c.faults = rnd.IntN(30)
	static := rnd.IntN(3)
	alive := map[int]*process{}
	var story []string
	tell := func(format string, args ...any) { story = append(story, fmt.Sprintf(format, args...)) }
	start := func(i int) {
		instance := ""
		if i < static {
			instance = fmt.Sprint("pod-", i)
		}
		p := startProcess(c, fmt.Sprint(i, ".", rnd.IntN(1000)), instance, "orders", "users")
		p.uneven = true
		p.drain.Store(int64(40 * time.Second))
		alive[i] = p
	}
	watch := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond) {
			var ps []*process
			for _, p := range alive {
				ps = append(ps, p)
			}
			owners(t, ps...)
		}
	}
	for range 40 {
		i := rnd.IntN(4)
		p := alive[i]
		switch what := rnd.IntN(10); {
		case p == nil:
			tell("start %d", i)
			start(i)
		case what < 3:
			tell("kill %d", i)
			p.kill()
			delete(alive, i)
			if rnd.IntN(2) == 0 {
				start(i)
			}
		case what < 5:
			tell("stop %d", i)
			p.cancel()
			<-p.stopped
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			_ = p.member.Leave(ctx)
			cancel()
			delete(alive, i)
		case what < 6:
			tell("move")
			c.move()
		case what < 7:
			tell("more partitions")
			c.grow("orders", 1+rnd.IntN(9))
		}
		watch(time.Duration(rnd.IntN(20)) * time.Second)
	}
	c.fail(0)
	if len(alive) == 0 {
		start(0)
	}
	var ps []*process
	for i, p := range alive {
		if rnd.IntN(2) == 0 { // so that somebody notices the partitions that were added
			p.kill()
			start(i)
		}
		p = alive[i]
		p.drain.Store(int64(time.Second))
		ps = append(ps, p)
	}
	for _, p := range ps {
		if p.fenced() {
			t.Errorf("%s was fenced and had no twin", p.name)
		}
	}
	if !t.Failed() {
		settled(t, c, ps...)
		time.Sleep(time.Minute) // for what is left of those that were killed
		settled(t, c, ps...)
		made := c.at().completed
		watch(5 * time.Minute)
		if c.at().completed != made {
			t.Errorf("%d rebalances when all is quiet", c.at().completed-made)
		}
	}
	for _, p := range ps {
		p.kill()
	}
	time.Sleep(time.Hour)
	if t.Failed() {
		t.Logf("%s\n%s", strings.Join(story, "\n"), c)
	}
}
