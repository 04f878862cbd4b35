package http1

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/proxy"
)

// handshakeTimeout bounds a TLS handshake, and a proxy's answer.
const handshakeTimeout = 10 * time.Second

// A ProxyError is a proxy's refusal to connect.
type ProxyError struct{ Status int }

func (e ProxyError) Error() string {
	return fmt.Sprintf("proxy refused to connect: status %d", e.Status)
}

// dial opens a connection for a request.
func (c *Client) dial(ctx context.Context, r *Request, via *url.URL) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, r.deadline(0))
	defer cancel()
	server := r.URL
	if via == nil {
		raw, err := c.reach(ctx, server)
		if err != nil {
			return nil, err
		}
		return c.secured(ctx, raw, raw, server)
	}
	switch via.Scheme {
	case "socks5", "socks5h":
		raw, err := c.socks(ctx, server, via)
		if err != nil {
			return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
		}
		return c.secured(ctx, raw, raw, server)
	case "http", "https":
	default:
		return nil, fmt.Errorf("proxy has the scheme %q: want http, https, socks5 or socks5h", via.Scheme)
	}
	raw, err := c.reach(ctx, via)
	if err != nil {
		return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	}
	near, err := c.secured(ctx, raw, raw, via)
	if err != nil {
		return nil, err
	}
	near.credentials = credentials(via)
	if server.Scheme == "http" {
		near.proxied = true // the proxy reads the request
		return near, nil
	}
	if err := near.connect(ctx, server); err != nil {
		near.abort()
		return nil, err
	}
	return c.secured(ctx, near.Conn, raw, server)
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
	host, err := asciiHost(&url.URL{Host: u.Hostname()})
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(host, port), err
}

// asciiHost is a URL's host as it is written in requests, with the port if it has one.
func asciiHost(u *url.URL) (string, error) {
	for i := range len(u.Host) {
		if u.Host[i] < 0x80 {
			continue
		}
		host, err := idna.Lookup.ToASCII(u.Hostname())
		if port := u.Port(); port != "" {
			host += ":" + port
		}
		return host, err
	}
	return u.Host, nil
}

// secured makes a connection to a server, or proxy, of the one over which it is
// reached and its socket: by TLS where the scheme has it.
func (c *Client) secured(ctx context.Context, over, raw net.Conn, to *url.URL) (*conn, error) {
	if to.Scheme != "https" {
		return newConn(over, raw), nil
	}
	cfg := c.cfg.TLS.Clone()
	cfg.ServerName, cfg.NextProtos = to.Hostname(), []string{"http/1.1"}
	secure := tls.Client(over, cfg)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return newConn(secure, raw), nil
}

// socks opens a connection through a SOCKS proxy (RFC 1928), which resolves the host.
func (c *Client) socks(ctx context.Context, server, via *url.URL) (net.Conn, error) {
	far, err := address(server)
	if err != nil {
		return nil, err
	}
	near, err := address(via)
	if err != nil {
		return nil, err
	}
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", near, auth, dialer(c.cfg.Dial))
	if err != nil {
		return nil, err
	}
	return dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", far)
}

// dialer makes a function a proxy.ContextDialer.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func (d dialer) Dial(network, addr string) (net.Conn, error) {
	return d(context.Background(), network, addr)
}

func (d dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return d(ctx, network, addr)
}

// credentials is the value of Proxy-Authorization, "" if the proxy's URL has no user.
func credentials(via *url.URL) string {
	if via.User == nil {
		return ""
	}
	password, _ := via.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password))
}

// connect asks the proxy at the other end for a tunnel to a server.
func (c *conn) connect(ctx context.Context, server *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, c.abort)()
	to, err := address(server)
	if err != nil {
		return err
	}
	text := "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n"
	if c.credentials != "" {
		text += "Proxy-Authorization: " + c.credentials + "\r\n"
	}
	if _, err := c.Write([]byte(text + "\r\n")); err != nil {
		return err
	}
	a, err := c.one()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case a.status != http.StatusOK:
		return ProxyError{a.status}
	}
	return nil
}
