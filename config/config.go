// Package config reads the configuration of a node: ActiveMQ's activemq.xml,
// environment variables and flags, the later ones winning over the earlier.
//
// There is one table of keys (see Keys). The loader, the flags of the commands
// and the reference page are all made from it, so a key that is not in the
// table does not exist. Whatever else a file contains is judged by a second
// table, of what is known and not taken up, and each element and attribute
// ends up in the Report as honoured, mapped, ignored or refused, with its line
// and a reason. Nothing is dropped silently. A configuration with a refused
// line does not load.
//
// The package knows text and values. It opens the file, the property files that
// the file names, and nothing else.
package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Config is what one node needs to know. Load gives complete ones: no field
// has to be defaulted by whoever reads it.
type Config struct {
	File       string // the file that was read, absolute; empty without one
	BrokerName string // the same on all nodes of a cluster
	DataDir    string // absolute

	Store      Store
	Transports []Connector // only those that are served
	Usage      Usage
	Messaging  Messaging
	Log        Log

	AdminSocket string        // unix socket of the local management endpoint, absolute
	PIDFile     string        // absolute
	StopTimeout time.Duration // how long a graceful stop may take before connections are cut
	MemoryLimit int64         // bytes; the soft limit handed to the Go runtime, and what percentages of memory refer to
}

// Election says how the nodes of a cluster find each other.
type Election string

// The elections. Alone is a single node, which elects itself.
const (
	Alone     Election = "none"
	ZooKeeper Election = "zookeeper"
	Peers     Election = "peers"
)

// A Store is the persistence adapter: one node's durable store, replicated or
// not.
type Store struct {
	Adapter  string // the element it was configured by: replicatedLevelDB, levelDB, kahaDB; empty without a file
	Dir      string // absolute
	Replicas int    // seats of the cluster; 1 is a node alone
	Election Election

	Bind          string // host:port that replication links are accepted on; port 0 is dynamic
	Hostname      string // advertised to the other nodes, never empty
	ConnectURL    string // host:port advertised instead of Hostname and the port, empty if not set
	Weight        int    // the higher one wins among equally recent nodes
	SecurityToken string // shared secret of the links; empty proves nothing
	Container     string // free text that is shown in ZooKeeper
	ReplaceAfter  time.Duration

	ZK    ZK       // with Election ZooKeeper
	Peers []string // host:port of every node, with Election Peers
	Self  string   // the entry of Peers that is this node

	Sync []string // the words written; the guarantee is always quorum_disk, see Guarantee

	SegmentSize    int64 // bytes of one file of the log
	LogLimit       int64 // bytes of log kept behind the index
	CacheSize      int64 // bytes of the index's block cache
	GenerationSize int64 // bytes of recent operations held in memory before they go to the index
}

// ZK is the ZooKeeper ensemble that a cluster meets at.
type ZK struct {
	Addresses      []string // host:port
	Password       string   // empty: open to everybody who reaches the ensemble
	Path           string
	SessionTimeout time.Duration
}

// A Connector is a port that clients connect to.
type Connector struct {
	Name   string // as in the file; unique
	Scheme string // stomp
	Bind   string // host:port; port 0 is dynamic
	URI    string // as written

	MaxConnections int           // 0: no limit of its own
	MaxFrameSize   int64         // bytes
	ConnectTimeout time.Duration // for the first frame
	HeartBeat      [2]int        // milliseconds, for clients that negotiate none: what we expect, what we send
	HeartBeatGrace float64       // multiplies the interval that we wait for
}

// Usage are the limits of the whole broker, in bytes.
type Usage struct {
	Memory            int64         // bodies and headers held for dispatch
	Store             int64         // pending persistent messages
	Temp              int64         // non-persistent messages that spilled to disk
	FailIfNoSpace     bool          // a send that meets a full store is refused at once instead of waiting
	FailIfNoSpaceWait time.Duration // … or after this long
}

// Log says what is logged, and how.
type Log struct {
	Format string // text or json
	Level  string // debug, info, warn, error
	File   string // empty: standard output
}

// Quorum is the number of nodes that have to hold a message before it is
// confirmed: more than half of the seats.
func (s Store) Quorum() int { return s.Replicas/2 + 1 }

// Guarantee says in a line what a confirmation means, for the log at start:
// the sync words as written and what is given for them.
func (s Store) Guarantee() string {
	given := fmt.Sprintf("a confirmed message is flushed to disk by %d of %d nodes", s.Quorum(), s.Replicas)
	if s.Replicas == 1 {
		given = "a confirmed message is flushed to this node's disk"
	}
	word := strings.Join(s.Sync, ", ")
	if word == guaranteed {
		return fmt.Sprintf("sync=%q: %s", word, given)
	}
	return fmt.Sprintf("sync=%q is written, %s is given: %s", word, guaranteed, given)
}

// Seat is the name of this node's place in the cluster, which must be the same
// after a restart: the entry of the peers list; else connectUrl; else host name
// and port; and where the port is dynamic, host name and store directory.
func (s Store) Seat() string {
	switch {
	case s.Election == Peers:
		return s.Self
	case s.ConnectURL != "":
		return s.ConnectURL
	}
	if _, port, err := net.SplitHostPort(s.Bind); err == nil && port != "0" {
		return net.JoinHostPort(s.Hostname, port)
	}
	return s.Hostname + ":" + filepath.ToSlash(s.Dir)
}

// hostPort reads "host:port" or "scheme://host:port", options after a ? left
// out. A missing port is defaultPort, or an error if that is empty.
func hostPort(text, defaultPort string) (string, error) {
	rest := strings.TrimSpace(text)
	if strings.Contains(rest, "://") {
		u, err := url.Parse(rest)
		if err != nil {
			return "", fmt.Errorf("%q is not an address: want host:port or tcp://host:port", text)
		}
		rest = u.Host
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil && defaultPort != "" && (!strings.Contains(rest, ":") || strings.HasSuffix(rest, "]")) {
		host, port, err = net.SplitHostPort(net.JoinHostPort(strings.Trim(rest, "[]"), defaultPort))
	}
	if err != nil {
		return "", fmt.Errorf("%q is not an address: want host:port or tcp://host:port", text)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("%q has the port %q: want a number from 0 to 65535", text, port)
	}
	if strings.ContainsAny(host, " \t\r\n/@") {
		return "", fmt.Errorf("%q is not an address: host %q", text, host)
	}
	return net.JoinHostPort(host, port), nil
}
