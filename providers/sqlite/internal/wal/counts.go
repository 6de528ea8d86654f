package wal

import (
	"os"
	"sync/atomic"
)

// counts has the numbers of committed transactions and of requests in them.
type counts struct{ Commits, Requests atomic.Uint64 }

// add counts a committed transaction.
func (c *counts) add(batch []*Request) {
	c.Commits.Add(1)
	for _, r := range batch {
		if r.err == nil {
			c.Requests.Add(1)
		}
	}
}

// FileSize returns the size of a file, or 0 if it cannot be read.
func FileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
