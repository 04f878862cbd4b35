package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/aws_msk_iam_v2"
)

// The names of the SASL mechanisms, as brokers spell them.
const (
	MechanismPlain       = "PLAIN"
	MechanismScramSHA256 = "SCRAM-SHA-256"
	MechanismScramSHA512 = "SCRAM-SHA-512"
	MechanismOAuthBearer = "OAUTHBEARER"
	MechanismAWSMSKIAM   = "AWS_MSK_IAM"
)

// Config says how connections to the brokers are secured and
// authenticated. It is read-only once used. The functions that return secrets
// are called from several goroutines, at every authentication, so that a
// rotated secret is used without a restart; they must not block for long.
type Config struct {
	TLS bool // false: plaintext, and the other TLS fields are ignored

	// CAFile names PEM roots that replace the system's. It is read for every
	// connection, so that an authority can be replaced without a restart.
	CAFile string
	// CertFile and KeyFile name the client's certificate and key in PEM; both
	// or none. They are read at every handshake, so that a renewed
	// certificate is used without a restart.
	CertFile, KeyFile string
	// ServerName is expected in the brokers' certificates.
	//
	// Default: the host that is dialled
	ServerName string
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool

	Mechanism string // one of the Mechanism constants; "" for none

	Username string        // PLAIN and SCRAM
	Password func() string // PLAIN and SCRAM

	OAuth OAuth // OAUTHBEARER

	// AWSRegion is the region of the MSK cluster.
	//
	// Default: what the AWS default chain says
	AWSRegion string
}

// OAuth is where OAUTHBEARER gets its tokens: client credentials are
// exchanged for one at TokenURL (RFC 6749, section 4.4).
type OAuth struct {
	TokenURL     string
	ClientID     string
	ClientSecret func() string
	Scopes       []string

	// Extensions are sent to the brokers beside the token, in this order (KIP-342).
	Extensions []OAuthExtension

	// Client makes the call. Redirects are never followed, whatever it says.
	//
	// Default: http.DefaultClient
	Client *http.Client
}

// OAuthExtension is one SASL extension. The name is ASCII letters, the value
// printable ASCII.
type OAuthExtension struct{ Name, Value string }

// TLSConfig returns the configuration of a connection, or nil for plaintext. It reads
// the files anew.
func (c Config) TLSConfig() (*tls.Config, error) {
	if !c.TLS {
		return nil, nil
	}
	config := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read Kafka CA file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read Kafka CA file %s: no certificate in PEM form", c.CAFile)
		}
	}
	if c.CertFile != "" {
		if _, err := c.clientCertificate(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = c.clientCertificate
	}
	return config, nil
}

// clientCertificate reads the client's certificate for one handshake.
func (c Config) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read Kafka client certificate: %w", err)
	}
	return &pair, nil
}

// ErrNoRegion is returned by SASLMechanism for AWS_MSK_IAM where neither
// AWSRegion nor the AWS default chain says a region.
var ErrNoRegion = errors.New("load AWS configuration: no region; set AWS_REGION")

// SASLMechanism returns the mechanism, or nil for none. It makes no call but,
// for AWS_MSK_IAM, what loading the AWS configuration takes: its errors are
// faults of the configuration.
func (c Config) SASLMechanism(ctx context.Context) (sasl.Mechanism, error) {
	switch c.Mechanism {
	case "":
		return nil, nil
	case MechanismPlain:
		return plainMechanism{c}, nil
	case MechanismScramSHA256, MechanismScramSHA512:
		return scramMechanism{c}, nil
	case MechanismOAuthBearer:
		return newOAuthBearer(c.OAuth), nil
	case MechanismAWSMSKIAM:
		return c.mskMechanism(ctx)
	}
	return nil, fmt.Errorf("unknown SASL mechanism %q", c.Mechanism)
}

func (c Config) mskMechanism(ctx context.Context) (sasl.Mechanism, error) {
	// Its own logger would write to standard error, which may block.
	options := []func(*awsconfig.LoadOptions) error{awsconfig.WithLogger(logging.Nop{})}
	if c.AWSRegion != "" {
		options = append(options, awsconfig.WithRegion(c.AWSRegion))
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	if config.Region == "" {
		return nil, ErrNoRegion
	}
	return aws_msk_iam_v2.NewMechanism(config), nil
}
