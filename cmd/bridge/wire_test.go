package main

import (
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/record"
)

// A line that is too large is told with the variables that bound it.
func TestRecordSettings_largestLine(t *testing.T) {
	const batch, buffer = "BRIDGE_BATCH_MAX_BYTES", "BRIDGE_BUFFER_MAX_BYTES"
	for _, tc := range []struct {
		name, batch, buffer string
		line                int
		bounds              []string
	}{
		{"fits both", "4MiB", "16MiB", 4 << 20, nil},
		{"larger than a batch", "1MiB", "16MiB", 1<<20 + 1, []string{batch}},
		{"fits a batch, but is larger than a quarter of the buffer", "16MiB", "16MiB", 4<<20 + 1, []string{buffer}},
		{"larger than either", "16MiB", "16MiB", 16<<20 + 1, []string{batch, buffer}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := config.Load([]string{
				"BRIDGE_KAFKA_BROKERS=k:1", "BRIDGE_KAFKA_TOPICS=t", "BRIDGE_KAFKA_GROUP_ID=g", "SAFETYKIT_API_KEY=k",
				batch + "=" + tc.batch, buffer + "=" + tc.buffer,
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			mapper, err := record.NewMapper(recordSettings(cfg))
			if err != nil {
				t.Fatal(err)
			}
			const begin, end = `{"id":"a","x":"`, `"}`
			value := begin + strings.Repeat("x", tc.line-len(begin+end+"\n")) + end
			_, _, rej := mapper.Worker().Line(nil, &record.Input{Topic: "t", Value: []byte(value)})
			detail := ""
			if rej != nil {
				detail = rej.Reason.String() + ": " + rej.Detail
			}
			if (rej == nil) != (tc.bounds == nil) {
				t.Fatalf("rejected as %q", detail)
			}
			for _, variable := range []string{batch, buffer} {
				want := strings.Contains(strings.Join(tc.bounds, " "), variable)
				if strings.Contains(detail, variable) != want {
					t.Errorf("%q names %s: %t, want %t", detail, variable, !want, want)
				}
			}
		})
	}
}
