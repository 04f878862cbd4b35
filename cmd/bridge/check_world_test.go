package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
)

const testKey = "sk_test_SECRETKEY"

// checkWorld is a cluster with the topics users (3 partitions), listings (1)
// and dead (1), an import API, and the environment of a bridge between them.
// The cluster would create topics on demand.
type checkWorld struct {
	t       *testing.T
	cluster *kfake.Cluster
	broker  string
	api     *sandbox.API
	env     map[string]string
}

func newCheckWorld(t *testing.T, opts ...kfake.Opt) *checkWorld {
	t.Helper()
	opts = append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(3, "users"), kfake.SeedTopics(1, "listings", "dead"), kfake.AllowAutoTopicCreation(),
	}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	api, err := sandbox.New(sandbox.Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	w := &checkWorld{t: t, cluster: cluster, broker: cluster.ListenAddrs()[0], api: api}
	w.env = map[string]string{
		"BRIDGE_KAFKA_BROKERS": w.broker, "BRIDGE_KAFKA_TOPICS": "users,listings", "BRIDGE_KAFKA_GROUP_ID": "bridge",
		"SAFETYKIT_API_KEY": testKey, "SAFETYKIT_BASE_URL": server.URL,
	}
	return w
}

// client returns an ordinary client of an open cluster.
func (w *checkWorld) client(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.broker), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return client
}

// produce writes the values as one record each; "" is a tombstone.
func (w *checkWorld) produce(topic string, partition int32, values ...string) {
	w.t.Helper()
	client := w.client()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition}
		if v != "" {
			r.Value = []byte(v)
		}
		if err := client.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// commit sets the group's offset of a partition.
func (w *checkWorld) commit(topic string, partition int32, offset int64) {
	w.t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: offset, LeaderEpoch: -1})
	if err := kadm.NewClient(w.client()).CommitAllOffsets(w.t.Context(), "bridge", offsets); err != nil {
		w.t.Fatal(err)
	}
}

// environ is the environment with changes.
func (w *checkWorld) environ(changes map[string]string) (environ []string) {
	for name, value := range w.env {
		if _, changed := changes[name]; !changed {
			environ = append(environ, name+"="+value)
		}
	}
	for name, value := range changes {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// check runs the command with changes to the environment, and returns its exit
// code and what it printed.
func (w *checkWorld) check(changes map[string]string, args ...string) (code int, out string) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), append([]string{"check"}, args...), w.environ(changes), &stdout, &stderr)
	if stderr.Len() > 0 {
		w.t.Errorf("stderr: %s", stderr.String())
	}
	if strings.Contains(stdout.String(), "SECRET") {
		w.t.Errorf("a secret or a record was printed: %s", stdout.String())
	}
	return code, stdout.String()
}

// untouched checks that nothing was consumed, imported, produced or created.
func (w *checkWorld) untouched() {
	w.t.Helper()
	if n := len(w.api.Objects()); n > 0 {
		w.t.Errorf("%d objects were uploaded", n)
	}
	if v := w.api.Violations(); len(v) > 0 {
		w.t.Errorf("the API complains: %v", v)
	}
	admin := kadm.NewClient(w.client())
	offsets, err := admin.FetchOffsets(w.t.Context(), "bridge")
	if err == nil && len(offsets) > 0 {
		w.t.Errorf("committed: %v", offsets)
	}
	groups, err := admin.DescribeGroups(w.t.Context(), "bridge")
	if err != nil || len(groups["bridge"].Members) > 0 {
		w.t.Errorf("members: %+v, %v", groups["bridge"].Members, err)
	}
	topics, err := admin.ListTopics(w.t.Context())
	if err != nil || fmt.Sprint(topics.Names()) != "[dead listings users]" {
		w.t.Errorf("topics: %v, %v", topics.Names(), err)
	}
	ends, err := admin.ListEndOffsets(w.t.Context(), "dead")
	if o, _ := ends.Lookup("dead", 0); err != nil || o.Offset != 0 {
		w.t.Errorf("the dead-letter topic ends at %d, %v", o.Offset, err)
	}
}

// lines are those of out that begin with ok or fail; anything else is an error.
func (w *checkWorld) lines(out string) (ok, fail []string) {
	w.t.Helper()
	for line := range strings.Lines(out) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "ok "):
			ok = append(ok, line)
		case strings.HasPrefix(line, "fail "):
			fail = append(fail, line)
		default:
			w.t.Errorf("a line begins neither with ok nor with fail: %q", line)
		}
	}
	return ok, fail
}
