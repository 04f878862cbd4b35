package preflight

import (
	"fmt"
	"slices"
	"strings"

	"kafka-import-bridge/internal/wire"
)

// checkRack says which brokers are in the rack that BRIDGE_KAFKA_RACK names. Without any
// the leaders are read, as they are without the setting: that is no failure, but
// perhaps not what was meant.
func checkRack(rack string, brokers []wire.Broker) Finding {
	var there, racks []string
	for _, b := range brokers {
		if b.Rack == rack {
			there = append(there, fmt.Sprint(b.ID))
		}
		if b.Rack != "" && !slices.Contains(racks, b.Rack) {
			racks = append(racks, b.Rack)
		}
	}
	slices.Sort(racks)
	f := Finding{Check: fmt.Sprintf("rack %q", rack), OK: true}
	switch {
	case len(racks) == 0:
		f.Detail = "warning: no broker says which rack it is in, so partitions are read from their leaders; set broker.rack and replica.selector.class on the brokers"
	case len(there) == 0:
		f.Detail = fmt.Sprintf("warning: no broker is in it, so partitions are read from their leaders; the brokers are in %s", strings.Join(racks, ", "))
	default:
		f.Detail = fmt.Sprintf("%s in it, of %d (%s): partitions with a replica there are read from it if replica.selector.class is set on the brokers, else from their leaders",
			count(len(there), "broker"), len(brokers), strings.Join(there, ", "))
	}
	return f
}
