package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// refusal is a way in which brokers refuse a bridge, and what tells a person.
type refusal struct {
	name string
	env  environment
	says string // in the log of the bridge, and in a fail line of `bridge check`
}

// A bridge that the brokers refuse says in its log what to change, keeps trying
// without ending, and stops cleanly; `bridge check` says the same.
func TestSecurity_refusalNamesTheRemedy(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{"alice": secretPassword}})
	node := kafka.Nodes[0]
	alice := password("SCRAM-SHA-512", "alice", secretPassword)
	var subtests sync.WaitGroup
	defer subtests.Wait()
	for _, tc := range []refusal{
		{
			"wrong password", secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "alice", secretPassword+"x")),
			"check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD",
		},
		{
			"wrong password of PLAIN", secure(kafka, node.Secure).with(password("PLAIN", "alice", secretPassword+"x")),
			"check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD",
		},
		{
			"wrong CA", secure(kafka, node.Secure).with(alice, environment{"BRIDGE_KAFKA_TLS_CA_FILE": otherCA(t)}),
			"set BRIDGE_KAFKA_TLS_CA_FILE to the roots that sign it",
		},
		{
			"another name", secure(kafka, node.Named),
			"it holds " + kafkatest.ServerName + "; use such a name in BRIDGE_KAFKA_BROKERS and the brokers' advertised.listeners, or set BRIDGE_KAFKA_TLS_SERVER_NAME",
		},
		{
			"plaintext client on a TLS port", environment{"BRIDGE_KAFKA_BROKERS": node.Secure},
			"its listener may want TLS (set BRIDGE_KAFKA_TLS=true)",
		},
		{
			"TLS client on a plaintext port", secure(kafka, node.Addr),
			"BRIDGE_KAFKA_TLS=false",
		},
		{
			"no credentials", secure(kafka, node.Secure),
			"BRIDGE_KAFKA_SASL_MECHANISM",
		},
		{
			"no client certificate", secure(kafka, node.Mutual),
			"BRIDGE_KAFKA_TLS_CERT_FILE",
		},
		{
			"nobody listens", environment{"BRIDGE_KAFKA_BROKERS": "127.0.0.1:1"},
			"no broker listens at 127.0.0.1:1: check BRIDGE_KAFKA_BROKERS",
		},
	} {
		subtests.Go(func() {
			t.Run(tc.name, func(t *testing.T) {
				w := newWorldOn(t, kafka, 1)
				w.refused(tc)
				w.judge()
			})
		})
	}
	subtests.Go(func() {
		t.Run("until the files are replaced", func(t *testing.T) {
			w := newWorldOn(t, kafka, 1)
			w.mended(secure(kafka, node.Secure).with(alice))
			w.judge()
		})
	})
}

// mended starts a bridge whose files of roots and of the password are wrong, and
// requires that it goes on without a restart once they are replaced.
func (w *world) mended(right environment) {
	w.t.Helper()
	roots, password := otherCA(w.t), filepath.Join(w.t.TempDir(), "password")
	replace := func(path string, content []byte) {
		w.t.Helper()
		if err := os.WriteFile(path+".new", content, 0o600); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			w.t.Fatal(err)
		}
	}
	replace(password, []byte("an older one\n"))
	b := w.launch(right, environment{
		"BRIDGE_KAFKA_TLS_CA_FILE": roots, "BRIDGE_KAFKA_SASL_PASSWORD": "", "BRIDGE_KAFKA_SASL_PASSWORD_FILE": password,
	})
	w.eventually("the log names the roots", func() bool { return b.says("set BRIDGE_KAFKA_TLS_CA_FILE to the roots that sign it") })
	pem, err := os.ReadFile(right["BRIDGE_KAFKA_TLS_CA_FILE"])
	if err != nil {
		w.t.Fatal(err)
	}
	replace(roots, pem)
	w.eventually("the password is told as refused", func() bool {
		return b.says("check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD") && b.metric("credentials_refused", `target="kafka"`) == 1
	})
	replace(password, []byte(secretPassword+"\n"))
	w.produce(load{records: 100})
	w.settle()
	if got := b.metric("credentials_refused", `target="kafka"`); got != 0 {
		w.t.Errorf("credentials_refused is %v at the end", got)
	}
	b.stop()
}

// refused starts a bridge that is refused and requires that it tells so.
func (w *world) refused(r refusal) {
	w.t.Helper()
	b := w.launch(r.env)
	w.eventually("the log says: "+r.says, func() bool { return b.says(r.says) })
	if status, _ := b.get("/healthz"); status != 200 {
		w.t.Errorf("/healthz is %d: a restart would not help", status)
	}
	if b.ready() {
		w.t.Error("/readyz is 200")
	}
	b.stop()
	if code, text := w.check(r.env); code != 1 || !bytes.Contains(failures(text), []byte(r.says)) {
		w.t.Errorf("bridge check ended with code %d and no fail line that says %q:\n%s", code, r.says, text)
	}
}

// check runs `bridge check` and returns its exit code and output.
func (w *world) check(more ...environment) (code int, text []byte) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, bridgeBinary(w.t), "check")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.logs}
	for k, v := range w.env.with(more...) {
		if v != "" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	w.inspect("bridge check", string(text))
	return cmd.ProcessState.ExitCode(), text
}

// failures are the lines that begin with "fail".
func failures(text []byte) (lines []byte) {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("fail")) {
			lines = append(lines, line...)
		}
	}
	return lines
}

// otherCA is a certificate that signs none of the brokers.
func otherCA(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.pem")
	if err := kafkatest.WriteCA(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// allow gives a user permissions on topics or groups.
func (w *world) allow(acl *kadm.ACLBuilder) {
	w.t.Helper()
	acl = acl.ResourcePatternType(kadm.ACLPatternLiteral).AllowHosts("*")
	results, err := w.admin.CreateACLs(w.context(), acl)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			w.t.Fatal(r.Err)
		}
	}
}

func acl(user string, operations ...kadm.ACLOperation) *kadm.ACLBuilder {
	return kadm.NewACLs().Allow("User:" + user).Operations(operations...)
}

// Without a permission the bridge says which one, and goes on as soon as it is
// given.
func TestPermissions_eachIsToldAndHeals(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{
		"no-topic": secretPassword, "no-group": secretPassword, "no-letters": secretPassword,
	}, ACLs: true})
	var subtests sync.WaitGroup
	defer subtests.Wait()
	for user, says := range map[string]string{
		"no-topic":   "the user needs READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS",
		"no-group":   "no permission on the consumer group: the user needs READ on BRIDGE_KAFKA_GROUP_ID",
		"no-letters": "WRITE and DESCRIBE on BRIDGE_DLQ_TOPIC",
	} {
		subtests.Go(func() {
			t.Run(user, func(t *testing.T) {
				w := newWorldOn(t, kafka, 1)
				w.deadLetterTopic()
				w.env["BRIDGE_ON_INVALID"] = "dlq"
				grants := map[string]*kadm.ACLBuilder{
					"no-topic":   acl(user, kadm.OpRead, kadm.OpDescribe).Topics(w.topic),
					"no-group":   acl(user, kadm.OpRead, kadm.OpDescribe).Groups(w.group),
					"no-letters": acl(user, kadm.OpWrite, kadm.OpDescribe).Topics(w.env["BRIDGE_DLQ_TOPIC"]),
				}
				for other, grant := range grants {
					if other != user {
						w.allow(grant)
					}
				}
				env := secure(kafka, kafka.Nodes[0].Secure).with(password("SCRAM-SHA-256", user, secretPassword))
				w.produce(load{records: 200, edit: func(i int, r *kgo.Record, want *truth.Record) {
					if i == 77 {
						r.Value, want.Namespaces, want.Fate = []byte("not JSON"), nil, truth.DeadLettered
					}
				}})
				b := w.launch(env)
				w.eventually("the log says: "+says, func() bool { return b.says(says) })
				if code, text := w.check(env); code != 1 || len(failures(text)) == 0 {
					t.Errorf("bridge check ended with code %d:\n%s", code, text)
				} else {
					t.Logf("%s", failures(text))
				}
				w.allow(grants[user])
				w.settle(b)
				w.judge()
			})
		})
	}
}

// A topic of two that this user may not read keeps the other one from nothing, over a
// restart and a rebalance, and is read as soon as it is permitted.
func TestPermissions_aDeniedTopicStopsNoOther(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{"half": secretPassword}, ACLs: true})
	w := newWorldOn(t, kafka, 2)
	other := w.topic + "-denied"
	w.createTopic(other, 1, nil)
	w.env["BRIDGE_KAFKA_TOPICS"] = w.topic + "," + other
	w.allow(acl("half", kadm.OpRead, kadm.OpDescribe).Topics(w.topic))
	w.allow(acl("half", kadm.OpRead, kadm.OpDescribe).Groups(w.group))
	env := secure(kafka, kafka.Nodes[0].Secure).with(password("SCRAM-SHA-256", "half", secretPassword))
	b := w.start(env)
	w.produce(load{records: 200})
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("it says which topic", func() bool { return b.says("no permission on topic " + other) })
	w.produce(load{records: 10, topic: other, partitions: 1})
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s to stop", took)
	}
	b = w.start(env)
	second := w.start(env)
	w.assigned(1, b, second)
	w.allow(acl("half", kadm.OpRead, kadm.OpDescribe).Topics(other))
	w.waitStored()
	w.waitCommitted(w.topic, other)
	b.stop()
	second.stop()
	w.judge()
}
