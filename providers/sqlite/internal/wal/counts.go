package wal

import (
	"os"
	"sync/atomic"
)

// counts is what a file's writer has done.
type counts struct{ Commits, Requests atomic.Uint64 }

// add counts a transaction that holds.
func (c *counts) add(batch []*Request) {
	c.Commits.Add(1)
	for _, r := range batch {
		if r.err == nil {
			c.Requests.Add(1)
		}
	}
}

func FileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
