package replica

// LogSize gives the bytes of log on disk.
func (n *Node) LogSize() int64 { return n.wal.Size() }
