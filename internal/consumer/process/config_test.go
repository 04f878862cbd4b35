package process

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka/group"
)

// A call to a broker ends well before the session does, and is never given less than a
// second; a drain leaves the time for one.
func TestConfig_patience(t *testing.T) {
	for _, tc := range []struct{ session, rebalance, call, drain time.Duration }{
		{45 * time.Second, time.Minute, 10 * time.Second, 50 * time.Second},
		{30 * time.Minute, time.Minute, 10 * time.Second, 50 * time.Second},
		{6 * time.Second, time.Minute, 2 * time.Second, 58 * time.Second},
		{time.Second, time.Minute, time.Second, 59 * time.Second},
		{45 * time.Second, 12 * time.Second, 10 * time.Second, 6 * time.Second},
	} {
		c := Config{Settings: group.Settings{SessionTimeout: tc.session, RebalanceTimeout: tc.rebalance}}
		if call, drain := c.CallTimeout(), c.DrainBudget(); call != tc.call || drain != tc.drain {
			t.Errorf("sessions of %s, rebalances of %s: a call may take %s and a drain %s, want %s and %s", tc.session, tc.rebalance, call, drain, tc.call, tc.drain)
		}
	}
}
