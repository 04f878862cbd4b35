package main

import (
	"fmt"
	"strings"
	"time"
)

// What the bridge is built to reach; docs/scaling.md says what limits it.
const (
	wantPeer     = 4.0      // times the throughput of the best general-purpose peer
	wantStraight = 1.0      // times that of the straight-line program
	wantCPU      = 1.0 / 6  // of the best peer's CPU time per byte, at most
	wantBeside   = 64 << 20 // bytes resident beside the buffer budget, at most
)

// standing is how the bridge stands in one scenario.
type standing struct {
	scenario                        *scenario
	peer, straight, cpu, rss, delay *check // nil where there is nothing to compare with
}

// check is a figure beside its target.
type check struct {
	what   string
	got    spread
	want   float64
	atMost bool   // want is the most; else the least
	note   string // takes the place of the figure where a peer did not finish
}

// missedBy is the share by which the target is missed, 0 if it is met.
func (c *check) missedBy() float64 {
	switch {
	case c.note != "":
		return 0
	case c.atMost:
		return max(0, c.got.median/c.want-1)
	default:
		return max(0, 1-c.got.median/c.want)
	}
}

// within says whether some run met the target and another one missed it.
func (c *check) within() bool { return c.got.min <= c.want && c.want <= c.got.max }

// stand compares the bridge's results with the others' of the same scenario.
func stand(in *scenario, of map[string]*result, buffer int64) standing {
	s := standing{scenario: in}
	bridge := of[bridgeName]
	if bridge == nil || bridge.err != nil || len(bridge.runs) == 0 {
		return s
	}
	s.rss = &check{what: "memory", got: bridge.spread(rssMiB), want: float64(buffer+wantBeside) / (1 << 20), atMost: true}
	s.rss.got.median = s.rss.got.max // it has to hold in each run
	if in.flow != nil {
		if in.flow.bound > 0 {
			s.delay = &check{what: "p99", got: bridge.spread(p99ms), want: float64(in.flow.bound) / float64(time.Millisecond), atMost: true}
		}
		return s
	}
	s.peer = compare("throughput over Bento", bridge, of[bentoName], mbps, wantPeer, false)
	straight := of[orderedName] // does what the bridge does, where it takes part
	if straight == nil {
		straight = of[straightName]
	}
	s.straight = compare("throughput over the straight line", bridge, straight, mbps, wantStraight, false)
	s.cpu = compare("CPU time over Bento", bridge, of[bentoName], cpuPerGB, wantCPU, true)
	return s
}

func compare(what string, bridge, other *result, get metric, want float64, atMost bool) *check {
	if other == nil {
		return nil
	}
	c := &check{what: what, want: want, atMost: atMost}
	if other.err != nil || len(other.runs) == 0 {
		c.note = other.subject + " did not finish"
		return c
	}
	c.got = ratios(bridge.of(get), other.of(get))
	return c
}

// verdict is "met", or by how much what is missed.
func (s *standing) verdict() string {
	var missed []string
	known := false
	for _, c := range []*check{s.peer, s.straight, s.cpu, s.rss, s.delay} {
		if c == nil {
			continue
		}
		known = true
		if by := c.missedBy(); by > 0 {
			text := fmt.Sprintf("%s by %s", c.what, percent(by))
			if c.within() {
				text += ", not in every run"
			}
			missed = append(missed, text)
		}
	}
	switch {
	case !known:
		return "bridge failed"
	case missed == nil:
		return "met"
	}
	return "missed: " + strings.Join(missed, "; ")
}

// percent rounds a share that is not zero, and never to zero.
func percent(share float64) string {
	if share < 0.005 {
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}
