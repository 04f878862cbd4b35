package kube

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"

	"go.yaml.in/yaml/v3"
)

const chart = "../../charts/kafka-import-bridge"

// helm runs helm on the cluster, with nothing of the user's own settings, and
// returns what it says.
func (c *cluster) helm(args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), provision.Program(c.t, "helm", "go install helm.sh/helm/v4/cmd/helm"),
		append(args, "--kubeconfig", c.kubeconfig, "--namespace", namespace)...)
	home := filepath.Join(c.dir, "helm")
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "HELM_PLUGINS="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("helm %s: %v\n%s%s", args[0], err, &stdout, &stderr)
	}
	if w := warnings(stderr.String()); w != "" {
		c.t.Errorf("helm %s warns:\n%s", args[0], w)
	}
	return stdout.String()
}

// warnings returns what helm wrote to its standard error, such as the API server's
// warning of an obsolete field. It leaves out helm's complaints of reads that it has
// itself cancelled: once all it waits for is ready it stops its watches, be they in the
// middle of an answer.
func warnings(stderr string) string {
	var said strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, "context canceled") {
			said.WriteString(line)
		}
	}
	return said.String()
}

func TestWarnings(t *testing.T) {
	const obsolete = "W0102 03:04:05.000006       7 warnings.go:70] spec.x is deprecated\n"
	const cancelled = `E0102 03:04:05.000006       7 request.go:1198] "Unexpected error when reading response body" err="context canceled"` + "\n"
	const cut = `E0102 03:04:05.000006       7 request.go:1198] "Unexpected error when reading response body" err="unexpected EOF"` + "\n"
	const watch = `W0102 03:04:05.000006       7 reflector.go:561] watch of *v1.Pod ended with: an error on the server ("unable to decode an event from the watch stream: context canceled") has prevented the request from succeeding` + "\n"
	if got := warnings(cancelled + obsolete + cut + watch); got != obsolete+cut {
		t.Errorf("the warnings are %q", got)
	}
}

// manifest is one object of a rendered chart.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	text       []byte
}

func (m manifest) String() string { return m.Kind + "/" + m.Metadata.Name }

// manifests parses what helm template printed.
func manifests(t *testing.T, rendered string) []manifest {
	t.Helper()
	var list []manifest
	decoder := yaml.NewDecoder(strings.NewReader(rendered))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return list
		}
		var m manifest
		if err == nil {
			err = node.Decode(&m)
		}
		if err == nil {
			m.text, err = yaml.Marshal(&node)
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
}

// acceptStrictly has the API server judge an object without keeping it: any
// unknown or repeated field, any invalid value and any warning is a fault.
func (c *cluster) acceptStrictly(m manifest) error {
	path := resources(namespace, m.APIVersion, m.Kind) + "?dryRun=All&fieldValidation=Strict"
	got, err := c.do(http.MethodPost, path, "application/yaml", m.text)
	switch {
	case err != nil:
		return err
	case got.status != http.StatusCreated:
		return fmt.Errorf("status %d: %s", got.status, got.body)
	case len(got.warnings) > 0:
		return fmt.Errorf("warned: %q", got.warnings)
	}
	return nil
}

// lacks returns those of the wanted objects that an inventory does not hold.
func lacks(inventory []string, wanted ...string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return slices.Contains(inventory, name) })
}
