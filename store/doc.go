// Package store is the durable state of a broker: queues, durable
// subscriptions, their pending messages, producer windows, and what big
// transactions have staged. The replicated log drives it.
//
// The log is the only thing written on the way of a message. A Store applies
// its batches in order and keeps what is recent in memory, in generations;
// a generation that grew too big closes and is written to the index (Pebble) in
// the background. A message that comes and goes within one generation never
// touches the index. What the index holds is exactly the state at one log
// index, so recovery is: open the index, replay the log behind it. DESIGN.md
// has the keys, the generations and the argument for a crash at any step.
//
// # The batch
//
// Operations travel in batches, each atomic. All integers are unsigned varints
// unless noted, a string or bytes is a length and its bytes:
//
//	byte    magic, 0xB7
//	byte    version, 1; 2 for jobs and pauses
//	uvarint number of operations
//	per operation:
//	  byte    type, see the table in ops.go
//	  uvarint length of the payload
//	  …       payload, decoded to its last byte
//
// A decoder checks every length against the bytes that are left before it
// allocates anything, and the whole batch before anything of it is applied. An
// operation of an unknown type, or a batch of a later version, was written by a
// newer binary: the node stops loudly instead of skipping it.
//
// Applying is total and deterministic: it reads no clock, configuration, random
// number or map order. Every operation states its precondition (the message is
// still in that queue, the queue still exists) and gives an Outcome.
package store
