package kube

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pod is what concerns us of a pod.
type pod struct {
	Metadata struct {
		Name        string
		Labels      map[string]string
		Annotations map[string]string
	}
	Spec struct {
		Containers []container
		Volumes    []struct {
			Name   string
			Secret *struct{ SecretName string }
		}
		AutomountServiceAccountToken  *bool
		EnableServiceLinks            *bool
		TerminationGracePeriodSeconds int
	}
	Status struct{ Phase string }
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   *struct {
			FieldRef     *struct{ FieldPath string }
			SecretKeyRef *struct{ Name, Key string }
		}
	}
	VolumeMounts []struct{ Name, MountPath string }
}

// kubelet stands in for the nodes until the test ends: it says of each pending
// pod that it runs and is ready, and of one that checks that it has succeeded.
// It runs nothing.
func (c *cluster) kubelet(namespace string) {
	var joined sync.WaitGroup
	c.t.Cleanup(joined.Wait) // the test's context has ended by then
	joined.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-c.t.Context().Done():
				return
			case <-tick.C:
				c.runPending("/api/v1/namespaces/" + namespace + "/pods")
			}
		}
	})
}

// runPending ignores faults: the next turn tries again, and who waits for the
// pods tells that they are not ready.
func (c *cluster) runPending(path string) {
	got, err := c.do(http.MethodGet, path+"?fieldSelector=status.phase%3DPending", "", nil)
	if err != nil || got.status != http.StatusOK {
		return
	}
	var pods struct{ Items []pod }
	if json.Unmarshal(got.body, &pods) != nil {
		return
	}
	for _, p := range pods.Items {
		status := `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"},{"type":"ContainersReady","status":"True"}]}}`
		if p.Metadata.Labels["app.kubernetes.io/component"] == "check" {
			status = strings.NewReplacer("Running", "Succeeded", "True", "False").Replace(status)
		}
		_, _ = c.do(http.MethodPatch, path+"/"+p.Metadata.Name+"/status", "application/merge-patch+json", []byte(status))
	}
}
