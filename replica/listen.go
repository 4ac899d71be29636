package replica

import (
	"net"

	"github.com/quorate/quorate/replica/link"
)

// listen opens the links' listener, so that the address is known before Run.
func (n *Node) listen() error {
	bind, err := n.lastPort()
	if err != nil {
		return err
	}
	addr, err := n.listenOn(bind)
	if err != nil && bind != n.cfg.Bind {
		addr, err = n.listenOn(n.cfg.Bind)
	}
	if err != nil {
		return err
	}
	if err := n.keepPort(addr); err != nil {
		return err
	}
	n.address, err = advertised(n.cfg.Advertise, addr)
	return err
}

func (n *Node) listenOn(bind string) (net.Addr, error) {
	n.mesh = link.New(link.Config{
		Self:    n.hello,
		Token:   n.cfg.Token,
		Network: n.cfg.Network,
		Bind:    bind,
		Handler: (*handler)(n),
		Log:     n.cfg.Logger.With("component", "replica.link"),
		TLS:     n.cfg.TLS,
	})
	return n.mesh.Listen()
}

// lastPort returns where to bind: the port of the last run when the
// configuration leaves it open, so that the others find this node again without
// being told [S9].
func (n *Node) lastPort() (string, error) {
	host, port, err := net.SplitHostPort(n.cfg.Bind)
	if err != nil {
		return "", err
	}
	if port != "0" {
		return n.cfg.Bind, nil
	}
	b, err := n.readSealed(filePort)
	if b == nil || err != nil {
		return n.cfg.Bind, nil // a hint, no more
	}
	return net.JoinHostPort(host, string(b)), nil
}

func (n *Node) keepPort(bound net.Addr) error {
	_, want, err := net.SplitHostPort(n.cfg.Bind)
	if err != nil || want != "0" {
		return err
	}
	_, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return err
	}
	return n.writeSealed(filePort, []byte(port))
}

// advertised joins what the configuration says with what was bound.
func advertised(want string, bound net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return "", err
	}
	if want == "" {
		return net.JoinHostPort(host, port), nil
	}
	h, p, err := net.SplitHostPort(want)
	if err != nil {
		return net.JoinHostPort(want, port), nil
	}
	if p != "" && p != "0" {
		port = p
	}
	return net.JoinHostPort(h, port), nil
}
