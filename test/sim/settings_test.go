package sim

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	shared "kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	membership "kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/record"
)

const (
	group    = "bridge"
	dlqTopic = "letters"
)

// settings are what a process is started with.
type settings struct {
	topics       []string
	late         string // a topic that does not exist at the start, or none
	regex        bool   // topics are named by an expression
	onInvalid    record.Policy
	onTombstone  record.Policy
	onRejected   record.Policy
	id           string
	mapping      string // as in BRIDGE_NAMESPACE_MAP
	batchBytes   int64
	batchRecords int
	batchAge     time.Duration
	buffer       int64
	uploads      int
	perNamespace int
	probe        time.Duration
	shutdown     time.Duration
	session      time.Duration
	rebalance    time.Duration
	heartbeat    time.Duration
	refresh      time.Duration
	static       bool               // members are static, named by their slots
	stay         bool               // and stay in the group when they stop
	kafka        *kversion.Versions // of the brokers, nil for the newest
	reset        ledger.OffsetReset
	receipts     bool          // one is written for each import
	receiptTakes time.Duration // until it is acknowledged
	receiptsFail bool          // and those that are not count as failed
	urlLife      time.Duration // of upload URLs, 0 for long
}

func defaultSettings() *settings {
	return &settings{
		topics: []string{"t0"}, id: "field:id", onInvalid: record.Hold, onTombstone: record.Skip, onRejected: record.Hold,
		batchBytes: 64 << 10, batchRecords: 1000, batchAge: 5 * time.Second, buffer: 8 << 20, uploads: 16, perNamespace: 1,
		probe: time.Minute, shutdown: time.Minute, session: 30 * time.Second, rebalance: 2 * time.Minute, heartbeat: 3 * time.Second, refresh: 30 * time.Second,
	}
}

func pick[T any](rnd *rand.Rand, list ...T) T { return list[rnd.IntN(len(list))] }

func drawSettings(rnd *rand.Rand) *settings {
	s := defaultSettings()
	s.onInvalid = pick(rnd, record.Hold, record.Hold, record.Skip, record.DeadLetter)
	s.onTombstone = pick(rnd, record.Skip, record.Skip, record.Hold, record.DeadLetter)
	s.onRejected = pick(rnd, record.Hold, record.Hold, record.DeadLetter)
	s.id = pick(rnd, "field:id", "field:id", "offset")
	s.mapping = pick(rnd, "", "", "n1=n0", "n2=n2+m2")
	s.batchBytes = pick[int64](rnd, 4<<10, 16<<10, 64<<10)
	s.batchRecords = pick(rnd, 5, 50, 1000)
	s.batchAge = pick(rnd, 200*time.Millisecond, time.Second, 5*time.Second, 20*time.Second)
	s.buffer = pick[int64](rnd, 1<<20, 2<<20, 8<<20) // no Kafka batch is too large for them
	s.uploads = pick(rnd, 1, 2, 4, 16)
	s.perNamespace = pick(rnd, 1, 1, 1, 4)
	s.probe = pick(rnd, 5*time.Second, time.Minute)
	s.shutdown = pick(rnd, 20*time.Second, time.Minute)
	s.session = pick(rnd, 6*time.Second, 30*time.Second)
	s.rebalance = pick(rnd, 20*time.Second, 2*time.Minute)
	s.heartbeat = pick(rnd, time.Second, 2*time.Second)
	s.refresh = pick(rnd, 5*time.Second, 30*time.Second)
	s.receipts, s.receiptTakes = rnd.IntN(2) == 0, pick(rnd, 0, 5*time.Millisecond, 50*time.Millisecond)
	return s
}

// drawReceipts makes receipts slow, or their topic one that seems to fail: nothing but
// a crash repeats an import for want of them.
func (s *settings) drawReceipts(rnd *rand.Rand) {
	if s.receipts {
		s.receiptTakes = pick(rnd, s.receiptTakes, 4*time.Second, 20*time.Second, 90*time.Second)
		s.receiptsFail = rnd.IntN(2) == 0
	}
}

// changed are other settings after a restart: a policy, the id, the map.
func (s *settings) changed(rnd *rand.Rand) *settings {
	next := *s
	if s.reset.Skips() && rnd.IntN(2) == 0 { // what means nothing once a start is committed
		next.reset = pick(rnd, byTime...)
	}
	switch rnd.IntN(5) {
	case 4:
		next.buffer = 8 << 20
	case 0:
		next.onInvalid = pick(rnd, record.Hold, record.Skip, record.DeadLetter)
	case 1:
		next.onRejected = pick(rnd, record.Hold, record.DeadLetter)
	case 2:
		next.id = pick(rnd, "field:id", "offset")
	case 3:
		next.mapping = pick(rnd, "", "n1=n0", "n2=n2+m2", "n0=k0")
	}
	return &next
}

func (s *settings) String() string {
	return fmt.Sprintf("topics %v late %q regex %t invalid %s tombstone %s rejected %s id %s map %q batch %d bytes %d records %s buffer %d uploads %d/%d probe %s shutdown %s session %s rebalance %s static %t stay %t receipts %t %s %t reset %s kafka %s",
		s.topics, s.late, s.regex, s.onInvalid, s.onTombstone, s.onRejected, s.id, s.mapping, s.batchBytes, s.batchRecords, s.batchAge, s.buffer, s.uploads, s.perNamespace, s.probe, s.shutdown, s.session, s.rebalance, s.static, s.stay, s.receipts, s.receiptTakes, s.receiptsFail, s.reset, s.release())
}

func (s *settings) needsLetters() bool {
	return slices.Contains([]record.Policy{s.onInvalid, s.onTombstone, s.onRejected}, record.DeadLetter)
}

// policy is what decides on a record that becomes no line; ok says that it does.
func (s *settings) policy(r *produced) (policy record.Policy, ok bool) {
	switch {
	case r.kind == marker, r.aborted:
		return record.Skip, false
	case r.open, r.batch > s.buffer/4:
		return record.Hold, false
	case r.kind == tombstone:
		return s.onTombstone, false
	case r.kind == poison, r.kind == huge, r.kind == noID && s.id == "field:id":
		return s.onInvalid, false
	}
	return "", true
}

// fate is what becomes of a record: its namespaces, or a policy.
func (s *settings) fate(r *produced) (names []string, policy record.Policy, ok bool) {
	if policy, ok = s.policy(r); !ok {
		return nil, policy, false
	}
	for _, n := range r.names {
		for _, to := range s.mapped(n) {
			if !slices.Contains(names, to) {
				names = append(names, to)
			}
		}
	}
	return names, "", true
}

func (s *settings) mapped(name string) []string {
	from, to, ok := strings.Cut(s.mapping, "=")
	if !ok || from != name {
		return []string{name}
	}
	return strings.Split(to, "+")
}

// finished says whether these settings owe nothing of the record.
func (s *settings) finished(r *produced) bool {
	if policy, ok := s.policy(r); !ok {
		return policy == record.Skip || policy == record.DeadLetter && r.letters[""] > 0
	}
	names, _, _ := s.fate(r)
	return !slices.ContainsFunc(names, func(n string) bool { return !r.lineDone(n) })
}

// waits says whether these settings hold the record.
func (s *settings) waits(r *produced) bool {
	policy, ok := s.policy(r)
	return !ok && policy == record.Hold
}

// lineBytes is what a line may be long at most.
func (s *settings) lineBytes() int64 { return min(s.batchBytes, s.buffer/4) }

// instanceOf is the instance id of a slot's processes.
func instanceOf(slot int) string { return fmt.Sprintf("slot%d", slot) }

// config is what the bridge makes of the settings.
func (s *settings) config(slot int) (shared.Config, error) {
	var source record.NamespaceSource
	if err := source.UnmarshalText([]byte("field:ns")); err != nil {
		return shared.Config{}, err
	}
	var id record.IDSource
	if err := id.UnmarshalText([]byte(s.id)); err != nil {
		return shared.Config{}, err
	}
	mapping, err := record.ParseNamespaceMap(s.mapping)
	if err != nil {
		return shared.Config{}, err
	}
	c := shared.Config{
		Settings: membership.Settings{Group: group, SessionTimeout: s.session, RebalanceTimeout: s.rebalance, HeartbeatInterval: s.heartbeat},
		Topics:   kafka.Selection{Topics: s.topics}, ReadCommitted: true,
		Fetch: fetch.Requests{MaxBytes: 16 << 20, MaxWait: 2 * time.Second}, MetadataRefresh: s.refresh,
		Record:         record.Settings{Namespace: source, ID: id, Map: mapping, MaxLineBytes: s.lineBytes(), MaxFanoutBytes: s.buffer / 4, FanoutOverhead: shared.LineOverhead},
		Policies:       shared.Policies{OnInvalid: s.onInvalid, OnTombstone: s.onTombstone, OnRejected: s.onRejected, HoldProbeInterval: s.probe},
		Batch:          batcher.Limits{MaxBytes: s.batchBytes, MaxRecords: s.batchRecords, MaxAge: s.batchAge},
		BufferMaxBytes: s.buffer, ShutdownTimeout: s.shutdown,
		Uploads: shared.Uploads{UploadConcurrency: s.uploads, NamespaceConcurrency: s.perNamespace, MaxBackoff: maxBackoff},
	}
	c.OffsetReset = s.reset
	if s.static {
		c.InstanceID, c.StayOnStop = instanceOf(slot), s.stay
	}
	if s.late != "" {
		c.Topics.Topics = append(slices.Clone(s.topics), s.late)
	}
	if s.regex {
		c.Topics = kafka.Selection{Regex: regexp.MustCompile(`^(?:[a-z]\w+)$`), Exclude: regexp.MustCompile(`^(?:.*s)$`)}
	}
	if s.needsLetters() {
		c.DLQTopic = dlqTopic
	}
	return c, nil
}
