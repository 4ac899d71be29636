// Package cluster decides when a node stands for master. raft keeps an election
// safe whoever stands when; what is decided here is that it is quick, and that
// the node with the most recent update is asked first. DESIGN.md tells the rules.
//
// Elector is the machine that decides; Run makes it work for a replica. The two
// drivers, cluster/peers and cluster/zookeeper, add what they know of the other
// nodes: where they are, whether the cluster is founded, and whether a node
// without a leader may stand.
package cluster

import (
	"fmt"
	"strconv"

	"github.com/quorate/quorate/replica"
)

// NodeText writes an identity as it stands in logs and in ZooKeeper: sixteen
// hexadecimal digits.
func NodeText(id replica.ID) string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseNode reads what NodeText wrote.
func ParseNode(s string) (replica.ID, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil || id == 0 || len(s) != 16 {
		return 0, fmt.Errorf("node identity %q: want sixteen hexadecimal digits", s)
	}
	return replica.ID(id), nil
}
