package config_test

import (
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestFitMemory(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name   string
		env    string
		limit  config.Size
		buffer config.Size // 0: it does not fit
		fault  string
	}{
		{"no limit", "", 0, 256 * mib, ""},
		{"the default just fits", "", 320 * mib, 256 * mib, ""},
		{"the default becomes smaller", "", 320*mib - 1, 255 * mib, ""},
		{"a small container", "", 128 * mib, 64 * mib, ""},
		{"the smallest container", "", 80 * mib, 16 * mib, ""},
		{"no container", "", 80*mib - 1, 0,
			`BRIDGE_BUFFER_MAX_BYTES="256MiB": the memory limit of this container, 83886079, has no room for it and 64MiB beside it: want a limit of at least 80MiB`},
		{"less than what is beside the buffer", "", 10 * mib, 0,
			`BRIDGE_BUFFER_MAX_BYTES="256MiB": the memory limit of this container, 10MiB, has no room for it and 64MiB beside it: want a limit of at least 80MiB`},
		{"batches that need more", "BRIDGE_BATCH_MAX_BYTES=100MiB", 160 * mib, 0,
			`BRIDGE_BUFFER_MAX_BYTES="256MiB": the memory limit of this container, 160MiB, has no room for it and 64MiB beside it: want a limit of at least 164MiB`},
		{"a buffer that is set and fits", "BRIDGE_BUFFER_MAX_BYTES=64MiB", 128 * mib, 64 * mib, ""},
		{"a buffer that is set and does not fit", "BRIDGE_BUFFER_MAX_BYTES=65MiB", 128 * mib, 0,
			`BRIDGE_BUFFER_MAX_BYTES="65MiB": the memory limit of this container, 128MiB, has no room for it and 64MiB beside it: want a limit of at least 129MiB`},
		{"the default, set by name", "BRIDGE_BUFFER_MAX_BYTES=256MiB", 128 * mib, 0,
			`BRIDGE_BUFFER_MAX_BYTES="256MiB": the memory limit of this container, 128MiB, has no room for it and 64MiB beside it: want a limit of at least 320MiB`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := config.Load(with(tc.env), tc.limit)
			if tc.buffer == 0 {
				if err == nil || err.Error() != tc.fault || len(config.Faults(err)) != 1 {
					t.Errorf("error %v, want %s", err, tc.fault)
				}
				return
			}
			if err != nil || cfg.Buffer.MaxBytes != tc.buffer {
				t.Errorf("a buffer of %s, %v, want %s", cfg.Buffer.MaxBytes, err, tc.buffer)
			}
			for _, s := range config.Settings() {
				if s.Variable == "BRIDGE_BUFFER_MAX_BYTES" && cfg.Effective(s) != tc.buffer.String() {
					t.Errorf("%s is shown as in force, want %s", cfg.Effective(s), tc.buffer)
				}
			}
			if shrunk := tc.buffer < 256*mib && tc.env == ""; shrunk != (cfg.Buffer.FittedTo == tc.limit) && tc.limit != 0 {
				t.Errorf("fitted to %s", cfg.Buffer.FittedTo)
			}
		})
	}
}
