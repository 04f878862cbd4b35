package s3

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"kafka-import-bridge/test/child"
	"kafka-import-bridge/test/provision"
)

const (
	gatewayVersion = "v1.8.0"
	bucket         = "uploads"
	accessKey      = "parity"
	secretKey      = "parity-secret"
)

// gateway is a running S3-compatible server.
type gateway struct {
	url  string
	root string // holds the buckets as folders
}

// startGateway builds versitygw once per machine and starts it over a folder.
func startGateway(t *testing.T) *gateway {
	t.Helper()
	binary := filepath.Join(provision.Folder(t, "versitygw-"+gatewayVersion, buildGateway), "versitygw")
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	ports, err := child.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	log, err := os.Create(filepath.Join(t.TempDir(), "gateway.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--port", address, "--health", "/health", "--quiet", "posix", "--sidecar", t.TempDir(), root) //nolint:noctx // killed by the cleanup
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	cmd.Stdout, cmd.Stderr = log, log
	process, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		_ = log.Close()
	})
	g := &gateway{url: "http://" + address, root: root}
	if err := g.waitReady(t.Context(), process); err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("versitygw: %v\n%s", err, text)
	}
	return g
}

// buildGateway installs the server with a Go toolchain of its own choosing and
// no setting of this module.
func buildGateway(ctx context.Context, dir string) error {
	build := exec.CommandContext(ctx, "go", "install", "github.com/versity/versitygw/cmd/versitygw@"+gatewayVersion)
	build.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go install versitygw: %w: %s", err, out)
	}
	return nil
}

func (g *gateway) waitReady(ctx context.Context, process *child.Process) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/health", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-process.Done():
			return fmt.Errorf("exited with %d", process.ExitCode())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// presign signs a PUT of JSON with the AWS SDK's own signer.
func (g *gateway) presign(t *testing.T, key string, at time.Time, life time.Duration) string {
	t.Helper()
	link := fmt.Sprintf("%s/%s/%s?X-Amz-Expires=%d", g.url, bucket, key, int(life/time.Second))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), credentials, request, "UNSIGNED-PAYLOAD", "s3", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
