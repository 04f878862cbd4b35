package charts

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestChart_lintsWithEveryExample(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("examples = %v, %v", examples, err)
	}
	for _, values := range examples {
		t.Run(filepath.Base(values), func(t *testing.T) {
			if out, stderr, err := helm(t, "lint", "--strict", chart, "-f", values); err != nil {
				t.Errorf("helm lint: %v\n%s%s", err, out, stderr)
			}
			out, stderr, err := helm(t, "template", "import", chart, "-f", values)
			if err != nil {
				t.Fatalf("helm template: %v\n%s", err, stderr)
			}
			if bad := regexp.MustCompile(`[0-9]e\+[0-9]+|<nil>|%!|<no value>`).FindString(out); bad != "" {
				t.Errorf("the manifests contain %q", bad)
			}
		})
	}
}

func TestChart_renders(t *testing.T) {
	for _, tc := range []struct {
		name, values   string
		want, unwanted []string
	}{
		{
			name: "the least values give a restricted pod that knows its own name",
			want: []string{
				"runAsNonRoot: true", "readOnlyRootFilesystem: true", "allowPrivilegeEscalation: false",
				"- ALL", "type: RuntimeDefault", "enableServiceLinks: false", "automountServiceAccountToken: false",
				"name: BRIDGE_INSTANCE_ID\n              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name",
				"name: BRIDGE_KAFKA_GROUP_ID\n              value: \"import-kafka-import-bridge\"",
				"path: /healthz", "path: /readyz", "args: [run]",
			},
			unwanted: []string{"kind: Secret", "Monitor", "kind: NetworkPolicy", "kind: PrometheusRule", "kind: ScaledObject", "kind: PodDisruptionBudget", "automountServiceAccountToken: true"},
		},
		{
			name:   "the API key is a file, never a variable",
			values: "apiKey: {existingSecret: import-api, key: token}",
			want: []string{
				"name: SAFETYKIT_API_KEY_FILE\n              value: /etc/kafka-import-bridge/api-key/token",
				"secretName: \"import-api\"", "mountPath: /etc/kafka-import-bridge/api-key",
			},
			unwanted: []string{"name: SAFETYKIT_API_KEY\n"},
		},
		{
			name:     "a key given as a value lies in a Secret of the chart, encoded",
			values:   "apiKey: {existingSecret: '', value: s3cret}",
			want:     []string{"kind: Secret", "api-key: czNjcmV0", "secretName: \"import-kafka-import-bridge-api-key\""},
			unwanted: []string{"s3cret"},
		},
		{
			name:   "large numbers stay numbers",
			values: "config: {BRIDGE_BUFFER_MAX_BYTES: 268435456, BRIDGE_BATCH_MAX_RECORDS: 1000000}",
			want:   []string{`value: "268435456"`, `value: "1000000"`},
		},
		{
			name:   "the grace period follows the shutdown timeout",
			values: "config: {BRIDGE_SHUTDOWN_TIMEOUT: 2m30s}",
			want:   []string{"terminationGracePeriodSeconds: 165"},
		},
		{
			name:   "the port follows the listening address",
			values: "config: {BRIDGE_HTTP_ADDR: '0.0.0.0:9100'}",
			want:   []string{"containerPort: 9100", "targetPort: http"},
		},
		{
			name:   "a Strimzi user authenticates by certificate",
			values: "kafka: {tls: {caSecret: main-cluster-ca-cert, clientSecret: import-bridge}}",
			want: []string{
				"name: BRIDGE_KAFKA_TLS\n              value: \"true\"",
				"value: /etc/kafka-import-bridge/kafka-ca/ca.crt",
				"value: /etc/kafka-import-bridge/kafka-client/user.crt",
				"value: /etc/kafka-import-bridge/kafka-client/user.key",
			},
		},
		{
			name:     "a SCRAM password is a file and its user name may come from the Secret",
			values:   "{config: {BRIDGE_KAFKA_SASL_MECHANISM: SCRAM-SHA-512}, kafka: {sasl: {existingSecret: kafka-user, usernameKey: user}}}",
			want:     []string{"BRIDGE_KAFKA_SASL_PASSWORD_FILE\n              value: /etc/kafka-import-bridge/sasl/password", "secretKeyRef:\n                  key: user\n                  name: kafka-user"},
			unwanted: []string{"OAUTH_CLIENT_SECRET"},
		},
		{
			name:     "OAUTHBEARER takes the client's secret",
			values:   "{config: {BRIDGE_KAFKA_SASL_MECHANISM: OAUTHBEARER}, kafka: {sasl: {existingSecret: idp}}}",
			want:     []string{"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE\n              value: /etc/kafka-import-bridge/sasl/client-secret"},
			unwanted: []string{"SASL_PASSWORD"},
		},
		{
			name:     "autoscaling counts unread records and owns the number of replicas",
			values:   "autoscaling: {enabled: true, partitions: 12, maxReplicas: 12, prometheusAddress: 'http://prometheus:9090'}",
			want:     []string{"kind: ScaledObject", "maxReplicaCount: 12", `sum(max by (topic, partition) (bridge_kafka_unread_records{namespace="data",pod=~"import-kafka-import-bridge-.+"}))`, `threshold: "100000"`},
			unwanted: []string{"replicas: 1\n"},
		},
		{
			name:   "the network policy allows DNS, the brokers' ports, HTTPS and the scrape",
			values: "{config: {BRIDGE_KAFKA_BROKERS: 'a:9093, b:9094'}, networkPolicy: {enabled: true, kafkaCIDRs: [10.0.0.0/8], httpsCIDRs: [203.0.113.0/24]}}",
			want:   []string{"port: 53", "port: 9093", "port: 9094", "cidr: 10.0.0.0/8", "port: 443", "cidr: 203.0.113.0/24", "kubernetes.io/metadata.name: monitoring", "policyTypes: [Ingress, Egress]"},
		},
		{
			name:   "the disruption budget never protects a pod that is not ready",
			values: "podDisruptionBudget: {enabled: true, minAvailable: 50%, maxUnavailable: null}",
			want:   []string{"minAvailable: 50%", "unhealthyPodEvictionPolicy: AlwaysAllow"},
		},
		{
			name:   "helm test runs the preflight with the same settings",
			values: "config: {BRIDGE_KAFKA_TOPICS: users}",
			want:   []string{"helm.sh/hook: test", "args: [check]", "        - name: BRIDGE_KAFKA_TOPICS\n          value: \"users\""},
		},
		{
			name:   "a parent chart may pass globals",
			values: "{global: {region: eu}, enabled: true}",
			want:   []string{"kind: Deployment"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := mustRender(t, tc.values)
			for _, want := range tc.want {
				if !strings.Contains(out, want) {
					t.Errorf("the manifests lack %q", want)
				}
			}
			for _, unwanted := range tc.unwanted {
				if strings.Contains(out, unwanted) {
					t.Errorf("the manifests contain %q", unwanted)
				}
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func TestChart_refuses(t *testing.T) {
	for _, tc := range []struct{ name, values, want string }{
		{"an unknown value", "replicas: 2", "additional properties 'replicas' not allowed"},
		{"an unknown setting", "config: {BRIDGE_KAFKA_BROKER: a:1}", "additional properties 'BRIDGE_KAFKA_BROKER' not allowed"},
		{"a missing list of brokers", "config: {BRIDGE_KAFKA_BROKERS: ''}", "config.BRIDGE_KAFKA_BROKERS is missing"},
		{"missing topics", "config: {BRIDGE_KAFKA_TOPICS: ''}", "no topics are chosen"},
		{"topics and a regex", "config: {BRIDGE_KAFKA_TOPIC_REGEX: x}", "exclude each other"},
		{"a missing API key", "apiKey: {existingSecret: ''}", "the API key is missing"},
		{"two API keys", "apiKey: {value: x}", "given more than once"},
		{"a secret among the settings", "config: {SAFETYKIT_API_KEY: x}", "config.SAFETYKIT_API_KEY would show a secret"},
		{"an instance id", "config: {BRIDGE_INSTANCE_ID: a}", "config.BRIDGE_INSTANCE_ID cannot be set"},
		{"a setting that a Secret sets", "{config: {BRIDGE_KAFKA_TLS: true}, kafka: {tls: {caSecret: ca}}}", "config.BRIDGE_KAFKA_TLS is set by the chart"},
		{"credentials without a mechanism", "kafka: {sasl: {existingSecret: x}}", "no effect without config.BRIDGE_KAFKA_SASL_MECHANISM"},
		{"a grace period that cuts the shutdown short", "terminationGracePeriodSeconds: 69", "it must be at least 70, config.BRIDGE_SHUTDOWN_TIMEOUT (60s) and 10 s"},
		{"dead letters without a topic", "config: {BRIDGE_ON_REJECTED: dlq}", "config.BRIDGE_ON_REJECTED is dlq, but no topic"},
		{"a memory limit below the buffer and its headroom", "resources: {limits: {memory: 319Mi}}", "raise it to 320Mi"},
		{"a decimal memory limit below the buffer", "{config: {BRIDGE_BUFFER_MAX_BYTES: 1GB}, resources: {limits: {memory: 1G}}}", "raise it to 1018Mi"},
		{"more replicas than partitions", "{replicaCount: 5, autoscaling: {partitions: 4}}", "replicaCount (5) is more than the 4 partitions"},
		{"scaling beyond the partitions", "autoscaling: {enabled: true, partitions: 4, maxReplicas: 5, prometheusAddress: 'http://p'}", "autoscaling.maxReplicas (5) is more than the 4 partitions"},
		{"scaling without a partition count", "autoscaling: {enabled: true, prometheusAddress: 'http://p'}", "autoscaling.partitions is missing"},
		{"scaling without Prometheus", "autoscaling: {enabled: true, partitions: 4}", "autoscaling.prometheusAddress is missing"},
		{"two monitors", "{podMonitor: {enabled: true}, serviceMonitor: {enabled: true}}", "enable one"},
		{"a network policy without Kafka", "networkPolicy: {enabled: true, httpsCIDRs: [0.0.0.0/0]}", "cut the bridge off from Kafka"},
		{"a network policy without the API", "networkPolicy: {enabled: true, kafkaCIDRs: [10.0.0.0/8]}", "cut the bridge off from the import API"},
		{"two disruption budgets", "podDisruptionBudget: {enabled: true, minAvailable: 1}", "exclude each other"},
		{"a policy that does not exist", "config: {BRIDGE_ON_INVALID: drop}", "BRIDGE_ON_INVALID"},
		{"a duration without a unit", "config: {BRIDGE_SHUTDOWN_TIMEOUT: '60'}", "BRIDGE_SHUTDOWN_TIMEOUT"},
		{"a size in words", "config: {BRIDGE_BATCH_MAX_BYTES: huge}", "BRIDGE_BATCH_MAX_BYTES"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, stderr, err := render(t, tc.values)
			if err == nil {
				t.Fatalf("helm template accepted it:\n%s", out)
			}
			if !strings.Contains(stderr, tc.want) {
				t.Errorf("it says\n%s\nwant %q in it", stderr, tc.want)
			}
		})
	}
}

func TestChart_tellsAllFaultsAtOnce(t *testing.T) {
	_, stderr, err := helm(t, "template", "import", chart)
	if err == nil {
		t.Fatal("the chart renders without values")
	}
	for _, want := range []string{"BRIDGE_KAFKA_BROKERS is missing", "no topics are chosen", "the API key is missing"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it says\n%s\nwant %q in it", stderr, want)
		}
	}
}
