package store

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dirFS is the file system as Pebble sees it, with three things put right.
//
// Where a directory cannot be synced, Pebble panics; here it ends in fatal,
// which takes the node down in order. After that, or after an error in the
// background, no file is created any more.
//
// Pebble moves its markers (which manifest counts) by creating the new one,
// removing the old one and then one sync of the directory for these and for the
// manifest itself. A disk that keeps directory entries in another order could
// come back with a marker and no manifest, or with no marker at all, which
// Pebble takes for a new database. So the directory is synced before and after
// a marker is made.
type dirFS struct {
	vfs.FS
	fatal func(format string, args ...any) // does not return
	died  <-chan struct{}                  // closed when the index gave up
}

func (f *dirFS) OpenDir(name string) (vfs.File, error) {
	d, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return directory{d, f.fatal}, nil
}

// Create makes a file, while the index lives: later it does not return, so that
// what failed is not tried again.
func (f *dirFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	select {
	case <-f.died:
		select {}
	default:
	}
	if !strings.HasPrefix(f.PathBase(name), "marker.") {
		return f.FS.Create(name, c)
	}
	dir := f.PathDir(name)
	if err := syncDir(f, dir); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	if err := syncDir(f, dir); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// Unwrap gives the file system below [vfs.FS].
func (f *dirFS) Unwrap() vfs.FS { return f.FS }

type directory struct {
	vfs.File
	fatal func(format string, args ...any)
}

func (d directory) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.fatal("sync directory: %w", err)
	}
	return nil
}
