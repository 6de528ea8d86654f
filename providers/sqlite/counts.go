package sqlite

import (
	"os"
	"sync/atomic"
)

// counts is what a file's writer has done.
type counts struct{ commits, requests atomic.Uint64 }

// add counts a transaction that holds.
func (c *counts) add(batch []*request) {
	c.commits.Add(1)
	for _, r := range batch {
		if r.err == nil {
			c.requests.Add(1)
		}
	}
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
