package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// knownFile keeps the last known link addresses of the other nodes, one a line,
// so that a node that starts while ZooKeeper is away finds them [S9]. It is a
// hint: without it, or with an old one, a node waits for ZooKeeper.
const knownFile = "KNOWN"

func (n *Node) remember(addrs []string) error {
	path := filepath.Join(n.cfg.Store.Dir, knownFile)
	if err := os.WriteFile(path+".tmp", []byte(strings.Join(addrs, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func (n *Node) remembered() []string {
	b, err := os.ReadFile(filepath.Join(n.cfg.Store.Dir, knownFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("The addresses of the other nodes could not be read", "error", err)
	}
	return strings.Fields(string(b))
}
