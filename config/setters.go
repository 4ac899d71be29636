package config

import (
	"fmt"
	"strings"
	"time"
)

// setHeartBeat reads "10000,10000": what we expect and what we send.
func setHeartBeat(t *target, s string) (string, error) {
	a, b, ok := strings.Cut(s, ",")
	in, errIn := parseInt(a, 0, 1<<30)
	out, errOut := parseInt(b, 0, 1<<30)
	if !ok || errIn != nil || errOut != nil {
		return "", fmt.Errorf("%q is not a heart-beat: want two numbers of milliseconds, such as %q", s, "10000,10000")
	}
	t.conn.HeartBeat = [2]int{in, out}
	return "", nil
}

const defaultNoSpaceWait = 10 * time.Second

// setNoSpaceWait takes 0 for the default, since nobody is held up for ever.
func setNoSpaceWait(t *target, s string) (string, error) {
	d, err := parseDuration(s)
	if err != nil {
		return "", err
	}
	if d == 0 {
		t.cfg.Usage.FailIfNoSpaceWait = defaultNoSpaceWait
		return fmt.Sprintf("%v: a sender is not held up for ever", defaultNoSpaceWait), nil
	}
	if d > 24*time.Hour {
		return "", fmt.Errorf("%q is out of range: want up to 24h", s)
	}
	t.cfg.Usage.FailIfNoSpaceWait = d
	return "", nil
}

// percents are the limits that are written as percentages, 0 if not. They
// become bytes when everything has been read.
type percents struct{ memory, store, temp int }

func setMemoryPercent(t *target, s string) (string, error) {
	n, err := parseInt(s, 1, 100)
	if err != nil {
		return "", err
	}
	t.percents.memory = n
	return fmt.Sprintf("%d percent of broker.memory, and at most a quarter of it", n), nil
}

func setStorePercent(t *target, s string) (note string, err error) {
	t.percents.store, err = parseInt(s, 1, 100)
	return "", err
}

func setTempPercent(t *target, s string) (note string, err error) {
	t.percents.temp, err = parseInt(s, 1, 100)
	return "", err
}
