package main

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
)

// TestRun_aTakenAddressNamesItsSetting: whoever cannot listen is told what to change.
func TestRun_aTakenAddressNamesItsSetting(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, variable := range []string{"BRIDGE_HTTP_ADDR", "BRIDGE_PPROF_ADDR"} {
		environ := []string{
			"BRIDGE_KAFKA_BROKERS=127.0.0.1:1", "BRIDGE_KAFKA_TOPICS=users", "BRIDGE_KAFKA_GROUP_ID=bridge", "SAFETYKIT_API_KEY=sk_test",
			"BRIDGE_HTTP_ADDR=127.0.0.1:0", variable + "=" + taken.Addr().String(),
		}
		var stderr bytes.Buffer
		code := run(t.Context(), []string{"run"}, environ, io.Discard, &stderr)
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		if last := lines[len(lines)-1]; code != exitFailed || !strings.HasPrefix(last, "bridge: "+variable+": ") || !strings.Contains(last, taken.Addr().String()) {
			t.Errorf("a taken %s: exit code %d, last line %s", variable, code, last)
		}
	}
}
