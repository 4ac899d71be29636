package client

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Target is where a client connects, and how it tries again.
type Target struct {
	Addresses []string // host:port
	Randomize bool     // begin with any of them
	// After every address was tried in vain the client waits InitialDelay, and
	// Multiplier times longer each time up to MaxDelay.
	InitialDelay, MaxDelay time.Duration
	Multiplier             float64
	MaxAttempts            int // rounds before a broken connection is given up; -1 is never
	StartupAttempts        int // the same for the first connection; -1 is never
}

const defaultPort = "61613"

// ParseURL reads "stomp://host:port", which is not connected again once it
// breaks, or ActiveMQ's "failover:(stomp://h1:61613,stomp://h2:61613)?option=…"
// with the options randomize, initialReconnectDelay, maxReconnectDelay,
// useExponentialBackOff, reconnectDelayExponent (or backOffMultiplier),
// maxReconnectAttempts and startupMaxReconnectAttempts; delays are milliseconds.
func ParseURL(s string) (Target, error) {
	t := Target{Randomize: true, InitialDelay: 10 * time.Millisecond, MaxDelay: 500 * time.Millisecond,
		Multiplier: 2, MaxAttempts: -1, StartupAttempts: -1}
	rest, failover := strings.CutPrefix(s, "failover:")
	if !failover {
		t.MaxAttempts, t.StartupAttempts = 0, 1
		return t, t.add(s)
	}
	list, query := strings.TrimPrefix(rest, "//"), ""
	if strings.HasPrefix(list, "(") {
		end := strings.LastIndexByte(list, ')')
		if end < 0 {
			return t, fmt.Errorf("broker URL %q: the bracket is not closed", s)
		}
		query = strings.TrimPrefix(list[end+1:], "?")
		list = list[1:end]
	} else {
		list, query, _ = strings.Cut(list, "?")
	}
	for one := range strings.SplitSeq(list, ",") {
		if err := t.add(strings.TrimSpace(one)); err != nil {
			return t, err
		}
	}
	return t, t.setOptions(query)
}

// add takes one address. Its own options (heart-beats, buffers) are not ours.
func (t *Target) add(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("broker URL %q: %w", s, err)
	}
	if u.Scheme != "stomp" && u.Scheme != "tcp" || u.Hostname() == "" {
		return fmt.Errorf("broker URL %q: it should be like stomp://host:61613", s)
	}
	port := u.Port()
	if port == "" {
		port = defaultPort
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	t.Addresses = append(t.Addresses, host+":"+port)
	return nil
}

func (t *Target) setOptions(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("options %q of the broker URL: %w", query, err)
	}
	exponential := true
	for name, vs := range values {
		v := vs[0]
		var err error
		switch name {
		case "randomize":
			t.Randomize, err = strconv.ParseBool(v)
		case "useExponentialBackOff":
			exponential, err = strconv.ParseBool(v)
		case "initialReconnectDelay":
			t.InitialDelay, err = millis(v)
		case "maxReconnectDelay":
			t.MaxDelay, err = millis(v)
		case "backOffMultiplier", "reconnectDelayExponent":
			if t.Multiplier, err = strconv.ParseFloat(v, 64); err == nil && !(t.Multiplier >= 1 && t.Multiplier <= 1000) {
				err = fmt.Errorf("%v is not between 1 and 1000", v)
			}
		case "maxReconnectAttempts":
			t.MaxAttempts, err = strconv.Atoi(v)
		case "startupMaxReconnectAttempts":
			t.StartupAttempts, err = strconv.Atoi(v)
		default:
			return fmt.Errorf("broker URL: unknown option %q", name)
		}
		if err != nil {
			return fmt.Errorf("broker URL: option %s: %w", name, err)
		}
	}
	if !exponential {
		t.Multiplier = 1
	}
	t.MaxDelay = max(t.MaxDelay, t.InitialDelay)
	return nil
}

func millis(v string) (time.Duration, error) {
	n, err := strconv.ParseUint(v, 10, 31)
	return time.Duration(n) * time.Millisecond, err
}
