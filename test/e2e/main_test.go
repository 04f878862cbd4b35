package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"kafka-import-bridge/test/kafkatest"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("STAND_IN"); mode != "" {
		runStandIn(mode) // this process plays a bridge: see TestHarness
		return
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		// Most tests wait most of the time, some of them for room for a broker of
		// their own: more of them than there are cores.
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)+6))
	}
	kafkatest.Main(m)
	if built.path != "" {
		os.RemoveAll(filepath.Dir(built.path))
	}
}

// built is the bridge under judgement, built by the first test that needs it.
// A package variable, like the shared broker, because the test binary owns it.
var built struct {
	sync.Once
	path string
	err  error
}

func bridgeBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TEST_BRIDGE_BINARY"); path != "" {
		return path
	}
	built.Do(func() { built.path, built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return "", fmt.Errorf("create folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	path := filepath.Join(dir, "bridge")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "kafka-import-bridge/cmd/bridge").CombinedOutput()
	if err != nil {
		return path, fmt.Errorf("build bridge: %w: %s", err, out)
	}
	return path, nil
}
