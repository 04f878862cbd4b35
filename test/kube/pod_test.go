package kube

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// variable is the value of a container's variable, "" if it has none.
func (p pod) variable(name string) string {
	for _, e := range p.Spec.Containers[0].Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// acceptedByTheBridge hands the pod's environment and files, as the API server
// keeps them, to the bridge's binary: it must find no fault in its settings, and
// no secret among them.
func (c *cluster) acceptedByTheBridge(p pod) {
	c.t.Helper()
	if no := p.Spec.AutomountServiceAccountToken; no == nil || *no {
		c.t.Errorf("%s holds a token of the API server", p.Metadata.Name)
	}
	if no := p.Spec.EnableServiceLinks; no == nil || *no {
		c.t.Errorf("%s gets variables for services", p.Metadata.Name)
	}
	binary := filepath.Join(c.dir, "bridge")
	if out, err := exec.CommandContext(c.t.Context(), "go", "build", "-o", binary, "../../cmd/bridge").CombinedOutput(); err != nil {
		c.t.Fatalf("go build: %v\n%s", err, out)
	}
	root := c.mount(p)
	cmd := exec.CommandContext(c.t.Context(), binary, "config")
	cmd.Env = c.environment(p, root)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Errorf("bridge config: %v\n%s", err, out)
	}
	for _, e := range cmd.Env {
		if strings.Contains(e, "not-a-real") {
			c.t.Errorf("a secret is in the environment: %s", e)
		}
	}
}

// mount writes the Secrets that the pod mounts below a folder.
func (c *cluster) mount(p pod) (root string) {
	c.t.Helper()
	root = c.t.TempDir()
	for _, volume := range p.Spec.Volumes {
		for _, m := range p.Spec.Containers[0].VolumeMounts {
			if volume.Secret == nil || m.Name != volume.Name {
				continue
			}
			dir := filepath.Join(root, m.MountPath)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				c.t.Fatal(err)
			}
			for key, value := range c.secret(volume.Secret.SecretName) {
				if err := os.WriteFile(filepath.Join(dir, key), value, 0o600); err != nil {
					c.t.Fatal(err)
				}
			}
		}
	}
	return root
}

// environment is what a node would give to the container, with the paths of the
// mounted files below root.
func (c *cluster) environment(p pod, root string) []string {
	c.t.Helper()
	var env []string
	for _, e := range p.Spec.Containers[0].Env {
		value := e.Value
		switch from := e.ValueFrom; {
		case from != nil && from.SecretKeyRef != nil:
			value = string(c.secret(from.SecretKeyRef.Name)[from.SecretKeyRef.Key])
		case from != nil && from.FieldRef != nil:
			value = p.field(from.FieldRef.FieldPath)
		case strings.HasPrefix(value, "/etc/kafka-import-bridge/"):
			value = root + value
		}
		env = append(env, e.Name+"="+value)
	}
	return env
}

// field is what the downward API gives for a path: the pod's name or a label.
func (p pod) field(path string) string {
	if label, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
		return p.Metadata.Labels[strings.TrimSuffix(label, "']")]
	}
	return p.Metadata.Name
}

func (c *cluster) secret(name string) map[string][]byte {
	c.t.Helper()
	var secret struct{ Data map[string][]byte }
	c.get("/api/v1/namespaces/"+namespace+"/secrets/"+name, &secret)
	return secret.Data
}
