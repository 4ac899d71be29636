package node

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quorate/quorate/config"
	"github.com/quorate/quorate/logline"
	"github.com/quorate/quorate/stomp"
	"github.com/quorate/quorate/transport"
)

// A connector is an open port of a reign, with the protocol behind it.
type connector struct {
	cfg    config.Connector
	server *transport.Server
	reign  *reign
	wg     sync.WaitGroup
}

// listen takes the port; clients wait in the kernel until serve.
func (n *Node) listen(cfg config.Connector, r *reign) (*connector, error) {
	handler, err := n.handler(cfg, r)
	if err != nil {
		return nil, err
	}
	c := &connector{cfg: cfg, reign: r, server: transport.New(transport.Config{
		Name: cfg.Name, Bind: cfg.Bind, Handler: handler, MaxConnections: cfg.MaxConnections,
		LoginTimeout: cfg.ConnectTimeout, Logger: n.log,
	})}
	addr, err := c.server.Listen()
	if err != nil {
		return nil, err
	}
	n.say(logline.ConnectorListening, cfg.Scheme+"://"+addr.String())
	return c, nil
}

// handler gives the conversation of a scheme. A new protocol has its line here.
func (n *Node) handler(cfg config.Connector, r *reign) (transport.Handler, error) {
	switch cfg.Scheme {
	case "stomp", "stomp+nio":
		opts := stomp.Options{
			Server: "Quorate/" + n.version, Leased: n.replica.Leased, Grace: cfg.HeartBeatGrace, MaxBody: int(cfg.MaxFrameSize), Logger: n.log,
			HeartBeat: [2]time.Duration{time.Duration(cfg.HeartBeat[0]) * time.Millisecond, time.Duration(cfg.HeartBeat[1]) * time.Millisecond},
		}
		return func(ctx context.Context, conn net.Conn) {
			if err := stomp.Serve(ctx, conn, r.broker, opts); err != nil {
				n.log.Debug("Connection ended", "connector", cfg.Name, "remote", conn.RemoteAddr(), "error", err)
			}
		}, nil
	}
	return nil, fmt.Errorf("connector %s: scheme %q is not served, stomp is", cfg.Name, cfg.Scheme)
}

func (c *connector) serve(ctx context.Context) {
	c.reign.n.say(logline.ConnectorStarted, c.cfg.Name)
	c.wg.Go(func() {
		if err := c.server.Serve(ctx); err != nil {
			select {
			case c.reign.broken <- err:
			default:
			}
		}
	})
}

// close closes the port and every connection, and waits for their ends.
func (c *connector) close() {
	_ = c.server.Close()
	c.wg.Wait()
}
