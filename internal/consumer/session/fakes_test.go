package session

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
)

// fakeAPI is the import API and its store. Unset functions accept everything.
type fakeAPI struct {
	create func(ns string) Outcome
	put    func(i *fakeImport) Outcome
	ask    func(i *fakeImport) Outcome // unset: nobody can tell
	takes  time.Duration               // each PUT, which is cut off where its context ends
	thinks time.Duration               // before it answers a create call, likewise
	grows  bool                        // with each create call of an import that fails, its delay does

	mu      sync.Mutex
	stored  map[string][]string // ids by namespace, in the order stored
	creates map[string]int
	puts    map[string]int
	asked   map[string]int
	urls    int // that imports keep
	unused  int // URLs that were asked for and not used
}

func newFakeAPI() *fakeAPI {
	return &fakeAPI{stored: map[string][]string{}, creates: map[string]int{}, puts: map[string]int{}, asked: map[string]int{}}
}

// created is how often an upload URL was asked for.
func (a *fakeAPI) created(ns string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.creates[ns]
}

// lines returns the ids that are stored of some namespaces, of all if it names none.
// Unlike a read of stored it may be called while imports are under way.
func (a *fakeAPI) lines(namespaces ...string) (ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ns, stored := range a.stored {
		if len(namespaces) == 0 || slices.Contains(namespaces, ns) {
			ids = append(ids, stored...)
		}
	}
	return ids
}

func (a *fakeAPI) NewImport(ns string, body [][]byte, _ int64) process.Import {
	return &fakeImport{api: a, namespace: ns, body: body}
}

// fakeImport is one import of it.
type fakeImport struct {
	api       *fakeAPI
	namespace string
	body      [][]byte
	url       bool
	attempts  int
	failures  int // of create calls
	ambiguous bool
	mayRepeat bool
}

func (i *fakeImport) SetBody(body [][]byte, _ int64) { i.body = body }

func (i *fakeImport) RequestID() string { return "req-" + i.namespace }

func (i *fakeImport) Attempts() int { return i.attempts }

func (i *fakeImport) Ambiguous() bool { return i.ambiguous }

func (i *fakeImport) MayRepeat() bool { return i.mayRepeat }

func (i *fakeImport) Resolve(context.Context, func() error) Outcome {
	i.api.mu.Lock()
	defer i.api.mu.Unlock()
	i.api.asked[i.namespace]++
	o := Outcome{Class: Unproven, Operation: "ask", Err: errors.New("nobody can tell")}
	if i.api.ask != nil {
		o = i.api.ask(i)
	}
	if o.Class == Stored {
		i.ambiguous = false
	}
	return o
}

// unanswered is what Resolve returns while the API answers no questions.
func unanswered(*fakeImport) Outcome {
	return Outcome{Class: Retry, Operation: "ask", Status: 503, Delay: 10 * time.Second, Err: errors.New("unavailable")}
}

// ids are those of the lines of the body.
func (i *fakeImport) ids() (ids []string) {
	for l := range bytes.Lines(bytes.Join(i.body, nil)) {
		ids = append(ids, strings.Split(string(l), `"`)[3])
	}
	return ids
}

// within waits like pause, and makes no timer where there is nothing to wait for.
func within(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	return sleep.For(ctx, d)
}

// Prepare asks for the URL ahead of the batch's turn.
func (i *fakeImport) Prepare(ctx context.Context, guard func() error) Outcome {
	return i.Create(ctx, guard)
}

// Drop gives up the URL, and notes one that was asked for and not used.
func (i *fakeImport) Drop() {
	if !i.url {
		return
	}
	i.url = false
	i.api.mu.Lock()
	defer i.api.mu.Unlock()
	i.api.urls--
	if i.attempts == 0 {
		i.api.unused++
	}
}

func (i *fakeImport) Create(ctx context.Context, guard func() error) Outcome {
	if err := guard(); err != nil {
		return Outcome{Class: Cancelled, Err: err}
	}
	i.api.mu.Lock()
	i.api.creates[i.namespace]++
	i.api.mu.Unlock()
	if err := within(ctx, i.api.thinks); err != nil {
		return Outcome{Class: Cancelled, Operation: "create", Err: err}
	}
	if i.api.create != nil {
		if o := i.api.create(i.namespace); o.Class != Stored {
			o.Operation, o.RequestID = "create", "req-"+i.namespace
			if i.failures++; i.api.grows {
				o.Delay *= time.Duration(i.failures)
			}
			return o
		}
	}
	i.api.mu.Lock()
	defer i.api.mu.Unlock()
	if !i.url {
		i.api.urls++
	}
	i.url = true
	return Outcome{Class: Stored, Operation: "create"}
}

func (i *fakeImport) Attempt(ctx context.Context, guard func() error) Outcome {
	i.attempts++
	if !i.url {
		if o := i.Create(ctx, guard); o.Class != Stored {
			return o
		}
	}
	if err := guard(); err != nil {
		return Outcome{Class: Cancelled, Err: err}
	}
	i.api.mu.Lock()
	i.api.puts[i.namespace]++
	i.api.mu.Unlock()
	if err := within(ctx, i.api.takes); err != nil {
		return Outcome{Class: Cancelled, Operation: "upload", Err: err}
	}
	o := Outcome{Class: Stored}
	if i.api.put != nil {
		o = i.api.put(i)
	}
	if o.Class == Stored {
		i.api.mu.Lock()
		i.api.stored[i.namespace] = append(i.api.stored[i.namespace], i.ids()...)
		i.api.mu.Unlock()
	}
	o.Operation, o.RequestID = "upload", "req-"+i.namespace
	return o
}

// only answers o for one namespace and accepts the others.
func only(ns string, o Outcome) func(string) Outcome {
	return func(name string) Outcome {
		if name == ns {
			return o
		}
		return accepted
	}
}

// fakeLetters is a dead-letter topic.
type fakeLetters struct {
	write func(l *letters.Letter) error // nil takes everything
	takes time.Duration                 // each write, which is cut off where its context ends
	taken []*letters.Letter
}

func (f *fakeLetters) Write(ctx context.Context, batch []kafka.Record) []error {
	errs := make([]error, len(batch))
	cut := sleep.For(ctx, f.takes)
	for i := range batch {
		l := letterOf(&batch[i])
		if errs[i] = cut; cut == nil && f.write != nil {
			errs[i] = f.write(l)
		}
		if errs[i] == nil {
			f.taken = append(f.taken, l)
		}
	}
	return errs
}

func (f *fakeLetters) Close() error { return nil }

// letterOf returns the letter that a record of a dead-letter topic is.
func letterOf(r *kafka.Record) *letters.Letter {
	l := &letters.Letter{Original: fetch.Original{Record: *r}}
	for _, h := range r.Headers {
		value := string(h.Value)
		number, _ := strconv.ParseInt(value, 10, 64)
		switch h.Name {
		case "bridge.reason":
			l.Reason = value
		case "bridge.error":
			l.Err = value
		case "bridge.source.topic":
			l.Source.Topic = value
		case "bridge.source.partition":
			l.Source.Partition = int32(number)
		case "bridge.source.offset":
			l.Offset = number
		case "bridge.namespace":
			l.Namespace = value
		case "bridge.request_id":
			l.RequestID = value
		}
	}
	return l
}

// fakeTerm is a generation's end that the test decides.
type fakeTerm struct {
	rebalance, lost chan struct{}
	deadline        time.Time
	err             error
}

func newFakeTerm() *fakeTerm {
	return &fakeTerm{rebalance: make(chan struct{}), lost: make(chan struct{})}
}

func (f *fakeTerm) Rebalance() <-chan struct{} { return f.rebalance }
func (f *fakeTerm) Deadline() time.Time        { return f.deadline }
func (f *fakeTerm) Lost() <-chan struct{}      { return f.lost }
func (f *fakeTerm) Err() error                 { return f.err }
