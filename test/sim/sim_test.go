package sim

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/report"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the only seed to play; 0 plays -seeds of them")
	seedsFlag = flag.Int("seeds", defaultSeeds, "how many seeds TestSim plays, from -first on")
	firstFlag = flag.Uint64("first", 1, "the first of them")
	denseFlag = flag.Bool("dense", true, "draw schedules of many faults, as often as those of few")
	logsFlag  = flag.Bool("simlog", false, "print the logs of the processes also when a run succeeds")
)

// TestMain lets the collector run rarely: worlds are small, and made by thousands.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// TestSim plays the same seeds each time.
func TestSim(t *testing.T) {
	if *seedFlag != 0 {
		play(t, *seedFlag)
		return
	}
	seeds := *seedsFlag
	if testing.Short() {
		seeds /= 10
	}
	for seed := *firstFlag; seed < *firstFlag+uint64(seeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			play(t, seed)
		})
	}
}

// TestSoak plays fresh seeds for as long as SOAK says: `make soak`.
func TestSoak(t *testing.T) {
	span, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("SOAK is not set to a duration")
	}
	start, virtual, runs := time.Now(), time.Duration(0), 0
	for seed := rand.Uint64() >> 16; time.Since(start) < span && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { virtual += play(t, seed) })
		runs++
	}
	t.Logf("%d runs, %s of virtual time", runs, virtual.Round(time.Minute))
}

// play runs one seed and judges it. It returns the virtual time that passed.
func play(t *testing.T, seed uint64) (virtual time.Duration) {
	s := draw(seed)
	if testing.Verbose() {
		t.Log(s)
	}
	synctest.Test(t, func(t *testing.T) {
		s.settings.urlLife = s.urlLife
		w := newWorld(t, rand.New(rand.NewPCG(seed, 4)), s.settings, s.brokers, s.partitions)
		w.drawn, w.graceful, w.more = true, s.graceful, s.more
		for _, st := range s.steps {
			time.Sleep(time.Until(epoch.Add(st.at)))
			st.do(w)
			w.watch()
		}
		time.Sleep(time.Until(epoch.Add(s.length)))
		w.finish()
		virtual = time.Since(epoch)
		w.report(s)
	})
	return virtual
}

// finish ends all faults, lets everything settle, stops the processes and judges.
func (w *world) finish() {
	w.busy.Wait()
	time.Sleep(time.Minute + time.Second) // the longest fault and pause
	w.busy.Wait()
	w.endPassing()
	w.note("passing faults end")
	if w.running() == 0 {
		w.startSlot(0)
	}
	w.checkLiveness()
	w.endFaults()
	w.note("lasting faults end")
	for i := range maxSlots { // one that started while the settings changed, or that holds refused letters
		if p := w.slot(i); p != nil && (p.settings != w.settings.Load() || w.oddLetter) {
			w.stopSlot(i)
			w.startSlot(i)
		}
	}
	settled := w.settle(30*time.Minute + w.longestRest())
	if !settled {
		w.truth.blame("it does not settle: %s; the group: %s", w.owed(), w.membersNow())
	}
	w.sample()
	if settled {
		w.checkMemory()
		w.checkTold()
	}
	w.endTwins()
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	for i := range maxSlots {
		p := w.slot(i)
		if p == nil {
			continue
		}
		w.stopSlot(i)
		if p.err != nil && settled && !w.mistaken(p) {
			w.truth.blame("%s stopped with %v although all was settled", p.name, p.err)
		}
	}
	if owed := w.owed(); settled && owed != "" {
		w.truth.blame("after the last one stopped: %s", owed)
	}
	w.judge()
	w.close()
}

func (w *world) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.slots)
}

// settle waits until nothing is owed.
func (w *world) settle(patience time.Duration) bool {
	stuck := newStuck()
	pause := 2 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		pause = min(pause+100*time.Millisecond, 10*time.Second) // some wait for a Retry-After only
		w.watch()
		if w.owed() == "" {
			return true
		}
		stuck.look(w)
	}
	return false
}

// stuck notices a rebalance of kfake's that does not end.
type stuck struct {
	since      time.Time // when the group was last seen otherwise
	generation int32
}

func newStuck() *stuck { return &stuck{time.Now(), -1} }

// look starts all processes anew where a rebalance does not end, and says whether it did.
func (s *stuck) look(w *world) bool {
	info := w.cluster.GroupInfo(group)
	if info == nil || info.State != "PreparingRebalance" || info.Epoch != s.generation {
		s.since = time.Now()
	}
	if info != nil {
		s.generation = info.Epoch
	}
	if time.Since(s.since) <= stuckAfter {
		return false
	}
	w.note("kfake's rebalance does not end: all start anew")
	w.allStopped(func() {})
	s.since = time.Now()
	return true
}

// stuckAfter is longer than any rebalance may take. After a member was killed
// while it joined kfake may count too few that have joined, and each further
// join begins its rebalance timeout anew, which a broker's does not.
const stuckAfter = 8 * time.Minute

// owed says what is still to be stored or committed, "" for nothing.
func (w *world) owed() string {
	commits := w.sample()
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	for at, log := range w.truth.logs {
		if at.incarnation != w.truth.current[at.topic] {
			continue
		}
		// Somewhere between the first record that may be held and the first
		// that must be: earlier settings may have let it pass.
		least, most := int64(-1), int64(len(log))
		for _, r := range log {
			waits := w.settings.Load().waits(r)
			if waits && least < 0 {
				least = r.offset
			}
			if r.removed || w.truth.done(r) {
				continue
			}
			if !waits {
				return r.String()
			}
			most = min(most, r.offset)
		}
		if least < 0 || most < least {
			least = most
		}
		expected := most
		c, ok := commits[at.topic][at.partition]
		if len(log) == 0 || ok && c.Offset >= least && c.Offset <= most {
			continue
		}
		return fmt.Sprintf("%v is committed to %d instead of %d of %d", at, c.Offset, expected, len(log))
	}
	return ""
}

// membersNow says who is in the group.
func (w *world) membersNow() string {
	info := w.cluster.GroupInfo(group)
	if info == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s generation %d", info.State, info.Epoch)
	for _, m := range info.Members {
		fmt.Fprintf(&b, ", %s has %v", m.MemberID, m.Assignment)
	}
	return b.String()
}

// watch asks every process for its status, which it always gives, and looks for what
// cannot be true at any moment.
func (w *world) watch() {
	w.sample()
	w.mu.Lock()
	all := slices.Clone(w.processes)
	w.mu.Unlock()
	for _, p := range all {
		if p.killed.Load() {
			continue
		}
		st := p.status()
		if st == nil {
			if !p.over() && !p.killed.Load() && !p.kafka.stands() {
				w.truth.blame("%s does not say how it is", p.name)
			}
			continue
		}
		if st.Buffer.Bytes > st.Buffer.LimitBytes {
			w.truth.blame("%s holds %d bytes of %d", p.name, st.Buffer.Bytes, st.Buffer.LimitBytes)
		}
		w.sample()
		for i := range st.Partitions {
			if why := w.truth.never(&st.Partitions[i]); why != "" {
				w.truth.blame("%s says of %s/%d: %s", p.name, st.Partitions[i].Topic, st.Partitions[i].Partition, why)
			}
		}
	}
}

func (p *process) status() *report.Status {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	st, err := p.consumer.Status(ctx)
	if err != nil {
		return nil
	}
	return st
}

// checkMemory wants nothing to be buffered by settled processes.
func (w *world) checkMemory() {
	for i := range maxSlots {
		p := w.slot(i)
		if p == nil {
			continue
		}
		bytes := int64(-1)
		for range 20 {
			if st := p.status(); st != nil {
				if bytes = st.Buffer.Bytes; bytes == 0 {
					break
				}
			}
			time.Sleep(700 * time.Millisecond)
		}
		if bytes != 0 {
			w.truth.blame("%s still holds %d bytes when everything is settled", p.name, bytes)
		}
	}
}

// report fails the test with everything that helps to understand it.
func (w *world) report(s *schedule) {
	var b strings.Builder
	for _, f := range w.truth.faults {
		b.WriteString("  " + f + "\n")
	}
	failed := b.Len() > 0
	if failed {
		w.t.Errorf("broken promises:\n%s\nreplay: go test ./test/sim -run 'TestSim$' -seed=%d -v\n%s", b.String(), s.seed, s)
	}
	if failed || *logsFlag {
		w.t.Log(w.story())
	}
	w.t.Logf("%s of virtual time, %d records, %d commits, %d lines repeated, %d of %d waits without a touch", time.Since(epoch).Round(time.Second), w.sequence, w.truth.commits, w.truth.repeats, w.truth.strict, w.truth.judged)
}

// story is what happened and what the processes logged, in the order of time.
func (w *world) story() string {
	lines := slices.Clone(w.notes)
	for _, p := range w.processes {
		lines = append(lines, p.log.holds("")...)
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:11], b[:11]) })
	return strings.Join(lines, "\n")
}
