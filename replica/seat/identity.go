package seat

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// An Identity is who a directory is. It is born with the directory; whoever
// copies the directory copies it, which the incarnation gives away [S8].
type Identity struct {
	Cluster     [16]byte // zero: belongs to none yet
	ID          uint64   // raft's
	Seat        string   // the place that it was last started for
	Incarnation uint64   // raised, durably, at each start
}

// NewIdentity gives a fresh identity, which is nowhere yet.
func NewIdentity(name string) Identity { return Identity{ID: NewID(), Seat: name} }

// NewID gives a random identity that is not zero.
func NewID() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails [crypto/rand]
		if id := binary.LittleEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// The file: magic 4, version 1, cluster 16, then uvarints identity and
// incarnation, the seat as a string with a uvarint length, CRC-32C of all
// before, 4 bytes, little-endian.
const (
	identityFile    = "IDENTITY"
	identityMagic   = "QIDT"
	identityVersion = 1
	maxIdentity     = 64 << 10
)

// ErrIdentity is returned for a file that is not an identity.
var ErrIdentity = errors.New("malformed identity")

// LoadIdentity reads the identity of a directory. A directory without one gives
// an error that is fs.ErrNotExist.
func LoadIdentity(fs vfs.FS, dir string) (Identity, error) {
	path := fs.PathJoin(dir, identityFile)
	f, err := fs.Open(path)
	if err != nil {
		return Identity{}, fmt.Errorf("open %s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxIdentity))
	if err = errors.Join(err, f.Close()); err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", path, err)
	}
	i, err := decodeIdentity(b)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

func decodeIdentity(b []byte) (Identity, error) {
	const fixed = len(identityMagic) + 1 + 16
	if len(b) < fixed+4 || string(b[:4]) != identityMagic {
		return Identity{}, fmt.Errorf("%w: no magic number", ErrIdentity)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return Identity{}, fmt.Errorf("%w: wrong checksum", ErrIdentity)
	}
	if body[4] != identityVersion {
		return Identity{}, fmt.Errorf("%w: version %d, this one knows %d", ErrIdentity, body[4], identityVersion)
	}
	i := Identity{Cluster: [16]byte(body[5:21])}
	r := reader{b: body[fixed:]}
	i.ID, i.Incarnation, i.Seat = r.number(), r.number(), r.text()
	if r.bad || len(r.b) != 0 || i.ID == 0 {
		return Identity{}, fmt.Errorf("%w: cut off, or too long", ErrIdentity)
	}
	return i, nil
}

func (i Identity) encode() []byte {
	b := append([]byte(identityMagic), identityVersion)
	b = append(b, i.Cluster[:]...)
	b = binary.AppendUvarint(b, i.ID)
	b = binary.AppendUvarint(b, i.Incarnation)
	b = appendText(b, i.Seat)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Save makes the identity durable in a directory, in place of the one there:
// written aside, flushed, renamed, and the directory flushed.
func (i Identity) Save(fs vfs.FS, dir string) error {
	path := fs.PathJoin(dir, identityFile)
	f, err := fs.Create(path+".tmp", vfs.DiskWriteCategory("seat"))
	if err != nil {
		return err
	}
	_, err = f.Write(i.encode())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fs.Rename(path+".tmp", path); err != nil {
		return err
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
