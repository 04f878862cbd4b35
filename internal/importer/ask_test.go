package importer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// askLab is a lab whose API answers questions.
func askLab(t *testing.T, answer http.HandlerFunc) (*lab, *Client) {
	l := newLab(t)
	l.onAsk = func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/data/orders/requests/req_1/results/download-url" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if r.Header.Get("Authorization") != "Bearer "+l.key.valid() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		answer(w, r)
	}
	return l, l.client()
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestAsk_answers(t *testing.T) {
	two := int64(2)
	for _, tc := range []struct {
		name, answer string
		want         Progress
		final        bool
	}{
		{"under way", `{"status":"ingesting","data_count":null,"error_summary":null}`, Progress{Status: StatusIngesting}, false},
		{"done", `{"status":"succeeded","data_count":2,"data_url":"https://store/x"}`, Progress{Status: StatusSucceeded, DataCount: &two}, true},
		{"done with errors", `{"status":"succeeded","data_count":2,"error_summary":"1 of 3"}`, Progress{Status: StatusSucceeded, DataCount: &two, Summary: "1 of 3"}, true},
		{"failed", `{"status":"failed","error_summary":"quota"}`, Progress{Status: StatusFailed, Summary: "quota"}, true},
		{"a summary that is no text", `{"status":"failed","error_summary":{"a":1}}`, Progress{Status: StatusFailed, Summary: `{"a":1}`}, true},
		{"a state that nobody documented", `{"status":"` + secretText + `"}`, Progress{Status: StatusOther}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := askLab(t, text(tc.answer))
			got, err := c.Ask(t.Context(), "orders", "req_1")
			if err != nil || got.Status != tc.want.Status || got.Summary != tc.want.Summary || (got.DataCount == nil) != (tc.want.DataCount == nil) || got.Final() != tc.final {
				t.Errorf("got %+v, %v; want %+v", got, err, tc.want)
			}
		})
	}
}

func TestAsk_failures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		after  time.Duration
	}{
		{"throttled", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, secretText, http.StatusTooManyRequests)
		}, 429, 7 * time.Second},
		{"no such request", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secretText, http.StatusNotFound) }, 404, 0},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/"+secretText, http.StatusFound)
		}, 302, 0},
		{"not JSON", text("<html>" + secretText), 200, 0},
		{"no status", text(`{"data_count":1}`), 200, 0},
		{"an endless answer", text(`{"status":"failed","error_summary":"` + strings.Repeat(secretText, 10<<10) + `"}`), 200, 0},
		{"no answer", func(w http.ResponseWriter, r *http.Request) { abort(w, r, 0) }, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := askLab(t, tc.answer)
			_, err := c.Ask(t.Context(), "orders", "req_1")
			var failed *AskError
			if !errors.As(err, &failed) || failed.Status != tc.status || failed.RetryAfter != tc.after {
				t.Errorf("got %#v; want status %d and %s", err, tc.status, tc.after)
			}
			checkSafe(t, err)
		})
	}
}

// TestAsk_readsARefusedKeyAgain: once, and only where another one lies there.
func TestAsk_readsARefusedKeyAgain(t *testing.T) {
	l, c := askLab(t, text(`{"status":"queued"}`))
	l.key.good, l.key.next = "sk_new", "sk_new"
	if _, err := c.Ask(t.Context(), "orders", "req_1"); err != nil || l.key.reloads != 1 {
		t.Errorf("%v after %d reloads", err, l.key.reloads)
	}
	l.key.good = "sk_other"
	var failed *AskError
	if _, err := c.Ask(t.Context(), "orders", "req_1"); !errors.As(err, &failed) || failed.Status != http.StatusForbidden || l.asks != 3 {
		t.Errorf("%v after %d calls", err, l.asks)
	}
}

func TestAsk_asksNothingOfABadName(t *testing.T) {
	l := newLab(t)
	c := l.client()
	for _, id := range []string{"", ".", "..", "a/b", "a?b", "a%2fb", "a b", "a\x00", strings.Repeat("x", 200)} {
		if _, err := c.Ask(t.Context(), "orders", id); err == nil {
			t.Errorf("asked for %q", id)
		}
	}
	if _, err := c.Ask(t.Context(), "../x", "req_1"); err == nil || l.asks > 0 {
		t.Errorf("%v, %d calls", err, l.asks)
	}
}

// TestAsk_canBeEnded: the error of a question that its caller ended says so.
func TestAsk_canBeEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, c := askLab(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := c.Ask(ctx, "orders", "req_1"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
