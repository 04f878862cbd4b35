package child

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func TestProcess_reportsItsExitCode(t *testing.T) {
	p, err := Start(exec.CommandContext(t.Context(), "sh", "-c", "exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ExitCode(); got != 7 {
		t.Errorf("exit code %d, want 7", got)
	}
	if p.Alive() {
		t.Error("alive after it was reaped")
	}
	p.Kill() // harmless after the end
}

// The grandchild inherits the write end of a pipe, so the end of the pipe is the
// end of the last member of the group.
func TestProcess_killTakesTheWholeGroup(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "sleep 60 & echo started; wait")
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if p.ExitCode() != -1 {
		t.Errorf("exit code %d, want -1: a signal ended it", p.ExitCode())
	}
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("the grandchild outlives its group's kill: %v", err)
	}
}

// A frozen process does nothing from the return of Freeze on, until it is thawed.
func TestProcess_freezeAndThaw(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do echo x; done")
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	for range 20 {
		p.Freeze()
		unread(t, r) // what it wrote before
		time.Sleep(20 * time.Millisecond)
		if n := unread(t, r); n > 0 {
			t.Errorf("it wrote %d bytes while it was frozen", n)
		}
		p.Thaw()
		if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err != nil {
			t.Fatalf("after the thaw: %v", err)
		}
	}
	p.Freeze()
	p.Kill() // ends a frozen one too
}

// unread reads what is in a pipe now, without waiting for more, and returns how many
// bytes that was.
func unread(t *testing.T, r *os.File) (n int) {
	t.Helper()
	raw, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for got := len(buf); got > 0; n += max(got, 0) {
		if err := raw.Read(func(fd uintptr) bool { got, _ = syscall.Read(int(fd), buf); return true }); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestProcess_signalEndsIt(t *testing.T) {
	p, err := Start(exec.CommandContext(t.Context(), "sleep", "60"))
	if err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGTERM)
	if got := p.ExitCode(); got != -1 {
		t.Errorf("exit code %d, want -1", got)
	}
}

// TestMain prints ports and waits for its end where it plays another process.
func TestMain(m *testing.M) {
	if os.Getenv("FIND_PORTS") == "" {
		m.Run()
		return
	}
	for range 25 {
		ports, err := FreePorts(context.Background(), 20)
		if err != nil {
			panic(err)
		}
		for _, p := range ports {
			fmt.Println(p)
		}
	}
	_ = os.Stdout.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// Ports are another's at each call, and in each process, though nobody listens on them
// yet.
func TestFreePorts_areGivenOnce(t *testing.T) {
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), "FIND_PORTS=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		_ = other.Wait()
	}()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		port, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		seen[port] = true
	}
	if len(seen) != 500 {
		t.Fatalf("another process has found %d ports, want 500", len(seen))
	}
	for range 50 {
		ports, err := FreePorts(t.Context(), 20)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ports {
			if seen[p] {
				t.Fatalf("port %d is given twice", p)
			}
			seen[p] = true
		}
	}
}
