package replica

import (
	"time"

	"github.com/quorate/quorate/replica/link"
)

// useClock makes link.Now follow virtual time.
func useClock() {
	link.SetClock(func() time.Duration { return time.Duration(time.Now().UnixNano()) })
}
