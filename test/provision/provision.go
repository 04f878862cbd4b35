// Package provision keeps the programs that suites need in a cache folder of the
// user: built or downloaded once per machine and version, used by all later runs.
//
// Tests only; imports no other package of this module.
package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// limit is how long one provisioning may take: an API server is built in five
// minutes by an idle machine, and in forty by a busy one.
const limit = time.Hour

// ErrMissing says that a program that is needed to provision is not installed.
var ErrMissing = errors.New("program not found")

// Folder returns a cache folder of this name, which must change with each
// version. If there is none, fill fills one. A lock makes parallel test binaries
// wait for one filling, and the folder appears by rename: a half-filled one is
// never seen. So fill must leave nothing that depends on the folder's own path.
//
// What cannot be provisioned skips the test loudly, and fails it where CI=true.
// With -short the test is skipped.
func Folder(tb testing.TB, name string, fill func(ctx context.Context, dir string) error) string {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("%s: left out by -short", name)
	}
	dir, err := folder(tb.Context(), name, fill)
	if err != nil {
		lack(tb, name, err)
	}
	return dir
}

// Existing returns a cache folder that an earlier call of Folder has filled: for
// what takes too long to be provisioned by whichever test comes first. The
// remedy says how it is filled. Where it is missing Existing does as Folder does
// for what cannot be provisioned.
func Existing(tb testing.TB, name, remedy string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skipf("%s: left out by -short", name)
	}
	dir, err := folder(tb.Context(), name, func(context.Context, string) error {
		return fmt.Errorf("%w: %s", ErrMissing, remedy)
	})
	if err != nil {
		lack(tb, name, err)
	}
	return dir
}

// lack ends the test for want of what it needs.
func lack(tb testing.TB, name string, err error) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("provision %s: %v", name, err)
	}
	tb.Skipf("NOT TESTED: provision %s: %v", name, err)
}

func folder(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w", err)
	}
	dir := filepath.Join(cache, "kafka-import-bridge", name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	filling, err := os.MkdirTemp(filepath.Dir(dir), "filling-")
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(filling)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := fill(ctx, filling); err != nil {
		return "", err
	}
	if err := os.Rename(filling, dir); err != nil {
		return "", fmt.Errorf("publish folder: %w", err)
	}
	return dir, nil
}

// lock waits for the lock file. The kernel frees it when the process ends.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
