package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kafka-import-bridge/internal/loopback"
	"kafka-import-bridge/internal/record"
)

// Variables that a check or a message names beside its own.
const (
	varBrokers          = "BRIDGE_KAFKA_BROKERS"
	varTopics           = "BRIDGE_KAFKA_TOPICS"
	varTopicRegex       = "BRIDGE_KAFKA_TOPIC_REGEX"
	varNamespace        = "BRIDGE_NAMESPACE"
	varNamespaceMap     = "BRIDGE_NAMESPACE_MAP"
	varAllow            = "BRIDGE_NAMESPACE_ALLOW"
	varDLQTopic         = "BRIDGE_DLQ_TOPIC"
	varReceipts         = "BRIDGE_RECEIPTS_TOPIC"
	varInsecureHTTP     = "BRIDGE_ALLOW_INSECURE_HTTP"
	varTLSKeyFile       = "BRIDGE_KAFKA_TLS_KEY_FILE"
	varRegistryUsername = "BRIDGE_SCHEMA_REGISTRY_USERNAME"
	varRegistryPassword = "BRIDGE_SCHEMA_REGISTRY_PASSWORD"
	varImportPath       = "BRIDGE_IMPORT_PATH"
	varHTTPAddr         = "BRIDGE_HTTP_ADDR"
	varPprofAddr        = "BRIDGE_PPROF_ADDR"
	varBufferMaxBytes   = "BRIDGE_BUFFER_MAX_BYTES"
)

// validate judges values that decoded, alone and against each other. It
// changes nothing but the list of faults.
func (l *loader) validate(settings []Setting) {
	l.validateCompany(settings)
	l.validateKafka()
	l.validateTopics()
	l.validateStaticNamespace()
	l.validateTLS()
	l.validatePolicies()
	l.validateRegistry()
	l.validateAPI()
	l.validateProxies()
	l.validateListeners()
}

// sound reports whether all the variables decoded; a check whose input is
// known to be wrong would only repeat that.
func (l *loader) sound(variables ...string) bool {
	return !slices.ContainsFunc(variables, func(v string) bool { return l.faulty[v] })
}

// given reports whether the environment sets the variable or its twin.
func (l *loader) given(variable string) bool {
	return l.env[variable] != "" || l.env[variable+fileSuffix] != ""
}

// fault records a problem of a variable together with its effective value.
func (l *loader) fault(variable, problem string) {
	s, value := l.settings[variable], ""
	if !s.Secret() {
		value = l.text(s)
	}
	l.add(s, value, problem)
}

// require records a fault unless ok, or unless one of the variables that it
// concerns is faulty already. The first variable is the one named.
func (l *loader) require(ok bool, problem string, variable string, others ...string) {
	if !ok && l.sound(variable) && l.sound(others...) {
		l.fault(variable, problem)
	}
}

// validateCompany wants settings where others need them, and refuses them where they
// have no effect.
func (l *loader) validateCompany(settings []Setting) {
	for _, s := range settings {
		variable, wanted, exact := strings.Cut(s.only, "=")
		if other := l.settings[variable]; s.only != "" {
			met := !l.field(other).IsZero() && (!exact || fmt.Sprint(l.field(other)) == wanted)
			l.require(met || l.field(s).IsZero(), "has no effect without "+s.only, s.Variable, variable)
		}
		variable, wanted, _ = strings.Cut(s.requiredBy, "=")
		if other := l.settings[variable]; s.requiredBy != "" {
			value := fmt.Sprint(l.field(other))
			problem := "it is required by " + variable + "=" + value
			if s.Secret() {
				problem += " (or " + s.FileVariable() + ", a file that holds it)"
			}
			l.require(!slices.Contains(strings.Split(wanted, "|"), value) || l.given(s.Variable), problem, s.Variable, variable)
		}
	}
	c := &l.config.Kafka
	l.require(c.SASL.Mechanism != SASLAWSMSKIAM || c.TLS.Enabled, "needs BRIDGE_KAFKA_TLS=true", "BRIDGE_KAFKA_SASL_MECHANISM", "BRIDGE_KAFKA_TLS")
}

// validateStaticNamespace refuses a namespace that would make every record
// invalid.
func (l *loader) validateStaticNamespace() {
	n := &l.config.Namespace
	name, static := n.Source.Static()
	if !static || !n.Allow.IsSet() {
		return
	}
	to, mapped := n.Map.Lookup(name)
	if !mapped {
		to = []string{name}
	}
	for _, namespace := range to {
		remedy := ": change one of the two"
		if mapped {
			remedy = ", which " + varNamespaceMap + " makes of it: change one of the three"
		}
		l.require(n.Allow.MatchString(namespace),
			"every record would be invalid, since "+varAllow+" does not match "+strconv.Quote(namespace)+remedy,
			varNamespace, varNamespaceMap, varAllow)
	}
}

func (l *loader) validatePolicies() {
	p := &l.config.Policies
	for _, policy := range []struct {
		variable string
		value    record.Policy
	}{
		{"BRIDGE_ON_INVALID", p.OnInvalid},
		{"BRIDGE_ON_TOMBSTONE", p.OnTombstone},
		{"BRIDGE_ON_REJECTED", p.OnRejected},
	} {
		l.require(policy.value != record.DeadLetter || p.DLQTopic != "", "needs "+varDLQTopic, policy.variable, varDLQTopic)
	}
	if p.DLQTopic != "" {
		problem := topicFault(p.DLQTopic)
		l.require(problem == "", problem, varDLQTopic)
		l.require(!slices.Contains(l.config.Kafka.Topics, p.DLQTopic),
			"dead letters would be read again: it is one of "+varTopics, varDLQTopic, varTopics)
	}
	if p.ReceiptsTopic != "" {
		problem := topicFault(p.ReceiptsTopic)
		l.require(problem == "", problem, varReceipts)
		l.require(!slices.Contains(l.config.Kafka.Topics, p.ReceiptsTopic),
			"receipts would be read as records: it is one of "+varTopics, varReceipts, varTopics)
		l.require(p.ReceiptsTopic != p.DLQTopic, "receipts and dead letters need topics of their own", varReceipts, varDLQTopic)
	}
}

// validateRegistry judges the registry's settings.
func (l *loader) validateRegistry() {
	r := &l.config.Value.Registry
	user, password := l.given(varRegistryUsername), l.given(varRegistryPassword)
	l.require(!user || password, "needs "+varRegistryPassword+" or "+varRegistryPassword+fileSuffix, varRegistryUsername)
	l.require(user || !password, "needs "+varRegistryUsername, varRegistryPassword)
	l.validateURL("BRIDGE_SCHEMA_REGISTRY_URL", r.URL)
	l.validateRoots("BRIDGE_SCHEMA_REGISTRY_CA_FILE", r.CAFile)
}

func (l *loader) validateAPI() {
	c := l.config
	l.validateURL("SAFETYKIT_BASE_URL", c.API.BaseURL)
	l.validateURL("BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL", c.Kafka.SASL.OAuthTokenURL)
	if u := c.API.BaseURL; u.IsSet() {
		problem := pathFault(u.EscapedPath())
		l.require(problem == "", problem, "SAFETYKIT_BASE_URL")
	}
	if c.API.ImportPath != importPathAuto {
		problem := importPathFault(c.API.ImportPath)
		l.require(problem == "", problem, varImportPath)
	}
	l.require(!strings.ContainsFunc(c.API.Key.Value(), notVisible),
		"want visible ASCII characters only, without spaces", "SAFETYKIT_API_KEY")
	l.require(c.Retry.MinBackoff <= c.Retry.MaxBackoff,
		"want at most BRIDGE_RETRY_MAX_BACKOFF ("+c.Retry.MaxBackoff.String()+")",
		"BRIDGE_RETRY_MIN_BACKOFF", "BRIDGE_RETRY_MAX_BACKOFF")
	l.require(c.Buffer.MaxBytes >= c.Batch.MaxBytes,
		"want at least BRIDGE_BATCH_MAX_BYTES ("+c.Batch.MaxBytes.String()+")",
		varBufferMaxBytes, "BRIDGE_BATCH_MAX_BYTES")
	l.validateRoots("BRIDGE_HTTP_CA_FILE", c.API.CAFile)
}

func notVisible(r rune) bool { return r <= ' ' || r >= 0x7f }

// validateURL refuses plain http over a network.
func (l *loader) validateURL(variable string, u URL) {
	if !u.IsSet() || u.Scheme == "https" || l.config.API.AllowInsecureHTTP || loopback.Is(u.Hostname()) {
		return
	}
	l.require(false, "want https: plain http is accepted for loopback hosts only, unless "+varInsecureHTTP+"=true",
		variable, varInsecureHTTP)
}

// validateRoots checks a file of roots, if there is one.
func (l *loader) validateRoots(variable, path string) {
	if path == "" {
		return
	}
	if err := checkRoots(path); err != nil {
		l.require(false, err.Error(), variable)
	}
}

func (l *loader) validateListeners() {
	for _, listener := range []struct{ variable, addr string }{
		{varHTTPAddr, l.config.HTTP.Addr},
		{varPprofAddr, l.config.HTTP.PprofAddr},
	} {
		host, port, err := net.SplitHostPort(listener.addr)
		l.require(listener.addr == "" || err == nil && isPort(port, 0) && !strings.ContainsAny(host, notInHost), "want host:port or :port", listener.variable)
	}
	if addr := l.config.HTTP.PprofAddr; addr != "" {
		host, _, _ := net.SplitHostPort(addr)
		l.require(loopback.Is(host), "want a loopback address such as 127.0.0.1:6060 (heaps hold records)", varPprofAddr)
	}
}

// isPort reports whether text is a port number of at least least.
func isPort(text string, least uint64) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n >= least
}

// importPathAuto leaves it to the bridge to find the create call's path.
const importPathAuto = "auto"

// importPathFault says why path cannot be the create call's, or returns "".
func importPathFault(path string) string {
	const placeholder = "{namespace}"
	rest := strings.Replace(path, placeholder, "n", 1)
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return "want auto, or a path that begins with one /"
	case strings.Count(path, placeholder) != 1 || strings.ContainsAny(rest, "{}"):
		return "want a path that holds " + placeholder + " exactly once"
	}
	return pathFault(rest)
}

// pathFault says why path, as written in a URL, cannot be put before or after
// another one, or returns "".
func pathFault(path string) string {
	u, err := url.Parse(path)
	switch {
	case err != nil || strings.ContainsFunc(path, notVisible) || u.Path != path:
		return "want a plain path without spaces, escapes, query or fragment"
	case slices.Contains(strings.Split(path, "/"), ".."):
		return "want a path without .."
	}
	return ""
}
