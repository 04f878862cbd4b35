package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func startSink(t *testing.T) *sink {
	t.Helper()
	s, err := newSink()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func send(t *testing.T, method, url string, body io.Reader) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s (%v)", method, url, resp.Status, err)
	}
	return string(text)
}

func TestSink_countsWhatArrives(t *testing.T) {
	s := startSink(t)
	s.begin(0)
	answer := send(t, http.MethodPost, s.base+"/v1/data/a/import", nil)
	_, url, _ := strings.Cut(answer, `"upload_url":"`)
	url, _, _ = strings.Cut(url, `"`)
	send(t, http.MethodPut, url, strings.NewReader("one\ntwo\n"))
	done := s.expect(3)
	select {
	case <-done:
		t.Fatal("done before the last line")
	default:
	}
	send(t, http.MethodPut, s.base+"/store/b/"+peerObject, strings.NewReader("three"))
	<-done
	o, err := s.finish(tallyOf(map[string][]string{"a": {"one", "two"}, "b": {"three"}}))
	if err != nil || o.puts != 2 || o.lines != 3 || o.at.IsZero() {
		t.Errorf("got %+v, %v", o, err)
	}
	if !s.wasBusy() || s.wasBusy() {
		t.Error("busy is not what happened since the last question")
	}
}

func TestSink_seesWhatIsWrong(t *testing.T) {
	want := tallyOf(map[string][]string{"a": {"one"}})
	for _, tc := range []struct{ name, object, body, want string }{
		{"a bridge's body ends with a newline", "1", "one", "without a newline"},
		{"a repeat after the last line", "1", "one\none\n", "too many"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSink(t)
			s.begin(0)
			send(t, http.MethodPut, s.base+"/store/a/"+tc.object, strings.NewReader(tc.body))
			if _, err := s.finish(want); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			s.begin(0)
			send(t, http.MethodPut, s.base+"/store/a/1", strings.NewReader("one\n"))
			if _, err := s.finish(want); err != nil {
				t.Errorf("the next run has the last one's fault: %v", err)
			}
		})
	}
}

func TestSink_measuresDelays(t *testing.T) {
	s := startSink(t)
	const thinks = 50 * time.Millisecond
	s.begin(thinks)
	s.takeTimes()
	now := time.Now()
	s.countFrom(now.Add(-time.Minute))
	body := fmt.Sprintf("%s}\n%s}\n", appendTime(nil, now.UnixMicro()), appendTime(nil, now.Add(-time.Hour).UnixMicro()))
	send(t, http.MethodPut, s.base+"/store/a/1", strings.NewReader(body))
	o, _ := s.finish(newTally())
	if len(o.delays) != 1 || o.delays[0] < thinks || o.delays[0] > time.Since(now) {
		t.Errorf("delays %v after %s", o.delays, time.Since(now))
	}
}
