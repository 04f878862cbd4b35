// Package child starts processes that must not outlive the test that started
// them: brokers, the bridge, the sandbox.
//
// Each process leads a process group of its own and, on Linux, is killed by the
// kernel when the test binary ends for whatever reason (a panic, a timeout, a
// kill -9), so that an aborted run leaves nothing behind.
//
// A Process is safe for concurrent use. For tests and the demo only; imports no
// other package of this module.
package child

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a started child. It is reaped in the background: nobody needs to
// wait for it.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process was reaped
}

// Start starts cmd, whose SysProcAttr it sets. The caller must not call cmd's
// own Start or Wait.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	launcher() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() { // ends with the process
		defer close(p.done)
		_ = cmd.Wait() // the outcome stays in cmd.ProcessState
	}()
	return p, nil
}

// launcher runs functions one after another on one thread that never ends. A
// parent-death signal is sent when the *thread* that forked ends, not the
// process, so a child started from an ordinary goroutine could be killed at any
// time by the runtime retiring its thread.
var launcher = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() { // lives as long as the test binary
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Done is closed when the process has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Alive says whether the process has not been reaped yet.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID is the process id, which is also the id of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// ExitCode waits for the end and returns the exit code, -1 if a signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the process alone. A process that has ended is no error:
// the test that cares looks at Alive.
func (p *Process) Signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
}

// Freeze stops the process without ending it, and returns once it runs no more: a
// busy machine may let it go on for a while after the signal. Thaw lets it go on.
func (p *Process) Freeze() {
	p.Signal(syscall.SIGSTOP)
	for p.Alive() && !stopped(p.PID()) {
		time.Sleep(time.Millisecond)
	}
}

// Thaw lets a frozen process go on.
func (p *Process) Thaw() { p.Signal(syscall.SIGCONT) }

// Kill kills the whole group with SIGKILL and waits until the process is gone.
// It may be called more than once.
func (p *Process) Kill() {
	if p.Alive() {
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	}
	<-p.done
}
