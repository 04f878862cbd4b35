package main

import "time"

// sampleEvery is the time between two looks at a process.
const sampleEvery = 20 * time.Millisecond

// startReads is more than a process reads of files and brokers before the first
// record, in bytes. Where all that it reads is hardly more, because the topic is
// tiny or compresses to nothing, the start cannot be told exactly.
const startReads = 1 << 20

// sample is one look at a process.
type sample struct {
	at      time.Time
	read    int64         // bytes that it has read so far
	cpu     time.Duration // that it has used so far
	storing bool          // whether a PUT was under way since the last sample
}

// longPause is a pause in which a subject waits for the age of its last batches. A
// shorter one is that between two PUTs: part of the work.
const longPause = time.Second / 10

// busyTime is how long the work took: from the first byte read of Kafka to the
// last one, and after that as long as a PUT was under way or the CPU was used, with the
// pauses between that are shorter than longPause. The start of the process, joining the
// group, and waiting for the age of the last batches are not work.
func busyTime(samples []sample) time.Duration {
	if len(samples) < 2 {
		return 0
	}
	first, last := 0, len(samples)-1
	all := samples[last].read
	for i, s := range samples {
		if s.read < max(all/100, min(startReads, all/4)) {
			first = min(i, last-1)
		}
	}
	for last > first+1 && samples[last-1].read >= all-all/100 {
		last--
	}
	busy := samples[last].at.Sub(samples[first].at)
	pause := time.Duration(0)
	for i := last + 1; i < len(samples); i++ {
		took := samples[i].at.Sub(samples[i-1].at)
		if !samples[i].storing && samples[i].cpu == samples[i-1].cpu {
			pause += took
			continue
		}
		if pause < longPause {
			busy += pause
		}
		busy, pause = busy+took, 0
	}
	return busy
}

// watcher takes samples of a process.
type watcher struct {
	pid     int
	store   *sink
	samples []sample
	stop    chan struct{}
	stopped chan struct{}
}

// watch starts to take samples.
func watch(pid int, store *sink) *watcher {
	w := &watcher{pid: pid, store: store, stop: make(chan struct{}), stopped: make(chan struct{})}
	go w.run() // ends with finish, or with the process
	return w
}

func (w *watcher) run() {
	defer close(w.stopped)
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for w.take() {
		select {
		case <-ticker.C:
		case <-w.stop:
			w.take()
			return
		}
	}
}

func (w *watcher) take() bool {
	read, err := readBy(w.pid)
	if err != nil {
		return false // it has ended
	}
	cpu, err := cpuOf(w.pid)
	if err != nil {
		return false
	}
	w.samples = append(w.samples, sample{time.Now(), read, cpu, w.store.wasBusy()})
	return true
}

// finish takes a last sample and returns all of them. It may be called once.
func (w *watcher) finish() []sample {
	close(w.stop)
	<-w.stopped
	return w.samples
}
