package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer"
)

type kfakeFault = kfake.Fault

// exposure is how long before a crash something may have been stored without
// its commit being acknowledged: a commit follows each stored batch, at most
// ten a second.
const exposure = 500 * time.Millisecond

// background runs something that takes its time beside the schedule.
func (w *world) background(do func()) {
	w.busy.Go(do)
}

// slot is the process that runs in a place now, or nil.
func (w *world) slot(i int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.slots[i]
}

func (w *world) startSlot(i int) {
	w.changing.Lock()
	defer w.changing.Unlock()
	w.mu.Lock()
	taken := w.slots[i] != nil || w.ending || w.settings.Load().static && w.stopping[i] > 0
	w.members++
	name := fmt.Sprintf("p%d", w.members)
	if len(w.processes) > 0 {
		w.untold = true // another process cannot know of it
	}
	s := w.settings.Load()
	w.mu.Unlock()
	if taken {
		return
	}
	p, err := w.start(name, i, s)
	if err != nil {
		w.truth.blame("start %s: %v", name, err)
		return
	}
	w.note("%s starts in slot %d", name, i)
	w.touch(0, 0, everything, "somebody starts") // and batches begin their age anew
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots[i] = p
	w.processes = append(w.processes, p)
}

func (w *world) take(i int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.slots[i]
	delete(w.slots, i)
	return p
}

// endsIn counts the processes of a slot that are about to end: none of their name
// starts meanwhile.
func (w *world) endsIn(i, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping[i] += n
}

// putOutLine is what a process logs that is put out of the group.
const putOutLine = "this member was put out of the group"

// stopSlot stops the process of a slot as SIGTERM does.
func (w *world) stopSlot(i int) {
	p := w.take(i)
	if p == nil {
		return
	}
	began := time.Now()
	w.endsIn(i, 1)
	putOut := len(p.log.holds(putOutLine))
	err := p.stop()
	w.endsIn(i, -1)
	if len(p.log.holds(putOutLine)) > putOut { // and is no member again, to go on from what it remembers
		w.truth.excuse(excuse{process: p.name, from: began.Add(-exposure), to: time.Now(), why: "put out while it stops"})
	}
	w.note("%s in slot %d stopped after %s: %v", p.name, i, time.Since(began), err)
	if err != nil && !errors.Is(err, consumer.ErrUnfinished) && !w.mistaken(p) {
		w.truth.blame("%s: %v", p.name, err)
	}
	if took := time.Since(began); took > p.settings.shutdown+30*time.Second+time.Duration(p.slack.Load()) {
		w.truth.blame("%s took %s to stop", p.name, took)
	}
}

func (w *world) killSlot(i int) {
	p := w.take(i)
	if p == nil {
		return
	}
	now := time.Now()
	w.truth.excuse(excuse{process: p.name, from: now.Add(-exposure), to: now.Add(time.Hour), why: "killed"})
	p.kill()
	w.note("%s in slot %d killed", p.name, i)
	w.touch(0, 0, everything, "somebody is killed")
	w.api.ForgetQuiet()
}

// evict removes members that nobody is any more. kfake keeps a member for good
// whose connection ended while it was joining; a broker counts its session
// timeout from the end of the join on.
func (w *world) evict() {
	info := w.cluster.GroupInfo(group)
	if info == nil {
		return
	}
	w.mu.Lock()
	byName := map[string]*process{}
	for _, p := range w.processes {
		byName[p.name] = p
	}
	w.mu.Unlock()
	newest := map[string]time.Time{} // when a process's latest member was first seen
	for _, m := range info.Members {
		if w.seen[m.MemberID].IsZero() {
			w.seen[m.MemberID] = time.Now()
		}
		if at := w.seen[m.MemberID]; at.After(newest[m.ClientID]) {
			newest[m.ClientID] = at
		}
	}
	for _, m := range info.Members {
		p, since := byName[m.ClientID], newest[m.ClientID]
		switch {
		case p.killed.Load() || p.over():
			if p.endedAt.IsZero() {
				p.endedAt = time.Now()
			}
			since = p.endedAt
		case w.seen[m.MemberID].Equal(since) && time.Since(since) < longestJoin:
			continue // it may be joining with this id, or with another one seen at the same look
		default:
			if st := p.status(); st == nil || st.Group.MemberID == m.MemberID {
				continue
			}
			since = time.Time{} // at once: each removal begins the rebalance anew
		}
		if time.Since(since) >= p.settings.session {
			w.leave(m.MemberID)
		}
	}
}

// longestJoin is longer than a process joins with one id.
const longestJoin = 2 * time.Minute

// sweepEach is how often the group is looked at.
const sweepEach = 2 * time.Second

// sweep evicts now and then until the world closes.
func (w *world) sweep() {
	tick := time.NewTicker(sweepEach)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.evict()
			if why := w.restless(); why != "" {
				now := time.Now()
				w.truth.unrest(now.Add(-sweepEach), now.Add(sweepEach), why)
			}
		case <-w.closing:
			return
		}
	}
}

// leave takes a member out of the group.
func (w *world) leave(id string) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	leaver := kmsg.NewLeaveGroupRequestMember()
	leaver.MemberID = id
	req.Members = append(req.Members, leaver)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := w.operatorClient.Request(ctx, req)
	w.note("evicted %s: %v", id, err)
}

// allStopped stops all, does something, and starts as many.
func (w *world) allStopped(do func()) {
	var stopped []int
	for i := range maxSlots {
		if w.slot(i) != nil {
			w.stopSlot(i)
			stopped = append(stopped, i)
		}
	}
	do()
	for _, i := range stopped {
		w.startSlot(i)
	}
}

// changeSettings changes what processes are started with from now on.
func (w *world) changeSettings(rnd *rand.Rand) {
	w.changing.Lock()
	w.mu.Lock()
	w.settings.Store(w.settings.Load().changed(rnd))
	s := w.settings.Load()
	w.mu.Unlock()
	w.changing.Unlock()
	until := time.Now()
	for i := range maxSlots { // one that started meanwhile keeps the old settings
		if p := w.slot(i); p != nil && p.settings != s {
			until = epoch.Add(time.Hour)
		}
	}
	w.truth.excuse(excuse{from: epoch, to: until, why: "settings changed"})
	w.truth.mu.Lock()
	w.truth.orders = false
	w.truth.mu.Unlock()
	w.note("settings now: %s", s)
}

const maxSlots = 12

// recreate deletes a topic and creates it anew.
func (w *world) recreate(topic string, partitions int32) {
	for codec, c := range w.producers {
		c.Close()
		delete(w.producers, codec)
	}
	w.endTransactions(topic)
	w.truth.recreate(topic)
	if err := w.cluster.DeleteTopic(topic); err != nil {
		w.truth.blame("delete topic: %v", err)
	}
	if n := int32(len(w.cluster.PartitionInfos(topic))); n > partitions {
		partitions = n
	}
	if err := w.cluster.CreateTopic(topic, w.grown(topic, partitions), nil); err != nil {
		w.truth.blame("create topic: %v", err)
	}
	w.learnID(topic)
}

// grown is how many partitions a topic has to have by now.
func (w *world) grown(topic string, least int32) int32 { return max(least, w.parts[topic]) }

// addPartitions lets a topic grow to n partitions.
func (w *world) addPartitions(topic string, n int32) {
	req := kmsg.NewPtrCreatePartitionsRequest()
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, n
	req.Topics = append(req.Topics, t)
	req.TimeoutMillis = 10_000
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if w.parts[topic] >= n {
		return
	}
	res, err := w.producer("none").Request(ctx, req)
	if err != nil {
		w.t.Fatalf("add partitions: %v", err)
	}
	if code := res.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode; code != 0 {
		w.note("add partitions: %d", code)
		return
	}
	w.parts[topic] = n
	for _, c := range w.producers {
		c.ForceMetadataRefresh()
	}
	time.Sleep(200 * time.Millisecond)
}
