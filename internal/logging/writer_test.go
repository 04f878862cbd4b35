package logging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/logging"
)

// pipe is a writer whose reader may sleep or go away.
type pipe struct {
	mu    sync.Mutex
	awake *sync.Cond
	stuck bool
	fault error
	short int // bytes that a write takes before fault
	text  bytes.Buffer
}

func newPipe() *pipe {
	p := &pipe{}
	p.awake = sync.NewCond(&p.mu)
	return p
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stuck {
		p.awake.Wait()
	}
	if p.fault != nil {
		n, _ := p.text.Write(b[:min(p.short, len(b))])
		return n, p.fault
	}
	return p.text.Write(b)
}

// set changes the reader.
func (p *pipe) set(stuck bool, fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck, p.fault = stuck, fault
	p.awake.Broadcast()
}

// lines are those that arrived.
func (p *pipe) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSuffix(p.text.String(), "\n"), "\n")
}

func notice(w io.Writer, dropped uint64) { fmt.Fprintf(w, "missing %d\n", dropped) }

// accounted fails unless the lines are numbers in order whose gaps the notices
// before them fill exactly, up to total.
func accounted(t *testing.T, lines []string, total int) (notices, missing int) {
	t.Helper()
	next := 0
	for _, l := range lines {
		var n int
		if _, err := fmt.Sscanf(l, "missing %d", &n); err == nil {
			next, notices, missing = next+n, notices+1, missing+n
			continue
		}
		if _, err := fmt.Sscanf(l, "%d", &n); err != nil || n != next {
			t.Fatalf("line %.40q, want %d", l, next)
		}
		next++
	}
	if next != total {
		t.Fatalf("%d lines are accounted for, want %d", next, total)
	}
	return notices, missing
}

func TestWriter_aPipeThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		p.stuck = true
		w := logging.NewWriter(p)
		w.SetNotice(notice)
		const many = 20000 // of a hundred bytes: twice what the queue takes
		for i := range many {
			fmt.Fprintf(w, "%-99d\n", i) // does not block
		}
		if d := w.Dropped(); d < many/3 || d > many*2/3 {
			t.Errorf("%d of %d lines dropped; the queue takes about half", d, many)
		}
		p.set(false, nil)
		synctest.Wait()
		notices, missing := accounted(t, p.lines(), many)
		if notices != 1 || uint64(missing) != w.Dropped() {
			t.Errorf("%d notices of %d lines, want one of %d", notices, missing, w.Dropped())
		}
		fmt.Fprintln(w, many)
		synctest.Wait()
		accounted(t, p.lines(), many+1)
		w.Close(time.Second)
	})
}

// A reader that is only too slow does not get a notice for each line.
func TestWriter_aSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		w := logging.NewWriter(slowly{p})
		w.SetNotice(notice)
		const many = 100000
		for i := range many {
			fmt.Fprintf(w, "%-99d\n", i)
			time.Sleep(time.Millisecond / 3)
		}
		w.Close(time.Hour)
		if notices, _ := accounted(t, p.lines(), many); notices > 20 {
			t.Errorf("%d notices", notices)
		}
	})
}

// slowly takes a line in a millisecond.
type slowly struct{ io.Writer }

func (s slowly) Write(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Writer.Write(b)
}

func TestWriter_aReaderThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		w := logging.NewWriter(p)
		w.SetNotice(notice)
		fmt.Fprintln(w, 0)
		synctest.Wait()
		p.set(false, syscall.EPIPE)
		for i := 1; i < 5; i++ {
			fmt.Fprintln(w, i)
			synctest.Wait()
		}
		if w.Dropped() != 4 {
			t.Errorf("%d lines dropped, want 4", w.Dropped())
		}
		p.set(false, nil)
		fmt.Fprintln(w, 5)
		w.Close(time.Second)
		accounted(t, p.lines(), 6)
	})
}

// A descriptor that another process has made non-blocking takes a part of a
// line at a time: no line is torn.
func TestWriter_wouldBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		p.short = 3
		p.set(false, errors.Join(errors.New("write"), syscall.EAGAIN))
		w := logging.NewWriter(p)
		fmt.Fprintln(w, "a line of some length")
		fmt.Fprintln(w, "another")
		time.Sleep(25 * time.Millisecond)
		p.set(false, nil)
		w.Close(time.Second)
		if got := strings.Join(p.lines(), "|"); got != "a line of some length|another" {
			t.Errorf("arrived %q", got)
		}
		if w.Dropped() != 0 {
			t.Errorf("%d lines dropped", w.Dropped())
		}
	})
}

func TestWriter_closeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe()
		p.stuck = true
		w := logging.NewWriter(p)
		fmt.Fprintln(w, 0)
		began := time.Now()
		w.Close(3 * time.Second)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Close took %v, want 3s", took)
		}
		p.set(false, nil)
		synctest.Wait()
		fmt.Fprintln(w, 1)
		synctest.Wait()
		if accounted(t, p.lines(), 1); w.Dropped() != 1 {
			t.Errorf("%d lines dropped after Close, want 1", w.Dropped())
		}
	})
}

// Lines of several goroutines and of each handler arrive whole.
func TestWriter_handlers(t *testing.T) {
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipe()
			w := logging.NewWriter(p)
			log := slog.New(handler(w))
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 100 {
						log.Info("a line", "goroutine", g, "number", i)
					}
				})
			}
			wg.Wait()
			w.Close(time.Minute)
			lines := p.lines()
			if len(lines) != 400 {
				t.Errorf("%d lines arrived, want 400", len(lines))
			}
			for _, l := range lines {
				if strings.Count(l, "a line") != 1 || strings.Count(l, "number") != 1 {
					t.Fatalf("torn line %q", l)
				}
			}
		})
	}
}
