package auth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kfake"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

func TestRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{name: "nothing", err: nil},
		{name: "the broker", err: kafka.CodeAuthenticationFailed, want: true},
		{name: "the broker refuses the library", err: kafkago.SASLAuthenticationFailed, want: true},
		{name: "the token endpoint refuses the secret", err: &tokenRefused{401, "invalid_client"}, want: true},
		{name: "the token endpoint refuses with 400", err: &tokenRefused{400, "invalid_client"}, want: true},
		{name: "the token endpoint forbids", err: &tokenRefused{403, ""}, want: true},
		{name: "the token endpoint is ill", err: &tokenRefused{503, ""}},
		{name: "the token endpoint is not there", err: &tokenRefused{404, ""}},
		{name: "the network", err: errors.New("connection refused")},
		{name: "another answer", err: kafka.CodeNotCoordinator},
	} {
		if got := Refuses(fmt.Errorf("join group: %w", tc.err)); got != tc.want {
			t.Errorf("%s: %t, want %t", tc.name, got, tc.want)
		}
	}
}

// refusedMechanism gets no token.
type refusedMechanism struct{ err error }

func (refusedMechanism) Name() string { return "PLAIN" }

func (m refusedMechanism) Start(context.Context) (sasl.StateMachine, []byte, error) {
	return nil, nil, m.err
}

func TestClient_theTokenEndpointsRefusalIsSeenThroughTheLibrary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := refusedMechanism{fmt.Errorf("get OAuth token: %w", &tokenRefused{401, "invalid_client"})}
		r := kafkarig.New(t, kafka.Config{SASL: m}, kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"))
		if _, err := r.Client.Metadata(t.Context(), []string{"orders"}); !Refuses(err) {
			t.Errorf("metadata: %v", err)
		}
	})
}
