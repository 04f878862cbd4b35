package importer

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestClient_metrics(t *testing.T) {
	l := newLab(t)
	status := 0
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if l.keep(w, r); status != 0 {
			w.WriteHeader(status)
		}
	}
	c := l.client()
	want := map[string]float64{}
	for _, operation := range []string{OperationCreate, OperationUpload, OperationAsk, OperationFollow} {
		want["bridge_import_requests_total 200 "+operation] = 0
		want["bridge_import_requests_total error "+operation] = 0
		want["bridge_import_duration_seconds "+operation] = 0
		for _, reason := range strings.Fields("throttled server_error network timeout unauthorised expired malformed") {
			want["bridge_import_retries_total "+operation+" "+reason] = 0
		}
	}
	want["bridge_import_repeats_avoided_total asked"] = 0
	want["bridge_import_repeats_avoided_total conditional"] = 0
	want["bridge_import_urls_unused_total"] = 0
	checkMetrics(t, l.reg, want)

	l.onAsk = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status": "queued"}`) }
	i, _ := newImport(c, 100)
	for _, status = range []int{429, 403, 777, 0} { // 777 may hide that it is stored: the URL is kept
		l.attempt(c, i)
	}
	i, _ = newImport(c, 100)
	for _, status = range []int{503, 0} { // the repeat is answered 412
		l.attempt(c, i)
	}
	want["bridge_import_requests_total 200 create"] = 3
	want["bridge_import_requests_total 200 ask"] = 1
	want["bridge_import_requests_total 412 upload"] = 2
	want["bridge_import_repeats_avoided_total conditional"] = 2
	want["bridge_import_requests_total 503 upload"] = 1
	want["bridge_import_requests_total 429 upload"] = 1
	want["bridge_import_requests_total 403 upload"] = 1
	want["bridge_import_requests_total error upload"] = 1
	want["bridge_import_retries_total upload server_error"] = 1
	want["bridge_import_retries_total upload throttled"] = 1
	want["bridge_import_retries_total upload expired"] = 1
	want["bridge_import_retries_total upload malformed"] = 1
	want["bridge_import_duration_seconds create"] = 3
	want["bridge_import_duration_seconds ask"] = 1
	want["bridge_import_duration_seconds upload"] = 6
	checkMetrics(t, l.reg, want)

	New(l.cfg, nil) // registers none
}

// checkMetrics compares every series; a histogram's value is its count.
func checkMetrics(t *testing.T, reg *prometheus.Registry, want map[string]float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[seriesName(f, m)] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s is %v (there: %t), want %v", name, v, ok, value)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s was not expected", name)
	}
}

func seriesName(f *dto.MetricFamily, m *dto.Metric) string {
	name := f.GetName()
	for _, l := range m.GetLabel() { // sorted by name
		name += " " + l.GetValue()
	}
	return name
}
