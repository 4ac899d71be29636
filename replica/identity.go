package replica

import (
	"github.com/quorate/quorate/replica/seat"
)

// openIdentity reads the identity of this directory, or makes one, and raises
// its incarnation durably: each start can be told from every other [S8].
func (n *Node) openIdentity() error {
	who, err := seat.LoadIdentity(n.fs, n.cfg.Dir)
	if isNotExist(err) {
		who, err = seat.NewIdentity(n.cfg.Seat), nil
		if aerr := n.aside(dirLog); aerr != nil { // somebody else's, if anything
			return aerr
		}
	}
	if err != nil {
		return err
	}
	who.Incarnation++
	who.Seat = n.cfg.Seat
	return n.saveIdentity(who)
}

// saveIdentity makes an identity durable, and then this node's.
func (n *Node) saveIdentity(who seat.Identity) error {
	if err := who.Save(n.fs, n.cfg.Dir); err != nil {
		return err
	}
	n.self.mu.Lock()
	n.self.who = who
	n.self.mu.Unlock()
	return nil
}
