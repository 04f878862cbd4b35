package sim

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// What the commit metadata says must survive everything that happens between
// two owners of a partition.

// behind leaves namespace "bad" owed from the first record on, and all the
// others stored and committed.
func (w *world) behind() (free func()) {
	free = w.refuse(sandbox.OperationCreate, 404, "bad")
	w.startSlot(0)
	w.emit("t0", 0, 100, append([]string{"bad"}, append(named("good", 4, 10), "bad")...)...)
	w.wants(10*time.Second, "the others are stored", func() bool { return w.stored("good") })
	time.Sleep(time.Second)
	return free
}

func TestFrontier_graceful(t *testing.T) {
	scenario(t, defaultSettings(), 1, 0, func(w *world) {
		w.behind()
		w.restart(nil)
		time.Sleep(time.Minute)
	})
}

func TestFrontier_newOwnerCrashesBeforeItsFirstBatch(t *testing.T) {
	scenario(t, defaultSettings(), 1, 0, func(w *world) {
		w.behind()
		w.stopSlot(0)
		for _, life := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, time.Second, 4 * time.Second} {
			w.startSlot(0)
			time.Sleep(life)
			w.killSlot(0)
			time.Sleep(time.Minute) // its session
		}
		w.startSlot(0)
		time.Sleep(time.Minute)
	})
}

func TestFrontier_namespacesAreMappedAnew(t *testing.T) {
	scenario(t, defaultSettings(), 1, -1, func(w *world) {
		w.behind()
		s := *w.settings.Load()
		s.mapping = "good0=other"
		w.again("settings changed")
		w.truth.orders = false
		w.restart(&s)
		time.Sleep(time.Minute)
	})
}

func TestFrontier_heldRecordIsReleasedByASetting(t *testing.T) {
	scenario(t, defaultSettings(), 1, 0, func(w *world) {
		w.startSlot(0)
		w.emit("t0", 0, 10, "a", "b", "a")
		held := w.odd("t0", 0, noID, "a")
		w.emit("t0", 0, 10, "a", "b", "a")
		time.Sleep(time.Minute)
		if held.lineDone("a") {
			w.truth.blame("a held record was stored")
		}
		s := *w.settings.Load()
		s.id = "offset"
		w.truth.orders = false
		w.restart(&s)
		w.wants(30*time.Second, "the released record is stored", func() bool { return w.stored("") })
	})
}

func TestFrontier_offsetsAreReset(t *testing.T) {
	for _, tc := range []struct {
		name    string
		offset  int64
		repeats int
	}{{"back to the start", 0, 12}, {"back a little", 8, 4}} {
		t.Run(tc.name, func(t *testing.T) {
			scenario(t, defaultSettings(), 1, tc.repeats, func(w *world) {
				w.startSlot(0)
				w.emit("t0", 0, 10, named("n", 3, 4)...)
				w.wants(10*time.Second, "all is stored", func() bool { return w.stored("") })
				time.Sleep(time.Second)
				w.stopSlot(0)
				w.again("reset")
				w.commitAs("t0", 0, tc.offset, "")
				w.truth.verified[place{"t0", 0, 0}] = tc.offset
				w.startSlot(0)
				time.Sleep(time.Minute)
			})
		})
	}
}

// An offset that was translated for this log, with metadata copied from
// another: what that one says is done is not done here.
func TestFrontier_copiedMetadata(t *testing.T) {
	scenario(t, defaultSettings(), 2, -1, func(w *world) {
		w.behind()
		w.stopSlot(0)
		metadata := w.sample()["t0"][0].Metadata
		w.emit("t0", 1, 10, named("good", 4, 10)...)
		w.commitAs("t0", 1, 3, metadata)
		w.truth.remove(place{"t0", 0, 1}, 3) // the operator's choice
		w.again("copied metadata")
		w.startSlot(0)
		w.wants(time.Minute, "all is stored", func() bool { return w.stored("good") })
	})
}

func TestFrontier_recreatedTopic(t *testing.T) {
	for _, tc := range []struct {
		name    string
		records int
		running bool
	}{{"shorter, while stopped", 5, false}, {"longer, while stopped", 80, false}, {"shorter, while running", 5, true}, {"longer, while running", 80, true}} {
		t.Run(tc.name, func(t *testing.T) {
			scenario(t, defaultSettings(), 1, 0, func(w *world) {
				w.startSlot(0)
				w.emit("t0", 0, 10, named("n", 3, 10)...)
				time.Sleep(30 * time.Second)
				if !tc.running {
					w.stopSlot(0)
				}
				old := w.sample()["t0"][0]
				w.recreate("t0", 1)
				if !tc.running { // a cluster may keep the commit of a deleted topic
					w.commitAs("t0", 0, old.Offset, old.Metadata)
				}
				var names []string
				for range tc.records {
					names = append(names, "n0")
				}
				w.emit("t0", 0, 10, names...)
				if !tc.running {
					w.startSlot(0)
				}
				w.wants(3*time.Minute, "the new topic's records are stored", func() bool {
					w.truth.mu.Lock()
					defer w.truth.mu.Unlock()
					for _, r := range w.truth.logs[place{"t0", 1, 0}] {
						if !r.lineDone("n0") {
							return false
						}
					}
					return true
				})
			})
		})
	}
}

func TestFrontier_1000NamespacesBehindAtOnce(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 1, -1, func(w *world) {
		end := w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Status: 503, Probability: 0.9})
		w.startSlot(0)
		w.emit("t0", 0, 10, named("namespace-with-a-long-name-", 1000, 2)...)
		time.Sleep(20 * time.Second)
		w.killSlot(0)
		w.again("killed, and not everything fits the metadata")
		w.startSlot(0)
		time.Sleep(time.Minute)
		end()
		w.wants(3*time.Minute, "all is stored", func() bool { return w.stored("") })
		w.restart(nil)
	})
}

// Rebalances wait for no retry, so that the frontier must tell what has overtaken
// a batch that failed.
func TestFrontier_severalImportsOfANamespaceAtOnce(t *testing.T) {
	s := defaultSettings()
	s.perNamespace, s.batchRecords = 4, 5
	scenario(t, s, 4, -1, func(w *world) {
		w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Status: 500, Probability: 0.5})
		w.startSlot(0)
		for i := range 20 {
			for p := range int32(4) {
				w.emit("t0", p, 10, named("n", 2, 10)...)
			}
			time.Sleep(500 * time.Millisecond)
			if i%2 == 0 {
				w.startSlot(1)
			} else {
				w.stopSlot(1)
			}
			time.Sleep(time.Second)
		}
		w.killSlot(0)
		w.startSlot(0)
	})
}

func TestFrontier_commitTimesOutAndIsAppliedLater(t *testing.T) {
	for _, stop := range []time.Duration{2 * time.Second, 11 * time.Second, 30 * time.Second} {
		t.Run("stop after "+stop.String(), func(t *testing.T) {
			s := defaultSettings()
			s.batchAge = 200 * time.Millisecond
			scenario(t, s, 2, 0, func(w *world) {
				w.truth.late = true
				w.startSlot(0)
				w.emit("t0", 0, 10, named("n", 3, 4)...)
				time.Sleep(time.Second)
				w.slot(0).kafka.delayCommit(15*time.Second, func() {})
				for range 10 {
					w.emit("t0", 0, 10, named("n", 3, 1)...)
					w.emit("t0", 1, 10, named("n", 3, 1)...)
					time.Sleep(time.Second)
				}
				time.Sleep(stop)
				w.restart(nil)
			})
		})
	}
}

// A process goes on storing while its coordinator does not answer, and is put out of the
// group. Whichever of its unanswered commits the group has in the end, the process goes on
// from what it knows.
func TestRecollection_ofOneOfSeveralUnansweredCommits(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 1, 0, func(w *world) {
		w.truth.late = true
		w.startSlot(0)
		w.emit("t0", 0, 10, named("a", 1, 5)...)
		w.wants(10*time.Second, "what comes first is committed", func() bool { return w.sample()["t0"][0].Offset == 5 })
		defer w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Namespace: "c0", Delay: 8 * time.Second})()
		kafka := w.slot(0).kafka
		kafka.delayCommit(15*time.Second, func() { time.AfterFunc(time.Millisecond, kafka.partition) }) // and nothing after it arrives
		w.emit("t0", 0, 10, append(named("b", 1, 5), named("c", 1, 5)...)...)
		time.Sleep(time.Minute)
		kafka.heal()
		w.emit("t0", 0, 10, named("d", 1, 5)...)
		w.wants(time.Minute, "it goes on", func() bool { return w.stored("d") })
	})
}
