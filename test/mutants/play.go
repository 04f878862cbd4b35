package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// verdict is what has become of a mutant.
type verdict string

const (
	killed   verdict = "killed"   // a named test fails
	survived verdict = "SURVIVED" // none does
	harmless verdict = "harmless" // it changes nothing, as it says
	harmful  verdict = "HARMFUL"  // it says that it changes nothing, and a test fails
	broken   verdict = "BROKEN"   // it does not compile, or a named test does not run
)

// good says whether the mutant is as the list says.
func (v verdict) good() bool { return v == killed || v == harmless }

// play runs the mutant's tests with its change. The output is that of the go
// command.
func play(ctx context.Context, root string, m *mutant) (verdict, string) {
	overlay, err := writeOverlay(root, m)
	if err != nil {
		return broken, err.Error()
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	if m.nothing != "" {
		out, ok := goTest(ctx, root, overlay, m.in, nil)
		switch {
		case ok:
			return harmless, out
		case strings.Contains(out, "[build failed]"):
			return broken, out
		}
		return harmful, out
	}
	var all strings.Builder
	for dir, tests := range m.killers() {
		out, ok := goTest(ctx, root, overlay, dir, tests)
		all.WriteString(out)
		switch {
		case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"), strings.Contains(out, "[no tests to run]"), ctx.Err() != nil:
			return broken, out
		case !ok:
			return killed, out
		}
	}
	return survived, all.String()
}

// writeOverlay writes the changed file, and the go command's description of it,
// into a folder of their own.
func writeOverlay(root string, m *mutant) (string, error) {
	path, text, err := m.mutate(root)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	changed, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	description, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err := errors.Join(err, os.WriteFile(changed, text, 0o600), os.WriteFile(overlay, description, 0o600)); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return overlay, nil
}

// goTest runs tests of a package, nil being all of them, and reports whether all
// have passed.
func goTest(ctx context.Context, root, overlay, dir string, tests []string) (out string, passed bool) {
	args := []string{"test", "-short", "-count=1", "-vet=off", "-timeout=2m", "-overlay=" + overlay}
	if tests != nil {
		args = append(args, "-run=^("+strings.Join(tests, "|")+")$")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+dir)...)
	cmd.Dir = root
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	return text.String(), err == nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// failed lists the tests that the go command's output says have failed.
func failed(out string) (names []string) {
	for _, match := range failedTest.FindAllStringSubmatch(out, -1) {
		names = append(names, match[1])
	}
	return names
}
