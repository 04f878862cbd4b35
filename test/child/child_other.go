//go:build unix && !linux

package child

import "syscall"

// attributes: only Linux can tie a child's life to its parent's; elsewhere an
// aborted test binary leaves its children to be killed by hand.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// stopped: only Linux tells of each thread.
func stopped(int) bool { return true }
