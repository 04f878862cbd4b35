package importer

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const floor, top = 500 * time.Millisecond, 30 * time.Second
	for _, tc := range []struct {
		attempt  int
		min, max time.Duration
		rnd      float64
		want     time.Duration
	}{
		{1, floor, top, 0, 0},
		{1, floor, top, 0.5, 250 * time.Millisecond},
		{2, floor, top, 0.5, 500 * time.Millisecond},
		{6, floor, top, 0.5, 8 * time.Second},
		{7, floor, top, 0.5, 15 * time.Second},
		{1 << 40, floor, top, 0.5, 15 * time.Second},
		{0, floor, top, 0.5, 250 * time.Millisecond},
		{9, time.Second, time.Second, 0.5, 500 * time.Millisecond},
		{3, 0, 0, 0.5, 0},
		{99, 1, 1 << 62, 0.5, 1 << 61},
	} {
		if got := Backoff(tc.attempt, tc.min, tc.max, tc.rnd); got != tc.want {
			t.Errorf("Backoff(%d, %s, %s, %v) = %s, want %s", tc.attempt, tc.min, tc.max, tc.rnd, got, tc.want)
		}
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, tc := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{"nothing", "", "", 0},
		{"seconds", "7", "", 7 * time.Second},
		{"seconds between blanks", " 7 ", "", 7 * time.Second},
		{"zero", "0", "", 0},
		{"negative", "-5", "", 0},
		{"a fraction", "1.5", "", 1500 * time.Millisecond},
		{"two points", "1.2.3", "", 0},
		{"a point alone", ".", "", 0},
		{"an exponent", "1e3", "", 0},
		{"no number", "NaN", "", 0},
		{"a fraction of a day", "86399.5", "", time.Hour},
		{"words", "soon", "", 0},
		{"a day", "86400", "", time.Hour},
		{"more digits than fit", "99999999999999999999999999", "", time.Hour},
		{"a date, by our clock", in(90 * time.Second), "", 90 * time.Second},
		{"a date, by the answer's clock", in(3 * time.Hour), in(3*time.Hour - 20*time.Second), 20 * time.Second},
		{"a date that is past", in(-time.Second), "", 0},
		{"a date next year", in(9000 * time.Hour), "", time.Hour},
		{"a date beside a bad one", in(9 * time.Second), "yesterday", 9 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
			if got := parseRetryAfter(h, now); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestParseRetryAfter_milliseconds(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		ms, seconds string
		want        time.Duration
	}{
		{"250", "7", 250 * time.Millisecond},
		{" 0.5 ", "", 500 * time.Microsecond},
		{"0", "7", 0},
		{"", "7", 7 * time.Second},
		{"-1", "7", 7 * time.Second},
		{"soon", "7", 7 * time.Second},
		{"7200000", "", time.Hour},
		{"99999999999999999999999999", "", time.Hour},
	} {
		if got := parseRetryAfter(http.Header{"Retry-After-Ms": {tc.ms}, "Retry-After": {tc.seconds}}, now); got != tc.want {
			t.Errorf("%q ms, %q s: %s, want %s", tc.ms, tc.seconds, got, tc.want)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "-1", "3600", "3601", "18446744073709551616", "1e9", "Mon, 23 Nov 2026 12:00:30 GMT", "Mon, 02 Jan 0001 00:00:00 GMT", "٣"} {
		f.Add(seed, "Mon, 23 Nov 2026 12:00:00 GMT")
		f.Add(seed, "")
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		got := parseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if got < 0 || got > maxRetryAfter {
			t.Fatalf("%q gives %s", value, got)
		}
		if n, err := strconv.ParseUint(value, 10, 11); err == nil && got != min(time.Duration(n)*time.Second, maxRetryAfter) {
			t.Fatalf("%q gives %s", value, got)
		}
	})
}

// TestClient_asksForPatience: the delay grows with an import's failures, never
// lies below Retry-After, and starts anew after a success.
func TestClient_asksForPatience(t *testing.T) {
	l := newLab(t)
	after := ""
	l.onPost = func(w http.ResponseWriter, r *http.Request) {
		if after == "none" {
			l.grant(w, r)
			return
		}
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusTooManyRequests)
	}
	c := l.client()
	i := c.NewImport("orders", nil, 0)
	for n, step := range []struct {
		after      string
		retryAfter time.Duration
		delay      time.Duration
	}{
		{"", 0, 250 * time.Millisecond},
		{"", 0, 500 * time.Millisecond},
		{"60", time.Minute, time.Minute + 250*time.Millisecond},
		{"1", time.Second, 2 * time.Second},
		{"none", 0, 0},
		{"", 0, 250 * time.Millisecond},
	} {
		after = step.after
		out := l.create(c, i)
		if out.RetryAfter != step.retryAfter || out.Delay != step.delay {
			t.Errorf("step %d: Retry-After %s, delay %s; want %s, %s", n, out.RetryAfter, out.Delay, step.retryAfter, step.delay)
		}
	}
	if i.Attempts() != 0 {
		t.Errorf("%d probes count as attempts to store the import", i.Attempts())
	}
}
