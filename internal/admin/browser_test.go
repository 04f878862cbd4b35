package admin

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kafka-import-bridge/test/provision"
)

// patience is how long the browser may take for anything, on a machine that is busy.
const patience = 3 * time.Minute

// browser is one headless Chromium with one page, driven over the DevTools
// protocol through a pair of pipes: messages are JSON, each ended by a zero
// byte. Not safe for concurrent use.
type browser struct {
	t       *testing.T
	in      io.Writer
	session string
	lastID  int
	answers chan message

	mu       sync.Mutex
	problems []string // guarded by mu: console errors, exceptions, refused loads
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// startBrowser needs Debian's chromium. Without it the test is skipped, except
// where CI=true, so that nobody mistakes an unseen page for a good one.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := provision.Program(t, "chromium", "apt-get install chromium")
	toBrowser, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	_, _ = toBrowser.Close(), fromBrowser.Close()
	b := &browser{t: t, in: in, answers: make(chan message)}
	go b.read(out) // ends when the browser's pipe does
	t.Cleanup(func() {
		_, _ = in.Write([]byte(`{"id":0,"method":"Browser.close"}` + "\x00"))
		stop := time.AfterFunc(5*time.Second, cancel)
		_ = cmd.Wait()
		stop.Stop()
		cancel()
		_ = in.Close()
	})
	b.openPage()
	return b
}

func (b *browser) openPage() {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": fakeClock}, nil)
}

// read sorts what the browser says into answers and problems.
func (b *browser) read(out io.ReadCloser) {
	defer func() { _ = out.Close() }()
	defer close(b.answers)
	lines := bufio.NewReader(out)
	for {
		raw, err := lines.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(raw[:len(raw)-1], &m) != nil {
			return
		}
		switch m.Method {
		case "":
			if m.ID > 0 {
				b.answers <- m
			}
		case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled":
			b.mu.Lock()
			b.problems = append(b.problems, m.Method+" "+string(m.Params))
			b.mu.Unlock()
		}
	}
}

// call runs one DevTools method and decodes its result into result, if any.
func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	b.lastID++
	request := map[string]any{"id": b.lastID, "method": method}
	if params != nil {
		request["params"] = params
	}
	if b.session != "" {
		request["sessionId"] = b.session
	}
	raw, err := json.Marshal(request)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(raw, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-b.answers:
		if m.Error != nil || m.ID != b.lastID {
			b.t.Fatalf("%s: %+v", method, m)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(patience):
		b.t.Fatalf("%s: no answer from the browser in %s", method, patience)
	}
}

// eval runs JavaScript in the page, awaits its promise and decodes its value.
func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("evaluate: %s", answer.ExceptionDetails)
	}
	if result != nil {
		if err := json.Unmarshal(answer.Result.Value, result); err != nil {
			b.t.Fatalf("evaluate: %v in %s", err, answer.Result.Value)
		}
	}
}

// view sets the size of the window in CSS pixels and the colour scheme.
func (b *browser) view(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open loads url and waits for its first answer. The page's clock is turned
// only by pass.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.settle()
}

// fakeClock takes over the page's refresh (its timers of two or fifteen seconds,
// and nobody else's) and the clock of its history, so that minutes pass in a
// moment.
const fakeClock = `(() => {
  let offset = 0, next = -1; const timers = new Map();
  const now = performance.now.bind(performance), set = setTimeout.bind(window), clear = clearTimeout.bind(window);
  performance.now = () => now() + offset;
  window.setTimeout = (f, ms, ...args) => {
    if (ms !== 2000 && ms !== 15000) return set(f, ms, ...args);
    timers.set(--next, f);
    return next;
  };
  window.clearTimeout = (id) => { timers.delete(id) || clear(id); };
  window.__due = () => timers.size;
  window.__pass = (ms) => { offset += ms; for (const [id, f] of [...timers]) { timers.delete(id); f(); } };
})()`

// pass lets ms go by on the page's clock, once for each of times refreshes.
func (b *browser) pass(ms, times int) {
	b.t.Helper()
	for range times {
		b.eval(fmt.Sprintf("__pass(%d)", ms), nil)
		b.settle()
	}
}

// settle waits until the page has shown an answer and armed its next refresh.
func (b *browser) settle() {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for due := 0; due == 0; {
		if time.Now().After(deadline) {
			b.t.Fatalf("the page armed no refresh; problems: %q", b.takeProblems())
		}
		b.eval("typeof __due === 'function' ? __due() : 0", &due)
	}
}

// takeProblems returns what went to the console since it was last asked.
func (b *browser) takeProblems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.problems
	b.problems = nil
	return p
}

// screenshot writes the whole page to SCREENSHOT_DIR, when that is set.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOT_DIR")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
