package node

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/quorate/quorate/console"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/replica"
	"github.com/quorate/quorate/wal"
)

// greet says what was configured and what is guaranteed.
func (n *Node) greet() {
	s := n.cfg.Store
	switch {
	case s.Replicas == 1:
		n.say(logline.UsingLocal, "LevelDB", s.Dir)
	default:
		n.say(logline.UsingReplicated, s.Dir, strings.Join(s.ZK.Addresses, ","), s.ZK.Path)
	}
	n.log.Info("Guarantee: " + s.Guarantee())
}

// Status gives what console shows of this node.
func (n *Node) Status() console.Status {
	st := n.replica.Status()
	s := console.Status{
		Broker: n.cfg.BrokerName, Version: n.version, PID: os.Getpid(), Started: n.started,
		Node: st.Seat, Election: string(n.cfg.Store.Election), Replicas: n.cfg.Store.Replicas,
		Quorum: n.cfg.Store.Quorum(), Guarantee: n.cfg.Store.Guarantee(),
		Term: st.Term, Position: uint64(st.LastIndex), Committed: uint64(st.Commit), Applied: uint64(st.Applied),
	}
	n.mu.Lock()
	serving, connectors, stopping, failure := n.mu.broker != nil, n.mu.connectors, n.mu.stopping, n.mu.failure
	n.mu.Unlock()
	s.Role, s.Ready, s.Reason = role(st, serving, stopping, failure)
	s.Members = members(st)
	for _, m := range s.Members {
		if m.Role == console.Master {
			s.Master = m.Seat
		}
	}
	for _, c := range n.cfg.Transports {
		s.Connectors = append(s.Connectors, console.Connector{Name: c.Name, Address: c.Bind})
	}
	for i, c := range connectors {
		open, _ := c.server.Connections()
		s.Connectors[i].Address, s.Connectors[i].Open, s.Connectors[i].Connections = c.server.Addr().String(), true, open
	}
	s.Store = n.storeStatus()
	if st.Unfit != "" {
		s.Notes = append(s.Notes, "this node does not stand for master: "+st.Unfit)
	}
	if st.Founded && lost(st) {
		s.Notes = append(s.Notes, fmt.Sprintf("no quorum: %d of %d nodes are needed, missing: %s", s.Quorum, s.Replicas, missing(st)))
	}
	return s
}

func (n *Node) storeStatus() console.Store {
	u := n.store.Usage()
	return console.Store{Directory: n.cfg.Store.Dir, LogBytes: n.replica.LogSize(), IndexBytes: int64(u.Disk),
		Queues: u.Queues, Messages: int64(u.Messages)}
}

func role(st replica.Status, serving, stopping bool, failure error) (console.Role, bool, string) {
	switch {
	case failure != nil:
		return console.Failed, false, failure.Error()
	case st.Failed != nil:
		return console.Failed, false, st.Failed.Error()
	case stopping:
		return console.Stopping, false, "the node stops"
	case st.Role == replica.Leader && serving:
		return console.Master, true, ""
	case st.Role == replica.Leader:
		return console.Electing, false, "elected, not serving yet"
	case !st.Founded:
		return console.Founding, false, "waits for the other nodes, or for the master to take it in"
	case st.Leader != 0:
		return console.Slave, true, ""
	}
	return console.Electing, false, "no master is known"
}

// members lists the seats, this node's among them.
func members(st replica.Status) []console.Member {
	if st.Table == nil {
		return nil
	}
	last := st.LastIndex
	var ms []console.Member
	for _, s := range st.Table.Seats {
		m := console.Member{Seat: s.Name, Address: s.Address, Vacant: s.Vacant, Learning: s.Learner != 0}
		id := replica.ID(s.ID)
		if id == st.ID {
			m.Up, m.Position, m.Unfit = true, uint64(last), st.Unfit
			m.Role = memberRole(st.Role, id, st)
		}
		for _, p := range st.Peers {
			if p.ID != id {
				continue
			}
			m.Up, m.Weight = p.Up, p.Weight
			m.Position = uint64(max(p.LastIndex, p.Match))
			if p.Up {
				m.Role = memberRole(p.Role, id, st)
			} else {
				m.SilentFor = p.Heard.Milliseconds()
			}
			if p.Unfit {
				m.Unfit = "says so itself"
			}
		}
		if st.Role == replica.Leader {
			m.Lag = uint64(last - min(wal.Index(m.Position), last))
		}
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b console.Member) int { return strings.Compare(a.Seat, b.Seat) })
	return ms
}

func memberRole(r replica.Role, id replica.ID, st replica.Status) console.Role {
	switch {
	case r == replica.Leader && (st.Leader == id || st.Leader == 0):
		return console.Master
	case r == replica.Follower && st.Leader != 0, r == replica.Learner:
		return console.Slave
	}
	return console.Electing
}

// lost reports whether fewer voters than a quorum are linked to this node.
func lost(st replica.Status) bool {
	if st.Table == nil {
		return false
	}
	up, _ := links(st)
	return up < st.Table.Replicas/2+1
}

// missing names the seats without a link.
func missing(st replica.Status) string {
	_, gone := links(st)
	if len(gone) == 0 {
		return "none"
	}
	return strings.Join(gone, ", ")
}

func links(st replica.Status) (up int, gone []string) {
	if st.Table == nil {
		return 0, nil
	}
	linked := map[uint64]bool{uint64(st.ID): true}
	for _, p := range st.Peers {
		if p.Up {
			linked[uint64(p.ID)] = true
		}
	}
	for _, s := range st.Table.Seats {
		if linked[s.ID] {
			up++
		} else {
			gone = append(gone, s.Name)
		}
	}
	return up, gone
}

// Transfer hands the mastership to the named seat, or to the best slave.
func (n *Node) Transfer(ctx context.Context, to string) error {
	st := n.replica.Status()
	if st.Role != replica.Leader {
		return fmt.Errorf("this node is not the master; %s is", masterName(st))
	}
	if to == "" {
		return n.replica.Resign(ctx)
	}
	var names []string
	for _, s := range st.Table.Seats {
		if s.Name == to {
			return n.replica.Transfer(ctx, replica.ID(s.ID))
		}
		names = append(names, s.Name)
	}
	return fmt.Errorf("no node is called %q, there are %s", to, strings.Join(names, ", "))
}

func masterName(st replica.Status) string {
	if st.Table != nil {
		for _, s := range st.Table.Seats {
			if replica.ID(s.ID) == st.Leader {
				return s.Name
			}
		}
	}
	return "nobody known"
}
