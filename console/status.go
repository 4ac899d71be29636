// Package console is what a person or a monitor sees of a node over HTTP. So
// far it is the local management endpoint: HTTP and JSON on a unix socket in the
// data directory, which only the user that runs the node can open.
//
//	GET  /status    Status
//	GET  /health    Health; 200 when ready, 503 when not
//	GET  /explain?destination=queue://NAME  Explanation
//	POST /transfer  {"to": "SEAT"}; empty: the best slave. 200, or 409 with {"error": …}
//	POST /stop      202; the node stops gracefully
//
//	GET  /destinations             []Destination
//	GET  /groups?queue=NAME        []Group
//	GET  /jobs?due=MILLIS&id=N     []Job behind that place, 1000 at most
//	POST /operate                  Operation; 200 with {"done": …}, or 409 with {"error": …}
package console

import "time"

// Role is what a node is at the moment, in an operator's words.
type Role string

// The roles.
const (
	Master   Role = "master"   // leads and serves clients
	Slave    Role = "slave"    // follows a master
	Electing Role = "electing" // knows of no master
	Founding Role = "founding" // empty, waits for the others
	Failed   Role = "failed"   // its disk failed; it is up to tell so
	Stopping Role = "stopping" // hands over and ends
)

// Status is what a node knows of itself and of its cluster. Nodes may differ
// for a moment.
type Status struct {
	Broker    string    `json:"broker"`
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Node      string    `json:"node"` // the seat of this node
	Role      Role      `json:"role"`
	Ready     bool      `json:"ready"`            // a master that serves, or a slave that follows
	Reason    string    `json:"reason,omitempty"` // why it is not ready, or why it failed
	Master    string    `json:"master,omitempty"` // the seat of the master, if one is known
	Election  string    `json:"election"`         // zookeeper, peers or none
	Replicas  int       `json:"replicas"`
	Quorum    int       `json:"quorum"`
	Guarantee string    `json:"guarantee"` // what a confirmation means

	Term      uint64 `json:"term"`
	Position  uint64 `json:"position"`  // last entry of this node's log
	Committed uint64 `json:"committed"` // last entry that a majority holds, as far as it knows
	Applied   uint64 `json:"applied"`

	Members    []Member    `json:"members"` // all seats, this node's among them
	Connectors []Connector `json:"connectors"`
	Store      Store       `json:"store"`
	Notes      []string    `json:"notes,omitempty"` // what an operator should look at
}

// A Member is a seat of the cluster, as this node sees it.
type Member struct {
	Seat      string `json:"seat"`
	Address   string `json:"address,omitempty"` // of its replication links
	Role      Role   `json:"role,omitempty"`    // as it says itself; empty if it does not answer
	Up        bool   `json:"up"`                // its links are up
	Vacant    bool   `json:"vacant,omitempty"`  // nobody has taken the seat yet
	Learning  bool   `json:"learning,omitempty"`
	Position  uint64 `json:"position"` // last entry that it is known to hold
	Lag       uint64 `json:"lag"`      // entries behind the master, on the master only
	SilentFor int64  `json:"silentForMillis,omitempty"`
	Weight    int    `json:"weight,omitempty"`
	Unfit     string `json:"unfit,omitempty"` // why it does not stand for master
}

// Missing reports whether the member ought to be there and is not.
func (m Member) Missing() bool { return !m.Up }

// A Connector is a port for clients.
type Connector struct {
	Name        string `json:"name"`
	Address     string `json:"address"`
	Open        bool   `json:"open"` // only on the master
	Connections int    `json:"connections"`
}

// Store tells how much is kept.
type Store struct {
	Directory  string `json:"directory"`
	LogBytes   int64  `json:"logBytes"`
	IndexBytes int64  `json:"indexBytes"`
	Queues     int    `json:"queues"`
	Messages   int64  `json:"messages"`
}

// Health is the short answer for a monitor.
type Health struct {
	Ready  bool   `json:"ready"`
	Role   Role   `json:"role"`
	Reason string `json:"reason,omitempty"`
}
