package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"kafka-import-bridge/test/child"
)

// subject is a program that is measured.
type subject struct {
	name    string
	command func(ctx context.Context, r *setup) *exec.Cmd
	// strict subjects promise to repeat nothing and to stop cleanly.
	strict bool
}

// setup is what a subject has to know of a run.
type setup struct {
	brokers, topic, group string
	store                 string // http://host:port
	age                   time.Duration
	pprof                 string // host:port, or empty
}

// subjects are those whose binaries are known.
func (p *plan) subjects() []subject {
	all := []subject{{"bridge", p.bridgeCommand(p.bridge), true}}
	if p.against != "" {
		all = append(all, subject{"other build", p.bridgeCommand(p.against), true})
	}
	if p.straight != "" {
		all = append(all, subject{"straight line", p.straightCommand, false})
	}
	if p.bento != "" {
		all = append(all, subject{"Bento", p.bentoCommand, false})
	}
	return all
}

func (p *plan) bridgeCommand(binary string) func(context.Context, *setup) *exec.Cmd {
	return func(ctx context.Context, r *setup) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary)
		cmd.Env = append(os.Environ(),
			"BRIDGE_KAFKA_BROKERS="+r.brokers, "BRIDGE_KAFKA_TOPICS="+r.topic, "BRIDGE_KAFKA_GROUP_ID="+r.group,
			"BRIDGE_NAMESPACE=field:namespace", "BRIDGE_BATCH_MAX_AGE="+r.age.String(),
			"SAFETYKIT_API_KEY=bench", "SAFETYKIT_BASE_URL="+r.store, "BRIDGE_HTTP_ADDR=127.0.0.1:0",
		)
		if r.pprof != "" {
			cmd.Env = append(cmd.Env, "BRIDGE_PPROF_ADDR="+r.pprof)
		}
		cmd.Env = append(cmd.Env, p.env...)
		return cmd
	}
}

func (p *plan) straightCommand(ctx context.Context, r *setup) *exec.Cmd {
	return exec.CommandContext(ctx, p.straight, "-brokers", r.brokers, "-topic", r.topic, "-group", r.group, "-store", r.store, "-age", r.age.String())
}

func (p *plan) bentoCommand(ctx context.Context, r *setup) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.bento, "-c", filepath.Join("bench", "peers", "bento", "bench.yaml"))
	cmd.Env = append(os.Environ(), "BENCH_BROKERS="+r.brokers, "BENCH_TOPIC="+r.topic, "BENCH_GROUP="+r.group,
		"BENCH_STORE="+r.store, "BENCH_AGE="+r.age.String())
	return cmd
}

// measured is what one run has shown.
type measured struct {
	rate    float64 // bytes a second
	elapsed time.Duration
	usage   usage
	puts    int
}

// measure runs a subject until the store has every line of the topic.
func (b *bench) measure(ctx context.Context, s subject, t *topic, group string) (m measured, err error) {
	logFile, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return m, fmt.Errorf("make log of %s: %w", s.name, err)
	}
	defer func() {
		logFile.Close()
		if err == nil {
			os.Remove(logFile.Name())
		} else {
			err = fmt.Errorf("%s: %w (its log is %s)", s.name, err, logFile.Name())
		}
	}()
	r := &setup{brokers: b.cluster.brokers, topic: t.name, group: group, store: b.store.base, age: b.plan.age}
	if b.plan.profile != "" && s.strict {
		r.pprof = "127.0.0.1:6061"
	}
	cmd := s.command(ctx, r)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	done := b.store.begin(t.expected.total.lines)
	began := time.Now()
	proc, err := child.Start(cmd)
	if err != nil {
		return m, err
	}
	defer proc.Kill()
	if r.pprof != "" {
		go saveProfile(ctx, r.pprof, b.plan.profile) // best effort; ends with its request
	}
	if err := b.await(ctx, done, proc); err != nil {
		return m, err
	}
	if m.usage, err = usageOf(proc.PID()); err != nil {
		return m, err
	}
	at, puts := b.store.finished()
	m.rate, m.elapsed, m.puts = b.store.rate(), at.Sub(began), puts
	if err := end(proc, s.strict); err != nil {
		return m, err
	}
	return m, b.store.verdict(&t.expected)
}

func (b *bench) await(ctx context.Context, done <-chan struct{}, proc *child.Process) error {
	limit := time.NewTimer(b.plan.limit)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-proc.Done():
		return fmt.Errorf("ended early with code %d", proc.ExitCode())
	case <-limit.C:
		b.store.mu.Lock()
		defer b.store.mu.Unlock()
		return fmt.Errorf("not done after %s: %d of %d lines stored", b.plan.limit, b.store.total.lines, b.store.want)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// end stops the process; a strict one must exit cleanly.
func end(proc *child.Process, strict bool) error {
	if !strict {
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

// profileSeconds is how much of a run a profile covers: its beginning.
const profileSeconds = 4

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
