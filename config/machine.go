package config

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultMemory is what the Go runtime may take where nothing limits it. The
// process takes some 60 MB more: its code, and pages that were given back late.
const defaultMemory = 320 * mib

// memoryLimit is what the process may use: GOMEMLIMIT, else nine tenths of the
// container's limit, else the default.
func memoryLimit() int64 {
	if n := debug.SetMemoryLimit(-1); n > 0 && n < math.MaxInt64 {
		return n
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
		if err == nil && n > 0 && n < 1<<50 { // version 1 writes a huge number for none
			return n / 10 * 9
		}
	}
	return defaultMemory
}

// diskSize is the size of the file system that dir is on, or will be; 0 if
// that cannot be found out.
func diskSize(dir string) int64 {
	for {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err == nil {
			return int64(st.Blocks) * int64(st.Bsize)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0
		}
		dir = parent
	}
}
