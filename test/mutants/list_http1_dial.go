package main

// http1DialMutants trust the wrong server, lose what a proxy wants or says, or wait for
// it too long.
var http1DialMutants = []mutant{
	{name: "a certificate is for a name beyond ASCII", in: http1Room,
		old: "cfg.ServerName, cfg.NextProtos = name,", new: "cfg.ServerName, cfg.NextProtos = cmp.Or(to.Hostname(), name),",
		by: "TestClient_namesBeyondASCII"},
	{name: "a proxy gets no credentials", in: http1Room,
		old: "near.credentials, near.proxied = credentials(via),", new: "near.credentials, near.proxied = \"\",",
		by: "TestClient_proxies"},
	{name: "a proxy sees the server's header", in: http1Room,
		old: "if f.Name == \"User-Agent\" {", new: "if f.Name != \"\" {",
		by: "TestClient_proxies"},
	{name: "any answer of a proxy is a tunnel", in: http1Room,
		old: "case a.status != http.StatusOK:", new: "case a.status >= http.StatusMultipleChoices:",
		by: "TestClient_proxiesThatRefuse"},
	{name: "a SOCKS proxy may hang", in: http1Room,
		old: "(raw net.Conn, err error) {\n	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)", new: "(raw net.Conn, err error) {\n	ctx, cancel := context.WithCancel(ctx)",
		by: "TestClient_silentProxies"},
	{name: "a proxy may hang after CONNECT", in: http1Room,
		old: "r *Request) error {\n	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)", new: "r *Request) error {\n	ctx, cancel := context.WithCancel(ctx)",
		by: "TestClient_silentProxies"},
	{name: "trouble with a proxy is trouble with the server", in: http1Room,
		old: "			err = &net.OpError{Op: \"proxyconnect\", Net: \"tcp\", Err: err}\n", new: "			_ = err\n",
		by: "TestClient_proxiesThatRefuse"},
	{name: "a farewell that TLS has read is not heard", in: http1Room,
		old: "if alive := stands(c.raw); !alive || c.Conn == c.raw {", new: "if alive := stands(c.raw); true {",
		by: "TestClient_serverSaysFarewell"},
	{name: "a connection in another protocol is kept", in: http1Room,
		old: "a.last || a.status == http.StatusSwitchingProtocols || ", new: "a.last || ",
		by: "TestClient_anotherProtocol TestParseAnswer"},
}
