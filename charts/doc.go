// Package charts holds the Helm chart, the generator of the parts of it that
// come from the bridge's configuration, and the chart's tests. Its functions give
// the rules and the dashboard to the demo, without helm; nothing of the bridge
// imports it.
package charts

//go:generate go run ./internal/genschema
