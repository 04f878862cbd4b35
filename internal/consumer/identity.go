package consumer

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// identity names a topic in commit metadata: its id, and a part of the
// cluster's, so that a copy of the offset in another cluster shows.
func identity(id wire.UUID, cluster string) string {
	c := strings.Map(func(r rune) rune {
		if r == ';' || r == '.' {
			return '_'
		}
		return r
	}, cluster)
	return base64.RawURLEncoding.EncodeToString(id[:]) + "." + c[:min(8, len(c))]
}

// fingerprintOf tells the settings that decide what becomes of a record: those
// of routing and ids as a hash, and the limits of a line: the smaller one is in
// force, also for a line of one namespace.
func fingerprintOf(s record.Settings) string {
	line := s.MaxLineBytes
	if s.MaxFanoutBytes > 0 && (line == 0 || line > s.MaxFanoutBytes) {
		line = s.MaxFanoutBytes
	}
	return fmt.Sprintf("%s.%d.%d", s.Fingerprint(), line, s.MaxFanoutBytes)
}

// sameRouting says whether a record that becomes no line now became none when
// the old fingerprint was written, and every line the same line. Larger limits
// do no harm; below smaller ones a line that is still owed would look like a
// record that was dealt with.
func sameRouting(old, now string) bool {
	o, n := strings.Split(old, "."), strings.Split(now, ".")
	if len(o) != 3 || len(n) != 3 || o[0] != n[0] {
		return false
	}
	for i := 1; i < 3; i++ {
		before, err1 := strconv.ParseInt(o[i], 10, 64)
		after, err2 := strconv.ParseInt(n[i], 10, 64)
		if err1 != nil || err2 != nil || after < before {
			return false
		}
	}
	return true
}
