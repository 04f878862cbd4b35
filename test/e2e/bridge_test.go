package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"kafka-import-bridge/test/child"
)

// bridge is one process of the binary under judgement.
type bridge struct {
	w     *world
	name  string
	url   string
	log   string // path of its stdout and stderr
	proc  *child.Process
	ended atomic.Bool // the test has told it to end
}

// start starts a bridge and waits until it is a member of its group.
func (w *world) start(more ...environment) *bridge {
	w.t.Helper()
	b := w.launch(more...)
	w.eventually(b.name+" is ready", b.ready)
	return b
}

// launch starts a bridge and does not wait for it.
func (w *world) launch(more ...environment) *bridge {
	w.t.Helper()
	return w.launchBinary(bridgeBinary(w.t), more...)
}

func (w *world) launchBinary(path string, more ...environment) *bridge {
	w.t.Helper()
	ports, err := child.FreePorts(w.t.Context(), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &bridge{w: w, name: fmt.Sprintf("bridge %d", len(w.bridges)+1), url: "http://" + address}
	b.log = filepath.Join(w.logs, fmt.Sprintf("bridge-%d.log", len(w.bridges)+1))
	log, err := os.Create(b.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close() // the child has a copy
	cmd := exec.CommandContext(context.Background(), path)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.logs, "BRIDGE_HTTP_ADDR=" + address}
	for k, v := range w.env.with(more...) {
		if v != "" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.logs, log, log
	if b.proc, err = child.Start(cmd); err != nil {
		w.t.Fatal(err)
	}
	w.bridges = append(w.bridges, b)
	w.t.Cleanup(b.proc.Kill)
	return b
}

func (b *bridge) String() string { return b.name }

// tail is the end of its log.
func (b *bridge) tail() string {
	text := b.logged()
	return text[max(0, len(text)-1500):]
}

// logged is its whole log so far.
func (b *bridge) logged() string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stop sends SIGTERM and requires a clean end.
func (b *bridge) stop() {
	b.w.t.Helper()
	if code := b.terminate(); code != 0 {
		b.w.t.Fatalf("%s ended with code %d after SIGTERM, want 0: %s", b, code, b.tail())
	}
}

// terminate sends SIGTERM and returns the exit code.
func (b *bridge) terminate() int {
	b.w.t.Helper()
	b.readPages()
	b.ended.Store(true)
	b.proc.Signal(syscall.SIGTERM)
	select {
	case <-b.proc.Done():
	case <-time.After(patience):
		b.proc.Signal(syscall.SIGQUIT) // leaves its goroutines in the log
		b.w.t.Fatalf("%s did not end within %s of SIGTERM, see %s", b, patience, b.log)
	}
	return b.proc.ExitCode()
}

// signalStop sends SIGTERM and does not wait for the end.
func (b *bridge) signalStop() {
	b.ended.Store(true)
	b.proc.Signal(syscall.SIGTERM)
}

// freeze stops the process without ending it, until thaw.
func (b *bridge) freeze() { b.proc.Freeze() }

func (b *bridge) thaw() { b.proc.Thaw() }

// kill ends it as kill -9 does.
func (b *bridge) kill() {
	b.ended.Store(true)
	b.proc.Kill()
	b.w.truth.Crash(time.Now())
	b.w.api.ForgetQuiet()
}

// get fetches a page; no answer is status 0. Every page is inspected for secrets.
func (b *bridge) get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	if err != nil {
		return 0, ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	b.w.inspect(b.name+" "+path, string(text))
	return res.StatusCode, string(text)
}

func (b *bridge) ready() bool {
	status, _ := b.get("/readyz")
	return status == http.StatusOK
}

// readPages reads every page for inspect.
func (b *bridge) readPages() {
	for _, path := range []string{"/metrics", "/status", "/", "/healthz", "/readyz"} {
		b.get(path)
	}
}

// page fetches a page that the session's loop has a part in, anew while that is too busy
// to answer, as on a machine that is. It is "" where the process has ended.
func (b *bridge) page(path, whole string) string {
	for began := time.Now(); ; <-time.After(20 * time.Millisecond) {
		status, text := b.get(path)
		if status == http.StatusOK && strings.Contains(text, whole) {
			return text
		}
		if !b.proc.Alive() || time.Since(began) > time.Minute {
			return ""
		}
	}
}

// metric sums the series of a metric (without its prefix) that carry the labels,
// each as name="value". A metric without such a series is 0.
func (b *bridge) metric(name string, labels ...string) float64 {
	return sumSeries(b.page("/metrics", "\nbridge_group_member "), "bridge_"+name, labels...)
}

func sumSeries(text, name string, labels ...string) (sum float64) {
lines:
	for line := range strings.Lines(text) {
		series, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if bare, _, _ := strings.Cut(series, "{"); !found || bare != name {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(series, label) {
				continue lines
			}
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		sum += n
	}
	return sum
}
