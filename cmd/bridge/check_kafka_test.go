package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
)

// realWorld is a checkWorld around a real Kafka.
func realWorld(t *testing.T, options kafkatest.Options) (*checkWorld, *kafkatest.Cluster) {
	t.Helper()
	kafka := kafkatest.New(t, options)
	w := newCheckWorld(t)
	w.broker = kafka.Nodes[0].Addr
	w.env["BRIDGE_KAFKA_BROKERS"] = w.broker
	for topic, partitions := range map[string]int32{"users": 3, "listings": 1, "dead": 1} {
		if _, err := kafka.Admin().CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	return w, kafka
}

// The check names what is wrong before the bridge ever runs, on a real broker's
// own answers. The names of the users say what they lack.
func TestCheckKafka_securityFaults(t *testing.T) {
	users := map[string]string{}
	for _, name := range []string{"enough", "nothing", "topic", "reading", "group", "joining", "letters", "writing"} {
		users[name] = "SECRET"
	}
	w, kafka := realWorld(t, kafkatest.Options{Users: users, ACLs: true})
	grant := func(kind, name string, operation kadm.ACLOperation, but ...string) {
		acl := kadm.NewACLs().AllowHosts().Operations(operation).ResourcePatternType(kadm.ACLPatternLiteral)
		if kind == "group" {
			acl = acl.Groups(name)
		} else {
			acl = acl.Topics(name)
		}
		var who []string
		for user := range users {
			if user != "nothing" && !slices.Contains(but, user) {
				who = append(who, "User:"+user)
			}
		}
		if _, err := kafka.Admin().CreateACLs(t.Context(), acl.Allow(who...)); err != nil {
			t.Fatal(err)
		}
	}
	grant("topic", "users", kadm.OpRead, "topic", "reading")
	grant("topic", "users", kadm.OpDescribe, "topic")
	grant("topic", "listings", kadm.OpRead)
	grant("group", "bridge", kadm.OpRead, "group", "joining")
	grant("group", "bridge", kadm.OpDescribe, "group")
	grant("topic", "dead", kadm.OpWrite, "letters", "writing")
	grant("topic", "dead", kadm.OpDescribe, "letters")

	secure := func(changes map[string]string) map[string]string {
		env := map[string]string{
			"BRIDGE_KAFKA_BROKERS": kafka.Nodes[0].Secure, "BRIDGE_KAFKA_TLS": "true", "BRIDGE_KAFKA_TLS_CA_FILE": kafka.CAFile,
			"BRIDGE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "BRIDGE_KAFKA_SASL_USERNAME": "enough", "BRIDGE_KAFKA_SASL_PASSWORD": "SECRET",
			"BRIDGE_DLQ_TOPIC": "dead",
		}
		for name, value := range changes {
			env[name] = value
		}
		return env
	}
	as := func(user string) map[string]string {
		return secure(map[string]string{"BRIDGE_KAFKA_SASL_USERNAME": user})
	}
	for range 100 { // the broker takes a moment to know the permissions
		if code, _ := w.check(as("enough")); code == 0 {
			break
		}
	}
	for _, tc := range []struct {
		name    string
		changes map[string]string
		want    string // the beginning of the first fail line, "" for none
		remedy  string
	}{
		{"all is well", as("enough"), "", ""},
		{"wrong password", secure(map[string]string{"BRIDGE_KAFKA_SASL_PASSWORD": "SECRET-no"}), "fail broker ", "BRIDGE_KAFKA_SASL_PASSWORD"},
		{"wrong CA", secure(map[string]string{"BRIDGE_KAFKA_TLS_CA_FILE": ""}), "fail broker ", "BRIDGE_KAFKA_TLS_CA_FILE"},
		{"plaintext client at a TLS port", map[string]string{"BRIDGE_KAFKA_BROKERS": kafka.Nodes[0].Secure}, "fail broker ", "BRIDGE_KAFKA_TLS=true"},
		{"TLS client at a plaintext port", secure(map[string]string{"BRIDGE_KAFKA_BROKERS": w.broker}), "fail broker ", "BRIDGE_KAFKA_TLS=false"},
		{"no client certificate", map[string]string{"BRIDGE_KAFKA_BROKERS": kafka.Nodes[0].Mutual, "BRIDGE_KAFKA_TLS": "true", "BRIDGE_KAFKA_TLS_CA_FILE": kafka.CAFile},
			"fail broker ", "BRIDGE_KAFKA_TLS_CERT_FILE"},
		{"no permission at all", as("nothing"), "fail topic listings: ", "READ and DESCRIBE"},
		{"no permission on a topic", as("topic"), "fail topic users: ", "READ and DESCRIBE"},
		{"a topic may only be described", as("reading"), "fail topic users: ", "READ and DESCRIBE"},
		{"no permission on the group", as("group"), "fail group bridge: ", "READ on BRIDGE_KAFKA_GROUP_ID"},
		{"the group may only be described", as("joining"), "fail group bridge: ", "READ on BRIDGE_KAFKA_GROUP_ID"},
		{"no permission on the dead-letter topic", as("letters"), "fail dead-letter topic dead: ", "WRITE and DESCRIBE on BRIDGE_DLQ_TOPIC"},
		{"the dead-letter topic may only be described", as("writing"), "fail dead-letter topic dead: ", "WRITE and DESCRIBE on BRIDGE_DLQ_TOPIC"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out := w.check(tc.changes, "-namespace", "users")
			_, fail := w.lines(out)
			switch {
			case tc.want == "":
				if code != 0 || !strings.Contains(out, "the brokers grant READ") || !strings.Contains(out, "the brokers grant WRITE") {
					t.Errorf("exit code %d: %s", code, out)
				}
			case code != 1 || len(fail) == 0 || !strings.HasPrefix(fail[0], tc.want) || !strings.Contains(fail[0], tc.remedy):
				t.Errorf("exit code %d, want %q with %q: %s", code, tc.want, tc.remedy, out)
			}
		})
	}
	w.untouched()
}

// The group is looked at from outside: other clients in it are told, and a
// sample neither joins nor commits. A compacted dead-letter topic is told.
func TestCheckKafka_groupAndSample(t *testing.T) {
	w, kafka := realWorld(t, kafkatest.Options{})
	w.produce("users", 0, `{"id":"SECRET-1"}`, `{"id":"SECRET-2"}`, `SECRET`)
	code, out := w.check(map[string]string{"BRIDGE_ON_INVALID": "skip"}, "-sample", "5")
	for _, want := range []string{
		"ok topic users: 3 partitions, readable; 3 records ahead of the group, which is new",
		"ok sample users: namespace users would get 2 lines, 36 bytes",
		"ok sample users: 1 record would be left out as not_json, for instance users/0@2: ",
		"ok group bridge: its offsets can be read; the brokers grant READ, which joining and committing need; nobody is in it",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want %q: %s", code, want, out)
		}
	}
	w.untouched()
	compact := kadm.AlterConfig{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")}
	if _, err := kafka.Admin().AlterTopicConfigs(t.Context(), []kadm.AlterConfig{compact}, "dead"); err != nil {
		t.Fatal(err)
	}
	const refuses = "cleanup.policy is compact: it refuses the dead letters of records without a key"
	for range 100 { // the broker takes a moment to know the policy
		if code, out = w.check(map[string]string{"BRIDGE_DLQ_TOPIC": "dead"}); strings.Contains(out, refuses) {
			break
		}
	}
	if code != 1 || !strings.Contains(out, refuses) {
		t.Errorf("exit code %d, want %q: %s", code, refuses, out)
	}
	other := w.client(kgo.ClientID("other-consumer"), kgo.ConsumerGroup("bridge"), kgo.ConsumeTopics("users"), kgo.DisableAutoCommit())
	if err := other.PollFetches(t.Context()).Err(); err != nil { // a member by now
		t.Fatal(err)
	}
	code, out = w.check(nil)
	if code != 1 || !strings.Contains(out, `fail group bridge: is shared with other clients: "other-consumer"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}
