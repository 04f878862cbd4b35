package preflight

import (
	"strings"
	"testing"

	"kafka-import-bridge/internal/wire"
)

func TestPreflight_rack(t *testing.T) {
	for name, tc := range map[string]struct {
		racks []string
		want  string
	}{
		"brokers are there":       {[]string{"b", "a", "a"}, "2 brokers in it, of 3 (2, 3): partitions with a replica there are read from it if replica.selector.class"},
		"none is":                 {[]string{"c", "b", "c", ""}, "warning: no broker is in it, so partitions are read from their leaders; the brokers are in b, c"},
		"none has a rack":         {[]string{"", ""}, "warning: no broker says which rack it is in, so partitions are read from their leaders; set broker.rack"},
		"no broker is known":      {nil, "warning: no broker says"},
		"a rack of a longer name": {[]string{"ab"}, "warning: no broker is in it, so partitions are read from their leaders; the brokers are in ab"},
	} {
		t.Run(name, func(t *testing.T) {
			var brokers []wire.Broker
			for i, rack := range tc.racks {
				brokers = append(brokers, wire.Broker{ID: int32(i + 1), Rack: rack})
			}
			if f := checkRack("a", brokers); !f.OK || f.Check != `rack "a"` || !strings.HasPrefix(f.Detail, tc.want) {
				t.Errorf("%+v, want %s", f, tc.want)
			}
		})
	}
}
