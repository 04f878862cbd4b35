package process

import (
	"fmt"

	"kafka-import-bridge/internal/record"
)

// FingerprintOf tells the settings that decide what becomes of a record: those
// of routing and ids as a hash, and the limits of a line: the smaller one is in
// force, also for a line of one namespace.
func FingerprintOf(s record.Settings) string {
	line := s.MaxLineBytes
	if s.MaxFanoutBytes > 0 && (line == 0 || line > s.MaxFanoutBytes) {
		line = s.MaxFanoutBytes
	}
	return fmt.Sprintf("%s.%d.%d", s.Fingerprint(), line, s.MaxFanoutBytes)
}
