package charts

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"
)

const chart = "kafka-import-bridge"

func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return helmWith(t, "", args...)
}

// helmWith runs helm with values on its standard input.
func helmWith(t *testing.T, values string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	// A helm built from source may take itself for that of a very old cluster.
	args = append(args, "--kube-version", "1.30.0")
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), provision.Program(t, "helm", "go install helm.sh/helm/v4/cmd/helm"), args...)
	cmd.Stdin = strings.NewReader(values)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// render runs `helm template` over the given values, laid over the least that
// the chart needs.
func render(t *testing.T, values string, args ...string) (manifests, stderr string, err error) {
	t.Helper()
	args = append([]string{"template", "import", chart, "--namespace", "data",
		"-f", filepath.Join(chart, "ci", "minimal-values.yaml"), "-f", "-"}, args...)
	return helmWith(t, values, args...)
}

func mustRender(t *testing.T, values string, args ...string) string {
	t.Helper()
	out, stderr, err := render(t, values, args...)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, stderr)
	}
	return out
}
