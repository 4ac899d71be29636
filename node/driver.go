package node

import (
	"context"
	"fmt"

	"github.com/quorate/quorate/cluster/peers"
	"github.com/quorate/quorate/cluster/zookeeper"
	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/logline"
)

// A driver says when this node stands for master. Each is a leaf of cluster.
type driver interface {
	// Run runs the election until ctx ends.
	Run(ctx context.Context) error
	// Announce tells the outside where the master's links are, and that this
	// node serves; the address is empty while it does not. It does not block.
	Announce(address string, master bool)
}

// newDriver makes the driver that was configured. A node alone is a list with
// one entry.
func (n *Node) newDriver() (driver, error) {
	s := n.cfg.Store
	log := n.log.With(logline.ComponentKey, "quorate.cluster")
	switch s.Election {
	case config.Alone:
		self := s.Seat()
		return peers.New(peers.Config{Replica: n.replica, Peers: []string{self}, Self: self, Replicas: 1, Weight: s.Weight, Logger: log}), nil
	case config.Peers:
		return peers.New(peers.Config{Replica: n.replica, Peers: s.Peers, Self: s.Self, Replicas: s.Replicas, Weight: s.Weight, Logger: log}), nil
	case config.ZooKeeper:
		return zookeeper.New(zookeeper.Config{
			Replica: n.replica, Addresses: s.ZK.Addresses, Password: s.ZK.Password, Path: s.ZK.Path, SessionTimeout: s.ZK.SessionTimeout,
			BrokerName: n.cfg.BrokerName, Container: s.Container, Weight: s.Weight, Replicas: s.Replicas, Seat: s.Seat(), Logger: log,
			Remember: n.remember, Remembered: n.remembered(),
		}), nil
	}
	return nil, fmt.Errorf("election %q is not known, %s, %s and %s are", s.Election, config.ZooKeeper, config.Peers, config.Alone)
}
