package provision

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program that a test needs and that nothing here
// provides: install says how a person gets it. Without it the test is skipped
// loudly, and fails where CI=true. With -short the test is skipped.
func Program(tb testing.TB, name, install string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("%s: left out by -short", name)
	}
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		tb.Fatalf("%s is not installed (%s)", name, install)
	default:
		tb.Skipf("NOT TESTED: %s is not installed (%s)", name, install)
	}
	return path
}
