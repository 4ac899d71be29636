package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// connector takes up a transportConnector, if its protocol is served.
func (l *loader) connector(e *element, path string) {
	uri := e.attr("uri")
	expanded, err := l.props.expand(uri)
	f := Finding{Line: e.line, What: fmt.Sprintf("transportConnector uri=%q", clip(uri))}
	for _, a := range e.attrs {
		if a.name == "uri" {
			f.Line = a.line
		}
	}
	if err != nil {
		l.judge(&f, "", err)
		return
	}
	address, query, _ := strings.Cut(expanded, "?")
	scheme, _, ok := strings.Cut(address, "://")
	scheme = strings.ToLower(scheme)
	if !ok {
		l.judge(&f, "", fmt.Errorf("%q is not a URI: want stomp://host:port", clip(expanded)))
		return
	}
	if verdict, reason := judgeScheme(scheme); verdict != Honoured {
		f.Verdict, f.Reason = verdict, reason
		l.report.add(f)
		return
	}
	bind, err := hostPort(address, "61613")
	c := newConnector(e.attr("name"), "stomp")
	if c.Name == "" {
		c.Name = "stomp"
	}
	for slices.ContainsFunc(l.target.cfg.Transports, func(o Connector) bool { return o.Name == c.Name }) {
		c.Name += "'"
	}
	c.Bind, c.URI = bind, expanded
	note := ""
	if scheme != "stomp" {
		note = "the same as stomp://: there is one kind of I/O"
	}
	l.judge(&f, note, err)
	l.connectorOptions(&c, e, f.Line, query, path)
	if err == nil {
		l.target.cfg.Transports = append(l.target.cfg.Transports, c)
	}
}

// connectorOptions judges the options of the URI and the attributes beside it.
func (l *loader) connectorOptions(c *Connector, e *element, line int, query, path string) {
	l.target.conn = c
	defer func() { l.target.conn = nil }()
	for _, a := range e.attrs {
		if a.name != "uri" {
			l.attribute(e, a, path)
		}
	}
	for option := range strings.SplitSeq(query, "&") {
		if option == "" {
			continue
		}
		name, value, _ := strings.Cut(option, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		f := Finding{Line: line, What: fmt.Sprintf("%s option %s=%s", c.Name, clip(name), clip(value))}
		l.value(&f, path+"@uri?"+name, value, func() {
			l.unknown(&f, "option", name, knownUnder(path+"@uri", "?"))
		})
	}
}

var protocolNames = map[string]string{"amqp": "AMQP", "mqtt": "MQTT", "ws": "WebSocket", "http": "HTTP"}

// judgeScheme says whether a connector's protocol is served.
func judgeScheme(scheme string) (Verdict, string) {
	switch parts := strings.Split(scheme, "+"); {
	case slices.Contains(parts, "ssl") || slices.Contains(parts, "https") || slices.Contains(parts, "wss") || slices.Contains(parts, "tls"):
		return Refused, "TLS is not supported yet, and clients that expect it must not find an open port"
	case scheme == "stomp" || scheme == "stomp+nio":
		return Honoured, ""
	case slices.Contains([]string{"tcp", "nio", "auto", "auto+nio", "openwire"}, scheme):
		return Ignored, "OpenWire is not served yet by this version: the port stays closed"
	case parts[0] == "amqp" || parts[0] == "mqtt" || parts[0] == "ws" || parts[0] == "http":
		return Ignored, protocolNames[parts[0]] + " is not served yet by this version: the port stays closed"
	case scheme == "vm":
		return Ignored, "there is no Java virtual machine to connect within"
	case scheme == "udp" || scheme == "multicast" || scheme == "peer":
		return Ignored, scheme + " is not supported: the port stays closed"
	}
	return Refused, fmt.Sprintf("unknown protocol %q: want stomp", clip(scheme))
}
