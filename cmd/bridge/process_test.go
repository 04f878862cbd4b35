//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kafka-import-bridge/test/child"
)

// patience is for what must come to pass, however slow the machine is.
const patience = 2 * time.Minute

// running is a `bridge run` in a process of its own.
type running struct {
	*child.Process
	t    *testing.T
	w    *checkWorld
	addr string
}

// start runs the bridge with the descriptor as its standard error.
func (w *checkWorld) start(stderr *os.File, changes map[string]string) *running {
	w.t.Helper()
	ports, err := child.FreePorts(w.t.Context(), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", ports[0])
	env := map[string]string{"BRIDGE_HTTP_ADDR": addr, "BRIDGE_BATCH_MAX_AGE": "100ms"}
	maps.Copy(env, changes)
	cmd := exec.CommandContext(w.t.Context(), "bridge", "run")
	cmd.Env, cmd.Stdout, cmd.Stderr = w.environ(env), stderr, stderr
	p, err := child.Start(cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Kill)
	return &running{p, w.t, w, addr}
}

// stores produces a record and waits until the API has it.
func (r *running) stores(id string) {
	r.t.Helper()
	before := len(r.w.api.Objects())
	r.w.produce("users", 0, `{"id":"`+id+`"}`)
	r.until("the record "+id+" is stored", func() bool { return len(r.w.api.Objects()) > before })
}

// until waits until holds does while the process lives.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if !r.Alive() {
			r.t.Fatalf("the process ended with %d before %s", r.ExitCode(), what)
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// terminates sends SIGTERM and wants a clean end.
func (r *running) terminates() {
	r.t.Helper()
	r.Signal(syscall.SIGTERM)
	r.ends()
}

// ends waits for the clean end that follows a SIGTERM.
func (r *running) ends() {
	r.t.Helper()
	select {
	case <-r.Done():
	case <-time.After(patience):
		r.t.Fatalf("the process lives %s after SIGTERM", patience)
	}
	if code := r.ExitCode(); code != exitOK {
		r.t.Errorf("exit code %d, want %d", code, exitOK)
	}
}

// metric returns the value of a series, "" without one.
func (r *running) metric(name string) string {
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.addr+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return value
		}
	}
	return ""
}

// fullPipe is a pipe that takes no byte more.
func fullPipe(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	// A writer of its own, since the flag would be the process's as well.
	if err := unix.SetNonblock(fds[1], true); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := unix.Write(fds[1], make([]byte, 4096)); errors.Is(err, unix.EAGAIN) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.SetNonblock(fds[1], false); err != nil {
		t.Fatal(err)
	}
	reader, writer = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() {
		reader.Close()
		writer.Close()
	})
	return reader, writer
}

func TestRun_aStderrThatNobodyReads(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			_, stderr := fullPipe(t)
			r := newCheckWorld(t).start(stderr, map[string]string{"BRIDGE_LOG_FORMAT": format, "BRIDGE_LOG_LEVEL": "debug"})
			for i := range 3 {
				r.stores(fmt.Sprint(i))
			}
			r.terminates()
		})
	}
}

func TestRun_aReaderThatGoesAway(t *testing.T) {
	reader, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := newCheckWorld(t).start(stderr, nil)
	stderr.Close()
	r.stores("a")
	reader.Close()
	r.stores("b")
	r.until("the lost lines are counted", func() bool {
		value := r.metric("bridge_log_lines_dropped_total")
		return value != "" && value != "0"
	})
	r.stores("c")
	r.terminates()
}

// TestRun_aSignalBeforeItHasReadItsSettings ends it as cleanly as a later one.
func TestRun_aSignalBeforeItHasReadItsSettings(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := unix.Mkfifo(key, 0o600); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r := newCheckWorld(t).start(null, map[string]string{"SAFETYKIT_API_KEY": "", "SAFETYKIT_API_KEY_FILE": key})
	writer, err := os.OpenFile(key, os.O_WRONLY, 0) // waits until the process reads it
	if err != nil {
		t.Fatal(err)
	}
	r.Signal(syscall.SIGTERM)
	_, err = writer.WriteString("sk_test")
	if err = errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	r.ends()
}

func TestRun_aTerminalThatGoesAway(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r := newCheckWorld(t).start(null, nil)
	r.stores("a")
	r.Signal(syscall.SIGHUP)
	r.Signal(syscall.SIGHUP)
	r.stores("b")
	r.terminates()
}

// TestLimits_tooFewDescriptorsAreTold by run and check, before connections fail.
func TestLimits_tooFewDescriptorsAreTold(t *testing.T) {
	w := newCheckWorld(t)
	few := func(command string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 110 && exec bridge "+command)
		cmd.Env = append(w.environ(map[string]string{"BRIDGE_HTTP_ADDR": "127.0.0.1:0"}), "PATH="+os.Getenv("PATH"))
		return cmd
	}
	out, err := few("check").Output()
	const found = "fail descriptors: the process may open 110 files and connections and needs about 132. Remedy: raise the limit of open files"
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailed || !strings.Contains(string(out), found) {
		t.Errorf("check: %v\n%s", err, out)
	}

	cmd := few("run")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.Contains(lines.Text(), `"msg":"the process may open too few files and connections","allowed":110,"needed":132`) {
			return
		}
	}
	t.Error("run did not log it")
}
