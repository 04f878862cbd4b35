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
	return playSchedule(t, draw(seed))
}

// playSchedule plays one schedule and judges it.
func playSchedule(t *testing.T, s *schedule) (virtual time.Duration) {
	if testing.Verbose() {
		t.Log(s)
	}
	synctest.Test(t, func(t *testing.T) {
		s.settings.urlLife = s.urlLife
		w := newWorld(t, rand.New(rand.NewPCG(s.seed, 4)), s.settings, s.brokers, s.partitions)
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
		test := "TestSim$"
		if s.strange {
			test = "TestSim_strange"
		}
		w.t.Errorf("broken promises:\n%s\nreplay: go test ./test/sim -run '%s' -seed=%d -v\n%s", b.String(), test, s.seed, s)
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
