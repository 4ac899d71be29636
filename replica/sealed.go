package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Small files of a node's directory: magic 4 | version 1 | payload | CRC-32C 4
// of all before. Each is replaced as a whole.
const (
	fileFounding = "FOUNDING" // the founding record, see founding.go
	fileInstall  = "INSTALL"  // a snapshot's installation is under way
	filePeers    = "PEERS"    // highest incarnation seen of each identity
	filePort     = "PORT"     // where links listened last, when the port is left open

	sealedVersion = 1
	diskCategory  = vfs.DiskWriteCategory("replica")
)

var (
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
	errDamaged  = errors.New("file is damaged")
	errNewer    = errors.New("file is of a newer version")
	sealedMagic = map[string]string{fileFounding: "QFND", fileInstall: "QINS", filePeers: "QPRS", filePort: "QPRT"}
)

// writeSealed replaces a file: when it returns nil the new content is durable.
func (n *Node) writeSealed(name string, payload []byte) error {
	b := append([]byte(sealedMagic[name]), sealedVersion)
	b = append(b, payload...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := n.replace(name, b); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (n *Node) replace(name string, b []byte) error {
	tmp := n.path(name + ".tmp")
	f, err := n.fs.Create(tmp, diskCategory)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := n.fs.Rename(tmp, n.path(name)); err != nil {
		return err
	}
	return n.syncDir(n.cfg.Dir)
}

// readSealed returns a file's payload, nil when there is none.
func (n *Node) readSealed(name string) ([]byte, error) {
	f, err := n.fs.Open(n.path(name))
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) < 9 || string(b[:4]) != sealedMagic[name] ||
		crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, fmt.Errorf("read %s: %w", name, errDamaged)
	}
	if b[4] > sealedVersion {
		return nil, fmt.Errorf("read %s: %w", name, errNewer)
	}
	return b[5 : len(b)-4], nil
}

// removeSealed removes a file durably.
func (n *Node) removeSealed(name string) error {
	if err := n.fs.Remove(n.path(name)); err != nil && !isNotExist(err) {
		return err
	}
	return n.syncDir(n.cfg.Dir)
}

func (n *Node) syncDir(dir string) error {
	d, err := n.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
