// Package hosts makes several hosts out of one machine: network namespaces
// joined by a bridge, whose connections can be cut and healed. It needs root
// and Debian's iproute2. Addresses are from the range of documentation networks.
package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/quorate/quorate/internal/testkit/proc"
)

// A Net is a bridge with hosts on it.
type Net struct {
	t      testing.TB
	id     string
	Hosts  []proc.Host
	Bridge string // the address of the machine itself on the bridge
}

// nets counts the nets of this process: the kernel takes its time to remove an
// interface with its namespace, so the next net has other names.
var nets atomic.Int32

// New makes n hosts. The test is skipped where the machine does not allow it,
// except in continuous integration.
func New(t testing.TB, n int) *Net {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	h := &Net{t: t, id: fmt.Sprintf("q%d%c", os.Getpid()%100000, 'a'+nets.Add(1)%26), Bridge: "198.51.100.254"}
	bridge := h.id + "b"
	t.Cleanup(func() {
		for i := range h.Hosts {
			_ = exec.Command("ip", "netns", "del", h.ns(i)).Run()
		}
		_ = exec.Command("ip", "link", "del", bridge).Run()
	})
	h.ip("link", "add", bridge, "type", "bridge")
	h.ip("addr", "add", h.Bridge+"/24", "dev", bridge)
	h.ip("link", "set", bridge, "up")
	for i := range n {
		ns, veth, addr := h.ns(i), fmt.Sprintf("%sv%d", h.id, i), fmt.Sprintf("198.51.100.%d", i+1)
		h.ip("netns", "add", ns)
		h.Hosts = append(h.Hosts, proc.Host{IP: addr, Prefix: []string{"ip", "netns", "exec", ns}})
		h.ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", ns)
		h.ip("link", "set", veth, "master", bridge, "up")
		h.ip("-n", ns, "addr", "add", addr+"/24", "dev", "eth0")
		h.ip("-n", ns, "link", "set", "eth0", "up")
		h.ip("-n", ns, "link", "set", "lo", "up")
	}
	return h
}

func (h *Net) ns(i int) string { return fmt.Sprintf("%sn%d", h.id, i) }

func (h *Net) ip(args ...string) {
	h.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		h.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// CutOneWay drops what host a sends to host b. Nobody is told.
func (h *Net) CutOneWay(a, b int) {
	h.t.Helper()
	h.ip("-n", h.ns(a), "route", "replace", "blackhole", h.Hosts[b].IP)
}

// HealOneWay undoes CutOneWay.
func (h *Net) HealOneWay(a, b int) {
	h.t.Helper()
	h.ip("-n", h.ns(a), "route", "del", "blackhole", h.Hosts[b].IP)
}

// Cut separates two hosts in both directions.
func (h *Net) Cut(a, b int) { h.CutOneWay(a, b); h.CutOneWay(b, a) }

// Heal undoes Cut.
func (h *Net) Heal(a, b int) { h.HealOneWay(a, b); h.HealOneWay(b, a) }

// CutBridge separates a host from the machine itself, where the tests' clients
// and ZooKeeper are; the hosts still reach each other.
func (h *Net) CutBridge(a int) {
	h.t.Helper()
	h.ip("-n", h.ns(a), "route", "replace", "blackhole", h.Bridge)
}

// HealBridge undoes CutBridge.
func (h *Net) HealBridge(a int) {
	h.t.Helper()
	h.ip("-n", h.ns(a), "route", "del", "blackhole", h.Bridge)
}
