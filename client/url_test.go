package client

import (
	"reflect"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	base := Target{Randomize: true, InitialDelay: 10 * time.Millisecond, MaxDelay: 500 * time.Millisecond, Multiplier: 2, MaxAttempts: -1, StartupAttempts: -1}
	with := func(change func(*Target)) Target { t := base; change(&t); return t }
	both := []string{"h1:61613", "h2:61614"}
	for url, want := range map[string]Target{
		"stomp://h:1":            with(func(t *Target) { t.Addresses, t.MaxAttempts, t.StartupAttempts = []string{"h:1"}, 0, 1 }),
		"stomp://h":              with(func(t *Target) { t.Addresses, t.MaxAttempts, t.StartupAttempts = []string{"h:61613"}, 0, 1 }),
		"failover:stomp://h:1":   with(func(t *Target) { t.Addresses = []string{"h:1"} }),
		"failover:(tcp://[::1])": with(func(t *Target) { t.Addresses = []string{"[::1]:61613"} }),
		"failover:(stomp://h1:61613,stomp://h2:61614)":   with(func(t *Target) { t.Addresses = both }),
		"failover://(stomp://h1:61613,stomp://h2:61614)": with(func(t *Target) { t.Addresses = both }),
		"failover:(stomp://h1:61613?wireFormat.maxFrameSize=1,stomp://h2:61614)?randomize=false&initialReconnectDelay=50&maxReconnectDelay=1000&backOffMultiplier=1.5&maxReconnectAttempts=3&startupMaxReconnectAttempts=2": {
			Addresses: both, InitialDelay: 50 * time.Millisecond, MaxDelay: time.Second, Multiplier: 1.5, MaxAttempts: 3, StartupAttempts: 2},
		"failover:(stomp://h:1)?useExponentialBackOff=false": with(func(t *Target) { t.Addresses, t.Multiplier = []string{"h:1"}, 1 }),
	} {
		if got, err := ParseURL(url); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", url, got, err, want)
		}
	}
	for _, url := range []string{"", "http://h", "failover:", "failover:(stomp://h", "failover:(stomp://h)?nonsense=1",
		"failover:(stomp://h)?maxReconnectDelay=-1", "failover:(stomp://h)?backOffMultiplier=NaN", "stomp://"} {
		if got, err := ParseURL(url); err == nil {
			t.Errorf("%q was accepted: %+v", url, got)
		}
	}
}
