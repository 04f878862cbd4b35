package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// The modules that hold the schemas. The version of Kubernetes is also that of
// the API server in test/kube/kubernetes.
const (
	kubernetes         = "k8s.io/kubernetes@v1.37.2"
	prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
	keda               = "github.com/kedacore/keda/v2@v2.21.0"
)

// builtinFile is a group's OpenAPI document with the kinds that the chart uses.
type builtinFile struct {
	path  string
	kinds []string
}

func builtinFiles() []builtinFile {
	const folder = "api/openapi-spec/v3/"
	return []builtinFile{
		{folder + "api__v1_openapi.json", []string{"ConfigMap", "Pod", "Secret", "Service", "ServiceAccount"}},
		{folder + "apis__apps__v1_openapi.json", []string{"Deployment", "StatefulSet"}},
		{folder + "apis__networking.k8s.io__v1_openapi.json", []string{"NetworkPolicy"}},
		{folder + "apis__policy__v1_openapi.json", []string{"PodDisruptionBudget"}},
	}
}

// customFile is a file with one CustomResourceDefinition.
type customFile struct{ module, path string }

func customFiles() []customFile {
	const monitoring = "example/prometheus-operator-crd/monitoring.coreos.com_"
	return []customFile{
		{prometheusOperator, monitoring + "podmonitors.yaml"},
		{prometheusOperator, monitoring + "servicemonitors.yaml"},
		{prometheusOperator, monitoring + "prometheusrules.yaml"},
		{keda, "config/crd/bases/keda.sh_scaledobjects.yaml"},
	}
}

// download returns the folder of each module (path@version) in the Go module
// cache. It runs in dir, which must lie in no module that a download could
// change.
func download(ctx context.Context, dir string, modules ...string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"mod", "download", "-json"}, modules...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, runErr := cmd.Output() // a module that is missing is told in the output
	folders := map[string]string{}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var m struct{ Path, Version, Dir, Error string }
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF):
			if runErr != nil {
				return nil, fmt.Errorf("download modules: %w: %s", runErr, stderr.String())
			}
			return folders, nil
		case err != nil:
			return nil, fmt.Errorf("read the answer of go mod download: %w", err)
		case m.Error != "":
			return nil, fmt.Errorf("download %s@%s: %s", m.Path, m.Version, m.Error)
		}
		folders[m.Path+"@"+m.Version] = m.Dir
	}
}
