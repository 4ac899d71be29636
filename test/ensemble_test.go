package test

import (
	"testing"

	"github.com/quorate/quorate/internal/testkit/zookeeper"
)

// ensemble starts three ZooKeeper servers that end with the test.
func ensemble(t *testing.T) *zookeeper.Ensemble {
	t.Helper()
	return zookeeper.Start(t)
}
