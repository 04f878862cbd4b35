package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// large is a request whose body takes more than one piece.
func large() *Request {
	r := request("PUT", bigBody)
	r.Until = time.Now().Add(time.Hour)
	return r
}

// TestConn_endsWithItsContext in each phase: Do returns at once, by the context's
// error, and the blocks are the caller's again.
func TestConn_endsWithItsContext(t *testing.T) {
	asking := large()
	asking.Ask = true
	for name, tc := range map[string]struct {
		server  func(*peer)
		request *Request
		sent    Sent
	}{
		"header":    {func(*peer) { time.Sleep(time.Hour) }, large(), Sent{}},
		"small":     {func(*peer) { time.Sleep(time.Hour) }, request("PUT", "hello"), Sent{Body: true}},
		"body":      {func(p *peer) { p.head(); time.Sleep(time.Hour) }, large(), Sent{Header: true}},
		"waiting":   {func(p *peer) { p.head(); p.gone() }, asking, Sent{Header: true}},
		"answer":    {func(p *peer) { p.request(); p.gone() }, large(), Sent{true, true}},
		"in answer": {func(p *peer) { p.request(); p.reply(ok + "A"); p.gone() }, large(), Sent{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tc.server)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
				defer cancel()
				r := *tc.request
				r.Body, r.Until = [][]byte{[]byte(string(r.Body[0]))}, time.Now().Add(time.Hour)
				start := time.Now()
				_, sent, err := l.Do(ctx, &r)
				clear(r.Body[0]) // a race, if anything reads it still
				if d := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTooLong) || sent != tc.sent || d != time.Second/2 {
					t.Errorf("after %s: %v, %+v, want %+v", d, err, sent, tc.sent)
				}
				l.wantConns(1)
			})
		})
	}
}

func TestConn_dialEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		l.cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, sent, err := l.Do(ctx, large()); !errors.Is(err, context.Canceled) || sent != (Sent{}) {
			t.Errorf("%v, %+v", err, sent)
		}
		r := request("PUT", "x")
		if _, _, err := l.Do(t.Context(), r); !errors.Is(err, ErrTooLong) || time.Now() != r.Until {
			t.Errorf("%v at %s", err, time.Now())
		}
	})
}

// TestConn_bodyEndsWithItsContext: the answer's body is read.
func TestConn_bodyEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			p.request()
			p.reply(ok + "Content-Length: 5\r\n\r\nhell")
			p.gone()
		})
		for _, tc := range []struct {
			end, limit time.Duration
			tooLong    bool
			after      time.Duration
		}{
			{time.Second, 0, false, time.Second},
			{time.Hour, 0, true, 10 * time.Second},
			{time.Hour, 2 * time.Second, true, 2 * time.Second},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), tc.end)
			start := time.Now()
			resp, _, err := l.Do(ctx, request("GET", ""))
			if err != nil {
				t.Fatal(err)
			}
			if tc.limit > 0 {
				resp.Limit(tc.limit)
			}
			text, err := io.ReadAll(resp)
			if d := time.Since(start); string(text) != "hell" || d != tc.after || errors.Is(err, ErrTooLong) != tc.tooLong || err == nil {
				t.Errorf("%q, %v after %s", text, err, d)
			}
			_ = resp.Close()
			cancel()
		}
		l.wantConns(3)
	})
}

func TestConn_limits(t *testing.T) {
	slow := func(p *peer) { // a piece a minute, never none
		for {
			time.Sleep(time.Minute)
			if _, err := io.CopyN(io.Discard, p.in, 4*minPieceBytes); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		server func(*peer)
		change func(*Request)
		want   error
		after  time.Duration
		sent   Sent
	}{
		"the body stalls":             {func(p *peer) { p.head(); time.Sleep(2 * time.Hour) }, func(r *Request) { r.Progress = time.Minute }, ErrStalled, time.Minute, Sent{Header: true}},
		"no bound but the whole":      {func(p *peer) { p.head(); time.Sleep(2 * time.Hour) }, func(*Request) {}, ErrTooLong, time.Hour, Sent{Header: true}},
		"the whole ends first":        {func(p *peer) { p.head(); time.Sleep(2 * time.Hour) }, func(r *Request) { r.Progress = 2 * time.Hour }, ErrTooLong, time.Hour, Sent{Header: true}},
		"the body creeps":             {slow, func(r *Request) { r.Progress = 2 * time.Minute; r.Until = time.Now().Add(5 * time.Minute) }, ErrTooLong, 5 * time.Minute, Sent{Header: true}},
		"no answer":                   {func(p *peer) { p.request(); p.gone() }, func(r *Request) { r.Progress, r.Silence = time.Minute, 3*time.Minute }, ErrStalled, 3 * time.Minute, Sent{true, true}},
		"no answer at all":            {func(p *peer) { p.request(); p.gone() }, func(r *Request) { r.Progress = time.Minute }, ErrTooLong, time.Hour, Sent{true, true}},
		"no answer to a small one":    {func(p *peer) { p.request(); p.gone() }, func(r *Request) { *r = *request("POST", "x"); r.Silence = time.Second }, ErrStalled, time.Second, Sent{true, true}},
		"nothing after it was asked":  {func(p *peer) { p.head(); time.Sleep(2 * time.Hour) }, func(r *Request) { r.Ask, r.Progress = true, time.Minute }, ErrStalled, time.Minute + time.Second, Sent{Header: true}},
		"half a word when asked":      {func(p *peer) { p.head(); p.reply("HTTP/1.1 1"); p.gone() }, func(r *Request) { r.Ask, r.Progress = true, time.Minute }, ErrStalled, time.Minute, Sent{Header: true}},
		"nobody reads the header":     {func(*peer) { time.Sleep(2 * time.Hour) }, func(r *Request) { r.Ask, r.Progress = true, time.Minute }, ErrStalled, time.Minute, Sent{}},
		"the answer's header is slow": {func(p *peer) { p.request(); p.reply(ok); p.gone() }, func(r *Request) { r.Silence = time.Minute }, ErrStalled, time.Minute, Sent{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, tc.server)
				r := large()
				tc.change(r)
				start := time.Now()
				_, sent, err := l.Do(t.Context(), r)
				if d := time.Since(start); !errors.Is(err, tc.want) || !errors.Is(err, context.DeadlineExceeded) || d != tc.after || sent != tc.sent {
					t.Errorf("after %s: %v, %+v", d, err, sent)
				}
				l.wantConns(1)
			})
		})
	}
}

func TestConn_asksBeforeTheBody(t *testing.T) {
	const cont = "HTTP/1.1 100 Continue\r\n\r\n"
	for name, tc := range map[string]struct {
		words  string
		status int
		sent   Sent
		after  time.Duration
	}{
		"it is taken":           {cont, 200, Sent{true, true}, 0},
		"after another word":    {"HTTP/1.1 102 Processing\r\n\r\n" + cont, 200, Sent{true, true}, 0},
		"nothing is said":       {"", 200, Sent{true, true}, continueTimeout},
		"another word only":     {"HTTP/1.1 102 Processing\r\n\r\n", 200, Sent{true, true}, continueTimeout},
		"it is refused":         {"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403, Sent{Header: true}, 0},
		"the question, too":     {"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", 417, Sent{Header: true}, 0},
		"stored before it came": {fine, 200, Sent{Header: true}, 0},
		"another protocol":      {"HTTP/1.1 101 x\r\n\r\n", 101, Sent{Header: true}, 0},
		"words without end":     {strings.Repeat("HTTP/1.1 102 x\r\n\r\n", 1<<12), 0, Sent{Header: true}, 0},
		"no HTTP":               {"SSH-2.0\r\n\r\n", 0, Sent{Header: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
				l := lab(t, func(p *peer) {
					r, err := http.ReadRequest(p.in)
					if err != nil {
						return
					}
					if r.Header.Get("Expect") != "100-continue" || p.in.Buffered() > 0 {
						t.Errorf("asks %q, %d bytes of the body come at once", r.Header.Get("Expect"), p.in.Buffered())
					}
					p.reply(tc.words)
					if text, err := io.ReadAll(r.Body); err == nil && string(text) == bigBody {
						p.reply(fine)
						p.gone()
					}
				})
				r := large()
				r.Ask = true
				start := time.Now()
				status, sent, err := l.do(r)
				if d := time.Since(start); status != tc.status || sent != tc.sent || d < tc.after || d > tc.after+continueTimeout/2+l.slack {
					t.Errorf("status %d, %+v, %v after %s", status, sent, err, d)
				}
				if kept := len(l.idle) == 1; kept != tc.sent.Body {
					t.Errorf("kept %t", kept)
				}
			})
		})
	}
}

// TestConn_waitsOneSecondForAWord, also for a server that says others meanwhile.
func TestConn_waitsOneSecondForAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			p.head()
			for err := os.ErrDeadlineExceeded; errors.Is(err, os.ErrDeadlineExceeded); time.Sleep(continueTimeout / 4) {
				p.reply("HTTP/1.1 102 Processing\r\n\r\n")
				_ = p.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, err = p.in.Peek(1)
			}
			_ = p.SetReadDeadline(time.Time{})
			_, _ = io.CopyN(io.Discard, p.in, int64(len(bigBody)))
			p.reply(fine)
		})
		r := large()
		r.Ask = true
		start := time.Now()
		l.wantFine(r)
		if d := time.Since(start); d < continueTimeout || d > continueTimeout*3/2 {
			t.Errorf("it took %s", d)
		}
	})
}

// TestConn_takesAnEarlyAnswer from a server that reads no further, or ends at once.
func TestConn_takesAnEarlyAnswer(t *testing.T) {
	const no = "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nsorry"
	for name, server := range map[string]func(*peer){
		"reads no further": func(p *peer) { p.head(); p.reply(no); time.Sleep(time.Second) },
		"closes":           func(p *peer) { p.head(); p.reply(no) }, // with a reset, since bytes lie unread
		"reads the rest": func(p *peer) {
			for p.head() > 0 {
				p.reply(no)
				_, _ = io.CopyN(io.Discard, p.in, int64(len(bigBody)))
			}
		},
		"reads a part": func(p *peer) { p.head(); _, _ = io.CopyN(io.Discard, p.in, 300<<10); p.reply(no) },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
				l := lab(t, server)
				for range 5 {
					r := large()
					r.Body = [][]byte{[]byte(bigBody)}
					start := time.Now()
					resp, _, err := l.Do(t.Context(), r)
					if err != nil || resp.Status != 403 {
						t.Fatalf("%+v, %v", resp, err)
					}
					clear(r.Body[0]) // a race, if anything reads it still
					if d := time.Since(start); d > 2*answerGrace+l.slack {
						t.Errorf("it took %s", d)
					}
					_, _ = io.ReadAll(resp)
					_ = resp.Close()
				}
				if l.conns() != 5 && name != "reads the rest" {
					t.Errorf("%d connections", l.conns())
				}
			})
		})
	}
}

// TestConn_takesAnEarlyAnswerBetweenPieces: it has come before the next piece, or the
// last one, is written, to a server that reads no further.
func TestConn_takesAnEarlyAnswerBetweenPieces(t *testing.T) {
	for last, want := range map[bool]time.Duration{false: time.Second, true: time.Second + answerGrace} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, func(p *peer) {
				_, _ = io.CopyN(io.Discard, p.in, minPieceBytes-int64(p.head()))
				time.Sleep(time.Second / 2)
				p.reply(fine)
				time.Sleep(time.Minute)
			})
			r := large()
			if last {
				r.Body, r.Size = [][]byte{make([]byte, minPieceBytes+1)}, minPieceBytes+1
			}
			asked := 0
			r.Before = func() error {
				if asked++; asked == 2 {
					time.Sleep(time.Second) // the answer is read meanwhile
				}
				return nil
			}
			start := time.Now()
			resp, sent, err := l.Do(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if d := time.Since(start); resp.Status != 200 || resp.Whole || d != want || asked != 2 || sent.Body != last {
				t.Errorf("last piece %t: status %d, whole %t, %+v after %s", last, resp.Status, resp.Whole, sent, d)
			}
			_ = resp.Close()
		})
	}
}
