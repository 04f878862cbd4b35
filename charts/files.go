package charts

import (
	_ "embed"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

var (
	//go:embed kafka-import-bridge/files/alerts.yaml
	alerts string
	//go:embed kafka-import-bridge/files/dashboard.json
	dashboard string
)

// Placeholders stand in the files where the chart puts its release's selector and
// the seconds of BRIDGE_BATCH_MAX_AGE.
const (
	seriesPlaceholder = "SERIES"
	maxAgePlaceholder = "MAX_AGE"
)

// Alerts are the chart's rules, as a file that Prometheus reads, over the series
// that these label matchers select, `namespace="a",pod=~"b-.+"`, of a bridge whose
// BRIDGE_BATCH_MAX_AGE is maxAge.
func Alerts(matchers string, maxAge time.Duration) string {
	seconds := strconv.FormatInt(int64(maxAge/time.Second), 10)
	return strings.NewReplacer(seriesPlaceholder, matchers, maxAgePlaceholder, seconds).Replace(alerts)
}

// Dashboard is the chart's Grafana dashboard over the same series.
func Dashboard(matchers string) string {
	text, _ := json.Marshal(matchers) // a string never fails
	return strings.ReplaceAll(dashboard, seriesPlaceholder, string(text[1:len(text)-1]))
}
