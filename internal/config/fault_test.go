package config_test

import (
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestLoad_reportsAllFaultsAtOnce(t *testing.T) {
	_, err := config.Load([]string{
		"BRIDGE_KAFKA_TOPICS=users", "BRIDGE_KAFKA_TOPIC_REGEX=([",
		"BRIDGE_BATCH_MAX_AGE=soonish", "BRIDGE_BATCH_MAX_BITES=1", "BRIDGE_UPLOAD_CONCURRENCY=-1",
		"BRIDGE_ON_INVALID=explode", "BRIDGE_NAMESPACE=nowhere:x", "BRIDGE_BUFFER_MAX_BYTES=lots",
	}, 0)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`BRIDGE_KAFKA_BROKERS: it is required`,
		`BRIDGE_KAFKA_TOPIC_REGEX="([": want a regular expression (RE2 syntax): `,
		`BRIDGE_KAFKA_GROUP_ID: it is required`,
		`BRIDGE_NAMESPACE="nowhere:x": `,
		`BRIDGE_ON_INVALID="explode": want one of hold, dlq, skip`,
		`BRIDGE_BATCH_MAX_AGE="soonish": want a duration such as 500ms, 30s or 5m`,
		`BRIDGE_BUFFER_MAX_BYTES="lots": want a size in bytes such as 8388608, 8MiB or 8MB`,
		`SAFETYKIT_API_KEY: it is required (or SAFETYKIT_API_KEY_FILE, a file that holds it)`,
		`BRIDGE_UPLOAD_CONCURRENCY="-1": want between 1 and 1024`,
		`BRIDGE_BATCH_MAX_BITES: no such setting; did you mean BRIDGE_BATCH_MAX_BYTES?`,
	}
	lines := strings.Split(err.Error(), "\n")
	for i := range max(len(want), len(lines)) {
		switch {
		case i >= len(lines):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("unexpected: %s", lines[i])
		case !strings.HasPrefix(lines[i], want[i]):
			t.Errorf("line %d is %q, want %q", i, lines[i], want[i])
		}
	}
}

func TestLoad_faults(t *testing.T) {
	notPEM := writeFile(t, "ca.pem", "no certificate")
	empty := writeFile(t, "empty", "\n")
	spaced := writeFile(t, "spaced", "sk_live \n")
	marked := writeFile(t, "marked", "\ufeffsk_live\n")
	for _, tc := range []struct {
		name string
		env  []string
		want string // the whole error, or its beginning when it ends in …
	}{
		{"no topics", []string{"BRIDGE_KAFKA_TOPICS="}, "BRIDGE_KAFKA_TOPICS: it is required, or BRIDGE_KAFKA_TOPIC_REGEX"},
		{"topics left out of a list", []string{"BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX=a.*"}, `BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX="a.*": has no effect without BRIDGE_KAFKA_TOPIC_REGEX`},
		{"topics twice", []string{"BRIDGE_KAFKA_TOPIC_REGEX=a.*"}, `BRIDGE_KAFKA_TOPIC_REGEX="a.*": set this or BRIDGE_KAFKA_TOPICS, not both`},
		{"a topic's name", []string{"BRIDGE_KAFKA_TOPICS=a b"}, `BRIDGE_KAFKA_TOPICS="a b": want a topic name: at most 249 letters, digits, '.', '_' or '-'; several are separated by commas`},
		{"a repeated topic", []string{"BRIDGE_KAFKA_TOPICS=a,b,a"}, `BRIDGE_KAFKA_TOPICS="a,b,a": elements 1 and 3 are the same`},
		{"a hole in a list", []string{"BRIDGE_KAFKA_TOPICS=a,,b"}, `BRIDGE_KAFKA_TOPICS="a,,b": want a comma-separated list without empty elements`},
		{
			"topics that are no namespaces",
			[]string{"BRIDGE_KAFKA_TOPICS=users,ads.v1,x.y", "BRIDGE_NAMESPACE_MAP=x.y=z"},
			`BRIDGE_KAFKA_TOPICS="users,ads.v1,x.y": ads.v1 cannot be a namespace (letters, digits, '_' and '-'); name one with BRIDGE_NAMESPACE_MAP=x.y=z,ads.v1=ads_v1 or set BRIDGE_NAMESPACE`,
		},
		{
			"a static namespace that is not allowed",
			[]string{"BRIDGE_NAMESPACE=static:foo", "BRIDGE_NAMESPACE_ALLOW=bar|foo2"},
			`BRIDGE_NAMESPACE="static:foo": every record would be invalid, since BRIDGE_NAMESPACE_ALLOW does not match "foo": change one of the two`,
		},
		{
			"a static namespace that is mapped to what is not allowed",
			[]string{"BRIDGE_NAMESPACE=static:foo", "BRIDGE_NAMESPACE_ALLOW=foo|bar", "BRIDGE_NAMESPACE_MAP=foo=bar+baz,x=y"},
			`BRIDGE_NAMESPACE="static:foo": every record would be invalid, since BRIDGE_NAMESPACE_ALLOW does not match "baz", which BRIDGE_NAMESPACE_MAP makes of it: change one of the three`,
		},
		{"a broker without a port", []string{"BRIDGE_KAFKA_BROKERS=kafka"}, `BRIDGE_KAFKA_BROKERS="kafka": want host:port,…`},
		{"a broker's port", []string{"BRIDGE_KAFKA_BROKERS=kafka:99999"}, `BRIDGE_KAFKA_BROKERS="kafka:99999": want host:port,…`},
		{"a broker with credentials", []string{"BRIDGE_KAFKA_BROKERS=u:pw@kafka:9"}, `BRIDGE_KAFKA_BROKERS="[redacted]@kafka:9": want host:port,…`},
		{"a broker with a password that holds a slash", []string{"BRIDGE_KAFKA_BROKERS=a:1,u:p/w@kafka:9"}, `BRIDGE_KAFKA_BROKERS="[redacted]@kafka:9": want host:port,…`},
		{"an instance name", []string{"BRIDGE_INSTANCE_ID=a b"}, `BRIDGE_INSTANCE_ID="a b": want at most 128…`},
		{"a member that stays without a name", []string{"BRIDGE_LEAVE_ON_STOP=false"}, `BRIDGE_LEAVE_ON_STOP="false": false needs BRIDGE_INSTANCE_ID: without a name nobody could come back as this member`},
		{"heartbeats too rare", []string{"BRIDGE_KAFKA_HEARTBEAT_INTERVAL=11s"}, `BRIDGE_KAFKA_HEARTBEAT_INTERVAL="11s": want at most a third of BRIDGE_KAFKA_SESSION_TIMEOUT (30s)`},
		{"session above rebalance", []string{"BRIDGE_KAFKA_SESSION_TIMEOUT=3m"}, `BRIDGE_KAFKA_SESSION_TIMEOUT="3m": want at most BRIDGE_KAFKA_REBALANCE_TIMEOUT (2m0s)`},
		{"backoffs", []string{"BRIDGE_RETRY_MIN_BACKOFF=1m"}, `BRIDGE_RETRY_MIN_BACKOFF="1m": want at most BRIDGE_RETRY_MAX_BACKOFF (30s)`},
		{"buffer below batch", []string{"BRIDGE_BATCH_MAX_BYTES=32MiB", "BRIDGE_BUFFER_MAX_BYTES=16MiB"}, `BRIDGE_BUFFER_MAX_BYTES="16MiB": want at least BRIDGE_BATCH_MAX_BYTES (32MiB)`},
		{"a tiny buffer", []string{"BRIDGE_BUFFER_MAX_BYTES=16777215"}, `BRIDGE_BUFFER_MAX_BYTES="16777215": want at least 16MiB`},
		{"a tiny batch", []string{"BRIDGE_BATCH_MAX_BYTES=8"}, `BRIDGE_BATCH_MAX_BYTES="8": want between 1KiB and 5GiB`},
		{"a negative duration", []string{"BRIDGE_SHUTDOWN_TIMEOUT=-2562047h47m16.854775808s"}, `BRIDGE_SHUTDOWN_TIMEOUT="-2562047h47m16.854775808s": want at least 1ms`},
		{"a size beyond all numbers", []string{"BRIDGE_KAFKA_FETCH_MAX_BYTES=36028797018963969KiB"}, `BRIDGE_KAFKA_FETCH_MAX_BYTES="36028797018963969KiB": want a size in bytes such as 8388608, 8MiB or 8MB`},
		{"a switch", []string{"BRIDGE_KAFKA_TLS=yes"}, `BRIDGE_KAFKA_TLS="yes": want true or false`},
		{"a number", []string{"BRIDGE_BATCH_MAX_RECORDS=many"}, `BRIDGE_BATCH_MAX_RECORDS="many": want a whole number`},
		{"a number that is not decimal", []string{"BRIDGE_UPLOAD_CONCURRENCY=0x10"}, `BRIDGE_UPLOAD_CONCURRENCY="0x10": want a whole number`},
		{"a number with a separator", []string{"BRIDGE_BATCH_MAX_RECORDS=50_000"}, `BRIDGE_BATCH_MAX_RECORDS="50_000": want a whole number`},
		{"an unbalanced expression", []string{"BRIDGE_NAMESPACE_ALLOW=a)(b"}, `BRIDGE_NAMESPACE_ALLOW="a)(b": want a regular expression (RE2 syntax): unexpected )`},
		{"no rejected batch is skipped", []string{"BRIDGE_ON_REJECTED=skip"}, `BRIDGE_ON_REJECTED="skip": want one of hold, dlq`},
		{"a policy without its topic", []string{"BRIDGE_ON_REJECTED=dlq"}, `BRIDGE_ON_REJECTED="dlq": needs BRIDGE_DLQ_TOPIC`},
		{"a dead-letter loop", []string{"BRIDGE_DLQ_TOPIC=users"}, `BRIDGE_DLQ_TOPIC="users": dead letters would be read again: it is one of BRIDGE_KAFKA_TOPICS`},
		{"a record's name", []string{"BRIDGE_SKIP_RECORDS=users/0@1,users@1"}, `BRIDGE_SKIP_RECORDS="users/0@1,users@1": element 2 is not of the form topic/partition@offset, as in users/3@1742, or topic/partition@first-last`},
		{"a record's name with a colon", []string{"BRIDGE_SKIP_RECORDS=users/0@1,users:0@2"}, `BRIDGE_SKIP_RECORDS="users/0@1,users:0@2": element 2 is not of the form topic/partition@offset, as in users/3@1742, or topic/partition@first-last`},
		{"a broker with a query", []string{"BRIDGE_KAFKA_BROKERS=k?password=pw:9092"}, `BRIDGE_KAFKA_BROKERS="k?[redacted]": want host:port,…`},
		{"a listener with credentials", []string{"BRIDGE_HTTP_ADDR=pw@k:9092"}, `BRIDGE_HTTP_ADDR="[redacted]@k:9092": want host:port or :port`},
		{"a URL with an @ in its path", []string{"SAFETYKIT_BASE_URL=https://u:1/pw@h"}, `SAFETYKIT_BASE_URL="https://[redacted]@h": want a URL without @`},
		{"brokers where topics belong", []string{"BRIDGE_KAFKA_TOPICS=u:pw@k:9092"}, `BRIDGE_KAFKA_TOPICS="[redacted]@k:9092": want a topic name…`},
		{"a key where its path belongs", []string{"BRIDGE_KAFKA_TLS_KEY_FILE=bm90IGEgcGF0aA=="}, `BRIDGE_KAFKA_TLS_KEY_FILE: has no effect without BRIDGE_KAFKA_TLS=true`},
		{"plain http", []string{"SAFETYKIT_BASE_URL=http://api.example.com"}, `SAFETYKIT_BASE_URL="http://api.example.com": want https: plain http is accepted for loopback hosts only, unless BRIDGE_ALLOW_INSECURE_HTTP=true`},
		{"plain http to an address", []string{"SAFETYKIT_BASE_URL=http://10.0.0.7"}, `SAFETYKIT_BASE_URL="http://10.0.0.7": want https…`},
		{"a URL with credentials", []string{"SAFETYKIT_BASE_URL=https://u:pw@h"}, `SAFETYKIT_BASE_URL="https://[redacted]@h": want a URL without user name and password`},
		{"a URL with a query", []string{"SAFETYKIT_BASE_URL=https://h/?a"}, `SAFETYKIT_BASE_URL="https://h/?[redacted]": want a URL without query and fragment`},
		{"a URL with a fragment", []string{"SAFETYKIT_BASE_URL=https://h/#a"}, `SAFETYKIT_BASE_URL="https://h/#[redacted]": want a URL without query and fragment`},
		{"a URL with an impossible port", []string{"SAFETYKIT_BASE_URL=https://h:65536/a"}, `SAFETYKIT_BASE_URL="https://h:65536/a": want a port between 1 and 65535`},
		{"a URL with a password that holds a slash", []string{"SAFETYKIT_BASE_URL=https://u:p/w@h"}, `SAFETYKIT_BASE_URL="https://[redacted]@h": want an absolute URL such as https://host/path`},
		{"a URL with an escape", []string{"SAFETYKIT_BASE_URL=https://h/a%2Fb"}, `SAFETYKIT_BASE_URL="https://h/a%2Fb": want a plain path without spaces, escapes, query or fragment`},
		{"a URL with a needless escape", []string{"SAFETYKIT_BASE_URL=https://h/%41"}, `SAFETYKIT_BASE_URL="https://h/%41": want a plain path…`},
		{"a URL with a space", []string{"SAFETYKIT_BASE_URL=https://h/a b"}, `SAFETYKIT_BASE_URL="https://h/a b": want a plain path…`},
		{"a URL beyond ASCII", []string{"SAFETYKIT_BASE_URL=https://h/é"}, `SAFETYKIT_BASE_URL="https://h/é": want a plain path…`},
		{"a URL that climbs", []string{"SAFETYKIT_BASE_URL=https://h/a/.."}, `SAFETYKIT_BASE_URL="https://h/a/..": want a path without ..`},
		{"another scheme", []string{"SAFETYKIT_BASE_URL=ftp://h"}, `SAFETYKIT_BASE_URL="ftp://h": want an https URL`},
		{"a relative URL", []string{"SAFETYKIT_BASE_URL=api.example.com"}, `SAFETYKIT_BASE_URL="api.example.com": want an absolute URL such as https://host/path`},
		{"a path without its place", []string{"BRIDGE_IMPORT_PATH=/v1/import"}, `BRIDGE_IMPORT_PATH="/v1/import": want a path that holds {namespace} exactly once`},
		{"a path with two places", []string{"BRIDGE_IMPORT_PATH=/{namespace}/{namespace}"}, `BRIDGE_IMPORT_PATH="/{namespace}/{namespace}": want a path that holds {namespace} exactly once`},
		{"a path that is relative", []string{"BRIDGE_IMPORT_PATH={namespace}"}, `BRIDGE_IMPORT_PATH="{namespace}": want auto, or a path that begins with one /`},
		{"a path that is a host", []string{"BRIDGE_IMPORT_PATH=//h/{namespace}"}, `BRIDGE_IMPORT_PATH="//h/{namespace}": want auto, or a path that begins with one /`},
		{"a path with a query", []string{"BRIDGE_IMPORT_PATH=/{namespace}?a=b"}, `BRIDGE_IMPORT_PATH="/{namespace}?[redacted]": want a plain path…`},
		{"a path that climbs", []string{"BRIDGE_IMPORT_PATH=/a/../{namespace}"}, `BRIDGE_IMPORT_PATH="/a/../{namespace}": want a path without ..`},
		{"a listening address", []string{"BRIDGE_HTTP_ADDR=8080"}, `BRIDGE_HTTP_ADDR="8080": want host:port or :port`},
		{"pprof for everybody", []string{"BRIDGE_PPROF_ADDR=:6060"}, `BRIDGE_PPROF_ADDR=":6060": want a loopback address…`},
		{"pprof for the network", []string{"BRIDGE_PPROF_ADDR=10.0.0.7:6060"}, `BRIDGE_PPROF_ADDR="10.0.0.7:6060": want a loopback address…`},
		{"a mechanism", []string{"BRIDGE_KAFKA_SASL_MECHANISM=ROT13"}, `BRIDGE_KAFKA_SASL_MECHANISM="ROT13": want one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM`},
		{"SASL without a user", []string{"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN", "BRIDGE_KAFKA_SASL_PASSWORD=pw"}, `BRIDGE_KAFKA_SASL_USERNAME: it is required by BRIDGE_KAFKA_SASL_MECHANISM=PLAIN`},
		{"SASL without a password", []string{"BRIDGE_KAFKA_SASL_MECHANISM=PLAIN", "BRIDGE_KAFKA_SASL_USERNAME=u"}, `BRIDGE_KAFKA_SASL_PASSWORD: it is required by BRIDGE_KAFKA_SASL_MECHANISM=PLAIN (or BRIDGE_KAFKA_SASL_PASSWORD_FILE, a file that holds it)`},
		{"a user without SASL", []string{"BRIDGE_KAFKA_SASL_USERNAME=u"}, `BRIDGE_KAFKA_SASL_USERNAME="u": has no effect without BRIDGE_KAFKA_SASL_MECHANISM`},
		{"MSK without TLS", []string{"BRIDGE_KAFKA_SASL_MECHANISM=AWS_MSK_IAM"}, `BRIDGE_KAFKA_SASL_MECHANISM="AWS_MSK_IAM": needs BRIDGE_KAFKA_TLS=true`},
		{"roots without TLS", []string{"BRIDGE_KAFKA_TLS_CA_FILE=" + notPEM}, `BRIDGE_KAFKA_TLS_CA_FILE="` + notPEM + `": has no effect without BRIDGE_KAFKA_TLS=true`},
		{"roots that are none", []string{"BRIDGE_HTTP_CA_FILE=" + notPEM}, `BRIDGE_HTTP_CA_FILE="` + notPEM + `": want a PEM file with at least one certificate`},
		{"roots that are missing", []string{"BRIDGE_HTTP_CA_FILE=/no/file"}, `BRIDGE_HTTP_CA_FILE="/no/file": read file: no such file or directory`},
		{"a certificate without its key", []string{"BRIDGE_KAFKA_TLS=true", "BRIDGE_KAFKA_TLS_CERT_FILE=" + notPEM}, `BRIDGE_KAFKA_TLS_CERT_FILE="` + notPEM + `": needs BRIDGE_KAFKA_TLS_KEY_FILE`},
		{"a secret twice", []string{"SAFETYKIT_API_KEY_FILE=nofile"}, `SAFETYKIT_API_KEY_FILE: set this or SAFETYKIT_API_KEY, not both`},
		{"a secret's file is missing", []string{"SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE=/no/file"}, `SAFETYKIT_API_KEY_FILE="/no/file": want a file that holds the secret: open file: no such file or directory`},
		{"a secret where its path belongs", []string{"SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE=sk_live"}, `SAFETYKIT_API_KEY_FILE: want a file that holds the secret: open file: no such file or directory`},
		{"a secret's file is empty", []string{"SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE=" + empty}, `SAFETYKIT_API_KEY_FILE="` + empty + `": want a file that holds the secret: it is empty`},
		{"a secret of two lines", []string{"SAFETYKIT_API_KEY=sk_a\nsk_b"}, `SAFETYKIT_API_KEY: it holds a line break or another control character`},
		{"a key with a space", []string{"SAFETYKIT_API_KEY=Bearer sk_a"}, `SAFETYKIT_API_KEY: want visible ASCII characters only, without spaces`},
		{"a key file with a space", []string{"SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE=" + spaced}, `SAFETYKIT_API_KEY_FILE="` + spaced + `": want visible ASCII characters only, without spaces`},
		{"a key file with a byte order mark", []string{"SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE=" + marked}, `SAFETYKIT_API_KEY_FILE="` + marked + `": want visible ASCII characters only, without spaces`},
		{"a password file without SASL", []string{"BRIDGE_KAFKA_SASL_PASSWORD_FILE=" + spaced}, `BRIDGE_KAFKA_SASL_PASSWORD_FILE="` + spaced + `": has no effect without BRIDGE_KAFKA_SASL_MECHANISM`},
		{"schemas without a registry", []string{"BRIDGE_VALUE_FORMAT=registry"}, `BRIDGE_SCHEMA_REGISTRY_URL: it is required by BRIDGE_VALUE_FORMAT=registry`},
		{"a registry without schemas", []string{"BRIDGE_SCHEMA_REGISTRY_URL=https://h"}, `BRIDGE_SCHEMA_REGISTRY_URL="https://h": has no effect without BRIDGE_VALUE_FORMAT=registry`},
		{"a registry's password without schemas", []string{"BRIDGE_SCHEMA_REGISTRY_PASSWORD_FILE=" + spaced}, `BRIDGE_SCHEMA_REGISTRY_PASSWORD_FILE="` + spaced + `": has no effect without BRIDGE_VALUE_FORMAT=registry`},
		{"a registry's user without a password", []string{"BRIDGE_VALUE_FORMAT=registry", "BRIDGE_SCHEMA_REGISTRY_URL=https://h", "BRIDGE_SCHEMA_REGISTRY_USERNAME=u"}, `BRIDGE_SCHEMA_REGISTRY_USERNAME="u": needs BRIDGE_SCHEMA_REGISTRY_PASSWORD or BRIDGE_SCHEMA_REGISTRY_PASSWORD_FILE`},
		{"a registry's password without a user", []string{"BRIDGE_VALUE_FORMAT=registry", "BRIDGE_SCHEMA_REGISTRY_URL=https://h", "BRIDGE_SCHEMA_REGISTRY_PASSWORD=pw"}, `BRIDGE_SCHEMA_REGISTRY_PASSWORD: needs BRIDGE_SCHEMA_REGISTRY_USERNAME`},
		{"a registry in plain http", []string{"BRIDGE_VALUE_FORMAT=registry", "BRIDGE_SCHEMA_REGISTRY_URL=http://registry:8081"}, `BRIDGE_SCHEMA_REGISTRY_URL="http://registry:8081": want https: plain http is accepted for loopback hosts only, unless BRIDGE_ALLOW_INSECURE_HTTP=true`},
		{"a registry's roots that are missing", []string{"BRIDGE_VALUE_FORMAT=registry", "BRIDGE_SCHEMA_REGISTRY_URL=https://h", "BRIDGE_SCHEMA_REGISTRY_CA_FILE=/no/file"}, `BRIDGE_SCHEMA_REGISTRY_CA_FILE="/no/file": read file: no such file or directory`},
		{"a format", []string{"BRIDGE_VALUE_FORMAT=avro"}, `BRIDGE_VALUE_FORMAT="avro": want one of json, registry`},
		{"a part of the value", []string{"BRIDGE_VALUE=after"}, `BRIDGE_VALUE="after": want whole or field:PATH`},
		{"an unknown name", []string{"BRIDGE_TOPICS=a"}, `BRIDGE_TOPICS: no such setting; did you mean BRIDGE_KAFKA_TOPICS?`},
		{"an unknown name unlike any", []string{"BRIDGE_ZZZZ=a"}, "BRIDGE_ZZZZ: no such setting; `bridge config` lists them"},
		{"a misspelt secret", []string{"SAFETYKIT_APIKEY=sk_live"}, `SAFETYKIT_APIKEY: no such setting; did you mean SAFETYKIT_API_KEY?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := config.Load(with(tc.env...), 0)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			beginning, open := strings.CutSuffix(tc.want, "…")
			if got != tc.want && (!open || !strings.HasPrefix(got, beginning) || strings.Contains(got, "\n")) {
				t.Errorf("error\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

// The remedy names what is missing, not only the setting that cannot do without it.
func TestLoad_remedies(t *testing.T) {
	for env, want := range map[string]string{
		"BRIDGE_ON_INVALID=dlq":                   "set BRIDGE_DLQ_TOPIC, or correct BRIDGE_ON_INVALID",
		"BRIDGE_KAFKA_TLS_SERVER_NAME=kafka":      "set BRIDGE_KAFKA_TLS=true, or remove BRIDGE_KAFKA_TLS_SERVER_NAME",
		"BRIDGE_KAFKA_SASL_PASSWORD_FILE=/x":      "correct BRIDGE_KAFKA_SASL_PASSWORD_FILE",
		"BRIDGE_BATCH_MAX_AGE=30":                 "correct BRIDGE_BATCH_MAX_AGE",
		"BRIDGE_KAFKA_GROUP_ID=":                  "set BRIDGE_KAFKA_GROUP_ID",
		"BRIDGE_BATCH_MAX_AG=30s":                 "rename or remove BRIDGE_BATCH_MAX_AG",
		"BRIDGE_KAFKA_SASL_MECHANISM=AWS_MSK_IAM": "set BRIDGE_KAFKA_TLS=true, or correct BRIDGE_KAFKA_SASL_MECHANISM",
	} {
		_, err := config.Load(with(env), 0)
		if faults := config.Faults(err); len(faults) != 1 || faults[0].Remedy != want {
			t.Errorf("%s: %v, want one fault with the remedy %q", env, faults, want)
		}
	}
}

func TestLoad_offsetResetFaults(t *testing.T) {
	const (
		words    = "want earliest, latest, hold, timestamp:TIME such as timestamp:2026-11-01T00:00:00Z, or duration:TIME such as duration:24h"
		time     = "want a time since 1970 with its zone (RFC 3339), such as timestamp:2026-11-01T00:00:00Z or timestamp:2026-11-01T00:00:00+01:00"
		duration = "want a positive duration in hours, minutes or seconds, such as duration:24h or duration:1h30m"
	)
	for text, want := range map[string]string{
		"begin":                              words,
		"latest:24h":                         words,
		"timestamp":                          words,
		"duration":                           words,
		"timestamp:":                         time,
		"timestamp:2026-11-01T00:00:00":      time,
		"timestamp:2026-11-01":               time,
		"timestamp:1793491200":               time,
		"timestamp:1969-12-31T23:59:59.999Z": time, // a negative timestamp means other offsets to brokers
		"duration:7d":                        duration,
		"duration:0s":                        duration,
		"duration:-1h":                       duration,
	} {
		_, err := config.Load(with("BRIDGE_KAFKA_OFFSET_RESET="+text), 0)
		if want := `BRIDGE_KAFKA_OFFSET_RESET="` + text + `": ` + want; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestLoad_staticNamespaceThatIsAllowed(t *testing.T) {
	load(t, with("BRIDGE_NAMESPACE=static:foo"))
	load(t, with("BRIDGE_NAMESPACE=static:foo", "BRIDGE_NAMESPACE_ALLOW=fo+"))
	load(t, with("BRIDGE_NAMESPACE=static:foo", "BRIDGE_NAMESPACE_ALLOW=bar", "BRIDGE_NAMESPACE_MAP=*=bar"))
	load(t, with("BRIDGE_NAMESPACE=field:ns", "BRIDGE_NAMESPACE_ALLOW=bar"))
}

func TestLoad_loopbackMayBePlain(t *testing.T) {
	for _, url := range []string{"http://localhost:1", "http://127.9.9.9", "http://[::1]:1", "https://api.example.com"} {
		load(t, with("SAFETYKIT_BASE_URL="+url))
	}
	load(t, with("SAFETYKIT_BASE_URL=http://api.example.com", "BRIDGE_ALLOW_INSECURE_HTTP=true"))
	load(t, with("BRIDGE_PPROF_ADDR=localhost:6060", "BRIDGE_HTTP_ADDR=127.0.0.1:0"))
	load(t, with("BRIDGE_PPROF_ADDR=LOCALHOST:6060"))
}
