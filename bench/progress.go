package main

import (
	"log"
	"time"
)

// progress tells on stderr how far a run is and how long it will still take.
type progress struct {
	began       time.Time
	done, steps int
}

func newProgress(steps int) *progress { return &progress{began: time.Now(), steps: steps} }

// step counts one and tells what it gave.
func (p *progress) step(format string, args ...any) {
	p.done++
	left := time.Duration(float64(time.Since(p.began)) / float64(p.done) * float64(p.steps-p.done))
	log.Printf("[%d of %d, about %v left] "+format, append([]any{p.done, p.steps, left.Round(time.Second)}, args...)...)
}
