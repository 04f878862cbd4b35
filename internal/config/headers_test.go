package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestParseHeaders(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // headers as fmt prints them, or the error
	}{
		{"one", "X-Tenant: t1", "map[X-Tenant:[t1]]"},
		{"several, blank lines, line ends of Windows", "\r\nx-tenant:t1\r\n\n  X-Trace :  a: b \r\n", "map[X-Tenant:[t1] X-Trace:[a: b]]"},
		{"an empty value", "X-Empty:", "map[X-Empty:[]]"},
		{"no colon", "X-A: 1\nhush", "line 2 is not of the form Name: value"},
		{"no name", ": hush", "line 1 is not of the form Name: value"},
		{"a name with a space", "hush hush: 1", "line 1 is not of the form Name: value"},
		{"what the bridge sets", "X-A: 1\nauthorization: hush", "line 2 names Authorization, which the bridge sets itself"},
		{"what would repeat nothing", "Idempotency-Key: hush", "line 1 names Idempotency-Key, which the bridge sets itself"},
		{"twice", "X-A: hush\n\nx-a: hush", "line 3 has the name of an earlier line"},
		{"a control character", "X-A: hu\x00sh", "line 1 holds a control character"},
		{"all faults", "hush\nX-A: 1\nHost: hush", "line 1 is not of the form Name: value; line 3 names Host, which the bridge sets itself"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			headers, err := config.ParseHeaders(tc.text)
			got := fmt.Sprint(headers)
			if err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// The headers are a secret of several lines: from the variable or from a file,
// shown nowhere, and read again on demand.
func TestLoad_customHeaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "headers")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, variable := range []string{"SAFETYKIT_CUSTOM_HEADERS=X-Tenant: hush1\nX-Other: hush2", "SAFETYKIT_CUSTOM_HEADERS_FILE=" + path} {
		write("X-Tenant: hush1\nX-Other: hush2\n")
		cfg, err := config.Load(with(variable), 0)
		if err != nil {
			t.Fatal(err)
		}
		headers, err := config.ParseHeaders(cfg.API.CustomHeaders.Value())
		if err != nil || headers.Get("X-Tenant") != "hush1" || headers.Get("X-Other") != "hush2" {
			t.Errorf("%v, %v", headers, err)
		}
		var out strings.Builder
		if err := cfg.Describe(&out); err != nil {
			t.Fatal(err)
		}
		if fmt.Fprintf(&out, "%v %+v", cfg, *cfg); strings.Contains(out.String(), "hush") {
			t.Errorf("shown:\n%s", out.String())
		}
		write("X-Tenant: hush3")
		changed, err := cfg.API.CustomHeaders.Reload()
		if fromFile := strings.Contains(variable, "_FILE="); err != nil || changed != fromFile {
			t.Errorf("reloaded: %t, %v", changed, err)
		}
	}
	write("X-Tenant: hush\nAuthorization: hush")
	for _, tc := range [][2]string{
		{"SAFETYKIT_CUSTOM_HEADERS=X-A: 1\nhush", "SAFETYKIT_CUSTOM_HEADERS: line 2 is not of the form Name: value"},
		{"SAFETYKIT_CUSTOM_HEADERS_FILE=" + path, "line 2 names Authorization, which the bridge sets itself"},
	} {
		_, err := config.Load(with(tc[0]), 0)
		if err == nil || !strings.Contains(err.Error(), tc[1]) || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want %s", err, tc[1])
		}
	}
}
