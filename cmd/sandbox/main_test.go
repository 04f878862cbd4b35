package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// TestMain is the stand-in for the bridge when flawVariable is set.
func TestMain(m *testing.M) {
	if flaw, ok := os.LookupEnv(flawVariable); ok {
		os.Exit(runStandIn(flaw))
	}
	os.Exit(m.Run())
}

// demoWith runs a short demo whose bridge is the stand-in with a flaw.
func demoWith(t *testing.T, flaw string, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"demo", "-bridge", self, "-dir", t.TempDir(), "-duration", "600ms", "-rate", "1500"}, flags...)
	var out, errs bytes.Buffer
	code = run(t.Context(), args, append(os.Environ(), flawVariable+"="+flaw), &out, &errs)
	return code, out.String(), errs.String()
}

func TestDemo_verdicts(t *testing.T) {
	cases := []struct {
		flaw string
		code int
		says string // a row of the table, or a part of the error
	}{
		{"none", exitOK, `ok +nothing lost +0`},
		{"loses a line", exitFailed, `FAIL +nothing lost +1`},
		{"stores a batch twice", exitFailed, `FAIL +nothing twice +[1-9]`},
		{"swaps two lines", exitFailed, `FAIL +order kept`},
		{"commits nothing", exitFailed, `FAIL +offsets committed to the end`},
		{"keeps no account", exitFailed, `fail: 1 of 2 are not accounted for`},
		{"exits with 1", exitFailed, `FAIL +bridge exit code +1`},
		{"sends the token to the store", exitFailed, `FAIL +every request .*token`},
		{"dies at once", exitFailed, `exited with 3`},
	}
	for _, tc := range cases {
		t.Run(tc.flaw, func(t *testing.T) {
			code, stdout, stderr := demoWith(t, tc.flaw)
			if code != tc.code || !regexp.MustCompile(tc.says).MatchString(stdout+stderr) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", code, tc.code, tc.says, stdout, stderr)
			}
		})
	}
}

// TestDemo_ofTheRealBridge is what make demo runs, only shorter.
func TestDemo_ofTheRealBridge(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the bridge: left out by -short")
	}
	var out, errs bytes.Buffer
	args := []string{"demo", "-bridge", buildBridge(t), "-dir", t.TempDir(), "-duration", "2s", "-rate", "1500"}
	if code := run(t.Context(), args, os.Environ(), &out, &errs); code != exitOK || !strings.Contains(out.String(), "\nok: every record is accounted for: ") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
}

// TestDemo_keepsRunning: after the verdict traffic goes on, the bridge's other
// commands can be asked, and Ctrl-C ends everything.
func TestDemo_keepsRunning(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the bridge: left out by -short")
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	reader, writer := io.Pipe()
	done := make(chan int)
	binary := buildBridge(t)
	go func() {
		args := []string{"demo", "-keep", "-bridge", binary, "-dir", t.TempDir(), "-duration", "1s", "-rate", "500"}
		code := run(ctx, args, os.Environ(), writer, os.Stderr)
		_ = writer.Close()
		done <- code
	}()
	text := make([]byte, 0, 4096)
	for block := make([]byte, 1024); !strings.Contains(string(text), "Ctrl-C ends it"); {
		n, err := reader.Read(block)
		if text = append(text, block[:n]...); err != nil {
			t.Fatalf("output ended: %s", text)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }() // ends with the pipe
	ask := regexp.MustCompile(`(?m)^ask it +(\(.*\))   and`).FindSubmatch(text)
	if ask == nil || !strings.Contains(string(text), "\nok: every record is accounted for: ") {
		t.Fatalf("nothing to ask with, or no account: %s", text)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-c", string(ask[1]))
	out, err := shell.CombinedOutput()
	if err != nil || !regexp.MustCompile(`namespace +acme-\w+: imported\n +import +req_\w+, .*\n +API +succeeded`).Match(out) {
		t.Errorf("%s: %v\n%s", ask[1], err, out)
	}
	interrupt()
	if code := <-done; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// buildBridge returns the path of a fresh binary of the bridge.
func buildBridge(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "bridge")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "kafka-import-bridge/cmd/bridge")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build bridge: %v\n%s", err, out)
	}
	return binary
}

func TestDemo_leavesObjectsAsFiles(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := demoWith(t, "none", "-dir", dir)
	if code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "objects", "acme-messages", "req_*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Errorf("no objects of acme-messages: %v", err)
	}
}

func TestServe_printsWhatToExport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan int)
	go func() {
		code := run(ctx, []string{"serve", "-kafka-port=0", "-api-port=0", "-store-port=0", "-dir=", "-rate=100",
			`-fault={"operation":"create","namespace":"broken","status":503}`}, nil, writer, os.Stderr)
		_ = writer.Close()
		done <- code
	}()
	text := make([]byte, 0, 4096)
	for block := make([]byte, 1024); !strings.Contains(string(text), "Ctrl-C"); {
		n, err := reader.Read(block)
		if text = append(text, block[:n]...); err != nil {
			t.Fatalf("output ended: %s", text)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }() // ends with the pipe
	base := regexp.MustCompile(`export SAFETYKIT_BASE_URL=(\S+)`).FindSubmatch(text)
	if base == nil {
		t.Fatalf("no base URL in %s", text)
	}
	created := call(t, "POST", string(base[1])+"/v1/data/users/import", "{}", http.StatusOK)
	var answer struct {
		URL string `json:"upload_url"`
	}
	if err := json.Unmarshal(created, &answer); err != nil || strings.HasPrefix(answer.URL, string(base[1])) {
		t.Errorf("upload URL %q is not on an address of its own, %v", answer.URL, err)
	}
	call(t, "PUT", answer.URL, `{"id":"a"}`+"\n", http.StatusOK)
	call(t, "POST", string(base[1])+"/v1/data/broken/import", "{}", http.StatusServiceUnavailable)
	var faults []sandbox.Fault
	if err := json.Unmarshal(call(t, "GET", string(base[1])+"/control/faults", "", http.StatusOK), &faults); err != nil || len(faults) != 1 {
		t.Errorf("faults %+v, %v", faults, err)
	}
	cancel()
	if code := <-done; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func call(t *testing.T, method, url, body string, want int) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.Contains(url, "/v1/") {
		request.Header.Set("Authorization", "Bearer sk_x")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Errorf("%s: %s %s, %v; want %d", method, response.Status, text, err, want)
	}
	return text
}

func TestRun_usage(t *testing.T) {
	cases := []struct {
		name string
		args []string
		code int
	}{
		{"nothing", nil, exitOK},
		{"help", []string{"help"}, exitOK},
		{"help of a command", []string{"demo", "-h"}, exitOK},
		{"unknown command", []string{"run"}, exitUsage},
		{"unknown flag", []string{"serve", "-nope"}, exitUsage},
		{"argument", []string{"demo", "x"}, exitUsage},
		{"bad topics", []string{"serve", "-topics", "a:0"}, exitUsage},
		{"bad fault", []string{"serve", "-fault", "{}"}, exitUsage},
		{"missing bridge", []string{"demo", "-bridge", "no-such-binary", "-dir", "."}, exitFailed},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var out, errs bytes.Buffer
			if code := run(t.Context(), tc.args, nil, &out, &errs); code != tc.code {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, errs.String())
			}
		})
	}
}

func TestSumMetric(t *testing.T) {
	page := []byte("# HELP a_total x\n" + `a_total{reason="x y"} 2` + "\n" + `a_total{reason="z"} 3 1700000000` + "\na_total_created 9\nb_total 7\n")
	if got := sumMetric(page, "a_total"); got != 5 {
		t.Errorf("sum %d, want 5", got)
	}
}

// TestDemo_leavesNoProcessBehind kills a demo and sees its bridge go.
func TestDemo_leavesNoProcessBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel kills the children of a killed process on Linux only")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	demo := exec.CommandContext(t.Context(), self, "demo", "-bridge", self, "-dir", t.TempDir(), "-duration", "1h", "-rate", "10")
	demo.Env = append(os.Environ(), flawVariable+"=is a demo", pidVariable+"="+pidFile)
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	pid := waitPID(t, pidFile)
	if err := demo.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = demo.Wait() // it was killed
	waitGone(t, pid)
}
