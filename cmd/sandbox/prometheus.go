package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"kafka-import-bridge/charts"
	"kafka-import-bridge/test/child"
)

const (
	prometheusReady = 30 * time.Second
	prometheusStop  = 10 * time.Second

	// The labels that a scrape in Kubernetes adds, so that rules and dashboard meet
	// here what they meet there.
	scrapeLabels   = `{namespace: demo, pod: bridge-0}`
	scrapeMatchers = `namespace="demo",pod=~"bridge-.+"`
)

// errNoPrometheus says how to get what is missing.
var errNoPrometheus = errors.New("prometheus is not installed: apt-get install prometheus, or https://prometheus.io/download")

// prometheus is a real server as a child, which scrapes one bridge and evaluates
// the chart's alerts. It cannot outlive this process; its data are in a temporary
// folder that close removes.
type prometheus struct {
	process *child.Process
	url     string
	dir     string
	output  *os.File
	client  *http.Client
}

// prometheusOptions say what a server does.
type prometheusOptions struct {
	bridge   string        // base URL of the bridge
	interval time.Duration // between scrapes, and between evaluations
	native   bool          // take histograms natively, by the protobuf format
}

// findPrometheus returns the server's binary.
func findPrometheus() (string, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", errNoPrometheus
	}
	return path, nil
}

// startPrometheus returns a server that is ready, on a free loopback port.
func startPrometheus(ctx context.Context, binary string, opts prometheusOptions) (_ *prometheus, err error) {
	p := &prometheus{client: &http.Client{Timeout: 10 * time.Second}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.dir, err = os.MkdirTemp("", "bridge-prometheus-"); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if err := p.configure(opts); err != nil {
		return nil, err
	}
	if p.output, err = os.Create(filepath.Join(p.dir, "log")); err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	ports, err := child.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	p.url = "http://" + address
	args := []string{
		"--config.file=" + filepath.Join(p.dir, "prometheus.yaml"), "--storage.tsdb.path=" + filepath.Join(p.dir, "data"),
		"--web.listen-address=" + address, "--web.external-url=" + p.url, "--log.level=warn",
	}
	if opts.native {
		args = append(args, "--enable-feature=native-histograms")
	}
	cmd := exec.Command(binary, args...) //nolint:noctx // close ends it
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if p.process, err = child.Start(cmd); err != nil {
		return nil, err
	}
	if err := waitOK(ctx, p.client, p.url+"/-/ready", p.process, prometheusReady); err != nil {
		return nil, fmt.Errorf("start prometheus: %w\n%s", err, tailOf(p.output.Name()))
	}
	return p, nil
}

// configure writes the configuration and the rules.
func (p *prometheus) configure(opts prometheusOptions) error {
	target, err := url.Parse(opts.bridge)
	if err != nil {
		return fmt.Errorf("parse the bridge's URL: %w", err)
	}
	config := fmt.Sprintf(`global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: bridge
    static_configs: [{targets: [%[2]q], labels: %[3]s}]
`, opts.interval, target.Host, scrapeLabels)
	rules := charts.Rules{Matchers: scrapeMatchers, BatchMaxAge: demoBatchAge, Thresholds: charts.DefaultThresholds()}
	for name, text := range map[string]string{"prometheus.yaml": config, "alerts.yaml": rules.Text()} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("configure prometheus: %w", err)
		}
	}
	return nil
}

// close ends the server and removes its data.
func (p *prometheus) close() error {
	if p.process != nil {
		stop(p.process, prometheusStop)
	}
	p.client.CloseIdleConnections()
	if p.output != nil {
		_ = p.output.Close()
	}
	if p.dir == "" {
		return nil
	}
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("remove prometheus data: %w", err)
	}
	return nil
}

// where says where to look, one line each.
func (p *prometheus) where(ctx context.Context) string {
	alerts := p.url + "/alerts"
	if _, err := get(ctx, p.client, alerts); err != nil {
		alerts = p.url + "/classic/alerts" // Debian's package leaves the newer pages out
	}
	query := url.Values{"g0.expr": {"sum by (topic) (bridge_kafka_lag_records)"}, "g0.tab": {"0"}, "g0.range_input": {"5m"}}
	return fmt.Sprintf("prometheus   %s/\n  alerts     %s\n  a graph    %s/graph?%s\n", p.url, alerts, p.url, query.Encode())
}
