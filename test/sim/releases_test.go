package sim

import (
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// drawBrokers draws which release's protocol the brokers speak: every second time the
// newest one's, and else that of one with less. It has a source of its own, so that
// the rest of the schedules stays what it is.
//
// Where topics have no ids a process that ends while a leader has not answered, or
// has answered that it leads the partition no more, leaves its last commit out: the
// topic may be another one. What it stored since is stored again.
func (s *schedule) drawBrokers(rnd *rand.Rand) {
	if rnd.IntN(2) == 0 {
		return
	}
	releases := []func() *kversion.Versions{kversion.V2_8_0, kversion.V3_0_0, kversion.V3_5_0, kversion.V3_9_0}
	if !s.graceful {
		releases = append(releases, kversion.V2_4_0, kversion.V2_4_0, kversion.V2_7_0, eventHubs)
	}
	s.settings.kafka = pick(rnd, releases...)()
	if s.settings.highest(kmsg.Metadata) < 10 {
		s.excuse(0, 24*time.Hour, "topics have no ids")
	}
}

// eventHubs are versions as Azure Event Hubs has offered them: no leader epochs, no
// fetch that finds logs that have parted.
func eventHubs() *kversion.Versions {
	v := kversion.V2_4_0()
	for api, highest := range map[kmsg.Key]int16{kmsg.Fetch: 6, kmsg.ListOffsets: 2, kmsg.Metadata: 5} {
		v.SetMaxKeyVersion(api.Int16(), highest)
	}
	return v
}

// highest is the version of a request that the brokers offer.
func (s *settings) highest(api kmsg.Key) int16 {
	if s.kafka == nil {
		return 1000
	}
	v, _ := s.kafka.LookupMaxKeyVersion(api.Int16())
	return v
}

// fetchesByID says whether the brokers are asked for topics by id, which those of a
// topic that is created anew are not mistaken for.
func (s *settings) fetchesByID() bool { return s.highest(kmsg.Fetch) >= 13 }

// release names what the brokers speak.
func (s *settings) release() string {
	if s.kafka == nil {
		return "newest"
	}
	return s.kafka.VersionGuess()
}
