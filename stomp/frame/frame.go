// Package frame reads and writes the frames of STOMP 1.0, 1.1 and 1.2. It
// knows bytes and structs and nothing else.
//
// A frame on the wire, EOL being LF, or CR LF where the version allows it:
//
//	*EOL                     between frames: heart-beats, or decoration
//	command EOL              SEND, MESSAGE, ...
//	*( name ":" value EOL )  escaped from 1.1 on, except in CONNECT and CONNECTED
//	EOL
//	body                     content-length bytes, else everything up to the NUL
//	NUL
//
// A Reader takes bytes from a peer that may be hostile: every part of a frame
// has a limit, and memory follows the bytes that arrived, never a length that
// was announced. Writing is appending to a slice; it ends every frame with NUL
// and a newline, as ActiveMQ does.
package frame

// The commands of a client [STOMP 1.2 Client Frames] and of a server
// [STOMP 1.2 Server Frames].
const (
	Connect     = "CONNECT"
	Stomp       = "STOMP"
	Send        = "SEND"
	Subscribe   = "SUBSCRIBE"
	Unsubscribe = "UNSUBSCRIBE"
	Ack         = "ACK"
	Nack        = "NACK"
	Begin       = "BEGIN"
	Commit      = "COMMIT"
	Abort       = "ABORT"
	Disconnect  = "DISCONNECT"

	Connected = "CONNECTED"
	Message   = "MESSAGE"
	Receipt   = "RECEIPT"
	Error     = "ERROR"
)

// Version is a version of the protocol. The zero value is a connection that
// has not agreed on one yet.
type Version uint8

// The versions, in their order.
const (
	Unknown Version = iota
	V10
	V11
	V12
)

// String gives the version as it stands in accept-version.
func (v Version) String() string {
	switch v {
	case V10:
		return "1.0"
	case V11:
		return "1.1"
	case V12:
		return "1.2"
	}
	return "unknown"
}

// A Header is one header of a frame, unescaped.
type Header struct{ Name, Value string }

// A Frame is a command with headers and a body. Of a repeated header only the
// first is kept [STOMP 1.2 Repeated Header Entries].
type Frame struct {
	Command string
	Headers []Header
	Body    []byte
	// Counted says that the frame announced the length of its body. ActiveMQ
	// takes such a body for bytes and any other for text.
	Counted bool
}

// Get returns the value of the named header and whether it is there.
func (f *Frame) Get(name string) (string, bool) {
	for i := range f.Headers {
		if f.Headers[i].Name == name {
			return f.Headers[i].Value, true
		}
	}
	return "", false
}

// Value returns the value of the named header, "" if it is not there.
func (f *Frame) Value(name string) string {
	v, _ := f.Get(name)
	return v
}

// command returns the constant for a known command, so that reading one
// allocates nothing. SUB and UNSUB are understood as ActiveMQ does.
func command(b []byte) string {
	switch string(b) {
	case Connect:
		return Connect
	case Stomp:
		return Stomp
	case Send:
		return Send
	case Subscribe, "SUB":
		return Subscribe
	case Unsubscribe, "UNSUB":
		return Unsubscribe
	case Ack:
		return Ack
	case Nack:
		return Nack
	case Begin:
		return Begin
	case Commit:
		return Commit
	case Abort:
		return Abort
	case Disconnect:
		return Disconnect
	case Connected:
		return Connected
	case Message:
		return Message
	case Receipt:
		return Receipt
	case Error:
		return Error
	}
	return string(b)
}

// Headers of SEND by which a client that sends again after a failover lets the
// broker recognise what it has already: the producer's name, unique for ever,
// and the number of the message, from 1 and rising. At most 2,000 may be
// unconfirmed at a time. The broker takes them off.
const (
	HeaderProducer = "quorate-producer"
	HeaderSequence = "quorate-sequence"
)

// HeaderDuplicate is for any client: a SEND whose id was seen before, for the same
// destination and among the last of the whole cluster, is confirmed and otherwise
// ignored. Consumers get it as any header.
const HeaderDuplicate = "duplicate-id"
