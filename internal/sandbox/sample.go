package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// SampleTopics are the topics of the sample records.
func SampleTopics() []string { return []string{"users", "listings", "messages"} }

// What samples are made of. Tenants begin their namespaces, the busiest first.
const (
	tenants    = "acme globex initech umbrella hooli soylent wonka"
	countries  = "DE FR JP BR US KE IN"
	vocabulary = `the a of in and to with for from hardly used bicycle lamp table chair vintage camera
		please write me today price ship delivery free new condition box original owner small large blue
		red wooden handmade question about your listing still available thanks hello meet tomorrow near
		station zürich são 東京 café naïve collection set rare sale garden kitchen book signed edition`
)

// Sample is one record of a feed and what must become of it.
type Sample struct {
	Topic string
	Key   []byte
	Value []byte // nil: a tombstone
	ID    string // empty for a tombstone
	// Namespaces that are owed a line. None: a tombstone or a poison record.
	Namespaces []string
	// Poison is why the record cannot become a line; empty: it can.
	Poison string
}

// Tombstone reports whether the record has no value.
func (s Sample) Tombstone() bool { return s.Value == nil }

// Samples generates records of several kinds: users, listings and messages of
// skewed namespaces, some tombstones and some poison. Equal seeds give equal
// records. The namespaces stand in the field "namespace". Not safe for
// concurrent use.
type Samples struct {
	random     *rand.Rand
	skew       *rand.Zipf // over tenants
	topics     []string
	tenants    []string
	countries  []string
	vocabulary []string
	number     int
	odd        float64 // share of tombstones, and of poison
	start      time.Time
	scratch    []byte
}

// NewSamples returns a generator. The share, 0 to 0.5, is that of tombstones,
// and again that of poison records.
func NewSamples(seed uint64, share float64) *Samples {
	random := rand.New(rand.NewPCG(seed, 1))
	g := &Samples{
		random: random, odd: share, start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		topics: SampleTopics(), tenants: strings.Fields(tenants),
		countries: strings.Fields(countries), vocabulary: strings.Fields(vocabulary),
	}
	g.skew = rand.NewZipf(random, 2, 1.5, uint64(len(g.tenants)-1))
	return g
}

// Next returns the next record. Ids are unique in one generator.
func (g *Samples) Next() Sample {
	g.number++
	topic := g.topics[g.pick(10, 30, 60)]
	tenant := g.tenants[g.skew.Uint64()]
	s := Sample{Topic: topic, ID: fmt.Sprintf("%s_%08d", topic, g.number), Namespaces: []string{tenant + "-" + topic}}
	s.Key = []byte(s.ID)
	switch draw := g.random.Float64(); {
	case draw < g.odd:
		return Sample{Topic: topic, Key: s.Key}
	case draw < 2*g.odd:
		return g.poison(s)
	}
	if topic == "listings" && g.random.IntN(20) == 0 {
		s.Namespaces = append(s.Namespaces, tenant+"-review")
	}
	s.Value = []byte(g.value(s))
	return s
}

// pick returns an index with these weights.
func (g *Samples) pick(weights ...int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	draw := g.random.IntN(total)
	for i, w := range weights {
		if draw -= w; draw < 0 {
			return i
		}
	}
	return 0
}

// value is the JSON of a good record.
func (g *Samples) value(s Sample) string {
	at := g.start.Add(time.Duration(g.number) * 137 * time.Millisecond).Format(time.RFC3339Nano)
	head := fmt.Sprintf(`{"id":%q,"namespace":%s,"created_at":%q`, s.ID, namespaceJSON(s.Namespaces), at)
	switch s.Topic {
	case "users":
		return head + fmt.Sprintf(`,"name":%q,"country":%q,"verified":%t,"bio":%q}`,
			g.words(2), g.countries[g.random.IntN(len(g.countries))], g.random.IntN(2) == 0, g.words(g.random.IntN(30)))
	case "listings":
		return head + fmt.Sprintf(`,"title":%q,"price":%d.%02d,"currency":"EUR","seller":{"id":"users_%08d"},"description":%q}`,
			g.words(4), g.random.IntN(900), g.random.IntN(100), g.random.IntN(g.number), g.words(40+g.random.IntN(80)))
	}
	return head + fmt.Sprintf(`,"from":"users_%08d","to":"users_%08d","text":%q}`,
		g.random.IntN(g.number), g.random.IntN(g.number), g.words(3+g.random.IntN(40)))
}

func namespaceJSON(namespaces []string) string {
	if len(namespaces) == 1 {
		return `"` + namespaces[0] + `"`
	}
	return `["` + strings.Join(namespaces, `","`) + `"]`
}

// poison turns a sample into one that cannot become a line.
func (g *Samples) poison(s Sample) Sample {
	kinds := []struct{ why, value string }{
		{"cut JSON", fmt.Sprintf(`{"id":%q,"namespace":%q,"text":"`, s.ID, s.Namespaces[0])},
		{"numeric id", fmt.Sprintf(`{"id":%d,"namespace":%q}`, g.number, s.Namespaces[0])},
		{"no id", fmt.Sprintf(`{"namespace":%q}`, s.Namespaces[0])},
		{"no namespace", fmt.Sprintf(`{"id":%q}`, s.ID)},
		{"bad namespace", fmt.Sprintf(`{"id":%q,"namespace":"../%s"}`, s.ID, s.Namespaces[0])},
		{"two objects", fmt.Sprintf(`{"id":%q,"namespace":%q}{"id":"x"}`, s.ID, s.Namespaces[0])},
		{"array", fmt.Sprintf(`[{"id":%q}]`, s.ID)},
		{"not UTF-8", fmt.Sprintf(`{"id":%q,"namespace":%q,"text":"`, s.ID, s.Namespaces[0]) + "\xff\"}"},
	}
	kind := kinds[g.random.IntN(len(kinds))]
	s.Value, s.Poison, s.Namespaces = []byte(kind.value), kind.why, nil
	return s
}

func (g *Samples) words(n int) string {
	g.scratch = g.scratch[:0]
	for i := range n {
		if i > 0 {
			g.scratch = append(g.scratch, ' ')
		}
		g.scratch = append(g.scratch, g.vocabulary[g.random.IntN(len(g.vocabulary))]...)
	}
	return string(g.scratch)
}
