package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// codecs are those of a producer.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// scenario is one thing to measure all subjects with.
type scenario struct {
	name, title string
	shape
	delay time.Duration // of the store, per PUT
	trip  time.Duration // a round trip to API and store, see distance
	tls   bool          // to brokers, API and store
	// ordered has the straight line that keeps one PUT per namespace under way as well.
	ordered bool
	// alone leaves the peers out: the straight-line program and Bento have no
	// bound that would let them end.
	alone bool
	flow  *flow // records arrive while they are read, and delays are measured
}

// flow is live traffic.
type flow struct {
	rate  int64         // bytes a second
	age   time.Duration // bound of a batch's age, of every subject
	bound time.Duration // what p99 may be; 0 where the peers are the measure
}

// all are the scenarios. One about a codec takes the base as it is; each other
// changes one thing of it.
func (o *options) all() []scenario {
	var all []scenario
	for _, codec := range codecs {
		s := scenario{name: codec, title: "codec " + codec, shape: o.base}
		s.codec = codec
		all = append(all, s)
	}
	vary := func(name, title string, part int64, change func(*scenario)) {
		s := scenario{name: name, title: title, shape: o.base}
		s.bytes /= part
		change(&s)
		all = append(all, s)
	}
	if o.data == nil {
		vary("record-100", "records of 100 B", 8, func(s *scenario) { s.record = 100 })
		vary("record-16k", "records of 16 KiB", 2, func(s *scenario) { s.record = 16 << 10 })
		vary("namespaces-1", "1 namespace", 2, func(s *scenario) { s.namespaces = 1 })
		vary("namespaces-10k", "10,000 namespaces", 2, func(s *scenario) { s.namespaces = 10_000 })
		vary("namespaces-100k", "100,000 namespaces", 2, func(s *scenario) { s.namespaces, s.alone = 100_000, true })
	}
	vary("partitions-1", "1 partition", 2, func(s *scenario) { s.partitions = 1 })
	vary("partitions-64", "64 partitions", 2, func(s *scenario) { s.partitions = 64 })
	vary("slow-store", "store takes 100 ms per PUT", 2, func(s *scenario) { s.delay, s.ordered = 100*time.Millisecond, true })
	vary("tls", "TLS to brokers, API and store", 2, func(s *scenario) { s.tls = true })
	if o.data == nil {
		vary("wan-hot", "40 ms to API and store, 1 namespace", 2, func(s *scenario) {
			s.trip, s.ordered, s.namespaces = wanTrip, true, 1
		})
		vary("wan-even", "40 ms to API and store, even namespaces", 2, func(s *scenario) {
			s.trip, s.ordered, s.even = wanTrip, true, true
		})
		vary("avro", "Avro", 2, func(s *scenario) { s.avro, s.alone = true, true })
	}
	vary("latency", fmt.Sprintf("%g MB/s, live", float64(o.rate)/1e6), 1, func(s *scenario) {
		s.flow = &flow{rate: o.rate, age: time.Second}
	})
	vary("latency-idle", "100 records/s, live", 1, func(s *scenario) {
		s.alone = true
		s.flow = &flow{rate: 100 * int64(s.record), age: time.Second, bound: 1200 * time.Millisecond}
	})
	return all
}

// notInAll are the scenarios that only their names choose.
var notInAll = []string{"gzip", "snappy"}

// wanTrip is a round trip to another region of the same continent.
const wanTrip = 40 * time.Millisecond

// family is what comes before the first hyphen of a name: it chooses all of these, where
// no scenario has that name.
func family(name string) string {
	before, _, _ := strings.Cut(name, "-")
	return before
}

// choose finds scenarios by name, or by family.
func choose(all []scenario, names string) ([]scenario, error) {
	if names == "all" {
		return slices.DeleteFunc(all, func(s scenario) bool { return slices.Contains(notInAll, s.name) }), nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(names, ",") {
		if i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name }); i >= 0 {
			chosen = append(chosen, all[i])
			continue
		}
		found := len(chosen)
		for i := range all {
			if family(all[i].name) == name {
				chosen = append(chosen, all[i])
			}
		}
		if found == len(chosen) {
			return nil, fmt.Errorf("unknown scenario %q: see -list", name)
		}
	}
	return chosen, nil
}
