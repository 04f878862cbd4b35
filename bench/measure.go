package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"kafka-import-bridge/test/child"
)

// measure runs a subject until the store has every line. The topic is filled
// before, or made and filled meanwhile where the scenario is live.
func (b *bench) measure(ctx context.Context, s *subject, in *scenario, t *topic) (m measured, err error) {
	if in.flow != nil {
		if t, err = b.cluster.create(ctx, "bench-"+in.name, in.shape); err != nil {
			return m, err
		}
		defer b.cluster.remove(t)
	}
	logFile, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return m, fmt.Errorf("make log: %w", err)
	}
	defer func() {
		logFile.Close()
		if err == nil {
			os.Remove(logFile.Name())
		} else if ctx.Err() == nil {
			err = fmt.Errorf("%w (its log is %s)", err, logFile.Name())
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, b.limit, fmt.Errorf("not done after %s", b.limit))
	defer cancel()
	b.store.begin(in.delay)
	r, err := b.setup(s, in, t)
	if err != nil {
		return m, err
	}
	if in.trip > 0 {
		far, err := newDistance(strings.TrimPrefix(r.store, "http://"), in.trip)
		if err != nil {
			return m, err
		}
		defer far.stop()
		r.store = "http://" + far.addr()
	}
	cmd := s.command(ctx, r)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	began := time.Now()
	proc, err := child.Start(cmd)
	if err != nil {
		return m, err
	}
	defer proc.Kill()
	if b.profiles(s) {
		go saveProfile(ctx, pprofAddr, b.profile) // best effort; ends with its request
	}
	if err := b.watched(ctx, &m, proc, in, t); err != nil {
		return m, err
	}
	if err := end(proc, s.ours); err != nil {
		return m, err
	}
	o, err := b.store.finish(t.expected)
	m.take(o, t.expected.total)
	m.elapsed = o.at.Sub(began)
	return m, err
}

func (b *bench) setup(s *subject, in *scenario, t *topic) (*setup, error) {
	r := &setup{brokers: b.cluster.brokers, topic: t.name, group: t.group(), store: b.store.base, age: b.age, partitions: in.partitions}
	if in.flow != nil {
		r.age = in.flow.age
	}
	if b.profiles(s) {
		r.pprof = pprofAddr
	}
	if in.avro {
		r.registry = b.store.base
	}
	if !in.tls {
		return r, nil
	}
	if r.tls = b.cluster.tls; r.tls == nil {
		return nil, errors.New("there is no listener with TLS: this needs the Kafka that the benchmark starts")
	}
	r.brokers, r.store = r.tls.brokers, b.store.secure
	return r, nil
}

func (b *bench) profiles(s *subject) bool { return b.profile != "" && s.name == bridgeName }

// watched follows the process until the last line is stored.
func (b *bench) watched(ctx context.Context, m *measured, proc *child.Process, in *scenario, t *topic) error {
	w := watch(proc.PID(), b.store)
	err := b.await(ctx, m, proc, in, t)
	samples := w.finish()
	if err != nil {
		return err
	}
	m.busy = busyTime(samples)
	if m.cpu, err = cpuOf(proc.PID()); err != nil {
		return err
	}
	m.peakRSS, err = peakRSSOf(proc.PID())
	return err
}

func (b *bench) await(ctx context.Context, m *measured, proc *child.Process, in *scenario, t *topic) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with the process, which measure ends
		<-proc.Done()
		cancel(fmt.Errorf("ended early with code %d", proc.ExitCode()))
	}()
	if in.flow != nil {
		if err := b.flow(ctx, m, in, t); err != nil {
			return fmt.Errorf("%w: %d lines stored", err, b.store.linesStored())
		}
	}
	select {
	case <-b.store.expect(t.expected.total.lines):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %d of %d lines stored", context.Cause(ctx), b.store.linesStored(), t.expected.total.lines)
	}
}

// take notes what the store has seen.
func (m *measured) take(o outcome, produced count) {
	m.produced, m.puts, m.lines, m.repeated = produced, o.puts, o.lines, o.repeated
	m.takeDelays(o.delays)
}

// end stops the process; a bridge must exit cleanly.
func end(proc *child.Process, ours bool) error {
	if !ours {
		proc.Kill()
		return nil
	}
	proc.Signal(syscall.SIGTERM)
	select {
	case <-proc.Done():
	case <-time.After(time.Minute):
		return fmt.Errorf("still runs a minute after SIGTERM")
	}
	if code := proc.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d after SIGTERM", code)
	}
	return nil
}

const (
	pprofAddr      = "127.0.0.1:6061"
	profileSeconds = 4 // how much of a run a profile covers: its beginning
)

// saveProfile asks for a CPU profile until the process listens.
func saveProfile(ctx context.Context, addr, file string) {
	for range 100 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, profileSeconds), nil)
		if err != nil {
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			defer resp.Body.Close()
			if f, err := os.Create(file); err == nil {
				_, _ = f.ReadFrom(resp.Body) // a cut-off profile cannot be read, which tells
				f.Close()
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
