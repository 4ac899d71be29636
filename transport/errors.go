package transport

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// explain says what an operator can do about a port that cannot be had.
func explain(name, bind string, err error) error {
	host, port, splitErr := net.SplitHostPort(bind)
	switch {
	case splitErr != nil:
		return fmt.Errorf("connector %s: %q is not host:port: %w", name, bind, splitErr)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("connector %s: port %s on %s is taken by another process: stop it or give the connector another port: %w", name, port, host, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("connector %s: port %s may not be opened by this user: choose one above 1023 or grant the right: %w", name, port, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("connector %s: %s is no address of this machine: use 0.0.0.0 or one that is: %w", name, host, err)
	}
	return fmt.Errorf("connector %s: listen on %s: %w", name, bind, err)
}
