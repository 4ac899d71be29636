package link

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TCP is the real Network.
type TCP struct{}

// Sockets give up what the peer has not acknowledged for so long, and hold
// little that is not sent, so that an urgent frame waits for little.
const (
	userTimeout = 3 * time.Second
	sendBuffer  = 256 << 10
)

// Listen opens a port.
func (TCP) Listen(addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: time.Second, Control: control}
	return lc.Listen(context.Background(), "tcp", addr)
}

// Dial connects.
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second, KeepAlive: time.Second, Control: control}
	return d.DialContext(ctx, "tcp", addr)
}

// control sets what an accepted socket inherits from its listener, too.
func control(_, _ string, c syscall.RawConn) error {
	var err error
	outer := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		if err == nil {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		}
	})
	if outer != nil {
		return outer
	}
	return err
}
