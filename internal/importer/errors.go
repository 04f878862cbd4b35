package importer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"kafka-import-bridge/internal/http1"
)

var errNoBody = errors.New("the import has no body")

// describe words a transport error for people. It builds the text from parts
// that are known to be harmless and says little about all others: the HTTP
// library quotes what the other side sent, proxy settings with their password,
// and URLs with their query.
func describe(err error) string {
	var (
		errno syscall.Errno
		dns   *net.DNSError
		op    *net.OpError
		proxy http1.ProxyError
		given http1.AnswerError
		ne    net.Error
	)
	switch {
	case errors.As(err, &proxy):
		return proxy.Error()
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "connect to proxy: " + describe(op.Err)
	case errors.As(err, &op) && op.Op == "dial" && op.Addr != nil:
		return fmt.Sprintf("dial %s: %s", op.Addr, describe(op.Err))
	case errors.Is(err, http1.ErrHandshake):
		return http1.ErrHandshake.Error()
	case errors.Is(err, http1.ErrTooLong):
		return http1.ErrTooLong.Error()
	case errors.Is(err, http1.ErrStalled):
		return http1.ErrStalled.Error()
	case errors.As(err, &given):
		return given.Error()
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return "connection closed without an answer"
	}
	return describeTLS(err)
}

func describeTLS(err error) string {
	var (
		verify *tls.CertificateVerificationError
		header tls.RecordHeaderError
		op     *net.OpError
	)
	switch {
	case errors.As(err, &verify):
		return describeCertificate(verify.Err)
	case errors.As(err, &header):
		return "tls: the other side does not speak TLS"
	case errors.As(err, &op) && op.Op == "remote error": // an alert, in crypto/tls's words for its number
		return fmt.Sprintf("the other side refuses the TLS handshake (%v): it may know no TLS of 1.2 or newer, speak no HTTP/1.1, or want a client certificate, which the bridge has for brokers only", op.Err)
	case strings.Contains(err.Error(), "server selected unsupported protocol version"): // it has no type
		return "tls: the other side knows no TLS of 1.2 or newer"
	}
	return "connection failed, or the answer is not valid HTTP"
}

func describeCertificate(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &authority):
		return "x509: certificate signed by unknown authority: set BRIDGE_HTTP_CA_FILE to the roots that sign it"
	case errors.As(err, &host) && len(host.Certificate.DNSNames)+len(host.Certificate.IPAddresses) == 0:
		return "x509: certificate has no subject alternative name, and its common name counts no more: have it issued for " + host.Host
	case errors.As(err, &host):
		return "x509: certificate is not valid for " + host.Host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "x509: certificate has expired or is not yet valid: renew it, or correct this host's clock"
	}
	return "x509: certificate is not trusted"
}
