package config

import (
	"fmt"
	"slices"
	"strings"
)

// guaranteed is the mode that every word of sync is mapped up to: a majority
// has flushed a message before it is confirmed. Nothing gives less.
const guaranteed = "quorum_disk"

// syncWords are the modes of ActiveMQ's replicated store.
var syncWords = []string{"local_mem", "local_disk", "remote_mem", "remote_disk", "quorum_mem", guaranteed}

// parseSync reads the list of sync words. ActiveMQ drops a word that it does
// not know, and with it what its author wanted; here it is an error.
func parseSync(text string) ([]string, error) {
	words := parseList(strings.ToLower(text))
	for _, w := range words {
		if !slices.Contains(syncWords, w) {
			return nil, fmt.Errorf("%q is not a sync mode: want %s", w, strings.Join(syncWords, ", "))
		}
	}
	if len(words) == 0 {
		words = []string{"local_mem"} // what ActiveMQ takes an empty list for
	}
	return words, nil
}
