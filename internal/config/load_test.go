package config_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/record"
)

// minimal is the least that starts a bridge.
var minimal = []string{
	"BRIDGE_KAFKA_BROKERS=kafka-0:9092",
	"BRIDGE_KAFKA_TOPICS=users",
	"BRIDGE_KAFKA_GROUP_ID=bridge",
	"SAFETYKIT_API_KEY=sk_minimal_key",
}

// with returns the minimal environment followed by more.
func with(more ...string) []string { return append(slices.Clone(minimal), more...) }

func load(t *testing.T, environ []string) *config.Config {
	t.Helper()
	cfg, err := config.Load(environ, 0)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_fourVariablesAreEnough(t *testing.T) {
	cfg := load(t, minimal)
	got := []any{
		cfg.Kafka.Brokers[0], cfg.Kafka.Topics[0], cfg.Kafka.GroupID, cfg.Kafka.ClientID, cfg.Kafka.OffsetReset,
		cfg.Kafka.IsolationLevel, cfg.Kafka.SessionTimeout, cfg.Kafka.RebalanceTimeout, cfg.Kafka.HeartbeatInterval,
		cfg.Kafka.FetchMaxBytes, cfg.Kafka.TLS.Enabled, cfg.Kafka.SASL.Mechanism, cfg.Kafka.TopicRegex.IsSet(),
		cfg.Namespace.Source.String(), cfg.Namespace.Allow.IsSet(), cfg.ID.Source.String(), cfg.ID.Numbers,
		cfg.Policies.OnInvalid, cfg.Policies.OnTombstone, cfg.Policies.OnRejected, cfg.Policies.HoldProbeInterval,
		cfg.Batch.MaxBytes, cfg.Batch.MaxRecords, cfg.Batch.MaxAge, cfg.Buffer.MaxBytes,
		cfg.API.Key.Value(), cfg.API.BaseURL.String(), cfg.API.ImportPath, cfg.API.UploadConcurrency,
		cfg.API.NamespaceConcurrency, cfg.API.ImportTimeout, cfg.API.UploadTimeout, cfg.Retry.MinBackoff,
		cfg.Retry.MaxBackoff, cfg.HTTP.Addr, cfg.HTTP.MetricsMaxNamespaces, cfg.HTTP.PprofAddr,
		cfg.Shutdown.Timeout, cfg.Log.Level, cfg.Log.Format,
	}
	want := []any{
		"kafka-0:9092", "users", "bridge", "kafka-import-bridge", ledger.ResetEarliest,
		config.ReadCommitted, 30 * time.Second, 120 * time.Second, 3 * time.Second,
		config.Size(16 << 20), false, config.SASLMechanism(""), false,
		"topic", false, "field:id", config.IDNumbers("reject"),
		record.Hold, record.Skip, record.Hold, time.Minute,
		config.Size(8 << 20), 50000, 30 * time.Second, config.Size(256 << 20),
		"sk_minimal_key", "https://api.safetykit.com", "auto", 16,
		1, 30 * time.Second, 5 * time.Minute, 500 * time.Millisecond,
		30 * time.Second, ":8080", 200, "",
		time.Minute, slog.LevelInfo, config.LogFormat("json"),
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestLoad_valuesOverrideDefaults(t *testing.T) {
	cfg := load(t, with(
		"BRIDGE_KAFKA_BROKERS= a:1 , b:2 ",
		"BRIDGE_KAFKA_TOPICS=", "BRIDGE_KAFKA_TOPIC_REGEX=users|ads", "BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX=old|ads",
		"BRIDGE_KAFKA_OFFSET_RESET=Latest",
		"BRIDGE_BATCH_MAX_BYTES=16MiB", "BRIDGE_BUFFER_MAX_BYTES=16777217",
		"BRIDGE_NAMESPACE=field:a.b", "BRIDGE_NAMESPACE_MAP=x=y+z", "BRIDGE_NAMESPACE_ALLOW=ns-[0-9]",
		"BRIDGE_ID=offset", "BRIDGE_SKIP_RECORDS=users/0@7, ads/12@0-19",
		"BRIDGE_LOG_LEVEL=WARN", "BRIDGE_KAFKA_TLS=true",
		"SAFETYKIT_BASE_URL=http://127.0.0.1:99/prefix/",
		"UNRELATED=x",
	))
	if got := cfg.Kafka.Brokers; !slices.Equal(got, []string{"a:1", "b:2"}) {
		t.Errorf("brokers %q", got)
	}
	for name, want := range map[string]bool{"users": true, "ads": true, "users2": false, "xads": false} {
		if cfg.Kafka.TopicRegex.MatchString(name) != want {
			t.Errorf("topic regex matches %s: %v", name, !want)
		}
	}
	if exclude := cfg.Kafka.TopicExclude; !exclude.MatchString("ads") || exclude.MatchString("loads") {
		t.Error("BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX is not anchored")
	}
	if cfg.Namespace.Allow.MatchString("ns-12") || !cfg.Namespace.Allow.MatchString("ns-1") {
		t.Error("BRIDGE_NAMESPACE_ALLOW is not anchored")
	}
	if cfg.Kafka.OffsetReset != ledger.ResetLatest || cfg.Log.Level != slog.LevelWarn || !cfg.Kafka.TLS.Enabled {
		t.Errorf("words: %v %v %v", cfg.Kafka.OffsetReset, cfg.Log.Level, cfg.Kafka.TLS.Enabled)
	}
	if cfg.Batch.MaxBytes != 16<<20 || cfg.Buffer.MaxBytes != 16<<20+1 {
		t.Errorf("sizes: %d %d", cfg.Batch.MaxBytes, cfg.Buffer.MaxBytes)
	}
	if want := (config.SkipRecords{{Topic: "users"}: {{First: 7, Last: 7}}, {Topic: "ads", Partition: 12}: {{First: 0, Last: 19}}}); !reflect.DeepEqual(cfg.Policies.Skip, want) {
		t.Errorf("skip records %v", cfg.Policies.Skip)
	}
	if got := cfg.API.BaseURL.String(); got != "http://127.0.0.1:99/prefix" {
		t.Errorf("base URL %s", got)
	}
	if to, _ := cfg.Namespace.Map.Lookup("x"); !slices.Equal(to, []string{"y", "z"}) {
		t.Errorf("map x to %q", to)
	}
}

func TestLoad_offsetReset(t *testing.T) {
	first := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]ledger.OffsetReset{
		"":                                      ledger.ResetEarliest,
		"hold":                                  ledger.ResetHold,
		"LATEST":                                ledger.ResetLatest,
		"timestamp:2026-11-01T00:00:00Z":        ledger.ResetAt(first),
		"Timestamp:2026-11-01t00:00:00z":        ledger.ResetAt(first),
		"timestamp:2026-11-01T01:00:00.5+01:00": ledger.ResetAt(first.Add(500 * time.Millisecond)),
		"timestamp:1970-01-01T00:00:00Z":        ledger.ResetAt(time.Unix(0, 0)),
		"duration:24h":                          ledger.ResetAgo(24 * time.Hour),
		"duration:1h30m":                        ledger.ResetAgo(90 * time.Minute),
	} {
		got := load(t, with("BRIDGE_KAFKA_OFFSET_RESET="+text)).Kafka.OffsetReset
		now := time.Now()
		if timed := strings.Contains(text, ":"); !got.Since(now).Equal(want.Since(now)) || !timed && got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestLoad_numbersAreDecimal(t *testing.T) {
	for text, want := range map[string]int{"010": 10, "09": 9, "16": 16} {
		if got := load(t, with("BRIDGE_UPLOAD_CONCURRENCY="+text)).API.UploadConcurrency; got != want {
			t.Errorf("%s is %d, want %d", text, got, want)
		}
	}
}

// A token endpoint is called as it is written.
func TestLoad_tokenEndpointKeepsItsEscapes(t *testing.T) {
	const endpoint = "https://h/realms/a%2Fb/token"
	cfg := load(t, with("BRIDGE_KAFKA_TLS=true", "BRIDGE_KAFKA_SASL_MECHANISM=OAUTHBEARER", "BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL="+endpoint,
		"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID=c", "BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET=s"))
	if got := cfg.Kafka.SASL.OAuthTokenURL.String(); got != endpoint {
		t.Errorf("%s became %s", endpoint, got)
	}
}

func TestLoad_emptyEqualsUnset(t *testing.T) {
	cfg := load(t, with("BRIDGE_BATCH_MAX_AGE=", "BRIDGE_KAFKA_TLS= ", "BRIDGE_NO_SUCH=", "SAFETYKIT_API_KEY_FILE="))
	if cfg.Batch.MaxAge != 30*time.Second {
		t.Errorf("an empty BRIDGE_BATCH_MAX_AGE is %s", cfg.Batch.MaxAge)
	}
	_, err := config.Load(with("SAFETYKIT_API_KEY=\n"), 0)
	if err == nil || !strings.Contains(err.Error(), "SAFETYKIT_API_KEY: it is required") {
		t.Errorf("a blank API key: %v", err)
	}
}

func TestLoad_doesNotReadTheProcessEnvironment(t *testing.T) {
	t.Setenv("BRIDGE_BATCH_MAX_AGE", "1h")
	t.Setenv("VALUE", "1h")
	if got := load(t, minimal).Batch.MaxAge; got != 30*time.Second {
		t.Errorf("BRIDGE_BATCH_MAX_AGE is %s, want the default", got)
	}
}

func TestLoad_kubernetesServiceLinks(t *testing.T) {
	load(t, with(
		"BRIDGE_SERVICE_HOST=10.0.0.7", "BRIDGE_SERVICE_PORT=8080", "BRIDGE_SERVICE_PORT_HTTP=8080",
		"BRIDGE_PORT=tcp://10.0.0.7:8080", "BRIDGE_PORT_8080_TCP=tcp://10.0.0.7:8080",
		"BRIDGE_PORT_8080_TCP_PROTO=tcp", "BRIDGE_PORT_8080_TCP_PORT=8080", "BRIDGE_PORT_8080_TCP_ADDR=10.0.0.7",
		"BRIDGE_METRICS_SERVICE_HOST=fd00::8", "BRIDGE_METRICS_SERVICE_PORT=9090", "BRIDGE_METRICS_PORT=tcp://[fd00::8]:9090",
		"BRIDGE_METRICS_PORT_9090_TCP=tcp://[fd00::8]:9090", "BRIDGE_METRICS_PORT_9090_TCP_ADDR=fd00::8",
		"SAFETYKIT_PROXY_PORT=udp://10.0.0.9:53",
	))
	for _, typo := range []string{"BRIDGE_HTTP_PORT=8080", "BRIDGE_PORT=8080", "BRIDGE_KAFKA_SERVICE_HOST=kafka", "BRIDGE_SERVICE=10.0.0.7"} {
		name, _, _ := strings.Cut(typo, "=")
		if _, err := config.Load(with(typo), 0); err == nil || !strings.Contains(err.Error(), name+": no such setting") {
			t.Errorf("%s: %v, want it refused", typo, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	path := writeFile(t, "password", "from-a-file\n")
	cfg := load(t, with("BRIDGE_KAFKA_SASL_MECHANISM=plain", "BRIDGE_KAFKA_SASL_USERNAME=u", "BRIDGE_KAFKA_SASL_PASSWORD_FILE="+path))
	var out bytes.Buffer
	if err := cfg.Describe(&out); err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]string)
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		lines[fields[0]] = strings.Join(fields[1:], " ")
	}
	for name, want := range map[string]string{
		"SAFETYKIT_API_KEY":          "- [redacted]",
		"BRIDGE_KAFKA_SASL_PASSWORD": "- (file: " + path + ")",
		"BRIDGE_KAFKA_SASL_USERNAME": "- u",
		"BRIDGE_BATCH_MAX_BYTES":     "8MiB 8MiB",
		"BRIDGE_PPROF_ADDR":          "- -",
	} {
		if lines[name] != want {
			t.Errorf("%s is described as %q, want %q", name, lines[name], want)
		}
	}
	if len(lines) != len(config.Settings())+1 {
		t.Errorf("%d lines, want one for each of %d settings and a heading", len(lines), len(config.Settings()))
	}
	for _, secret := range []string{"sk_minimal_key", "from-a-file"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the description holds %s", secret)
		}
	}
}

// longMap is a namespace map that no line of a terminal holds.
func longMap() string {
	var entries []string
	for i := range 40 {
		entries = append(entries, fmt.Sprintf("events.topic-%d=ns_%d", i, i))
	}
	return strings.Join(entries, ",")
}

func TestDescribe_cutsNothing(t *testing.T) {
	cfg := load(t, with("BRIDGE_NAMESPACE_MAP="+longMap()))
	var out bytes.Buffer
	if err := cfg.Describe(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), longMap()+"\n") {
		t.Errorf("the map is not whole:\n%s", out.String())
	}
}

// The remedy is there to be copied.
func TestLoad_remedyHoldsTheWholeMap(t *testing.T) {
	_, err := config.Load(with("BRIDGE_KAFKA_TOPICS=users,ads.v1", "BRIDGE_NAMESPACE_MAP="+longMap()), 0)
	if want := "BRIDGE_NAMESPACE_MAP=" + longMap() + ",ads.v1=ads_v1 or "; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v\nwant in it %s", err, want)
	}
}
