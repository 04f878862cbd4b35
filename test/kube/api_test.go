package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// answer is what the API server said.
type answer struct {
	status   int
	warnings []string
	body     []byte
}

// do sends one request; url may be a path of the API server.
func (c *cluster) do(method, url, contentType string, body []byte) (answer, error) {
	if strings.HasPrefix(url, "/") {
		url = c.url + url
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header.Values("Warning"), text}, err
}

// get decodes what is at path into v.
func (c *cluster) get(path string, v any) {
	c.t.Helper()
	got, err := c.do(http.MethodGet, path, "", nil)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", got.status, got.body)
	}
	if err == nil {
		err = json.Unmarshal(got.body, v)
	}
	if err != nil {
		c.t.Fatalf("get %s: %v", path, err)
	}
}

// create creates the object that a YAML text describes.
func (c *cluster) create(path, text string) {
	c.t.Helper()
	got, err := c.do(http.MethodPost, path, "application/yaml", []byte(text))
	if err != nil || got.status != http.StatusCreated {
		c.t.Fatalf("create in %s: %v, status %d: %s", path, err, got.status, got.body)
	}
}

// resources is where the objects of a kind are.
func resources(namespace, apiVersion, kind string) string {
	root, plural := "/apis/", strings.ToLower(kind)+"s"
	if !strings.Contains(apiVersion, "/") {
		root = "/api/"
	}
	if strings.HasSuffix(kind, "y") {
		plural = strings.TrimSuffix(strings.ToLower(kind), "y") + "ies"
	}
	return root + apiVersion + "/namespaces/" + namespace + "/" + plural
}

// inventory lists everything in a namespace, of whatever kind the API server
// knows, as "kind/name". What the cluster itself writes down is left out.
func (c *cluster) inventory(namespace string) []string {
	c.t.Helper()
	versions := []string{"/api/v1"}
	var groups struct {
		Groups []struct{ PreferredVersion struct{ GroupVersion string } }
	}
	c.get("/apis", &groups)
	for _, g := range groups.Groups {
		versions = append(versions, "/apis/"+g.PreferredVersion.GroupVersion)
	}
	var found []string
	for _, version := range versions {
		var list struct {
			Resources []struct {
				Name, Kind string
				Namespaced bool
				Verbs      []string
			}
		}
		c.get(version, &list)
		for _, r := range list.Resources {
			if !r.Namespaced || !slices.Contains(r.Verbs, "list") || r.Kind == "Event" {
				continue
			}
			for _, name := range c.names(version + "/namespaces/" + namespace + "/" + r.Name) {
				found = append(found, r.Kind+"/"+name)
			}
		}
	}
	slices.Sort(found)
	return found
}

func (c *cluster) names(path string) []string {
	c.t.Helper()
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	c.get(path, &list)
	names := make([]string, len(list.Items))
	for i, item := range list.Items {
		names[i] = item.Metadata.Name
	}
	return names
}
