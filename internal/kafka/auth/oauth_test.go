package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"kafka-import-bridge/internal/kafka/auth"
)

// issuer is a token endpoint that knows one client.
type issuer struct {
	secret atomic.Value // string
	calls  atomic.Int32
	answer func(w http.ResponseWriter, n int32) // nil: a token that says its number
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	w.Header().Set("Content-Type", "application/json")
	if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "kafka read" ||
		id != "bridge" || secret != i.secret.Load() {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"%s is not the secret"}`, secret)
		return
	}
	n := i.calls.Add(1)
	if i.answer != nil {
		i.answer(w, n)
		return
	}
	fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, n)
}

// oauth returns a mechanism with client credentials for the issuer.
func oauth(t *testing.T, i *issuer, secret func() string) (auth.Config, sasl.Mechanism) {
	t.Helper()
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	return oauthAt(t, i, server.URL, server.Client(), secret)
}

// oauthAt returns it for an issuer that a client reaches by an address.
func oauthAt(t *testing.T, i *issuer, address string, client *http.Client, secret func() string) (auth.Config, sasl.Mechanism) {
	t.Helper()
	i.secret.Store("first-secret")
	auth := auth.Config{Mechanism: auth.MechanismOAuthBearer, OAuth: auth.OAuth{
		TokenURL: address + "/token", ClientID: "bridge", ClientSecret: secret,
		Scopes: []string{"kafka", "read"}, Client: client,
	}}
	mechanism, err := auth.SASLMechanism(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return auth, mechanism
}

// start begins an exchange that must send the token.
func start(t *testing.T, mechanism sasl.Mechanism, token string) sasl.StateMachine {
	t.Helper()
	exchange, message, err := mechanism.Start(t.Context())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	if want := "n,,\x01auth=Bearer " + token + "\x01\x01"; string(message) != want {
		t.Fatalf("first message %q, want %q", message, want)
	}
	return exchange
}

func TestOAuth_tokenIsSharedUntilItIsRefused(t *testing.T) {
	endpoint := &issuer{}
	auth, mechanism := oauth(t, endpoint, always("first-secret"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := mechanism.Start(t.Context()); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	exchange := start(t, mechanism, "token-1")
	if done, response, err := exchange.Next(t.Context(), nil); !done || response != nil || err != nil {
		t.Errorf("accepted: %v %q %v", done, response, err)
	}
	if n := endpoint.calls.Load(); n != 1 {
		t.Errorf("%d tokens for 9 connections, want 1", n)
	}
	_, _, err := exchange.Next(t.Context(), []byte(`{"status":"invalid_token","scope":"x"}`))
	if !errors.Is(err, kafka.SASLAuthenticationFailed) || !strings.Contains(err.Error(), "(invalid_token)") {
		t.Errorf("refused: %v", err)
	}
	if text := auth.Explain(err); !strings.Contains(text, "BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL") {
		t.Errorf("explained as %q", text)
	}
	start(t, mechanism, "token-2")
}

func TestOAuth_extensions(t *testing.T) {
	login, _ := oauth(t, &issuer{}, always("first-secret"))
	login.OAuth.Extensions = []auth.OAuthExtension{{Name: "logicalCluster", Value: "lkc-1"}, {Name: "identityPoolId", Value: "pool-1,pool-2"}}
	mechanism, err := login.SASLMechanism(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, message, err := mechanism.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The form of Java's OAuthBearerClientInitialResponse.
	if want := "n,,\x01auth=Bearer token-1\x01logicalCluster=lkc-1\x01identityPoolId=pool-1,pool-2\x01\x01"; string(message) != want {
		t.Errorf("first message %q, want %q", message, want)
	}
}

func TestOAuth_tokenExpires(t *testing.T) {
	endpoint := &issuer{answer: func(w http.ResponseWriter, n int32) {
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":1}`, n) // within the margin: expired at once
	}}
	_, mechanism := oauth(t, endpoint, always("first-secret"))
	start(t, mechanism, "token-1")
	start(t, mechanism, "token-2")
}

func TestOAuth_rotatedSecret(t *testing.T) {
	var secret atomic.Value
	secret.Store("old-secret")
	endpoint := &issuer{}
	auth, mechanism := oauth(t, endpoint, func() string { return secret.Load().(string) })
	_, _, err := mechanism.Start(t.Context())
	if err == nil {
		t.Fatal("the old secret was accepted")
	}
	for _, text := range []string{err.Error(), auth.Explain(err)} {
		if !strings.Contains(text, "401 (invalid_client)") || strings.Contains(text, "old-secret") {
			t.Errorf("the refusal reads %q", text)
		}
	}
	if text := auth.Explain(err); !strings.Contains(text, "BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET") {
		t.Errorf("explained as %q", text)
	}
	secret.Store("first-secret")
	start(t, mechanism, "token-1")
}

// direct hands requests to a handler without a network, for tests in virtual time.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// An endpoint that is down, or limits how often it is asked, is not asked by each
// connection that is tried meanwhile.
func TestOAuth_restsAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := &issuer{answer: func(w http.ResponseWriter, _ int32) { w.WriteHeader(http.StatusTooManyRequests) }}
		login, mechanism := oauthAt(t, endpoint, "http://issuer", &http.Client{Transport: direct{endpoint}}, always("first-secret"))
		connect := func(when string, asked int32) {
			t.Helper()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if _, _, err := mechanism.Start(t.Context()); !strings.Contains(login.Explain(err), "the endpoint answered 429") {
						t.Errorf("explained as %q", login.Explain(err))
					}
				})
			}
			if wg.Wait(); endpoint.calls.Load() != asked {
				t.Errorf("%s 50 connections have asked %d times, want %d", when, endpoint.calls.Load(), asked)
			}
		}
		connect("at first", 2) // one try: the secret may be sent in two ways
		time.Sleep(999 * time.Millisecond)
		connect("while it rests", 2)
		time.Sleep(time.Millisecond)
		connect("after a second", 4)
	})
}

func TestOAuth_badAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, n int32)
		want   string
	}{
		{"a redirect", func(w http.ResponseWriter, _ int32) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "the endpoint answered 307"},
		{"a server error", func(w http.ResponseWriter, _ int32) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "first-secret")
		}, "the endpoint answered 500"},
		{"no token", func(w http.ResponseWriter, _ int32) { fmt.Fprint(w, "{}") }, "access_token"},
		{"no JSON", func(w http.ResponseWriter, _ int32) { fmt.Fprint(w, "<html>") }, "parse"},
		{"a token that smuggles", func(w http.ResponseWriter, _ int32) {
			fmt.Fprint(w, `{"access_token":"a\u0001b"}`)
		}, "characters that are not allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			auth, mechanism := oauth(t, &issuer{answer: tc.answer}, always("first-secret"))
			_, _, err := mechanism.Start(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "first-secret") {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if text := auth.Explain(err); !strings.Contains(text, "BRIDGE_KAFKA_SASL_OAUTH_") {
				t.Errorf("explained as %q", text)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestOAuth_waitersCanGiveUp(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	endpoint := &issuer{answer: func(w http.ResponseWriter, n int32) {
		close(entered)
		<-release
		fmt.Fprint(w, `{"access_token":"token"}`)
	}}
	_, mechanism := oauth(t, endpoint, always("first-secret"))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := mechanism.Start(t.Context()); err != nil {
			t.Errorf("start: %v", err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := mechanism.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled connection waits for another one's token: %v", err)
	}
	close(release)
	wg.Wait()
}

func TestMSK_signsForTheRegion(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := (auth.Config{Mechanism: auth.MechanismAWSMSKIAM}).SASLMechanism(t.Context()); !errors.Is(err, auth.ErrNoRegion) {
		t.Errorf("without a region: %v", err)
	}
	mechanism, err := auth.Config{Mechanism: auth.MechanismAWSMSKIAM, AWSRegion: "eu-west-3"}.SASLMechanism(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx := sasl.WithMetadata(t.Context(), &sasl.Metadata{Host: "b-1.kafka.example.com", Port: 9098})
	_, message, err := mechanism.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var signed map[string]string
	if err := json.Unmarshal(message, &signed); err != nil {
		t.Fatal(err)
	}
	if signed["host"] != "b-1.kafka.example.com" || !strings.Contains(signed["x-amz-credential"], "/eu-west-3/kafka-cluster/") {
		t.Errorf("signed %v", signed)
	}
	if strings.Contains(string(message), "aws-secret") {
		t.Error("the message holds the secret key")
	}
}
