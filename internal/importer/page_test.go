package importer

import (
	"io"
	"net/http"
	"strings"
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

// TestClient_saysWhatIsNoAnswer: the API's answers are read whatever their header says, and
// what cannot be read is named by it.
func TestClient_saysWhatIsNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		header, value, text string
		want                string
	}{
		"a page":                       {"Content-Type", "text/html", "<html>" + secretText, "it is a page of HTML"},
		"compressed":                   {"Content-Encoding", "br", secretText, "it is compressed"},
		"neither":                      {"Content-Type", "text/plain", secretText, "answer is not the documented JSON"},
		"an answer, said to be a page": {"Content-Type", "text/html", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			lie := func(next http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if w.Header().Set(tc.header, tc.value); tc.text == "" {
						w = kept{w}
						next(w, r)
						return
					}
					_, _ = io.WriteString(w, tc.text)
				}
			}
			l.onPost, l.onAsk = lie(l.grant), lie(l.tell)
			c := l.client()
			out := l.create(c, c.NewImport("orders", nil, 0))
			_, err := c.Ask(t.Context(), "orders", "req-1")
			checkSafe(t, err)
			if tc.want == "" {
				if out.Class != Stored || err != nil {
					t.Errorf("%s, error %v; asked: %v", out.Class, out.Err, err)
				}
				return
			}
			wantClass(t, out, Malformed, ReasonMalformed)
			if !strings.Contains(out.Err.Error(), tc.want) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q; asked: %q; want %q", out.Err, err, tc.want)
			}
		})
	}
}

// kept is a writer whose header does not change any more.
type kept struct{ http.ResponseWriter }

func (k kept) Header() http.Header { return k.ResponseWriter.Header().Clone() }
