package store

import "github.com/cockroachdb/pebble/v2/vfs"

// dirFS is the file system as Pebble sees it. Where a directory cannot be
// synced, Pebble panics; this takes the node down in order instead.
type dirFS struct {
	vfs.FS
	fatal func(format string, args ...any) // does not return
}

func (f dirFS) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return dir{d, f.fatal}, nil
}

// Unwrap gives the file system below [vfs.FS].
func (f dirFS) Unwrap() vfs.FS { return f.FS }

type dir struct {
	vfs.File
	fatal func(format string, args ...any)
}

func (d dir) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.fatal("sync directory: %w", err)
	}
	return nil
}
