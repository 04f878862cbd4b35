package importer

import (
	"io"
	"net/http"
	"testing"
)

// TestClient_aPageIsNoStore: a proxy that stops an upload with a page for people may say
// 200. The batch is not stored, as far as anyone knows, and the API is asked about it.
func TestClient_aPageIsNoStore(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, text string
		class      Class
	}{
		"a page":                  {"text/html; charset=utf-8", "<html>Your request was stopped</html>", Malformed},
		"nothing, said to be one": {"text/html; charset=utf-8", "", Stored}, // as Google's store does
		"some other text":         {"application/xml", "<PutObjectResult/>", Stored},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", tc.kind)
				_, _ = io.WriteString(w, tc.text)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			reason := map[Class]string{Malformed: ReasonMalformed}[tc.class]
			wantClass(t, l.attempt(c, i), tc.class, reason)
			if tc.class == Stored {
				return
			}
			if !i.Ambiguous() {
				t.Error("the store may have it behind the proxy")
			}
			l.onPut = nil // the proxy is gone
			wantClass(t, l.attempt(c, i), Stored, "")
			if l.askCount() != 1 || l.postCount() != 1 || l.evaluations() != 1 {
				t.Errorf("%d questions, %d POSTs, %d evaluations", l.askCount(), l.postCount(), l.evaluations())
			}
		})
	}
}

// TestClient_wantsNothingCompressed: a server may compress for a client that does not say.
func TestClient_wantsNothingCompressed(t *testing.T) {
	l := newLab(t)
	var got []string
	note := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Method+" "+r.Header.Get("Accept-Encoding"))
			next(w, r)
		}
	}
	l.onPost, l.onAsk, l.onPut = note(l.grant), note(l.tell), note(l.keep)
	c := l.client()
	i, _ := newImport(c, 100)
	wantClass(t, l.attempt(c, i), Stored, "")
	if _, err := c.Ask(t.Context(), "orders", i.RequestID()); err != nil {
		t.Error(err)
	}
	want := []string{"POST identity", "PUT ", "GET identity"}
	for n := range want {
		if n >= len(got) || got[n] != want[n] {
			t.Fatalf("they are %q, want %q", got, want)
		}
	}
}
