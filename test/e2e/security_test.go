package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/test/kafkatest"
)

// secure is the part of a bridge's environment that every TLS listener needs.
func secure(kafka *kafkatest.Cluster, listener string) environment {
	return environment{
		"BRIDGE_KAFKA_BROKERS":     listener,
		"BRIDGE_KAFKA_TLS":         "true",
		"BRIDGE_KAFKA_TLS_CA_FILE": kafka.CAFile,
	}
}

func password(mechanism, user, password string) environment {
	return environment{
		"BRIDGE_KAFKA_SASL_MECHANISM": mechanism,
		"BRIDGE_KAFKA_SASL_USERNAME":  user,
		"BRIDGE_KAFKA_SASL_PASSWORD":  password,
	}
}

// tokenServer is an OAuth endpoint, behind a certificate of its own, that issues tokens
// for an hour to a client with the password. It returns how to use it.
func tokenServer(t *testing.T, issue func(scope string) (string, error)) environment {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, secret, _ := r.BasicAuth(); client != "bridge" || secret != secretPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		token, err := issue(r.PostFormValue("scope"))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(server.Close)
	return environment{
		"BRIDGE_KAFKA_SASL_MECHANISM":           "OAUTHBEARER",
		"BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL":     server.URL,
		"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID":     "bridge",
		"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET": secretPassword,
		"BRIDGE_KAFKA_SASL_OAUTH_SCOPES":        "other," + kafkatest.Scope,
		"BRIDGE_HTTP_CA_FILE":                   certificateFile(t, server),
	}
}

// certificateFile writes the certificate of a server into a file.
func certificateFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unsecured is what the broker's validator for unsecured tokens takes.
func unsecured(scope string) (string, error) {
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{"sub": "alice", "scope": strings.Fields(scope), "iat": now, "exp": now + 3600})
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + ".", err
}

// overhear opens a door in front of a TLS listener of the brokers. It returns its
// address and what was said to the brokers through it.
func overhear(t *testing.T, kafka *kafkatest.Cluster, listener string) (address string, said func() string) {
	t.Helper()
	identity, err := tls.LoadX509KeyPair(kafka.ServerFile, kafka.ServerFile)
	if err != nil {
		t.Fatal(err)
	}
	door, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{identity}})
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		heard []byte
	)
	relay := func(here net.Conn) {
		defer here.Close()
		there, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(context.Background(), "tcp", listener)
		if err != nil {
			return
		}
		defer there.Close()
		go func() { _, _ = io.Copy(here, there); here.Close() }()
		for buf := make([]byte, 4096); ; {
			n, err := here.Read(buf)
			if err != nil {
				return
			}
			mu.Lock()
			heard = append(heard, buf[:n]...)
			mu.Unlock()
			if _, err := there.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() { // ends when the door is closed
		for {
			here, err := door.Accept()
			if err != nil {
				return
			}
			go relay(here) // ends with the client's connection
		}
	}()
	t.Cleanup(func() { door.Close() })
	return door.Addr().String(), func() string {
		mu.Lock()
		defer mu.Unlock()
		return string(heard)
	}
}

// Each way to authenticate delivers, against the broker's own validators.
func TestSecurity_everyMechanismDelivers(t *testing.T) {
	t.Parallel()
	const unprepared = secretPassword + "²ª" // SASLprep would make it 2a
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{"alice": secretPassword, "odd": unprepared}})
	node := kafka.Nodes[0]
	tokens := tokenServer(t, unsecured)
	door, said := overhear(t, kafka, node.Secure)
	defer func() {
		if !strings.Contains(said(), "\x01logicalCluster=lkc-1\x01identityPoolId=pool-1\x01\x01") {
			t.Error("the brokers are sent no extensions with the token")
		}
	}()
	var subtests sync.WaitGroup
	defer subtests.Wait()
	for name, env := range map[string]environment{
		"PLAIN":          secure(kafka, node.Secure).with(password("PLAIN", "alice", secretPassword)),
		"SCRAM-SHA-256":  secure(kafka, node.Secure).with(password("SCRAM-SHA-256", "alice", secretPassword)),
		"SCRAM-SHA-512":  secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "alice", secretPassword)),
		"SCRAM as it is": secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "odd", unprepared)),
		"OAUTHBEARER":    secure(kafka, node.Secure).with(tokens),
		"OAUTHBEARER with extensions": secure(kafka, door).with(tokens, environment{
			"BRIDGE_KAFKA_SASL_OAUTH_EXTENSIONS": "logicalCluster=lkc-1,identityPoolId=pool-1",
		}),
		"TLS to another name": secure(kafka, node.Named).with(environment{"BRIDGE_KAFKA_TLS_SERVER_NAME": kafkatest.ServerName}),
		"TLS to anybody": secure(kafka, node.Named).with(environment{
			"BRIDGE_KAFKA_TLS_CA_FILE": "", "BRIDGE_KAFKA_TLS_INSECURE_SKIP_VERIFY": "true",
		}),
		"mutual TLS": secure(kafka, node.Mutual).with(environment{
			"BRIDGE_KAFKA_TLS_CERT_FILE": kafka.CertFile,
			"BRIDGE_KAFKA_TLS_KEY_FILE":  kafka.KeyFile,
		}),
	} {
		subtests.Go(func() {
			t.Run(name, func(t *testing.T) {
				w := newWorldOn(t, kafka, 2)
				w.produce(load{records: 200})
				b := w.start(env)
				w.settle(b)
				w.judge()
			})
		})
	}
}

// Signed tokens deliver while the broker's validator trusts their key. One of
// another key is refused, which is told, and the right one heals it.
func TestSecurity_signedTokens(t *testing.T) {
	t.Parallel()
	trusted, err := kafkatest.NewIssuer("trusted")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := kafkatest.NewIssuer("trusted") // of the same name, with another key
	if err != nil {
		t.Fatal(err)
	}
	kafka := kafkatest.New(t, kafkatest.Options{
		Users: map[string]string{"alice": secretPassword}, Issuer: trusted,
		Properties: map[string]string{"connections.max.reauth.ms": "3000"},
	})
	var issuer atomic.Pointer[kafkatest.Issuer]
	issuer.Store(stranger)
	tokens := tokenServer(t, func(string) (string, error) { return issuer.Load().Token("alice", time.Hour) })
	w := newWorldOn(t, kafka, 2)
	w.env = w.env.with(secure(kafka, kafka.Nodes[0].Secure), tokens)
	w.produce(load{records: 200})
	b := w.launch()
	const says = "the brokers refuse the OAuth token"
	w.eventually("the log says: "+says, func() bool { return b.says(says) })
	if code, text := w.check(); code != 1 || !bytes.Contains(failures(text), []byte(says)) {
		t.Errorf("bridge check ended with code %d and no fail line that says %q:\n%s", code, says, text)
	}
	issuer.Store(trusted)
	w.settle()

	// The broker closes what was authenticated three seconds ago, with the next request
	// (KIP-368): that ends no generation, and nothing is repeated.
	generation := b.generation()
	for range 4 {
		<-time.After(2 * time.Second)
		w.produce(load{records: 50})
		w.waitStored()
	}
	if now := b.generation(); now != generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	w.settle(b)
	w.judge()
}
