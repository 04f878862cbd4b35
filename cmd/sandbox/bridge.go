package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kafka-import-bridge/test/child"
)

const (
	pollEvery   = 50 * time.Millisecond
	tailLines   = 15
	maxPageSize = 4 << 20
)

// bridge is the real program as a child. It cannot outlive this process.
type bridge struct {
	process *child.Process
	url     string // of its metrics, health and status
	log     string // the file that its output goes to
	output  *os.File
	client  *http.Client
	binary  string
	environ []string // of it and of its other commands

	settings []string // the bridge's own part of that
}

// startBridge starts the binary with these settings and no other of its own.
func startBridge(ctx context.Context, binary, log string, environ, settings []string) (*bridge, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, fmt.Errorf("make log folder: %w", err)
	}
	output, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	ports, err := child.FreePorts(ctx, 1)
	if err != nil {
		return nil, errors.Join(err, output.Close())
	}
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	foreign := func(variable string) bool {
		return strings.HasPrefix(variable, "BRIDGE_") || strings.HasPrefix(variable, "SAFETYKIT_")
	}
	cmd := exec.Command(binary, "run") //nolint:noctx // it is ended by SIGTERM, or killed, not by a context
	cmd.Env = append(slices.DeleteFunc(slices.Clone(environ), foreign), settings...)
	cmd.Env = append(cmd.Env, "BRIDGE_HTTP_ADDR="+address)
	cmd.Stdout, cmd.Stderr = output, output
	process, err := child.Start(cmd)
	if err != nil {
		return nil, errors.Join(err, output.Close())
	}
	return &bridge{process: process, url: "http://" + address, log: log, output: output, client: &http.Client{Timeout: 5 * time.Second}, binary: binary, environ: cmd.Env, settings: settings}, nil
}

// command runs another command of the binary in the same environment, and returns
// what it printed.
func (b *bridge) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Env = b.environ
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// waitReady waits until the bridge is a member of its group.
func (b *bridge) waitReady(ctx context.Context, limit time.Duration) error {
	if err := waitOK(ctx, b.client, b.url+"/readyz", b.process, limit); err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	return nil
}

// waitOK waits until a process answers 200 at url.
func waitOK(ctx context.Context, client *http.Client, url string, process *child.Process, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, err := get(ctx, client, url); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-process.Done():
			return fmt.Errorf("it exited with %d", process.ExitCode())
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", ctx.Err())
		}
	}
}

// reading is what the bridge says of itself.
type reading struct {
	lag     int64               // records not committed
	next    map[partition]int64 // offset after the last record that was read
	skipped int                 // records left out by policy
	buffer  int64               // bytes held
}

// partition names one of a topic.
type partition struct {
	topic  string
	number int32
}

// reached reports whether every record before these end offsets was read.
func (r reading) reached(ends map[partition]int64) bool {
	for p, end := range ends {
		if r.next[p] < end {
			return false
		}
	}
	return true
}

// read asks the bridge for its state.
func (b *bridge) read(ctx context.Context) (reading, error) {
	page, err := b.get(ctx, "/status")
	if err != nil {
		return reading{}, err
	}
	var status struct {
		Buffer     struct{ Bytes int64 }
		Partitions []struct {
			Topic     string
			Partition int32
			Next      int64 `json:"next_offset"`
			Lag       int64 `json:"lag_records"`
		}
	}
	if err := json.Unmarshal(page, &status); err != nil {
		return reading{}, fmt.Errorf("parse status: %w", err)
	}
	r := reading{buffer: status.Buffer.Bytes, next: map[partition]int64{}}
	for _, p := range status.Partitions {
		r.lag += max(0, p.Lag)
		r.next[partition{p.Topic, p.Partition}] = p.Next
	}
	metrics, err := b.get(ctx, "/metrics")
	if err != nil {
		return reading{}, err
	}
	r.skipped = sumMetric(metrics, "bridge_records_skipped_total")
	return r, nil
}

func (b *bridge) get(ctx context.Context, path string) ([]byte, error) {
	return get(ctx, b.client, b.url+path)
}

// get returns the body of a 200.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err // names the call and the URL
	}
	defer response.Body.Close()
	page, err := io.ReadAll(io.LimitReader(response.Body, maxPageSize))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("get %s: %s", url, response.Status)
	}
	return page, err
}

// sumMetric adds up all series of a metric in the Prometheus text format.
func sumMetric(page []byte, name string) int {
	sum := 0.0
	lines := bufio.NewScanner(bytes.NewReader(page))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		fields := strings.Fields(rest[strings.LastIndexByte(rest, '}')+1:])
		if len(fields) == 0 {
			continue
		}
		if value, err := strconv.ParseFloat(fields[0], 64); err == nil {
			sum += value
		}
	}
	return int(sum)
}

// stop sends SIGTERM and returns the exit code, -1 if the bridge had to be killed.
func (b *bridge) stop(limit time.Duration) int { return stop(b.process, limit) }

// stop sends SIGTERM, kills what does not heed it in time, and returns the exit
// code, -1 if a signal ended the process.
func stop(process *child.Process, limit time.Duration) int {
	process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-process.Done():
	case <-timer.C:
		process.Kill()
	}
	return process.ExitCode()
}

// kill ends the bridge if it still runs, and closes its log.
func (b *bridge) kill() {
	b.process.Kill()
	b.client.CloseIdleConnections()
	_ = b.output.Close()
}

// tail is the end of the bridge's log.
func (b *bridge) tail() string { return tailOf(b.log) }

// tailOf is the end of a file.
func tailOf(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}
