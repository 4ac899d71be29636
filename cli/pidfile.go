package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A pidFile holds the id of the running process and is locked by it, so that a
// file left behind, or an id taken by another process, is not mistaken for a
// running node.
type pidFile struct{ f *os.File }

// takePIDFile writes this process's id, or says who runs already.
func takePIDFile(path string) (*pidFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	f, err := lockFile(path)
	if errors.Is(err, unix.EWOULDBLOCK) {
		if pid, running := runningPID(path); running {
			return nil, fmt.Errorf("a node is running already, process %d (%s)", pid, path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	err = errors.Join(f.Truncate(0), writeAll(f, strconv.Itoa(os.Getpid())+"\n"))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("pid file: %w", err)
	}
	return &pidFile{f}, nil
}

// lockFile opens and locks the file that has the name now: one that was
// removed by its owner between the two is not it any more.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		mine, errMine := f.Stat()
		named, errNamed := os.Stat(path)
		if errMine == nil && errNamed == nil && os.SameFile(mine, named) {
			return f, nil
		}
		f.Close()
	}
}

func writeAll(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// release removes the file, and then the lock.
func (p *pidFile) release() {
	os.Remove(p.f.Name())
	p.f.Close()
}

// runningPID gives the id in the file, if the process that wrote it still
// runs.
func runningPID(path string) (pid int, running bool) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return 0, false
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err == nil {
		return 0, false
	}
	raw := make([]byte, 32)
	n, _ := f.ReadAt(raw, 0)
	pid, err = strconv.Atoi(strings.TrimSpace(string(raw[:n])))
	return pid, err == nil && pid > 0
}
