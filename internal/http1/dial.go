package http1

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/proxy"
)

const (
	handshakeTimeout = 10 * time.Second // of TLS
	proxyTimeout     = time.Minute      // for a proxy's answer: it may have to find and dial the server meanwhile
)

// ErrHandshake is why Do gave up a connection: the other side took too long for its part
// of the TLS handshake. It is a timeout to errors.Is.
var ErrHandshake = fmt.Errorf("no TLS handshake in time: %w", context.DeadlineExceeded)

// A ProxyError says why a proxy is of no use: it refuses to connect, or this package
// does not speak its language. Its text holds nothing of the proxy's URL but the scheme,
// and nothing that the proxy has sent but numbers.
type ProxyError string

func (e ProxyError) Error() string { return string(e) }

// dial opens a connection for a request.
func (c *Client) dial(ctx context.Context, r *Request, via *url.URL) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, r.Until)
	defer cancel()
	if via == nil {
		raw, err := c.reach(ctx, r.URL)
		if err != nil {
			return nil, err
		}
		return c.secured(ctx, raw, raw, r.URL)
	}
	near, err := c.through(ctx, r, via)
	if err != nil {
		if _, ok := errors.AsType[ProxyError](err); !ok {
			err = &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
		}
		return nil, err
	}
	if near.proxied {
		return near, nil
	}
	return c.secured(ctx, near.Conn, near.raw, r.URL)
}

// through opens a connection through a proxy to the server, or to the proxy itself if
// that is to read the request.
func (c *Client) through(ctx context.Context, r *Request, via *url.URL) (*conn, error) {
	switch via.Scheme {
	case "socks5", "socks5h":
		raw, err := c.socks(ctx, r.URL, via)
		if err != nil {
			return nil, err
		}
		return newConn(raw, raw), nil
	case "http", "https":
	default:
		return nil, ProxyError(fmt.Sprintf("the proxy's URL has the scheme %q: want http, https, socks5 or socks5h", via.Scheme))
	}
	raw, err := c.reach(ctx, via)
	if err != nil {
		return nil, err
	}
	near, err := c.secured(ctx, raw, raw, via)
	if err != nil {
		return nil, err
	}
	near.credentials, near.proxied = credentials(via), r.URL.Scheme == "http"
	if near.proxied {
		return near, nil
	}
	if err := near.connect(ctx, r); err != nil {
		near.abort()
		return nil, err
	}
	return near, nil
}

// reach opens a TCP connection.
func (c *Client) reach(ctx context.Context, to *url.URL) (net.Conn, error) {
	addr, err := address(to)
	if err != nil {
		return nil, err
	}
	return c.cfg.Dial(ctx, "tcp", addr)
}

// address is a URL's host and port.
func address(u *url.URL) (string, error) {
	host, err := asciiName(u)
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(host, port), err
}

// asciiHost is a URL's host as it is written in requests, with the port if it has one.
func asciiHost(u *url.URL) (string, error) {
	name, err := asciiName(u)
	switch port := u.Port(); {
	case name == u.Hostname():
		return u.Host, err
	case port != "":
		return name + ":" + port, err
	}
	return name, err
}

// asciiName is a URL's host without port, as DNS and certificates have it.
func asciiName(u *url.URL) (string, error) {
	name := u.Hostname()
	for i := range len(name) {
		if name[i] >= 0x80 {
			return idna.Lookup.ToASCII(name)
		}
	}
	return name, nil
}

// secured makes a connection to a server, or proxy, of the one over which it is
// reached and its socket: by TLS where the scheme has it.
func (c *Client) secured(ctx context.Context, over, raw net.Conn, to *url.URL) (*conn, error) {
	if to.Scheme != "https" {
		return newConn(over, raw), nil
	}
	name, err := asciiName(to)
	cfg := c.cfg.TLS()
	cfg.ServerName, cfg.NextProtos = name, []string{"http/1.1"}
	secure := tls.Client(over, cfg)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err == nil {
		err = secure.HandshakeContext(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrHandshake
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	return newConn(secure, raw), nil
}

// socks opens a connection through a SOCKS proxy (RFC 1928), which resolves the host.
// It returns the socket itself: what x/net puts around it hides it from stands.
func (c *Client) socks(ctx context.Context, server, via *url.URL) (raw net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	far, err := address(server)
	if err != nil {
		return nil, err
	}
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	socks, err := proxy.SOCKS5("tcp", via.Host, auth, dialer(func(ctx context.Context) (net.Conn, error) {
		raw, err = c.reach(ctx, via)
		return raw, err
	}))
	if err != nil {
		return nil, err
	}
	if _, err := socks.(proxy.ContextDialer).DialContext(ctx, "tcp", far); err != nil {
		return nil, socksError(ctx, err)
	}
	return raw, nil
}

// socksError makes a ProxyError of what is no trouble with the connection to the proxy.
func socksError(ctx context.Context, err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	_, network := errors.AsType[net.Error](err)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded // the socket may know it before ctx does
	}
	if network || ctx.Err() != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return ProxyError("socks proxy refused to connect: " + err.Error())
}

// A dialer dials one address, whatever it is asked for.
type dialer func(ctx context.Context) (net.Conn, error)

func (d dialer) Dial(string, string) (net.Conn, error) { return d(context.Background()) }

func (d dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return d(ctx) }

// credentials is the value of Proxy-Authorization, "" if the proxy's URL has no user.
func credentials(via *url.URL) string {
	if via.User == nil {
		return ""
	}
	password, _ := via.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password))
}

// connect asks the proxy at the other end for a tunnel to a request's server.
func (c *conn) connect(ctx context.Context, r *Request) error {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, c.abort)()
	to, err := address(r.URL)
	if err != nil {
		return err
	}
	text := appendField([]byte("CONNECT "+to+" HTTP/1.1\r\n"), "Host", to)
	if c.credentials != "" {
		text = appendField(text, "Proxy-Authorization", c.credentials)
	}
	for _, f := range r.Header { // no other: they are the server's
		if f.Name == "User-Agent" {
			text = appendField(text, f.Name, f.Value)
		}
	}
	if _, err := c.Write(append(text, "\r\n"...)); err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	a, err := c.one()
	switch {
	case err != nil:
		return cmp.Or(ctx.Err(), err)
	case a.status != http.StatusOK:
		return ProxyError(fmt.Sprintf("proxy refused to connect: status %d", a.status))
	}
	return ctx.Err()
}
