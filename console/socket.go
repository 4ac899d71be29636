package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another live process answers at the socket.
var ErrInUse = errors.New("another node is running here")

// maxSocketPath is what fits into a socket's address on every system.
const maxSocketPath = 100

// Listen opens the management socket with rights for its owner only. A socket
// left by a process that died is replaced; one at which somebody answers gives
// ErrInUse. Closing the listener removes the file.
func Listen(path string) (net.Listener, error) {
	lock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	ln, err := listen(path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("management socket %s: %w", path, err)
	}
	return &listener{Listener: ln, path: path, lock: lock}, nil
}

// lock makes sure that of two processes only one goes on: who finds a socket
// dead and removes it must not remove one that was made in between.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("management socket: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("management socket: %s is locked: %w", path, ErrInUse)
		}
		return nil, fmt.Errorf("management socket: lock %s: %w", path, err)
	}
	return f, nil
}

func listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, errors.New("there is a file of that name that is no socket")
		}
		if conn, err := dial(context.Background(), path); err == nil {
			conn.Close()
			return nil, ErrInUse
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return listenPrivately(path)
}

// listenPrivately makes the socket where nobody else can reach it, and gives it
// its name when its rights are right.
func listenPrivately(path string) (net.Listener, error) {
	private, err := os.MkdirTemp(filepath.Dir(path), ".socket-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	var ln *net.UnixListener
	err = withShortPath(made, func(short string) (err error) {
		ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false) // it knows the name that it was made with
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

// dial connects to the socket at path, whatever its length.
func dial(ctx context.Context, path string) (net.Conn, error) {
	var conn net.Conn
	err := withShortPath(path, func(short string) (err error) {
		d := net.Dialer{Timeout: 2 * time.Second}
		conn, err = d.DialContext(ctx, "unix", short)
		return err
	})
	return conn, err
}

// withShortPath calls do with a path that fits into a socket's address, by way
// of the open directory if it does not.
func withShortPath(path string, do func(string) error) error {
	if len(path) <= maxSocketPath {
		return do(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// listener removes the socket when it is closed, and gives up the lock after.
type listener struct {
	net.Listener
	path string
	lock *os.File
}

// Close implements net.Listener. It may be called twice.
func (l *listener) Close() error {
	err := l.Listener.Close()
	if err == nil {
		os.Remove(l.path)
		l.lock.Close() // the lock's file stays: removing it would open a gap
	}
	return err
}
