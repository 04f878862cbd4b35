package kafkatest

import "testing"

func TestOptions_check(t *testing.T) {
	for name, tc := range map[string]struct {
		options Options
		ok      bool
	}{
		"the usual":             {Options{}, true},
		"three nodes":           {Options{Nodes: 3, ACLs: true}, true},
		"the oldest":            {Options{Release: Oldest}, true},
		"another":               {Options{Release: "2.5.0"}, false},
		"three old ones":        {Options{Release: Oldest, Nodes: 3}, false},
		"an old one with users": {Options{Release: Oldest, Users: map[string]string{"u": "p"}}, false},
	} {
		if err := tc.options.check(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
