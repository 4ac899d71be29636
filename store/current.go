package store

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The file CURRENT names the directory of the index:
//
//	quorate store 2
//	index-000001
//	<CRC-32C of the lines above, 8 hex digits>
//
// It is replaced in one step (temporary file, sync, rename, sync of the
// directory), so there is always exactly one index.
const (
	currentFile  = "CURRENT"
	currentMagic = "quorate store "
	currentV     = 2 // 1 had other keys of entries and bodies
	indexPrefix  = "index-"
	firstIndex   = indexPrefix + "000001"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// currentIndex gives the name of the index's directory and removes what a
// broken-off Restore left. An empty directory becomes a new store.
func currentIndex(fs vfs.FS, dir string) (string, error) {
	names, err := fs.List(dir)
	if err != nil {
		return "", err
	}
	var have bool
	dirs := make(map[string]bool)
	for _, n := range names {
		have = have || n == currentFile
		if strings.HasPrefix(n, indexPrefix) {
			dirs[n] = true
		}
	}
	if !have {
		if len(dirs) > 0 {
			return "", fmt.Errorf("%w: %s is missing beside an index", ErrCorrupt, currentFile)
		}
		return firstIndex, writeCurrent(fs, dir, firstIndex)
	}
	name, err := readCurrent(fs, dir)
	if err != nil {
		return "", err
	}
	if !dirs[name] && name != firstIndex {
		return "", fmt.Errorf("%w: %s names %s, which is missing", ErrCorrupt, currentFile, name)
	}
	for n := range dirs {
		if n != name {
			if err := fs.RemoveAll(fs.PathJoin(dir, n)); err != nil {
				return "", fmt.Errorf("remove what a restore left: %w", err)
			}
		}
	}
	return name, nil
}

func readCurrent(fs vfs.FS, dir string) (string, error) {
	b, err := readFile(fs, fs.PathJoin(dir, currentFile))
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", fmt.Errorf("%w: %s has no three lines", ErrCorrupt, currentFile)
	}
	v, ok := strings.CutPrefix(lines[0], currentMagic)
	if !ok {
		return "", fmt.Errorf("%w: %s is not ours", ErrCorrupt, currentFile)
	}
	if v != strconv.Itoa(currentV) {
		n, _ := strconv.ParseUint(v, 10, 64) // what is no number is 0
		return "", fmt.Errorf("%w: store of version %q, this one knows %d", otherVersion(n, currentV), v, currentV)
	}
	body := lines[0] + "\n" + lines[1] + "\n"
	if lines[2] != fmt.Sprintf("%08x", crc32.Checksum([]byte(body), castagnoli)) {
		return "", fmt.Errorf("%w: checksum of %s", ErrCorrupt, currentFile)
	}
	if !strings.HasPrefix(lines[1], indexPrefix) || strings.ContainsAny(lines[1], `/\`) {
		return "", fmt.Errorf("%w: %s names %q", ErrCorrupt, currentFile, lines[1])
	}
	return lines[1], nil
}

func writeCurrent(fs vfs.FS, dir, name string) error {
	body := currentMagic + strconv.Itoa(currentV) + "\n" + name + "\n"
	body += fmt.Sprintf("%08x\n", crc32.Checksum([]byte(body), castagnoli))
	if err := replaceFile(fs, dir, currentFile, []byte(body)); err != nil {
		return fmt.Errorf("write %s: %w", currentFile, err)
	}
	return nil
}

// replaceFile gives a file new contents, durably and in one step.
func replaceFile(fs vfs.FS, dir, name string, b []byte) error {
	tmp := fs.PathJoin(dir, name+".tmp")
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := fs.Rename(tmp, fs.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

// makeDir creates dir and makes its name durable: a store that a power cut took
// away with its directory would look like a new one.
func makeDir(fs vfs.FS, dir string) error {
	if err := fs.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	return syncDir(fs, fs.PathDir(dir))
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return b, err
}

func isNotExist(err error) bool { return oserror.IsNotExist(err) || os.IsNotExist(err) }
