package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// step is one thing that happens in a run.
type step struct {
	at   time.Duration
	text string
	do   func(w *world)
}

// schedule is everything that happens in a run, drawn from the seed.
type schedule struct {
	seed       uint64
	settings   *settings
	brokers    int
	partitions int32
	members    int
	length     time.Duration
	graceful   bool // no fault may make a repeat
	strange    bool // with the answers that TestSim_strangeAnswers adds
	more
	steps []step
}

func (s *schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d brokers, %d partitions, %d members, graceful %t, %+v\n%s\n", s.seed, s.brokers, s.partitions, s.members, s.graceful, s.more, s.settings)
	for _, st := range s.steps {
		fmt.Fprintf(&b, "%9.3fs %s\n", st.at.Seconds(), st.text)
	}
	return b.String()
}

func (s *schedule) add(at time.Duration, text string, do func(w *world)) {
	s.steps = append(s.steps, step{at, text, do})
}

// touching adds a step that touches lines for a while from then on.
func (s *schedule) touching(at, span, rest time.Duration, what scope, text string, do func(w *world)) {
	s.add(at, text, func(w *world) {
		w.touch(span, rest, what, text)
		do(w)
	})
}

// draw makes the schedule of a seed.
func draw(seed uint64) *schedule {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{
		seed: seed, settings: drawSettings(rnd), brokers: pick(rnd, 1, 1, 3), partitions: pick[int32](rnd, 1, 2, 4),
		members: pick(rnd, 1, 1, 2, 3), length: pick(rnd, 30*time.Second, time.Minute, 3*time.Minute), graceful: rnd.IntN(4) == 0,
	}
	s.drawBrokers(rand.New(rand.NewPCG(seed, 7)))
	if s.graceful {
		s.settings.drawReceipts(rand.New(rand.NewPCG(seed, 8)))
	}
	if rnd.IntN(3) == 0 {
		s.settings.topics = append(s.settings.topics, "t1")
	}
	for i := range s.members {
		s.add(time.Duration(rnd.IntN(2000))*time.Millisecond, fmt.Sprintf("start slot %d", i), func(w *world) { w.startSlot(i) })
	}
	s.drawRecords(rnd)
	if rnd.IntN(5) == 0 {
		s.lateTopic(rnd)
	}
	if rnd.IntN(2) == 0 {
		s.lastingTrouble(rnd)
	}
	faults := s.faults()
	for range s.density(rnd) {
		f := pick(rnd, faults...)
		f(rnd, time.Duration(rnd.Int64N(int64(s.length))))
	}
	s.drawMembership(rand.New(rand.NewPCG(seed, 5)))
	s.drawBeginning(rand.New(rand.NewPCG(seed, 6)))
	s.drawMore(rand.New(rand.NewPCG(seed, 8)))
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return s
}

// density draws how many faults there are: as often many as few.
func (s *schedule) density(rnd *rand.Rand) int {
	if rnd.IntN(2) == 0 || !*denseFlag {
		return rnd.IntN(9)
	}
	return 12 + rnd.IntN(20)
}

func (s *schedule) drawRecords(rnd *rand.Rand) {
	c := recipe{namespaces: pick(rnd, 1, 3, 5, 20), size: pick(rnd, 10, 200, 1500), odd: pick(rnd, 0, 10, 100), fanout: rnd.IntN(3) == 0}
	if s.settings.buffer < 1<<20 && rnd.IntN(3) == 0 { // a Kafka batch that has no room in it
		s.produce(rnd, recipe{topic: pick(rnd, s.settings.topics...), partition: rnd.Int32N(s.partitions), namespaces: 3, size: 1500, count: 140, codec: largeBatches})
	}
	budget := pick(rnd, 50, 300, 1000)
	for budget > 0 {
		c.count = 1 + rnd.IntN(pick(rnd, 5, 20, 80))
		c.topic, c.partition = pick(rnd, s.settings.topics...), rnd.Int32N(s.partitions)
		c.codec = pick(rnd, "none", "none", "gzip", "snappy", "lz4", "zstd")
		budget -= c.count
		s.produce(rnd, c)
	}
}

// produce lets records appear at some time.
func (s *schedule) produce(rnd *rand.Rand, c recipe) {
	seed := rnd.Uint64()
	s.add(time.Duration(rnd.Int64N(int64(s.length))), c.String(), func(w *world) { w.produce(c, rand.New(rand.NewPCG(seed, 2))) })
}

type fault = func(rnd *rand.Rand, at time.Duration)

// faults lists what may happen besides records.
func (s *schedule) faults() []fault {
	harmless := []fault{s.apiStatus, s.apiStatus, s.apiSlow, s.apiReset, s.apiExpired, s.unauthorised, s.refuse, s.refuse, s.leaderMove, s.coordinatorMove,
		s.fetchError, s.restart, s.restart, s.restart, s.join, s.putOut(), s.addPartitions, s.cutHTTP,
		s.apiBadAnswer, s.apiBadAnswer, s.apiPath, s.transact, s.transact, s.compact, s.fetchStandstill, s.damageBatches}
	if s.graceful {
		return harmless
	}
	return append(harmless, s.apiLost, s.apiLost, s.apiDoomed, s.apiMute, s.condition, s.kill, s.kill, s.kill, s.commitCode, s.commitLost, s.commitLate, s.cutKafka, s.partitionKafka, s.partitionHTTP,
		s.change, s.letterError, s.deleteRecords, s.recreate, s.groupError, s.freeze, s.freeze, s.killAtMoment, s.killAtMoment, s.killAtMoment, s.expireOffsets)
}

func (s *schedule) namespace(rnd *rand.Rand) string {
	return pick(rnd, "", "", "n0", "n0", "n1", "n2")
}

func (s *schedule) span(rnd *rand.Rand) time.Duration {
	return pick(rnd, time.Second, 5*time.Second, 20*time.Second, time.Minute)
}

// excuse lets what any process stores in a while be stored again.
func (s *schedule) excuse(at, span time.Duration, why string) {
	s.add(at, "(repeats are excused: "+why+")", func(w *world) {
		now := time.Now()
		w.truth.excuse(excuse{from: now.Add(-exposure), to: now.Add(span), why: why})
	})
}

// onSlot draws something that happens to one member, if it runs then.
func (s *schedule) onSlot(rnd *rand.Rand, at time.Duration, text string, do func(w *world, p *process)) {
	slot := rnd.IntN(s.members)
	s.add(at, fmt.Sprintf("slot %d: %s", slot, text), func(w *world) {
		if p := w.slot(slot); p != nil {
			do(w, p)
		}
	})
}

func (s *schedule) join(rnd *rand.Rand, at time.Duration) {
	slot := s.members
	if rnd.IntN(2) == 0 {
		s.members++
	}
	s.add(at, fmt.Sprintf("start slot %d", slot), func(w *world) { w.startSlot(slot) })
	if rnd.IntN(2) == 0 {
		s.add(at+s.span(rnd), fmt.Sprintf("stop slot %d", slot), func(w *world) { w.stopSlot(slot) })
	}
}

func (s *schedule) restart(rnd *rand.Rand, at time.Duration) {
	slot, pause := rnd.IntN(s.members), pick(rnd, 10*time.Millisecond, time.Second, 10*time.Second)
	s.add(at, fmt.Sprintf("stop slot %d, start it %s later", slot, pause), func(w *world) {
		w.background(func() {
			w.stopSlot(slot)
			time.Sleep(pause)
			w.startSlot(slot)
		})
	})
}

func (s *schedule) kill(rnd *rand.Rand, at time.Duration) {
	pause := pick(rnd, 10*time.Millisecond, time.Second, 10*time.Second)
	slot := rnd.IntN(s.members)
	s.add(at, fmt.Sprintf("kill slot %d, start it %s later", slot, pause), func(w *world) {
		w.killSlot(slot)
		time.AfterFunc(pause, func() { w.startSlot(slot) })
	})
}

// change stops all members and starts them with other settings.
func (s *schedule) change(rnd *rand.Rand, at time.Duration) {
	seed := rnd.Uint64()
	s.add(at, fmt.Sprintf("all stop and start with other settings (%d)", seed), func(w *world) {
		w.background(func() { w.allStopped(func() { w.changeSettings(rand.New(rand.NewPCG(seed, 3))) }) })
	})
}

func (s *schedule) deleteRecords(rnd *rand.Rand, at time.Duration) {
	topic, partition, share := pick(rnd, s.settings.topics...), rnd.Int32N(s.partitions), rnd.Float64()
	s.touching(at, 0, partitionRest, ofPartition(topic, partition), fmt.Sprintf("the first %.0f %% of %s/%d are deleted", 100*share, topic, partition), func(w *world) {
		at := w.truth.place(topic, partition)
		info := w.cluster.PartitionInfo(topic, partition)
		if info == nil {
			return
		}
		below := max(int64(share*float64(info.HighWatermark)), info.LogStartOffset)
		w.truth.remove(at, below)
		if err := w.cluster.DeleteRecords(topic, partition, below); err != nil {
			w.note("delete records: %v", err)
		}
	})
}

func (s *schedule) recreate(rnd *rand.Rand, at time.Duration) {
	topic := pick(rnd, s.settings.topics...)
	if s.settings.fetchesByID() { // else a rebalance meanwhile hides it: TestRecreated has what is promised then
		s.touching(at, 0, s.settings.refresh+partitionRest, ofTopic(topic), "topic "+topic+" is created anew", func(w *world) { w.recreate(topic, s.partitions) })
	}
}

func (s *schedule) addPartitions(rnd *rand.Rand, at time.Duration) {
	topic := pick(rnd, s.settings.topics...)
	s.partitions++
	n, seed := s.partitions, rnd.Uint64()
	s.touching(at, 0, s.settings.refresh+partitionRest, ofPartition(topic, n-1), fmt.Sprintf("%s gets %d partitions", topic, n), func(w *world) {
		w.addPartitions(topic, n)
		w.produce(recipe{topic: topic, partition: n - 1, count: 5, namespaces: 3, size: 50, codec: "none"}, rand.New(rand.NewPCG(seed, 2)))
	})
	s.partitions--
}
