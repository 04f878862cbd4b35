package kube

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/test/child"
	"kafka-import-bridge/test/provision"
)

// token is what the only user of a cluster shows.
const token = "test-administrator"

// patience is how long anything may take. Nothing waits for it in vain but a
// test that fails, and the machine may be busy.
const patience = 5 * time.Minute

// cluster is a control plane of one test. Its processes end with the test.
type cluster struct {
	t          *testing.T
	dir        string // logs, certificates, etcd's data
	url        string
	http       *http.Client
	kubeconfig string
	processes  map[string]*child.Process
}

// start starts etcd, kube-apiserver and kube-controller-manager, one after
// another, each when the one before is ready.
func start(t *testing.T) *cluster {
	t.Helper()
	etcd, programs := provision.Program(t, "etcd", "apt-get install etcd-server"), kubernetes(t)
	ports, err := child.FreePorts(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c := &cluster{t: t, dir: t.TempDir(), url: fmt.Sprintf("https://127.0.0.1:%d", ports[2]), http: http.DefaultClient, processes: map[string]*child.Process{}}
	c.startEtcd(etcd, ports[0], ports[1])
	c.startAPIServer(filepath.Join(programs, "kube-apiserver"), ports[0], ports[2])
	c.writeKubeconfig()
	c.run(filepath.Join(programs, "kube-controller-manager"),
		"--kubeconfig="+c.kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[3]),
		"--cert-dir="+c.dir, "--leader-elect=false",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,garbage-collector-controller,disruption-controller")
	t.Logf("Kubernetes %s is ready after %s", version, time.Since(began).Round(100*time.Millisecond))
	return c
}

func (c *cluster) startEtcd(program string, client, peer int) {
	c.t.Helper()
	clientURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", client), fmt.Sprintf("http://127.0.0.1:%d", peer)
	c.run(program, "--name=test", "--data-dir="+filepath.Join(c.dir, "etcd"),
		"--listen-client-urls="+clientURL, "--advertise-client-urls="+clientURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=test="+peerURL)
	c.await("etcd", clientURL+"/health")
}

func (c *cluster) startAPIServer(program string, etcd, port int) {
	c.t.Helper()
	tokens := c.write("tokens.csv", []byte(token+",administrator,administrator,system:masters\n"))
	key := c.write("accounts.key", newKey(c.t))
	c.run(program, fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcd),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		fmt.Sprintf("--secure-port=%d", port), "--cert-dir="+c.dir, "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC", "--token-auth-file="+tokens,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	certificate := filepath.Join(c.dir, "apiserver.crt") // which it makes itself
	c.eventually("the API server has a certificate", func() error {
		roots := x509.NewCertPool()
		text, err := os.ReadFile(certificate)
		if err == nil && !roots.AppendCertsFromPEM(text) {
			err = fmt.Errorf("no certificate in %s", certificate)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		c.http = &http.Client{Transport: transport, Timeout: time.Minute}
		return err
	})
	c.t.Cleanup(c.http.CloseIdleConnections)
	c.await("the API server", c.url+"/readyz")
}

// run starts a program that writes a log of its own. The log is shown if the
// test fails.
func (c *cluster) run(program string, args ...string) {
	c.t.Helper()
	name := filepath.Base(program)
	file, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer file.Close() // the child has a copy
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, file, file
	p, err := child.Start(cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	c.processes[name] = p
	c.t.Cleanup(func() {
		p.Kill()
		if c.t.Failed() {
			text, _ := os.ReadFile(file.Name())
			lines := strings.Split(string(text), "\n")
			c.t.Logf("the end of %s's log:\n%s", name, strings.Join(lines[max(0, len(lines)-20):], "\n"))
		}
	})
}

// await waits until an address answers 200.
func (c *cluster) await(what, url string) {
	c.t.Helper()
	c.eventually(what+" is ready", func() error {
		answer, err := c.do(http.MethodGet, url, "", nil)
		if err == nil && answer.status != http.StatusOK {
			err = fmt.Errorf("%s answers %d", url, answer.status)
		}
		return err
	})
}

func (c *cluster) writeKubeconfig() {
	c.t.Helper()
	c.kubeconfig = c.write("kubeconfig", fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: test, user: {token: %q}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
current-context: test
`, c.url, filepath.Join(c.dir, "apiserver.crt"), token))
}

func (c *cluster) write(name string, content []byte) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (c *cluster) read(name string) string {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// newKey is a key that signs the tokens of service accounts.
func newKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// eventually waits until check finds no fault.
func (c *cluster) eventually(what string, check func() error) {
	c.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		err := check()
		if err == nil {
			return
		}
		for name, p := range c.processes {
			if !p.Alive() {
				c.t.Fatalf("%s has ended; waited until %s: %v", name, what, err)
			}
		}
		if time.Now().After(end) {
			c.t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
	}
}
