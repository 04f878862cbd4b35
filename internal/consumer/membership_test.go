package consumer

import "testing"

func TestSameHost(t *testing.T) {
	for _, tc := range []struct {
		member, own string
		want        bool
	}{
		{"/10.0.0.1", "10.0.0.1", true},
		{"/10.0.0.1", "10.0.0.11", false},
		{"/0:0:0:0:0:0:0:1", "::1", true},
		{"/fe80:0:0:0:0:0:0:1%eth0", "fe80::1%eth0", true},
		{"/10.0.0.1", "::ffff:10.0.0.1", true},
		{"/10.0.0.1", "", false},
		{"", "", false},
	} {
		if got := sameHost(tc.member, tc.own); got != tc.want {
			t.Errorf("%q is the host %q: %v, want %v", tc.member, tc.own, got, tc.want)
		}
	}
}
