package admin

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
)

func ask(h http.Handler, method, path string, accept ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), method, path, nil)
	for _, a := range accept {
		r.Header.Add("Accept", a)
	}
	h.ServeHTTP(w, r)
	return w
}

func TestHandler_answersOnlyWhatItHas(t *testing.T) {
	h := newHandler(testConfig(), &history{})
	for _, tc := range []struct {
		name, method, path string
		code               int
	}{
		{"the page", "GET", "/", 200},
		{"the head of the page", "HEAD", "/", 200},
		{"metrics", "GET", "/metrics", 200},
		{"status", "GET", "/status", 200},
		{"health", "HEAD", "/healthz", 200},
		{"readiness", "GET", "/readyz", 200},
		{"an unknown path", "GET", "/admin", 404},
		{"a path below a known one", "GET", "/status/x", 404},
		{"profiles, which live elsewhere", "GET", "/debug/pprof/", 404},
		{"a method that would change something", "POST", "/status", 405},
		{"a method that would delete something", "DELETE", "/metrics", 405},
		{"a post to the page", "POST", "/", 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := ask(h, tc.method, tc.path)
			if w.Code != tc.code {
				t.Errorf("%s %s = %d, want %d", tc.method, tc.path, w.Code, tc.code)
			}
			for header, want := range map[string]string{
				"Cache-Control":          "no-store",
				"X-Content-Type-Options": "nosniff",
				"X-Frame-Options":        "DENY",
				"Referrer-Policy":        "no-referrer",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s = %q, want %q", header, got, want)
				}
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
				t.Errorf("Content-Security-Policy = %q", csp)
			}
		})
	}
}

func TestProbes_tellTheErrorWith503(t *testing.T) {
	c := testConfig()
	c.Healthy = func() error { return errors.New("session loop has not turned for 1m2s") }
	c.Ready = func() error { return errors.New("no member of the group yet") }
	h := newHandler(c, &history{sample: c.Sample})
	for path, want := range map[string]string{
		"/healthz": "session loop has not turned for 1m2s\n",
		"/readyz":  "no member of the group yet\n",
	} {
		if w := ask(h, "GET", path); w.Code != 503 || w.Body.String() != want {
			t.Errorf("%s = %d %q, want 503 %q", path, w.Code, w.Body, want)
		}
	}
}

func TestStatus_showsTheSnapshotIndented(t *testing.T) {
	w := ask(newHandler(testConfig(), &history{}), "GET", "/status")
	if got, want := w.Body.String(), "{\n  \"state\": \"running\"\n}\n"; got != want {
		t.Errorf("body = %q, want %q", got, want)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q", got)
	}
}

func TestStatus_answers503WithAReason(t *testing.T) {
	for name, tc := range map[string]struct {
		status func(context.Context) (any, error)
		want   string
	}{
		"when the owner errs":         {func(context.Context) (any, error) { return nil, errors.New("session has ended") }, "session has ended"},
		"when it cannot be encoded":   {func(context.Context) (any, error) { return math.NaN(), nil }, "encode the status"},
		"when the owner never speaks": {func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testConfig()
				c.Status = tc.status
				start := time.Now()
				w := ask(newHandler(c, &history{sample: c.Sample}), "GET", "/status")
				var body struct{ Error string }
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
					t.Fatal(err)
				}
				if w.Code != 503 || !strings.Contains(body.Error, tc.want) {
					t.Errorf("answer = %d %q, want 503 with %q", w.Code, body.Error, tc.want)
				}
				if took := time.Since(start); took > statusTimeout {
					t.Errorf("took %v, more than %v", took, statusTimeout)
				}
			})
		})
	}
}

func TestMetrics_speakTextOpenMetricsAndNativeHistograms(t *testing.T) {
	r := NewRegistry("v1.2.3", "abcdef")
	batchBytes := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "bridge_batch_bytes", Help: "Bytes of flushed batches.",
		Buckets: []float64{1, 10}, NativeHistogramBucketFactor: 1.1,
	})
	r.MustRegister(batchBytes)
	batchBytes.Observe(5)
	c := testConfig()
	c.Gatherer = r
	h := newHandler(c, &history{sample: c.Sample})

	text := ask(h, "GET", "/metrics")
	if !strings.Contains(text.Body.String(), `bridge_build_info{goversion="go`) ||
		!strings.Contains(text.Body.String(), `revision="abcdef",version="v1.2.3"} 1`) {
		t.Errorf("text lacks bridge_build_info:\n%s", text.Body)
	}
	open := ask(h, "GET", "/metrics", "application/openmetrics-text; version=1.0.0")
	if !strings.HasSuffix(open.Body.String(), "# EOF\n") {
		t.Error("OpenMetrics does not end with # EOF")
	}
	binary := ask(h, "GET", "/metrics", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
	if !hasNativeHistogram(t, binary, "bridge_batch_bytes") {
		t.Error("protobuf holds no native histogram")
	}
}

func hasNativeHistogram(t *testing.T, w *httptest.ResponseRecorder, name string) bool {
	t.Helper()
	for w.Body.Len() > 0 {
		var family dto.MetricFamily
		if err := protodelim.UnmarshalFrom(w.Body, &family); err != nil {
			t.Fatal(err)
		}
		if family.GetName() == name {
			return family.Metric[0].Histogram.Schema != nil && len(family.Metric[0].Histogram.PositiveSpan) > 0
		}
	}
	return false
}

func TestMetrics_areServedBesideABrokenCollector(t *testing.T) {
	r := NewRegistry("v1.2.3", "abcdef")
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "bridge_fine", Help: "Fine."}, func() float64 { return 1 }))
	r.MustRegister(brokenCollector{})
	c := testConfig()
	c.Gatherer = r
	w := ask(newHandler(c, &history{sample: c.Sample}), "GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "bridge_fine 1") {
		t.Errorf("answer = %d\n%s", w.Code, w.Body)
	}
}

type brokenCollector struct{}

func (brokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("bridge_broken", "Broken.", nil, nil)
}

func (brokenCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("bridge_broken", "Broken.", nil, nil), errors.New("broken"))
}

func TestNewRegistry_passesTheLinter(t *testing.T) {
	problems, err := testutil.GatherAndLint(NewRegistry("v1.2.3", "abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestPprof_refusesARequestThatNamesAnotherHost(t *testing.T) {
	h := pprofHandler()
	for host, want := range map[string]int{"127.0.0.1:6060": 200, "localhost": 200, "LocalHost:6060": 200, "[::1]:6060": 200, "evil.example": 403, "192.0.2.1:6060": 403} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/debug/pprof/cmdline", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %s = %d, want %d", host, w.Code, want)
		}
	}
}

func TestPage_holdsItsStyleAndScriptAndNothingFromOutside(t *testing.T) {
	c := testConfig()
	c.Version = `v1<img src=x>`
	w := ask(newHandler(c, &history{sample: c.Sample}), "GET", "/")
	body := w.Body.String()
	for _, unwanted := range []string{"/*STYLE*/", "/*SCRIPT*/", "VERSION", "<img", "https://", "http://", "innerHTML", "onclick=", "style="} {
		if strings.Contains(strings.ReplaceAll(body, "http://www.w3.org/2000/svg", ""), unwanted) {
			t.Errorf("the page contains %q", unwanted)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "connect-src 'self'", sourceHash(pageCSS), sourceHash(pageJS), "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("policy is weak: %s", csp)
	}
}
