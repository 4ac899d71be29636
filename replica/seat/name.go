package seat

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strconv"
)

// Name gives the name of the seat that a node claims. It is the same after
// every restart and differs between the nodes of a cluster: the connectUrl when
// there is one, else the host name with the configured port, else (a port that
// is chosen anew at each start, 0) the host name with the absolute path of the
// store. With a static list of peers the name is the list's entry instead.
func Name(connectURL, hostname string, port int, store string) string {
	switch {
	case connectURL != "":
		return short(connectURL)
	case port != 0:
		return short(net.JoinHostPort(hostname, strconv.Itoa(port)))
	default:
		return short(hostname + ":" + store)
	}
}

// short keeps names that are too long apart from each other.
func short(name string) string {
	if len(name) <= MaxText {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	end := "#" + hex.EncodeToString(sum[:16])
	return name[:MaxText-len(end)] + end
}
