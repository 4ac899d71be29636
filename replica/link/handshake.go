package link

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// The handshake. D dialed, A accepted; every block is a u16 length and as many
// bytes, at most maxBlock of them, and HMACs are SHA-256 under the token:
//
//	D → A  magic(8)  nonceD(32)
//	A → D  magic(8)  nonceA(32)
//	D → A  block D: kind string, hello      HMAC("D", nonceD, nonceA, block D)
//	A → D  block A: verdict string, hello   HMAC("A", nonceD, nonceA, block D, block A)
//
// The kind is empty for a link, else it names a stream; the verdict is empty
// for yes. Neither side allocates by what it was told, beyond maxBlock.
const (
	family    = "QUORATE"
	magic     = family + "2" // 1 did not tell the length of a payload ahead
	nonceSize = 32
	maxBlock  = 2048
	maxText   = 512
	maxKind   = 64
)

// ErrToken is returned when the other side does not know the token.
var ErrToken = errors.New("the other side does not prove the securityToken")

// ErrProtocol is returned when the other side is a node of a version whose links
// are not like ours.
var ErrProtocol = errors.New("the other side is of a version that this one cannot be in a cluster with")

// A refusal is the verdict of the other side.
type refusal struct{ reason string }

func (r refusal) Error() string { return "refused by the other side: " + r.reason }

// dialHandshake is D's part. It returns the other side's hello.
func (m *Mesh) dialHandshake(c net.Conn, kind string) (Hello, error) {
	if err := c.SetDeadline(time.Now().Add(m.cfg.HandshakeTime)); err != nil {
		return Hello{}, err
	}
	nonces, err := exchange(c, true)
	if err != nil {
		return Hello{}, err
	}
	mine := appendHello(appendText(nil, kind), m.cfg.Self())
	if err := writeBlock(c, mine, m.proof("D", nonces, mine)); err != nil {
		return Hello{}, err
	}
	theirs, proof, err := readBlock(c)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return Hello{}, fmt.Errorf("%w, or does not accept ours: %w", ErrToken, err)
	}
	if err != nil {
		return Hello{}, err
	}
	if !hmac.Equal(proof, m.proof("A", nonces, mine, theirs)) {
		return Hello{}, ErrToken
	}
	verdict, peer, err := parseBlock(theirs)
	if err != nil {
		return Hello{}, err
	}
	if verdict != "" {
		return peer, refusal{verdict}
	}
	return peer, m.finish(c, peer)
}

// acceptHandshake is A's part. It returns the other side's hello and the kind.
func (m *Mesh) acceptHandshake(c net.Conn) (Hello, string, error) {
	if err := c.SetDeadline(time.Now().Add(m.cfg.HandshakeTime)); err != nil {
		return Hello{}, "", err
	}
	nonces, err := exchange(c, false)
	if err != nil {
		return Hello{}, "", err
	}
	theirs, proof, err := readBlock(c)
	if err != nil {
		return Hello{}, "", err
	}
	if !hmac.Equal(proof, m.proof("D", nonces, theirs)) {
		return Hello{}, "", ErrToken
	}
	kind, peer, err := parseBlock(theirs)
	if err != nil {
		return Hello{}, "", err
	}
	if len(kind) > maxKind {
		return Hello{}, "", errBlock
	}
	no := m.admit(peer)
	verdict := ""
	if no != nil {
		verdict = no.Error()
	}
	mine := appendHello(appendText(nil, verdict), m.cfg.Self())
	if err := writeBlock(c, mine, m.proof("A", nonces, theirs, mine)); err != nil {
		return peer, kind, err
	}
	if no != nil {
		return peer, kind, no
	}
	return peer, kind, c.SetDeadline(time.Time{})
}

// finish admits the side that accepted.
func (m *Mesh) finish(c net.Conn, peer Hello) error {
	if err := m.admit(peer); err != nil {
		return err
	}
	return c.SetDeadline(time.Time{})
}

func (m *Mesh) admit(peer Hello) error {
	if peer.ID == 0 {
		return errors.New("a node without an identity")
	}
	if peer.ID == m.cfg.Self().ID {
		return errSelf
	}
	return m.cfg.Handler.Admit(peer)
}

var errSelf = errors.New("this node itself, or a copy of its directory")

// exchange sends a nonce and reads the other one: nonceD, then nonceA.
func exchange(c net.Conn, dialed bool) ([]byte, error) {
	mine := make([]byte, len(magic)+nonceSize)
	copy(mine, magic)
	if _, err := rand.Read(mine[len(magic):]); err != nil {
		return nil, err
	}
	if dialed {
		if _, err := c.Write(mine); err != nil {
			return nil, err
		}
	}
	theirs := make([]byte, len(magic)+nonceSize)
	if _, err := io.ReadFull(c, theirs[:len(magic)]); err != nil {
		return nil, err
	}
	if string(theirs[:len(family)]) != family {
		return nil, fmt.Errorf("not a node of this protocol: it began with %q, expected %q", theirs[:len(magic)], magic)
	}
	if _, err := io.ReadFull(c, theirs[len(magic):]); err != nil {
		return nil, err
	}
	if string(theirs[:len(magic)]) != magic {
		if !dialed {
			_, _ = c.Write(mine) // so that the other side can say why, too
		}
		return nil, fmt.Errorf("%w: it began with %q, this node with %q", ErrProtocol, theirs[:len(magic)], magic)
	}
	if dialed {
		return append(mine[len(magic):], theirs[len(magic):]...), nil
	}
	if _, err := c.Write(mine); err != nil {
		return nil, err
	}
	return append(theirs[len(magic):], mine[len(magic):]...), nil
}

// proof binds the direction, both nonces and the blocks so far to the token.
func (m *Mesh) proof(direction string, nonces []byte, blocks ...[]byte) []byte {
	h := hmac.New(sha256.New, []byte("quorate link "+m.cfg.Token))
	h.Write([]byte(direction))
	h.Write(nonces)
	for _, b := range blocks {
		var n [2]byte
		binary.BigEndian.PutUint16(n[:], uint16(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	return h.Sum(nil)
}

func writeBlock(c net.Conn, block, proof []byte) error {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(block)))
	_, err := c.Write(append(append(b, block...), proof...))
	return err
}

func readBlock(c net.Conn) (block, proof []byte, err error) {
	var n [2]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return nil, nil, err
	}
	size := int(binary.BigEndian.Uint16(n[:]))
	if size > maxBlock {
		return nil, nil, fmt.Errorf("a block of %d bytes is announced, %d are allowed", size, maxBlock)
	}
	b := make([]byte, size+sha256.Size)
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, nil, err
	}
	return b[:size], b[size:], nil
}

func appendText(b []byte, s string) []byte {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendHello(b []byte, h Hello) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(h.ID))
	b = append(b, h.Cluster[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Incarnation)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Replicas))
	empty := byte(0)
	if h.Empty {
		empty = 1
	}
	b = append(b, empty)
	return appendText(appendText(b, h.Seat), h.Address)
}

var errBlock = errors.New("malformed handshake")

// parseBlock reads a text and a hello.
func parseBlock(b []byte) (string, Hello, error) {
	const fixed = 8 + 16 + 8 + 4 + 1
	text, b, ok := cutText(b)
	if !ok || len(b) < fixed || b[fixed-1] > 1 {
		return "", Hello{}, errBlock
	}
	h := Hello{
		ID: ID(binary.BigEndian.Uint64(b)), Cluster: [16]byte(b[8:24]), Incarnation: binary.BigEndian.Uint64(b[24:]),
		Replicas: int(int32(binary.BigEndian.Uint32(b[32:]))), Empty: b[36] == 1,
	}
	b = b[fixed:]
	if h.Seat, b, ok = cutText(b); !ok {
		return "", Hello{}, errBlock
	}
	if h.Address, b, ok = cutText(b); !ok || len(b) != 0 {
		return "", Hello{}, errBlock
	}
	return text, h, nil
}

func cutText(b []byte) (string, []byte, bool) {
	if len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxText || n > len(b)-2 {
		return "", nil, false
	}
	return string(b[2 : 2+n]), b[2+n:], true
}
