package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestSchemas_refuseWhatAnAPIServerWould looks at the schemas through kubeconform:
// a wrong manifest of each source must fail and the right one pass.
func TestSchemas_refuseWhatAnAPIServerWould(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs modules that may not be in the cache yet")
	}
	dir := t.TempDir()
	if err := run(t.Context(), []string{dir}); err != nil {
		if os.Getenv("CI") != "true" {
			t.Skipf("SKIPPED, THE SCHEMAS ARE NOT TESTED: %v", err)
		}
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, right, wrong, want string }{
		{
			name:  "a misspelt field of a built-in kind, behind references",
			right: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {selector: {}, template: {spec: {containers: [{name: a}], enableServiceLinks: false}}}}`,
			wrong: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {selector: {}, template: {spec: {containers: [{name: a}], enableServiceLink: false}}}}`,
			want:  "'enableServiceLink' not allowed",
		},
		{
			name:  "a missing field",
			right: `{apiVersion: v1, kind: Pod, spec: {containers: [{name: a, resources: {limits: {cpu: 1, memory: 1Gi}}}]}}`,
			wrong: `{apiVersion: v1, kind: Pod, spec: {containers: [{image: a}]}}`,
			want:  "missing property 'name'",
		},
		{
			name:  "neither a number nor a name",
			right: `{apiVersion: v1, kind: Service, spec: {ports: [{port: 1, targetPort: http}, {port: 2, targetPort: 2}]}}`,
			wrong: `{apiVersion: v1, kind: Service, spec: {ports: [{port: 1, targetPort: [http]}]}}`,
			want:  "targetPort",
		},
		{
			name:  "a misspelt field of the Prometheus operator",
			right: `{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {}, endpoints: [{interval: 30s}]}}`,
			wrong: `{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {}, endpoints: [{intervall: 30s}]}}`,
			want:  "'intervall' not allowed",
		},
		{
			name:  "a duration without a unit",
			right: `{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: {groups: [{name: a, rules: [{alert: A, expr: up, for: 5m}]}]}}`,
			wrong: `{apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: {groups: [{name: a, rules: [{alert: A, expr: up, for: "5"}]}]}}`,
			want:  "for",
		},
		{
			name:  "a misspelt field of KEDA",
			right: `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, spec: {scaleTargetRef: {name: a}, triggers: [{type: prometheus, metadata: {query: x}}]}}`,
			wrong: `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, spec: {scaleTargetRef: {name: a}, maxReplicas: 3, triggers: [{type: prometheus, metadata: {query: x}}]}}`,
			want:  "'maxReplicas' not allowed",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if out, err := kubeconform(t, dir, tc.right); err != nil {
				t.Errorf("the right manifest is refused: %v\n%s", err, out)
			}
			if out, err := kubeconform(t, dir, tc.wrong); err == nil || !strings.Contains(out, tc.want) {
				t.Errorf("the wrong manifest: %v, want %s\n%s", err, tc.want, out)
			}
		})
	}
}

func kubeconform(t *testing.T, dir, manifest string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=charts/tools/go.mod", "kubeconform", "-strict",
		"-schema-location", dir+"/{{.ResourceKind}}{{.KindSuffix}}.json")
	cmd.Dir = "../../.."
	cmd.Stdin = strings.NewReader(manifest)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestDownload_namesTheModuleThatIsMissing(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	_, err := download(t.Context(), t.TempDir(), "example.com/absent@v1.0.0")
	if err == nil || !strings.HasPrefix(err.Error(), "download example.com/absent@v1.0.0: ") {
		t.Errorf("error = %v", err)
	}
}

func TestBundle_holdsWhatItRefersToAndNothingElse(t *testing.T) {
	ref := func(name string) object { return object{"$ref": componentPrefix + name} }
	got := bundle(map[string]object{
		"list":   {"items": []any{ref("node")}},
		"node":   {"properties": object{"next": ref("node"), "leaf": object{"allOf": []any{ref("leaf")}}}},
		"leaf":   {"type": "string"},
		"absent": {"type": "string"},
	}, "list")
	here := func(name string) object { return object{"$ref": definitionPrefix + name} }
	want := object{"$ref": definitionPrefix + "list", "definitions": object{
		"list": object{"items": []any{here("node")}},
		"node": object{"properties": object{"next": here("node"), "leaf": object{"allOf": []any{here("leaf")}}}},
		"leaf": object{"type": "string"},
	}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("bundle = %v\nwant %v", got, want)
	}
}

func TestTighten_refusesUnknownFieldsOnlyWhereKnownOnesAreListed(t *testing.T) {
	schema := object{
		"properties": object{
			"metadata": object{"type": "object"},
			"labels":   object{"additionalProperties": object{"type": "string"}},
			"free":     object{"properties": object{"a": object{}}, "x-kubernetes-preserve-unknown-fields": true},
			"list":     object{"items": object{"properties": object{"a": object{}}}},
		},
	}
	tighten(schema)
	fields := schema["properties"].(object)
	items := fields["list"].(object)["items"].(object)
	for name, node := range map[string]object{"root": schema, "items": items} {
		if node["additionalProperties"] != false {
			t.Errorf("%s lets unknown fields through", name)
		}
	}
	for _, name := range []string{"metadata", "free"} {
		if _, says := fields[name].(object)["additionalProperties"]; says {
			t.Errorf("%s refuses unknown fields", name)
		}
	}
	if got := fields["labels"].(object)["additionalProperties"]; !reflect.DeepEqual(got, object{"type": "string"}) {
		t.Errorf("labels became %v", got)
	}
}

// The schemas and the API server that the chart is installed on are of one
// version.
func TestSources_agreeWithTheAPIServer(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "kubernetes", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(kubernetes, "@", " ", 1) + " "; !strings.Contains(string(text), want) {
		t.Errorf("test/kube/kubernetes/go.mod does not require %s", want)
	}
}
