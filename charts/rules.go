package charts

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed kafka-import-bridge/files/alerts.yaml
var alerts string

// Rules are the chart's alerts for a Prometheus that reads rule files.
type Rules struct {
	// Matchers select the series to watch, as in `job="bridge",region=~"eu-.+"`.
	// Empty selects those of every bridge that is scraped.
	Matchers string

	// BatchMaxAge is BRIDGE_BATCH_MAX_AGE of the bridges: a record may wait so
	// long before the time of any threshold begins.
	BatchMaxAge time.Duration

	Thresholds Thresholds

	// RunbookURL, if set, is linked to by each alert, with the alert's name in
	// lower case as the fragment.
	RunbookURL string

	// Labels are added to every alert.
	Labels map[string]string

	// Disabled are the names of alerts to leave out.
	Disabled []string
}

// Thresholds say where the alerts begin. The zero value is not useful: start
// from [DefaultThresholds].
type Thresholds struct {
	Lag          time.Duration // age of the oldest uncommitted record, while it still grows
	Waiting      time.Duration // age of the oldest record in memory that no import has taken
	Stalled      time.Duration // time without an import, while there is something to import
	RetentionLag time.Duration // age of the oldest record, where Kafka may soon delete it
	Rebalances   int           // generations of the group in half an hour, deployments aside
	MemoryPaused float64       // share of the time that reading waits for memory, 0 to 1
}

// DefaultThresholds returns the chart's own.
func DefaultThresholds() Thresholds {
	return Thresholds{
		Lag: 10 * time.Minute, Waiting: 15 * time.Minute, Stalled: 15 * time.Minute,
		RetentionLag: time.Hour, Rebalances: 6, MemoryPaused: 0.5,
	}
}

// startOfAlert begins each alert in the file.
const startOfAlert = "      - alert: "

// AlertNames returns the names of all alerts, in the order of the file.
func AlertNames() []string {
	var names []string
	for _, alert := range strings.Split(alerts, startOfAlert)[1:] {
		name, _, _ := strings.Cut(alert, "\n")
		names = append(names, name)
	}
	return names
}

// Text returns the rules as a file that Prometheus loads as it is.
func (r Rules) Text() string {
	parts := strings.Split(alerts, startOfAlert)
	var b strings.Builder
	b.WriteString(parts[0][strings.Index(parts[0], "groups:"):])
	for i, name := range AlertNames() {
		if !slices.Contains(r.Disabled, name) {
			b.WriteString(startOfAlert + r.decorate(name, parts[i+1]))
		}
	}
	return r.fill(b.String())
}

// decorate adds the labels and the link to the text of one alert.
func (r Rules) decorate(name, alert string) string {
	var labels strings.Builder
	for _, label := range slices.Sorted(maps.Keys(r.Labels)) {
		fmt.Fprintf(&labels, "%s: %q, ", label, r.Labels[label])
	}
	alert = strings.Replace(alert, "labels: {", "labels: {"+labels.String(), 1)
	if r.RunbookURL != "" {
		alert = strings.TrimRight(alert, "\n") + fmt.Sprintf("\n          runbook_url: %q\n", r.RunbookURL+"#"+strings.ToLower(name))
	}
	return alert
}

// fill puts values in place of the placeholders.
func (r Rules) fill(text string) string {
	t := r.Thresholds
	text = strings.NewReplacer(
		"MAX_AGE", seconds(r.BatchMaxAge),
		"LAG_LIMIT", seconds(t.Lag),
		"WAITING_LIMIT", seconds(t.Waiting),
		"STALLED_LIMIT", seconds(t.Stalled),
		"RETENTION_LIMIT", seconds(t.RetentionLag),
		"REBALANCES_LIMIT", strconv.Itoa(t.Rebalances),
		"PAUSED_LIMIT", strconv.FormatFloat(t.MemoryPaused, 'f', -1, 64),
	).Replace(text)
	if r.Matchers == "" {
		text = strings.ReplaceAll(text, seriesPlaceholder+",", "")
	}
	return strings.ReplaceAll(text, seriesPlaceholder, r.Matchers)
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
