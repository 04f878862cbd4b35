package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"kafka-import-bridge/test/child"
	"kafka-import-bridge/test/provision"
)

const version = "2.6.13.Final"

// Registry is a running registry.
type Registry struct {
	*child.Process
	URL string // of Confluent's API
}

// patience is for the start, on a machine that may be busy.
const patience = 2 * time.Minute

// Start starts a registry that ends with the test.
func Start(tb testing.TB) *Registry {
	tb.Helper()
	dir := provision.Folder(tb, "apicurio-"+version, download)
	java := provision.Program(tb, "java", "apt-get install openjdk-17-jre-headless")
	ports, err := child.FreePorts(tb.Context(), 1)
	if err != nil {
		tb.Fatal(err)
	}
	log, err := os.Create(filepath.Join(tb.TempDir(), "registry.log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close() // the child has a copy
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), java, "-Xmx192m", "-XX:TieredStopAtLevel=1",
		"-jar", filepath.Join(dir, "apicurio-registry-app-"+version+"-runner.jar"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "QUARKUS_HTTP_HOST=127.0.0.1", "QUARKUS_HTTP_PORT=" + strconv.Itoa(ports[0])}
	r := &Registry{URL: fmt.Sprintf("http://127.0.0.1:%d/apis/ccompat/v7", ports[0])}
	if r.Process, err = child.Start(cmd); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Kill)
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if r.call(tb.Context(), http.MethodGet, "/schemas/types", nil, new(any)) == nil {
			return r
		}
		if !r.Alive() || time.Since(began) > patience {
			text, _ := os.ReadFile(log.Name())
			tb.Fatalf("the registry does not start: %s", text[max(0, len(text)-2000):])
		}
	}
}

func download(ctx context.Context, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: mvn", provision.ErrMissing)
	}
	const name = "apicurio-registry-app"
	for _, step := range [][]string{
		{mvn, "-q", "-B", "dependency:copy", "-Dartifact=io.apicurio:" + name + ":" + version + ":tar.gz:all", "-DoutputDirectory=" + dir},
		{"tar", "-xzf", filepath.Join(dir, name+"-"+version+"-all.tar.gz"), "-C", dir},
	} {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", step, err, out)
		}
	}
	return os.Remove(filepath.Join(dir, name+"-"+version+"-all.tar.gz"))
}

// call makes one call and parses its answer.
func (r *Registry) call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answers %s", method, path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// Register registers a schema and returns its id.
func (r *Registry) Register(tb testing.TB, s Schema) uint32 {
	tb.Helper()
	if s.References == nil {
		s.References = []Reference{}
	}
	var answer struct{ ID uint32 }
	if err := r.call(tb.Context(), http.MethodPost, "/subjects/"+url.PathEscape(s.Subject)+"/versions", map[string]any{
		"schema": s.Text, "schemaType": s.Type, "references": s.References,
	}, &answer); err != nil {
		tb.Fatalf("register %s: %v", s.Subject, err)
	}
	return answer.ID
}
