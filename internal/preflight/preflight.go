package preflight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// Finding is the answer to one question of a preflight. Its texts are one line
// each and hold neither secrets nor anything of a record but namespaces.
type Finding struct {
	Check  string `json:"check"` // what was tried, for instance "broker kafka-0:9092"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found
	Remedy string `json:"remedy"` // what to do about it, "" if it is OK or nothing is known
}

// preflightPatience bounds each call of a preflight, for which a person waits.
const preflightPatience = 5 * time.Second

// Preflight tries what a consumer of the same configuration would need. It neither
// joins the group nor commits, produces or creates anything. Each step keeps what it
// finds for the next ones.
//
//	brokers --> topics --> group --> offsets ahead --> dead-letter topic --> schema registry --> sample
type Preflight struct {
	cfg    *process.Config
	judge  *scan.Judge
	base   kafka.Config
	report func(Finding)

	client     *kafka.Client // of the brokers that answered
	cluster    string
	topics     []*inspectedTopic // those that exist and may be described
	committed  map[kafka.TopicPartition]kafka.Committed
	committing bool // committed could be read
	fresh      bool // the group has committed nothing, of any topic
}

// New prepares a preflight for bridges of a configuration. It connects as the client
// would, which itself is not used. Whoever runs it runs the configuration's Schemas.
func New(cfg *process.Config, client *kafka.Client) (*Preflight, error) {
	judge, err := scan.NewJudge(cfg)
	if err != nil {
		return nil, fmt.Errorf("build record mapper: %w", err)
	}
	base := client.Config()
	base.DialTimeout, base.CallTimeout = preflightPatience, preflightPatience
	return &Preflight{cfg: cfg, judge: judge, base: base}, nil
}

// Run makes all checks, one after the other, and reports each finding as it is
// made. A check that makes no sense after the failure of another is left out. It
// then reads sample records of each topic, if sample is positive. Run it once.
func (p *Preflight) Run(ctx context.Context, sample int, report func(Finding)) {
	p.report = report
	answering := p.findBrokers(ctx)
	if len(answering) == 0 {
		p.fail("kafka", "no broker answers: topics, permissions and the dead-letter topic were not checked", "see the brokers above")
		return
	}
	config := p.base
	config.Brokers = answering
	p.client = kafka.NewClient(config)
	defer p.client.Close()
	if p.findTopics(ctx) {
		p.inspect(ctx)
		group := p.checkGroup(ctx)
		for _, t := range p.topics {
			p.report(p.judgeTopic(t))
		}
		p.report(group)
	}
	if p.cfg.DLQTopic != "" {
		p.report(p.checkWritten(ctx, "dead-letter topic", p.cfg.DLQTopic, "BRIDGE_DLQ_TOPIC"))
	}
	if p.cfg.ReceiptsTopic != "" {
		p.report(p.checkWritten(ctx, "receipts topic", p.cfg.ReceiptsTopic, "BRIDGE_RECEIPTS_TOPIC"))
	}
	if p.cfg.Schemas != nil {
		p.report(p.checkRegistry(ctx))
	}
	if sample > 0 {
		p.sample(ctx, sample)
	}
}

func (p *Preflight) ok(check, detail string) {
	p.report(Finding{Check: check, OK: true, Detail: detail})
}

func (p *Preflight) fail(check, detail, remedy string) {
	p.report(Finding{Check: check, Detail: detail, Remedy: remedy})
}

// failure returns the finding for an error of a broker.
func (p *Preflight) failure(check string, err error) Finding {
	f := Finding{Check: check, Detail: oneLine(err.Error())}
	if remedy := oneLine(p.base.Explain(err)); !strings.HasPrefix(remedy, f.Detail) { // else nothing is known
		f.Remedy = remedy
	}
	return f
}

// oneLine joins the lines of joined errors.
func oneLine(text string) string { return strings.Join(strings.Split(text, "\n"), "; ") }

// findBrokers asks every bootstrap broker at the same time, reports on each in
// their order, and returns those that answer.
func (p *Preflight) findBrokers(ctx context.Context) (answering []string) {
	findings := make([]Finding, len(p.base.Brokers))
	var wg sync.WaitGroup
	for i, broker := range p.base.Brokers {
		wg.Go(func() { findings[i] = p.checkBroker(ctx, broker) })
	}
	wg.Wait()
	for i, f := range findings {
		p.report(f)
		if f.OK {
			answering = append(answering, p.base.Brokers[i])
		}
	}
	return answering
}

func (p *Preflight) checkBroker(ctx context.Context, broker string) Finding {
	config := p.base
	config.Brokers = []string{broker}
	client := kafka.NewClient(config)
	defer client.Close()
	check := "broker " + broker
	md, err := client.Metadata(ctx, []string{})
	if err != nil {
		return p.failure(check, err)
	}
	how := "in plaintext"
	if config.TLS != nil {
		how = "over TLS"
	}
	if config.SASL != nil {
		how += ", authenticated with " + config.SASL.Name()
	}
	return Finding{Check: check, OK: true, Detail: fmt.Sprintf("answers %s; %s in its cluster", how, count(len(md.Brokers), "broker"))}
}

// findTopics looks for the configured topics and reports those that cannot be
// used. It says whether the cluster could be asked.
func (p *Preflight) findTopics(ctx context.Context) bool {
	md, err := p.client.Metadata(ctx, p.cfg.Topics.Topics) // nil with a regular expression: all
	if err != nil {
		p.report(p.failure("topics", err))
		return false
	}
	p.cluster = md.ClusterID
	if rack := p.cfg.Fetch.Rack; rack != "" {
		p.report(checkRack(rack, md.Brokers))
	}
	slices.SortFunc(md.Topics, func(a, b wire.TopicMetadata) int { return cmp.Compare(a.Name, b.Name) })
	matched, excluded := false, []string{}
	for _, t := range md.Topics {
		if !p.cfg.Topics.Matches(t) {
			switch {
			case p.cfg.Topics.LeavesOutOwn(t):
				p.ok("topic "+t.Name, "BRIDGE_KAFKA_TOPIC_REGEX matches it; it is left out, since this bridge writes to it. Other bridges with such an expression do read it")
			case p.cfg.Topics.Excludes(t):
				excluded = append(excluded, t.Name)
			}
			continue
		}
		matched = true
		switch code := kafka.Code(t.ErrorCode); {
		case code.TopicGone():
			p.fail("topic "+t.Name, "does not exist", "create it, for the bridge never does, or correct BRIDGE_KAFKA_TOPICS")
		case code != kafka.CodeOK && code != kafka.CodeLeaderNotAvailable:
			p.report(p.failure("topic "+t.Name, fmt.Errorf("describe topic: %w", code)))
		default:
			p.topics = append(p.topics, newInspectedTopic(t))
		}
	}
	if p.cfg.Topics.Exclude != nil {
		p.ok("topics", fmt.Sprintf("BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX %q leaves out %s", p.cfg.Topics.Exclude, some(excluded)))
	}
	if !matched {
		detail := fmt.Sprintf("none matches BRIDGE_KAFKA_TOPIC_REGEX %q", p.cfg.Topics.Regex)
		if len(excluded) > 0 {
			detail += " but what is left out"
		}
		p.fail("topics", detail, "create one or correct the expression; topics that this user may not DESCRIBE do not show")
	}
	return true
}

// some lists the first names, and says how many more there are.
func some(names []string) string {
	const most = 20
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
