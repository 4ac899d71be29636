package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// TestNodeAlone follows somebody who tries one node without a file: start in
// the background, send and receive, restart, stop, verify.
func TestNodeAlone(t *testing.T) {
	ctx := timeout(t, 2*time.Minute)
	ports, err := proc.Ports(1)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	stomp := fmt.Sprintf("stomp://127.0.0.1:%d", ports[0])
	url := "failover:(" + stomp + ")"
	do := func(want string, args ...string) {
		t.Helper()
		out, err := quorate(ctx, args...)
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("quorate %s: %v, want %q in\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	t.Cleanup(func() { _, _ = quorate(ctx, "stop", "--data", data) })
	do("ready", "start", "--data", data, "--stomp", stomp)
	do("master, serving clients", "status", "--data", data)
	do("500 messages confirmed", "producer", "--broker-url", url, "--destination", "/queue/alone", "--count", "500")
	do("ready", "restart", "--data", data, "--stomp", stomp)
	do("500 messages received", "consumer", "--broker-url", url, "--destination", "/queue/alone", "--count", "500")
	do("quorum 1 of 1", "cluster", "status", "--data", data)
	do("stopped", "stop", "--data", data)
	do("index: sound", "store", "verify", filepath.Join(data, "store"))
}
