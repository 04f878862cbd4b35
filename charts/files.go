package charts

import (
	_ "embed"
	"encoding/json"
	"strings"
)

//go:embed kafka-import-bridge/files/dashboard.json
var dashboard string

// seriesPlaceholder stands in the files where the chart puts the label matchers
// of its release.
const seriesPlaceholder = "SERIES"

// Dashboard returns the chart's Grafana dashboard over the series that these
// label matchers select.
func Dashboard(matchers string) string {
	text, _ := json.Marshal(matchers) // a string never fails
	return strings.ReplaceAll(dashboard, seriesPlaceholder, string(text[1:len(text)-1]))
}
