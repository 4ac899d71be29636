// Package replica is the replicated log: raft with everything that raft leaves
// open. A Node keeps a log on disk (package wal), talks to the other nodes over
// authenticated links (package link), knows which seats the cluster has and who
// holds them (package seat), and drives a Machine with what is committed.
//
// # Goroutines
//
//	loop      drives raft's RawNode and nothing else does; never waits for a disk write
//	writer    appends to the log: all that waits, one flush, then the answers
//	applier   hands committed batches to the Machine and their results to the proposers
//	watchdog  looks at the writer's clock; shares neither lock nor goroutine with the disk
//	mesh      the links; what arrives is decoded there and put into the loop's inbox
//	transfers one for each snapshot that is being sent or received
//
// Run owns all of them and waits for all of them.
//
// # An entry
//
// One entry carries many batches, each applied atomically. All integers are
// little-endian, lengths are uvarints:
//
//	 0  1  format, 1
//	 1  8  nonce of the reign that proposed it, random
//	 9  8  sequence of its first batch within that reign, from 0
//	17  …  length | batch | length | batch | …
//
// An entry has at most 1 MiB. Entries without data are raft's own.
//
// # What a peer is sent
//
// The first byte of a payload is its kind: R raft message, P probe and A its
// answer (the master's lease), S status report, F founding record and f its
// answer. A snapshot travels over a connection of its own.
package replica
