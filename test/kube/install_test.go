package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/test/provision"
)

const (
	namespace = "data"
	release   = "import"
	fullname  = release + "-kafka-import-bridge"
)

// full is the chart's own example of every optional part at once, but for the
// ServiceMonitor, which excludes the PodMonitor.
const full = chart + "/ci/full-values.yaml"

// TestInstall takes a release through its life in a namespace that admits only
// restricted pods.
func TestInstall(t *testing.T) {
	provision.Program(t, "helm", "go install helm.sh/helm/v4/cmd/helm")
	c := start(t)
	c.definitions()
	c.namespace()
	c.kubelet(namespace)
	before := c.inventory(namespace)
	began := time.Now()

	objects, check := c.accepts(full)
	others, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil || len(others) < 5 {
		t.Fatalf("examples = %v, %v", others, err)
	}
	for _, values := range others {
		c.accepts(values)
	}
	if t.Failed() {
		return // installing would wait for pods that are not admitted
	}
	c.install(objects)
	c.upgrade()
	c.rollback(objects)
	c.test(check)
	c.uninstall(before)
	c.statefulSet()
	t.Logf("installed, upgraded, rolled back, tested and uninstalled in %s", time.Since(began).Round(100*time.Millisecond))
}

// definitions creates the kinds of the Prometheus operator and of KEDA.
func (c *cluster) definitions() {
	c.t.Helper()
	dir := c.t.TempDir()
	if out, err := exec.CommandContext(c.t.Context(), "go", "run", "./schemas", dir).CombinedOutput(); err != nil {
		c.t.Fatalf("go run ./schemas: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		c.t.Fatalf("definitions: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		c.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", string(text))
	}
	for _, served := range []string{"/apis/monitoring.coreos.com/v1", "/apis/keda.sh/v1alpha1"} {
		c.await(served, c.url+served)
	}
}

// namespace creates the namespace, and in it what the values refer to.
func (c *cluster) namespace() {
	c.t.Helper()
	c.create("/api/v1/namespaces", `{metadata: {name: data, labels: {
		pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/warn: restricted}}}`)
	c.create("/apis/scheduling.k8s.io/v1/priorityclasses", `{metadata: {name: high}, value: 1000}`)
	// The API server's own certificate serves for those of Kafka.
	certificate, key := c.read("apiserver.crt"), c.read("apiserver.key")
	for name, keys := range map[string]map[string]string{
		"import-api":     {"token": "not-a-real-key"},
		"kafka-user":     {"username": "bridge", "password": "not-a-real-password"},
		"kafka-ca":       {"ca.crt": certificate},
		"kafka-user-tls": {"user.crt": certificate, "user.key": key},
	} {
		text, err := json.Marshal(keys)
		if err != nil {
			c.t.Fatal(err)
		}
		c.create("/api/v1/namespaces/data/secrets", fmt.Sprintf("{metadata: {name: %s}, stringData: %s}", name, text))
	}
}

// accepts has the API server judge each object that the values render to. The
// pod of helm test must wait until its account exists.
func (c *cluster) accepts(values string) (objects []string, check manifest) {
	c.t.Helper()
	for _, m := range manifests(c.t, c.helm("template", release, chart, "--kube-version", version, "-f", values)) {
		if m.Kind == "Pod" {
			check = m
			continue
		}
		if err := c.acceptStrictly(m); err != nil {
			c.t.Errorf("%s: %v", m, err)
		}
		objects = append(objects, m.String())
	}
	return objects, check
}

func (c *cluster) install(objects []string) {
	c.t.Helper()
	notes := c.helm("install", release, chart, "-f", full, "--wait", "--timeout", patience.String())
	if !strings.Contains(notes, "helm test --namespace data import --logs") {
		c.t.Errorf("helm install says\n%s", notes)
	}
	if missing := lacks(c.inventory(namespace), objects...); len(missing) > 0 || len(objects) < 9 {
		c.t.Errorf("of %v are missing: %v", objects, missing)
	}
	pods := c.pods()
	if len(pods) != 1 {
		c.t.Fatalf("%d pods, want 1", len(pods))
	}
	c.acceptedByTheBridge(pods[0])
	if grace := pods[0].Spec.TerminationGracePeriodSeconds; grace != 105 {
		c.t.Errorf("the pod has %d s to end, want 105", grace)
	}
}

// upgrade changes settings, parts and the number of replicas, and waits for the
// roll-out.
func (c *cluster) upgrade() {
	c.t.Helper()
	old := c.pods()
	c.helm("upgrade", release, chart, "-f", full, "--wait", "--timeout", patience.String(),
		"--set", "config.BRIDGE_BATCH_MAX_AGE=10s,autoscaling.enabled=false,replicaCount=3",
		"--set", "podMonitor.enabled=false,serviceMonitor.enabled=true,networkPolicy.enabled=false",
		"--set", "podDisruptionBudget.minAvailable=50%,podDisruptionBudget.maxUnavailable=null")
	inventory := c.inventory(namespace)
	if missing := lacks(inventory, "ServiceMonitor/"+fullname, "PodDisruptionBudget/"+fullname); len(missing) > 0 {
		c.t.Errorf("after the upgrade are missing: %v", missing)
	}
	for _, gone := range []string{"ScaledObject/", "PodMonitor/", "NetworkPolicy/"} {
		if slices.Contains(inventory, gone+fullname) {
			c.t.Errorf("%s%s outlives the upgrade", gone, fullname)
		}
	}
	c.eventuallyPods(3, func(p pod) bool {
		return p.Metadata.Name != old[0].Metadata.Name && p.variable("BRIDGE_BATCH_MAX_AGE") == "10s"
	})
}

func (c *cluster) rollback(objects []string) {
	c.t.Helper()
	c.helm("rollback", release, "1", "--wait", "--timeout", patience.String())
	inventory := c.inventory(namespace)
	if missing := lacks(inventory, objects...); len(missing) > 0 || slices.Contains(inventory, "ServiceMonitor/"+fullname) {
		c.t.Errorf("after the rollback are missing: %v, of %v", missing, inventory)
	}
	c.eventuallyPods(0, func(p pod) bool { return p.variable("BRIDGE_BATCH_MAX_AGE") == "" })
}

// test runs the release's hook, whose pod the stand-in says has succeeded.
func (c *cluster) test(check manifest) {
	c.t.Helper()
	if err := c.acceptStrictly(check); err != nil {
		c.t.Errorf("%s: %v", check, err)
	}
	if said := c.helm("test", release, "--timeout", patience.String()); !strings.Contains(said, "Succeeded") {
		c.t.Errorf("helm test says\n%s", said)
	}
	var p pod
	c.get("/api/v1/namespaces/data/pods/"+fullname+"-check", &p)
	if got := p.Spec.Containers[0].Args; !slices.Equal(got, []string{"check", "-namespace", "users"}) {
		c.t.Errorf("helm test runs %q", got)
	}
	c.acceptedByTheBridge(p)
}

// uninstall leaves what was there before, and the pod of helm test, which helm
// keeps for its log.
func (c *cluster) uninstall(before []string) {
	c.t.Helper()
	c.helm("uninstall", release, "--wait", "--timeout", patience.String())
	if got, err := c.do(http.MethodDelete, "/api/v1/namespaces/data/pods/"+fullname+"-check", "", nil); err != nil || got.status != http.StatusOK {
		c.t.Errorf("delete the pod of helm test: %v, status %d", err, got.status)
	}
	c.eventually("nothing is left", func() error {
		if now := c.inventory(namespace); !slices.Equal(now, before) {
			return fmt.Errorf("there is %v, was %v", now, before)
		}
		return nil
	})
}

// statefulSet installs replicas that keep their names, and changes them: each comes
// back under the name that it had.
func (c *cluster) statefulSet() {
	c.t.Helper()
	args := []string{release, chart, "-f", chart + "/ci/statefulset-values.yaml", "--wait", "--timeout", patience.String(),
		"--set", "apiKey.key=token,minReadySeconds=1"}
	c.helm(append([]string{"install"}, args...)...)
	names := c.replicas("")
	pods := c.pods()
	c.acceptedByTheBridge(pods[0])
	for _, p := range pods {
		if got := p.variable("BRIDGE_LEAVE_ON_STOP"); got != "false" {
			c.t.Errorf("%s has BRIDGE_LEAVE_ON_STOP=%q", p.Metadata.Name, got)
		}
		// kafka.rackLabel rests on the API server, which copies the label from the node.
		if env := c.environment(p, ""); !slices.Contains(env, "BRIDGE_KAFKA_RACK="+zone) {
			c.t.Errorf("%s, whose node is in the zone %q, has the environment %q", p.Metadata.Name, zone, env)
		}
	}
	c.helm(append([]string{"upgrade", "--set", "config.BRIDGE_BATCH_MAX_AGE=10s"}, args...)...)
	if now := c.replicas("10s"); !slices.Equal(now, names) {
		c.t.Errorf("the replicas are called %v, were %v", now, names)
	}
	c.helm("uninstall", release, "--wait", "--timeout", patience.String())
}

// replicas waits for the three pods with this batch age, and returns their names.
func (c *cluster) replicas(age string) []string {
	c.t.Helper()
	c.eventuallyPods(3, func(p pod) bool { return p.variable("BRIDGE_BATCH_MAX_AGE") == age })
	var names []string
	for _, p := range c.pods() {
		names = append(names, p.Metadata.Name)
	}
	slices.Sort(names)
	if want := []string{fullname + "-0", fullname + "-1", fullname + "-2"}; !slices.Equal(names, want) {
		c.t.Errorf("the replicas are called %v, want %v", names, want)
	}
	return names
}

// pods returns the release's bridges.
func (c *cluster) pods() []pod {
	c.t.Helper()
	var list struct{ Items []pod }
	c.get("/api/v1/namespaces/data/pods?labelSelector=app.kubernetes.io/component%3Dbridge", &list)
	return list.Items
}

// eventuallyPods waits until every pod is as it should be, and as many as
// wanted (0: at least one).
func (c *cluster) eventuallyPods(want int, is func(pod) bool) {
	c.t.Helper()
	c.eventually("the old pods are gone", func() error {
		pods := c.pods()
		if len(pods) == 0 || want > 0 && len(pods) != want || !slices.ContainsFunc(pods, is) ||
			slices.ContainsFunc(pods, func(p pod) bool { return !is(p) }) {
			return fmt.Errorf("%d pods: %+v", len(pods), pods)
		}
		return nil
	})
}
