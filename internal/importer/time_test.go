package importer

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test in virtual time on a network in memory.
func inBubble(t *testing.T, test func(t *testing.T, l *lab)) {
	synctest.Test(t, func(t *testing.T) {
		var network memoryNet
		l := newLabOn(t, network.listen)
		l.cfg.DialContext = network.dial
		l.cfg.CreateTimeout, l.cfg.UploadTimeout = 30*time.Second, 5*time.Minute
		test(t, l)
		time.Sleep(2 * time.Hour) // until hijacked connections have ended, too
	})
}

// took runs f and returns how long it lasted.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestClient_watchdog(t *testing.T) {
	for _, tc := range []struct {
		name      string
		store     http.HandlerFunc
		size      int
		want      time.Duration
		ambiguous bool
	}{
		// The store takes the header (a second goes by while we wait for its
		// 100 Continue), then nothing more.
		{"the body stalls", silentBody, big, 31 * time.Second, false},
		{"the answer does not come", silence, 100, 120 * time.Second, true},
		{"the body creeps, and is given up in the end", creep, big, 5 * time.Minute, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *lab) {
				l.onPut = tc.store
				c := l.client()
				i, _ := newImport(c, tc.size)
				d := took(func() { wantClass(t, l.attempt(c, i), RetrySame, ReasonTimeout) })
				if d < tc.want-time.Second || d > tc.want+time.Second {
					t.Errorf("it took %s, want %s", d, tc.want)
				}
				if i.Ambiguous() != tc.ambiguous {
					t.Errorf("ambiguous %t", i.Ambiguous())
				}
			})
		})
	}
}

// silentBody never reads the body, nor looks at its connection for an hour.
func silentBody(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	time.Sleep(time.Hour)
	_ = conn.Close()
}

// creep reads a little of the body every 20 seconds.
func creep(_ http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.CopyN(io.Discard, r.Body, 100<<10); err != nil {
			return
		}
		time.Sleep(20 * time.Second)
	}
}

func TestClient_slowButSteadyUploadIsStored(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			for range 10 { // 200 s, never 30 s without progress
				_, _ = io.CopyN(io.Discard, r.Body, 100<<10)
				time.Sleep(20 * time.Second)
			}
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(90 * time.Second) // and an answer that takes its time
		}
		c := l.client()
		i, _ := newImport(c, 1<<20)
		wantClass(t, l.attempt(c, i), Stored, "")
	})
}

func TestClient_createTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onPost = silence
		c := l.client()
		if d := took(func() { wantClass(t, l.create(c, c.NewImport("orders", nil, 0)), RetryLater, ReasonTimeout) }); d != 30*time.Second {
			t.Errorf("it took %s", d)
		}
	})
}

// TestClient_storedAsSoonAsTheHeaderIsThere: what follows a 2xx costs a moment
// at most.
func TestClient_storedAsSoonAsTheHeaderIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onPut = drip(http.StatusOK)
		c := l.client()
		i, _ := newImport(c, 100)
		if d := took(func() { wantClass(t, l.attempt(c, i), Stored, "") }); d > 300*time.Millisecond {
			t.Errorf("it took %s", d)
		}
	})
}

func TestClient_urlExpires(t *testing.T) {
	for _, tc := range []struct {
		name  string
		life  time.Duration // as the API says; 0: it does not
		clock time.Duration // ours less the API's
		wait  time.Duration
		posts int
	}{
		{"within twelve hours", 12 * time.Hour, 0, 11*time.Hour + 58*time.Minute, 1},
		{"after twelve hours", 12 * time.Hour, 0, 11*time.Hour + 59*time.Minute, 2},
		{"after twelve hours, though it says more", 48 * time.Hour, 0, 12 * time.Hour, 2},
		{"after twelve hours, though it says nothing", 0, 0, 12 * time.Hour, 2},
		{"within the hour that it says", time.Hour, 0, 58 * time.Minute, 1},
		{"after the hour that it says", time.Hour, 0, 59 * time.Minute, 2},
		{"our clock is a day ahead", 12 * time.Hour, 24 * time.Hour, 11 * time.Hour, 1},
		{"our clock is an hour behind", time.Hour, -time.Hour, 59 * time.Minute, 2},
		{"it had ended before it was issued", -time.Hour, 0, time.Hour, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *lab) {
				l.cfg.Now = func() time.Time { return time.Now().Add(tc.clock).Round(0) }
				l.onPost = func(w http.ResponseWriter, _ *http.Request) {
					expires := ""
					if tc.life != 0 {
						expires = time.Now().Add(tc.life).UTC().Format(time.RFC3339)
					}
					_, _ = io.WriteString(w, `{"expires_at": "`+expires+`", "upload_url": "`+l.uploadURL()+`"}`)
				}
				down := true
				l.onPut = func(w http.ResponseWriter, r *http.Request) {
					if l.keep(w, r); down {
						w.WriteHeader(http.StatusServiceUnavailable)
					}
				}
				c := l.client()
				i, _ := newImport(c, 100)
				wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
				down = false
				time.Sleep(tc.wait)
				wantClass(t, l.attempt(c, i), Stored, "")
				if l.postCount() != tc.posts || i.MayRepeat() != (tc.posts > 1) {
					t.Errorf("%d POSTs, want %d; may repeat: %t", l.postCount(), tc.posts, i.MayRepeat())
				}
			})
		})
	}
}

// TestClient_guardAfterSleep is the process that wakes up without its lease in
// the middle of a body.
func TestClient_guardAfterSleep(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			time.Sleep(20 * time.Second)
			l.keep(w, r)
		}
		c := l.client()
		i, _ := newImport(c, big)
		start, lost := time.Now(), errors.New("lease lost")
		out := l.checked(i.Attempt(t.Context(), func() error {
			if time.Since(start) > 10*time.Second {
				return lost
			}
			return nil
		}))
		if out.Class != Cancelled || !errors.Is(out.Err, lost) {
			t.Errorf("outcome %+v", out)
		}
		if n, _ := l.stored(nil); n != 0 {
			t.Errorf("%d objects", n)
		}
	})
}
