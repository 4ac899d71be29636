// Package wal is the log on disk of one replica: raft's entries and its hard
// state (term, vote, commit), in segments of checksummed records.
//
// One writer appends and syncs; any number of readers ask for terms and
// entries beside it. What Sync returned nil for is there after a power cut.
// What was not synced may be there, wholly, as a prefix, or not at all; nothing
// else is ever read back. Opening makes durable whatever it found, so that what
// is reported as held is held.
//
// # Files
//
// A log is a directory:
//
//	0000000000000007.wal   segment 7; a higher sequence is younger
//	0000000000000008.wal   the youngest one is appended to
//	0000000000000009.tmp   a segment in the making; removed when the log is opened
//	LOCK                   held while the log is open
//
// A segment bears its name only after its header is durable (temporary file,
// fsync, rename, fsync of the directory), so a segment without a good header is
// damaged, never unfinished. All integers are little-endian:
//
//	segment:  header | record | record | … | zeros, or what the file held before
//
//	header, 96 bytes
//	 0  8  magic "QUORWAL\n"
//	 8  4  version, 1
//	12  4  CRC-32C of the header without these four bytes
//	16  8  sequence of this segment, as in its name
//	24  8  salt, random; odd when the file was another segment's before
//	32  8  first: the index of the first entry that it holds or will hold
//	40  8  term of the entry before first
//	48  8  sequence of the segment that holds the entry before first, or 0
//	56  8  where that segment ends: all bytes below are durable records
//	64  8  front: sequence of the oldest segment that the log still needs
//	72 24  hard state: term, vote, commit
//
//	record, begins at a multiple of 8
//	 0  4  length of the payload
//	 4  4  CRC-32C of the segment's salt, length, kind and payload
//	 8  1  kind
//	 9  …  payload
//	 …  …  zeros up to the next multiple of 8
//
//	kind 1, entry:  type 1 | index 8 | term 8 | data
//	kind 2, state:  term 8 | vote 8 | commit 8
//	kind 3, mark:   salt 8 | offset of this record 8 | reach 8 | front 8 | flags 1
//
// Entries of a segment have consecutive indexes from first on. Entries of an
// older segment from the first of its successor on are void: that is how the
// end of the log is cut, as the file-system seam cannot truncate a file.
//
// A mark says that the bytes below reach were synced when it was written. A bad
// record above every mark's reach is the torn tail of an append that nobody was
// told about; below it, it is damage, and the log is not opened. Flag 1 of a
// mark says that the log was closed behind it; a segment that ends so needs no
// repair.
//
// DESIGN.md has the reasons, and for each step what a crash leaves behind.
package wal
