// Package charts holds the Helm chart, the generator of the parts of it that
// come from the bridge's configuration, and the chart's tests. Its functions give
// the alerts to `bridge rules`, and those and the dashboard to the demo, without
// helm. It is safe for concurrent use and imports no other room.
package charts

//go:generate go run ./internal/genschema
