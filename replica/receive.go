package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/quorate/quorate/replica/link"
)

// partSuffix marks a file of the staging directory that is not verified.
const partSuffix = ".part"

// receiveSnapshot receives a snapshot into the staging directory and offers it
// to raft. Verified files of a transfer that broke off are not sent again.
func (n *Node) receiveSnapshot(p link.Hello, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(n.stopping, func() { _ = conn.Close() })()
	s := stream{conn}
	if !n.receivingBegins() {
		_ = s.send(appendText(nil, "busy with another snapshot"))
		return
	}
	m, err := n.download(p, s)
	if err != nil {
		n.receivingDone()
		n.slave.Warn(fmt.Sprintf("Unexpected session error: %v", err))
		_ = s.send(appendText(nil, err.Error()))
		return
	}
	if err := s.send(appendText(nil, "")); err != nil {
		n.log.Debug("Confirming a snapshot", "error", err)
	}
	n.inbox.call(func(l *loop) { l.offer(m) })
}

func (n *Node) receivingBegins() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	free := !n.mu.receiving && n.mu.failed == nil
	n.mu.receiving = n.mu.receiving || free
	return free
}

func (n *Node) receivingDone() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.receiving = false
}

// A download is one transfer on the slave's side.
type download struct {
	n     *Node
	s     stream
	files []shipFile
	held  map[string]uint32
	bytes int64 // of all files
	done  int64
	count int
}

func (n *Node) download(p link.Hello, s stream) (*pb.Message, error) {
	head, err := s.receive()
	if err != nil {
		return nil, err
	}
	m, files, err := decodeShipment(head)
	if err != nil {
		return nil, err
	}
	if ID(m.GetTo()) != n.self.id() || ID(m.GetFrom()) != p.ID {
		return nil, fmt.Errorf("snapshot from %s for %s", idText(ID(m.GetFrom())), idText(ID(m.GetTo())))
	}
	d := &download{n: n, s: s, files: files, held: make(map[string]uint32)}
	n.slave.Info("Attaching to master: " + p.Address)
	if err := d.prepare(); err != nil {
		return nil, err
	}
	if err := s.send(d.reply()); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := d.file(f); err != nil {
			return nil, fmt.Errorf("receive %s: %w", f.name, err)
		}
		d.progress(f)
	}
	return m, d.sync()
}

// prepare finds what an earlier transfer left and removes what does not belong.
func (d *download) prepare() error {
	fs, dir := d.n.fs, d.n.path(dirStaging)
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	want := make(map[string]int64, len(d.files))
	for _, f := range d.files {
		want[f.name] = f.size
		d.bytes += f.size
	}
	found, err := d.n.listFiles(dir, "")
	if err != nil {
		return err
	}
	for _, f := range found {
		path := fs.PathJoin(dir, f.name)
		if size, ok := want[f.name]; ok && size == f.size {
			if sum, err := d.n.checksum(path); err == nil {
				d.held[f.name] = sum
				continue
			}
		}
		if err := fs.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func (d *download) reply() []byte {
	b := appendText(nil, "")
	for _, f := range d.files {
		if sum, ok := d.held[f.name]; ok {
			b = binary.AppendUvarint(appendText(b, f.name), uint64(sum))
		}
	}
	return b
}

// file receives one file, or learns that the one held is good.
func (d *download) file(f shipFile) error {
	word, err := d.s.receive()
	if err != nil {
		return err
	}
	if len(word) == 1 && word[0] == 1 {
		if _, ok := d.held[f.name]; !ok {
			return errStream
		}
		d.n.slave.Info("Slave skipping download of: " + f.name)
		return nil
	}
	d.n.slave.Info("Slave requested: " + f.name)
	fs := d.n.fs
	path := fs.PathJoin(d.n.path(dirStaging), f.name)
	if i := strings.LastIndexByte(f.name, '/'); i >= 0 {
		if err := fs.MkdirAll(fs.PathDir(path), 0o755); err != nil {
			return err
		}
	}
	sum, err := d.store(path+partSuffix, f.size)
	if err != nil {
		return err
	}
	word, err = d.s.receive()
	if err != nil {
		return err
	}
	if len(word) != 4 || binary.LittleEndian.Uint32(word) != sum {
		return errors.New("checksum does not match")
	}
	return fs.Rename(path+partSuffix, path)
}

// store writes size bytes of the stream to a new file, durably.
func (d *download) store(path string, size int64) (uint32, error) {
	file, err := d.n.fs.Create(path, diskCategory)
	if err != nil {
		return 0, err
	}
	sum := crc32.New(castagnoli)
	buf := make([]byte, streamBuffer)
	for left := size; left > 0 && err == nil; {
		b := buf[:min(left, streamBuffer)]
		if _, err = io.ReadFull(d.s, b); err == nil {
			_, _ = sum.Write(b) // before the file, which may change b
			_, err = file.Write(b)
			left -= int64(len(b))
		}
	}
	if err == nil {
		err = file.Sync()
	}
	return sum.Sum32(), errors.Join(err, file.Close())
}

func (d *download) progress(f shipFile) {
	d.done += f.size
	d.count++
	d.n.slave.Info(progressText(d.done, d.bytes, d.count, len(d.files)))
}

func progressText(done, of int64, files, ofFiles int) string {
	return fmt.Sprintf("Attaching... Downloaded %.2f/%.2f kb and %d/%d files", float64(done)/1024, float64(of)/1024, files, ofFiles)
}

// sync makes the names durable.
func (d *download) sync() error {
	dirs := map[string]bool{d.n.path(dirStaging): true}
	for _, f := range d.files {
		dirs[d.n.fs.PathDir(d.n.fs.PathJoin(d.n.path(dirStaging), f.name))] = true
	}
	for dir := range dirs {
		if err := d.n.syncDir(dir); err != nil {
			return err
		}
	}
	return d.n.syncDir(d.n.cfg.Dir)
}
