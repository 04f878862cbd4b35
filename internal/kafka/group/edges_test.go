package group

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// line is the way to a coordinator, on which a test may do something to heartbeats.
type line struct {
	*coordinator
	mu   sync.Mutex
	beat func(context.Context) error // nil, or an error instead of a heartbeat
}

func (l *line) Ask(ctx context.Context, broker int32, r wire.Request, into wire.Response) error {
	l.mu.Lock()
	beat := l.beat
	l.mu.Unlock()
	if _, ok := r.(*wire.HeartbeatRequest); ok && beat != nil {
		if err := beat(ctx); err != nil {
			return err
		}
	}
	return l.coordinator.Ask(ctx, broker, r, into)
}

func (l *line) on(beat func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beat = beat
}

// member joins the group as its only member.
func (l *line) member(t *testing.T, cfg Config) (*Member, *Generation) {
	t.Helper()
	m := New(cfg, l)
	g, err := m.Join(t.Context(), []string{"orders", "users"}, map[string]int{"orders": 6, "users": 1})
	if err != nil {
		t.Fatal(err)
	}
	return m, g
}

// A heartbeat that gets no answer is given up early enough to be sent again before the
// session ends, however patient other calls are.
func TestMember_aHeartbeatIsGivenUpInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		l, cfg := &line{coordinator: c}, testConfig("")
		cfg.CallTimeout = 30 * time.Second
		m, g := l.member(t, cfg)
		time.Sleep(5 * time.Second)
		silent := 2
		l.on(func(ctx context.Context) error {
			if silent--; silent < 0 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		time.Sleep(time.Minute)
		err := g.Lease.Check()
		if m.Pause(); err != nil || silent >= 0 {
			t.Errorf("after two silences: %v; %d are left", err, silent)
		}
		select {
		case <-g.Lost():
			t.Errorf("the generation was lost: %v", g.Err())
		default:
		}
	})
}

// The first heartbeat follows at once, and the others at their interval, however long the
// coordinator takes to answer.
func TestMember_heartbeatsKeepTheirInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		l := &line{coordinator: c}
		var sent []time.Time
		l.on(func(context.Context) error { sent = append(sent, time.Now()); return nil })
		m, _ := l.member(t, testConfig(""))
		joined := time.Now()
		c.mu.Lock()
		c.slow = 400 * time.Millisecond
		c.mu.Unlock()
		time.Sleep(time.Minute)
		m.Pause()
		if len(sent) < 58 || sent[0].Sub(joined) > 10*time.Millisecond {
			t.Errorf("%d heartbeats in a minute, the first after %s", len(sent), sent[0].Sub(joined))
		}
	})
}

// Trouble is told from the second failure in a row on, and once that a heartbeat is
// acknowledged again: a coordinator that is only found again ends nothing.
func TestMember_tellsTroubleAndItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		l, cfg := &line{coordinator: c}, testConfig("")
		var told []bool
		cfg.Trouble = func(err error) { told = append(told, err != nil) }
		m, _ := l.member(t, cfg)
		time.Sleep(5 * time.Second)
		cut := 3
		l.on(func(context.Context) error {
			if cut--; cut >= 0 {
				return errCut
			}
			return nil
		})
		time.Sleep(time.Minute)
		if m.Pause(); !slices.Equal(told, []bool{true, true, false}) {
			t.Errorf("three heartbeats fail: told of failures %v", told)
		}
	})
}

// A member that waits for another one's drain asks to join once, and waits.
func TestMember_awaitsAJoinOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a := startProcess(c, "a", "", "orders", "users")
		settled(t, c, a)
		a.drain.Store(int64(25 * time.Second))
		var joins atomic.Int32
		c.refusing(func(r wire.Request) int16 {
			if _, ok := r.(*wire.JoinGroupRequest); ok {
				joins.Add(1)
			}
			return 0
		})
		b := startProcess(c, "b", "", "orders", "users")
		time.Sleep(20 * time.Second)
		if n := joins.Load(); n != 2 {
			t.Errorf("%d joins, want one for the member id and one that waits", n)
		}
		settled(t, c, a, b)
		a.kill()
		b.kill()
	})
}

// Members of one group may read different topics: its leader shares out what it does not
// read itself, and the others find that made for them.
func TestMember_leadsOthersThatReadOtherTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		a, b := startProcess(c, "a", "", "orders"), startProcess(c, "b", "", "users")
		for p, name := range settled(t, c, a, b) {
			if want := map[string]string{"orders": "a", "users": "b"}[p.Topic]; name != want {
				t.Errorf("%v belongs to %s, want %s", p, name, want)
			}
		}
		made := c.at().completed
		if time.Sleep(5 * time.Minute); c.at().completed != made {
			t.Errorf("%d rebalances when all is quiet", c.at().completed-made)
		}
		a.kill()
		b.kill()
	})
}

// A generation that a twin ends says so.
func TestMember_aTwinEndsTheGeneration(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		m, g := (&line{coordinator: c}).member(t, testConfig("pod-0"))
		twin := startProcess(c, "twin", "pod-0", "orders", "users")
		<-g.Lost()
		if !errors.Is(g.Err(), ErrFenced) {
			t.Errorf("it is lost because of %v", g.Err())
		}
		m.Pause()
		twin.kill()
	})
}

// A coordinator that refuses to let a member go is not asked for ever.
func TestMember_leaveIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		m, _ := (&line{coordinator: c}).member(t, testConfig(""))
		c.refusing(func(r wire.Request) int16 {
			if _, ok := r.(*wire.LeaveGroupRequest); ok {
				return int16(kafka.CodeGroupDenied)
			}
			return 0
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := m.Leave(ctx); !errors.Is(err, kafka.CodeGroupDenied) || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// A stale assignment that is taken counts from 1: after how long it is given back goes by
// that.
func TestMember_countsStaleAssignmentsThatItTakes(t *testing.T) {
	inBubble(t, func(t *testing.T, c *coordinator) {
		for stale, want := range map[int]int{0: 0, 3: 1, 5: 3} {
			m := New(testConfig(""), c)
			m.state = stage(belongs)
			m.state.stale = stale
			if g := m.begin(); g.Stale != want {
				t.Errorf("the %d. stale assignment in a row counts as %d, want %d", stale, g.Stale, want)
			}
			m.Pause()
		}
	})
}

// A call that failed on the way into a generation is made again there, but not where other
// topics or partitions are read by now.
func TestMembership_goesOnOnItsWay(t *testing.T) {
	for _, tc := range []struct {
		name   string
		topics []string
		counts map[string]int
		next   call
	}{
		{"the same", []string{"orders"}, map[string]int{"orders": 2}, syncUp},
		{"other topics", []string{"users"}, map[string]int{"orders": 2}, join},
		{"more partitions", []string{"orders"}, map[string]int{"orders": 3}, join},
	} {
		m := stage(joined)
		if m.subscribe(tc.topics, tc.counts); m.next() != tc.next {
			t.Errorf("%s: next is %s, want %s", tc.name, m.next(), tc.next)
		}
	}
}

// A coordinator that is found each time, and never answers, is asked ever more rarely.
func TestMembership_aCoordinatorThatOnlyExistsIsAskedRarely(t *testing.T) {
	m := stage(outside)
	for range 8 {
		_ = m.answered(join, answer{err: errors.New("no answer")})
		_ = m.answered(findCoordinator, answer{coordinator: 1})
	}
	if m.rest() != lastRest {
		t.Errorf("it rests %s, want %s", m.rest(), lastRest)
	}
}

// What a leader cannot count says nothing of the group: it stays in its generation, at its
// coordinator. A group of other programs is not shared out.
func TestMembership_leaderThatCannotShare(t *testing.T) {
	lead := func(metadata []byte) *membership {
		m := stage(outside)
		_ = m.answered(join, answer{joined: wire.JoinGroupResponse{MemberID: "m", LeaderID: "m", Generation: 8,
			Members: []wire.JoinedMember{{MemberID: "m", Metadata: m.metadata()}, {MemberID: "other", Metadata: metadata}}}})
		return m
	}
	m := lead(stage(outside).metadata())
	for _, err := range []error{errors.New("no answer"), kafka.CodeCoordinatorUnavailable, kafka.CodeUnknownMember} {
		if _ = m.answered(count, answer{err: err}); m.next() != count || m.state != joined || m.coordinator != 1 || m.memberID != "m" {
			t.Errorf("%v: next is %s, state %d, coordinator %d, member %q", err, m.next(), m.state, m.coordinator, m.memberID)
		}
	}
	m = lead([]byte("?"))
	if err := m.answered(count, answer{counts: map[string]int{"orders": 2}}); err == nil || !strings.Contains(err.Error(), "no bridge") || m.shares != nil {
		t.Errorf("a group of other programs is shared out: %v, %v", err, m.shares)
	}
}

// Where one member reads all topics and another one of them, the topic that both read
// evens out what the first has more.
func TestBalance_topicsWithFewReadersComeFirst(t *testing.T) {
	counts := map[string]int{"all": 2, "one": 2}
	shares := balance([]peer{{"a", "", []string{"all", "one"}}, {"b", "", []string{"all"}}}, counts)
	if len(shares["a"]["one"]) != 2 || len(shares["b"]["all"]) != 2 {
		t.Errorf("shares %v", shares)
	}
}
