package charts

import (
	_ "embed"
	"encoding/json"
	"strings"
)

var (
	//go:embed kafka-import-bridge/files/alerts.yaml
	alerts string
	//go:embed kafka-import-bridge/files/dashboard.json
	dashboard string
)

// placeholder stands in the files where the chart puts its release's selector.
const placeholder = "SERIES"

// Alerts are the chart's rules, as a file that Prometheus reads, over the series
// that these label matchers select: `namespace="a",pod=~"b-.+"`.
func Alerts(matchers string) string {
	return strings.ReplaceAll(alerts, placeholder, matchers)
}

// Dashboard is the chart's Grafana dashboard over the same series.
func Dashboard(matchers string) string {
	text, _ := json.Marshal(matchers) // a string never fails
	return strings.ReplaceAll(dashboard, placeholder, string(text[1:len(text)-1]))
}
