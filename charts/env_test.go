package charts

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kafka-import-bridge/internal/config"
)

// environment returns the variables that the bridge's container would see, of
// the Deployment or StatefulSet among the manifests. A value that comes from a
// Secret or from the pod is "from-elsewhere", and a mounted file one of t's own.
func environment(t *testing.T, manifests string) map[string]string {
	t.Helper()
	type variable struct {
		Name, Value string
		ValueFrom   any `yaml:"valueFrom"`
	}
	var object struct {
		Kind string
		Spec struct {
			Template struct {
				Spec struct{ Containers []struct{ Env []variable } }
			}
		}
	}
	for decoder := yaml.NewDecoder(strings.NewReader(manifests)); ; {
		object.Kind = ""
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			t.Fatal("no Deployment or StatefulSet is rendered")
		} else if err != nil {
			t.Fatal(err)
		}
		if object.Kind == "Deployment" || object.Kind == "StatefulSet" {
			break
		}
	}
	seen := map[string]string{}
	for _, v := range object.Spec.Template.Spec.Containers[0].Env {
		value := expand(v.Value, seen)
		switch {
		case v.ValueFrom != nil:
			value = "from-elsewhere"
		case strings.HasPrefix(value, "/etc/kafka-import-bridge/"):
			value = filepath.Join(t.TempDir(), filepath.Base(value))
			if err := os.WriteFile(value, []byte("not-a-real-secret"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		seen[v.Name] = value
	}
	return seen
}

// expand does to a variable's value what Kubernetes does: $(NAME) becomes the
// value of a variable before it, if there is one, and $$ one dollar. See
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func expand(value string, seen map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '$' || i+1 == len(value) {
			b.WriteByte(value[i])
			continue
		}
		i++
		name, _, closed := strings.Cut(value[i+1:], ")")
		known, ok := seen[name]
		switch {
		case value[i] == '$':
			b.WriteByte('$')
		case value[i] == '(' && closed && ok:
			b.WriteString(known)
			i += len(name) + 1
		default:
			b.WriteByte('$')
			b.WriteByte(value[i])
		}
	}
	return b.String()
}

// load reads the variables as the bridge does at its start.
func load(environment map[string]string) (*config.Config, error) {
	var environ []string
	for name, value := range environment {
		environ = append(environ, name+"="+value)
	}
	return config.Load(environ, 0)
}

func TestChart_settingsReachTheBridgeAsTheyAre(t *testing.T) {
	settings := map[string]string{
		"BRIDGE_KAFKA_CLIENT_ID": "$(BRIDGE_KAFKA_BROKERS)", // an earlier variable
		"BRIDGE_NAMESPACE_MAP":   "$$=a,$=b,x$=c",
		"BRIDGE_NAMESPACE_ALLOW": "^(?:a|b)$",
		"BRIDGE_NAMESPACE":       "field:$(BRIDGE_ID).$$$.$",
		"BRIDGE_ID":              "header:$",
		"BRIDGE_DLQ_TOPIC":       "dlq",
	}
	text, err := yaml.Marshal(map[string]any{"config": settings})
	if err != nil {
		t.Fatal(err)
	}
	got := environment(t, mustRender(t, string(text)))
	for name, want := range settings {
		if got[name] != want {
			t.Errorf("%s arrives as %q, was %q", name, got[name], want)
		}
	}
	got = environment(t, mustRender(t, "config: {BRIDGE_KAFKA_GROUP_ID: 'a$(BRIDGE_KAFKA_BROKERS)$$'}"))
	if got["BRIDGE_KAFKA_GROUP_ID"] != "a$(BRIDGE_KAFKA_BROKERS)$$" {
		t.Errorf("the group arrives as %q", got["BRIDGE_KAFKA_GROUP_ID"])
	}
}

// Every example is a configuration that the bridge starts with.
func TestChart_examplesAreAcceptedByTheBridge(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("examples = %v, %v", examples, err)
	}
	for _, values := range examples {
		t.Run(filepath.Base(values), func(t *testing.T) {
			out, stderr, err := helm(t, "template", "import", chart, "-f", values)
			if err != nil {
				t.Fatalf("helm template: %v\n%s", err, stderr)
			}
			set := environment(t, out)
			maps.DeleteFunc(set, certificate)
			if _, err := load(set); err != nil {
				t.Error(err)
			}
		})
	}
}

// certificate reports the variables whose files must hold certificates.
func certificate(name, _ string) bool {
	return strings.HasSuffix(name, "_CA_FILE") || strings.HasSuffix(name, "_CERT_FILE") || strings.HasSuffix(name, "_KEY_FILE") && name != "SAFETYKIT_API_KEY_FILE"
}
