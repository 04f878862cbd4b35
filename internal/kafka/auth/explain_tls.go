package auth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// maxNames bounds the names of a certificate that an explanation lists.
const maxNames = 5

// explainHostname explains a certificate that is not for the broker's host.
func explainHostname(err error) string {
	mismatch, ok := errors.AsType[x509.HostnameError](err)
	if !ok {
		return ""
	}
	names := mismatch.Certificate.DNSNames
	for _, ip := range mismatch.Certificate.IPAddresses {
		names = append(names[:len(names):len(names)], ip.String())
	}
	if len(names) == 0 {
		return fmt.Sprintf("the broker's certificate has no subject alternative name, and a common name (CN) alone names no host any more (RFC 6125): "+
			"have it issued with %s as one; until then only BRIDGE_KAFKA_TLS_INSECURE_SKIP_VERIFY=true connects, to whoever answers", mismatch.Host)
	}
	held := strings.Join(names[:min(len(names), maxNames)], ", ")
	return fmt.Sprintf("the broker's certificate is not for %s: it holds %s; use such a name in BRIDGE_KAFKA_BROKERS and the brokers' advertised.listeners, or set BRIDGE_KAFKA_TLS_SERVER_NAME to one", mismatch.Host, held)
}

// explainAuthority explains a certificate whose signature is not trusted.
func explainAuthority(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		return ""
	}
	if strings.Contains(err.Error(), "insecure algorithm") { // told as a hint, in text only
		return "a certificate of the broker's chain is signed with SHA-1 or MD5, which is not accepted any more: have it issued with SHA-256"
	}
	return "the broker's certificate is signed by an unknown authority: set BRIDGE_KAFKA_TLS_CA_FILE to the roots that sign it"
}

// explainInvalid explains a certificate that is trusted and not valid.
func explainInvalid(err error) string {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok {
		return ""
	}
	remedy := "have it issued anew"
	switch invalid.Reason {
	case x509.Expired:
		remedy = "renew it, or check the clock"
	case x509.IncompatibleUsage:
		remedy = "have it issued for server authentication (extended key usage serverAuth)"
	}
	return fmt.Sprintf("the broker's certificate is not valid: %v; %s", invalid, remedy)
}

// Explanations that several faults of a handshake share.
const (
	oldTLS         = "the broker speaks no TLS that is accepted, which is 1.2 and newer: add TLSv1.2 or TLSv1.3 to the brokers' ssl.enabled.protocols"
	anotherKeyPair = "check BRIDGE_KAFKA_TLS_CERT_FILE and BRIDGE_KAFKA_TLS_KEY_FILE"
)

// handshakeFaults are explanations by a part of the error's text: crypto/tls
// has no types for these.
var handshakeFaults = []struct{ part, text string }{
	{"unsupported protocol version", oldTLS},
	{"protocol version not supported", oldTLS},
	{"unsupported SSLv2 handshake", oldTLS},
	{"failed to parse certificate from server", "the broker's certificate cannot be read: have it issued anew"},
	{"read Kafka client certificate", "the client certificate cannot be read: BRIDGE_KAFKA_TLS_CERT_FILE and BRIDGE_KAFKA_TLS_KEY_FILE must be PEM files of a certificate and its key, which is not encrypted"},
	{"remote error: tls: handshake failure", "the broker finds no TLS version or cipher suite in common, or wants a client certificate: look at its ssl.enabled.protocols and ssl.cipher.suites; " + anotherKeyPair},
	{"remote error: tls: unrecognized name", "the broker has no certificate for the name that it was asked for: set BRIDGE_KAFKA_TLS_SERVER_NAME to one that it has"},
	{"remote error: tls: certificate required", "the broker wants a client certificate: set BRIDGE_KAFKA_TLS_CERT_FILE and BRIDGE_KAFKA_TLS_KEY_FILE"},
	{"remote error: tls: expired certificate", "the broker refuses the client certificate, which has expired: renew that of BRIDGE_KAFKA_TLS_CERT_FILE"},
	{"remote error: tls: unknown certificate authority", "the broker does not know who signed the client certificate: use another one in BRIDGE_KAFKA_TLS_CERT_FILE, or add its authority to the brokers' ssl.truststore"},
}

// explainHandshake explains what broke a handshake beside the broker's
// certificate.
func explainHandshake(err error) string {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the broker does not answer with TLS: set BRIDGE_KAFKA_TLS=false, or use the TLS listener's port in BRIDGE_KAFKA_BROKERS"
	}
	for _, fault := range handshakeFaults {
		if strings.Contains(err.Error(), fault.part) {
			return fault.text
		}
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return fmt.Sprintf("the broker refuses the TLS handshake (%v): it may want a client certificate, or another one; %s", remote.Err, anotherKeyPair)
	}
	return ""
}
