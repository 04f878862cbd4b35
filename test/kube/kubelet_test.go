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
		Name              string
		Labels            map[string]string
		Annotations       map[string]string
		DeletionTimestamp string
	}
	Spec struct {
		NodeName   string
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

// zone is that of the only node.
const zone = "zone-a"

// kubelet stands in for the scheduler and the nodes until the test ends: it gives
// each pod to the one node that there is, says that it runs and is ready, or of one
// that checks that it has succeeded, and lets go of pods that are deleted. It runs
// nothing.
func (c *cluster) kubelet(namespace string) {
	c.create("/api/v1/nodes", `{metadata: {name: node, labels: {topology.kubernetes.io/zone: `+zone+`}}}`)
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
				c.movePods("/api/v1/namespaces/" + namespace + "/pods")
			}
		}
	})
}

// movePods takes every pod one step further. It ignores faults: the next turn
// tries again, and who waits for the pods tells that they are not ready.
func (c *cluster) movePods(path string) {
	got, err := c.do(http.MethodGet, path, "", nil)
	if err != nil || got.status != http.StatusOK {
		return
	}
	var pods struct{ Items []pod }
	if json.Unmarshal(got.body, &pods) != nil {
		return
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		at := path + "/" + p.Metadata.Name
		switch {
		case p.Metadata.DeletionTimestamp != "":
			_, _ = c.do(http.MethodDelete, at+"?gracePeriodSeconds=0", "", nil)
		case p.Spec.NodeName == "":
			_, _ = c.do(http.MethodPost, at+"/binding", "application/json",
				[]byte(`{"apiVersion":"v1","kind":"Binding","metadata":{"name":"`+p.Metadata.Name+`"},"target":{"apiVersion":"v1","kind":"Node","name":"node"}}`))
		case p.Status.Phase == "Pending":
			_, _ = c.do(http.MethodPatch, at+"/status", "application/merge-patch+json", []byte(statusOf(p)))
		}
	}
}

// statusOf is what a node says of a pod that it has started.
func statusOf(p *pod) string {
	now := time.Now().UTC().Format(time.RFC3339)
	status := `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"` + now + `"},{"type":"ContainersReady","status":"True","lastTransitionTime":"` + now + `"}]}}`
	if p.Metadata.Labels["app.kubernetes.io/component"] == "check" {
		status = strings.NewReplacer("Running", "Succeeded", "True", "False").Replace(status)
	}
	return status
}
