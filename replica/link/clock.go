package link

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

var clock atomic.Pointer[func() time.Duration]

// Now is a clock that never jumps and counts the time that the machine was
// suspended [M8]. Its zero is arbitrary.
func Now() time.Duration {
	if f := clock.Load(); f != nil {
		return (*f)()
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("link: the machine has no clock that counts suspended time: " + err.Error())
	}
	return time.Duration(t.Nano())
}

// SetClock replaces Now for tests in virtual time, nil restores it.
func SetClock(f func() time.Duration) {
	if f == nil {
		clock.Store(nil)
		return
	}
	clock.Store(&f)
}
