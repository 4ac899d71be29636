package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A snapshot's way over its own connection. Records are length 4 | payload |
// CRC-32C 4.
//
//	sender    record: format, term, from, to, index, term of index, ConfState, files (name, size)
//	receiver  record: refusal (empty: go on), files that it has already (name, CRC-32C)
//	sender    for each file: record: 1 when the receiver has it; else record: 0, then
//	          its bytes, then record: CRC-32C
//	receiver  record: refusal (empty: held durably)
const (
	streamSnapshot = "snapshot"
	streamFormat   = 1
	streamPatience = 10 * time.Second // without progress
	streamBuffer   = 64 << 10
	maxRecord      = 16 << 20
	maxFiles       = 1 << 20
)

var errStream = errors.New("malformed snapshot stream")

type shipFile struct {
	name string
	size int64
}

// stream reads and writes records with a deadline that progress moves.
type stream struct {
	conn net.Conn
}

func (s stream) Read(p []byte) (int, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(streamPatience))
	return s.conn.Read(p)
}

func (s stream) Write(p []byte) (int, error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(streamPatience))
	return s.conn.Write(p)
}

func (s stream) send(payload []byte) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = append(b, payload...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	_, err := s.Write(b)
	return err
}

func (s stream) receive() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[:])
	if size > maxRecord {
		return nil, errStream
	}
	b := make([]byte, size+4)
	if _, err := io.ReadFull(s, b); err != nil {
		return nil, err
	}
	if crc32.Checksum(b[:size], castagnoli) != binary.LittleEndian.Uint32(b[size:]) {
		return nil, errStream
	}
	return b[:size], nil
}

// ship sends the checkpoint in dir to the receiver of m.
func (n *Node) ship(ctx context.Context, m *pb.Message, dir string) error {
	files, err := n.listFiles(dir, "")
	if err != nil {
		return err
	}
	conn, err := n.mesh.Open(ctx, ID(m.GetTo()), streamSnapshot)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	s := stream{conn}
	if err := s.send(encodeShipment(m, files)); err != nil {
		return err
	}
	held, err := s.reply()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := n.shipFile(s, n.fs.PathJoin(dir, f.name), f, held); err != nil {
			return fmt.Errorf("send %s: %w", f.name, err)
		}
	}
	_, err = s.reply()
	return err
}

// reply reads the receiver's word: an error when it refuses.
func (s stream) reply() (map[string]uint32, error) {
	b, err := s.receive()
	if err != nil {
		return nil, err
	}
	d := decoder{b: b}
	if refusal := d.text(); refusal != "" || d.bad {
		return nil, fmt.Errorf("slave refuses the snapshot: %s", refusal)
	}
	held := make(map[string]uint32)
	for len(d.b) > 0 {
		name, sum := d.text(), d.uvarint()
		held[name] = uint32(sum)
	}
	return held, nil
}

func (n *Node) shipFile(s stream, path string, f shipFile, held map[string]uint32) error {
	if sum, ok := held[f.name]; ok {
		if own, err := n.checksum(path); err == nil && own == sum {
			return s.send([]byte{1})
		}
	}
	if err := s.send([]byte{0}); err != nil {
		return err
	}
	file, err := n.fs.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	sum := crc32.New(castagnoli)
	k, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(s, sum)}, io.LimitReader(file, f.size), make([]byte, streamBuffer))
	if err != nil {
		return err
	}
	if k != f.size {
		return fmt.Errorf("file has %d bytes, %d were announced", k, f.size)
	}
	return s.send(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
}

func (n *Node) checksum(path string) (uint32, error) {
	file, err := n.fs.Open(path)
	if err != nil {
		return 0, err
	}
	sum := crc32.New(castagnoli)
	_, err = io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{file}, make([]byte, streamBuffer))
	return sum.Sum32(), errors.Join(err, file.Close())
}

// listFiles returns the files below dir, by name.
func (n *Node) listFiles(dir, prefix string) ([]shipFile, error) {
	names, err := n.fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []shipFile
	for _, name := range names {
		path := n.fs.PathJoin(dir, name)
		info, err := n.fs.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			out = append(out, shipFile{prefix + name, info.Size()})
			continue
		}
		below, err := n.listFiles(path, prefix+name+"/")
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

func encodeShipment(m *pb.Message, files []shipFile) []byte {
	meta := m.GetSnapshot().GetMetadata()
	b := []byte{streamFormat}
	for _, v := range [...]uint64{m.GetTerm(), m.GetFrom(), m.GetTo(), meta.GetIndex(), meta.GetTerm()} {
		b = binary.AppendUvarint(b, v)
	}
	conf, err := proto.Marshal(meta.GetConfState())
	if err != nil {
		panic(err) // a message of numbers
	}
	b = append(binary.AppendUvarint(b, uint64(len(conf))), conf...)
	b = binary.AppendUvarint(b, uint64(len(files)))
	for _, f := range files {
		b = binary.AppendUvarint(appendText(b, f.name), uint64(f.size))
	}
	return b
}

// decodeShipment returns the message for raft and the files that follow.
func decodeShipment(b []byte) (*pb.Message, []shipFile, error) {
	if len(b) == 0 || b[0] != streamFormat {
		return nil, nil, errStream
	}
	d := decoder{b: b[1:]}
	term, from, to, index, indexTerm := d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint()
	conf := &pb.ConfState{}
	if err := proto.Unmarshal(d.bytes(), conf); err != nil {
		return nil, nil, errStream
	}
	count := d.uvarint()
	if d.bad || count > maxFiles {
		return nil, nil, errStream
	}
	var files []shipFile
	for range count {
		f := shipFile{d.text(), int64(d.uvarint())}
		if d.bad || f.size < 0 || !localName(f.name) {
			return nil, nil, errStream
		}
		files = append(files, f)
	}
	return &pb.Message{
		Type: pb.MsgSnap.Enum(), Term: &term, From: &from, To: &to,
		Snapshot: &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: conf, Index: &index, Term: &indexTerm}},
	}, files, nil
}

// localName refuses names that lead out of the staging directory.
func localName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00") || strings.HasSuffix(part, partSuffix) {
			return false
		}
	}
	return true
}
