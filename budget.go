package myvault

import (
	"sync"
	"time"
)

// The budget of failures with details in the trail, for each service, and for all unknown callers
// together. At this rate 1 GiB lasts more than a year.
const (
	budgetBurst  = 256 << 10 // bytes
	budgetRate   = 32        // bytes a second
	budgetEntry  = 128       // bytes of an entry without its texts
	budgetOwners = 4096      // with a bucket; further ones share that of unknown callers
)

// budgets are token buckets of bytes, by owner.
type budgets struct {
	mu sync.Mutex
	of map[string]bucket
}

// bucket is the number of bytes left at a time.
type bucket struct {
	bytes float64
	at    time.Time
}

// spend takes the size of e, written a number of times, from its owner's budget. It reports false
// and takes nothing if the budget is too small.
func (b *budgets) spend(e *Entry, times int) bool {
	owner, now := eventOf(e).Key.owner(), time.Now()
	cost := times * (budgetEntry + len(e.Service) + len(e.Via) + len(e.Request) + len(e.Remote) + len(e.Action) + len(e.Address.Project) + len(e.Address.Path))
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.of[owner]; !known && len(b.of) >= budgetOwners {
		b.forget(now)
		if len(b.of) >= budgetOwners {
			owner = "" // rather lose details than use more memory
		}
	}
	if b.of == nil {
		b.of = make(map[string]bucket)
	}
	one := b.of[owner].refilled(now)
	enough := one.bytes >= float64(cost)
	if enough {
		one.bytes -= float64(cost)
	}
	b.of[owner] = one
	return enough
}

// refilled returns the bucket at a later time. The zero bucket is full.
func (b bucket) refilled(now time.Time) bucket {
	if b.at.IsZero() {
		return bucket{budgetBurst, now}
	}
	return bucket{min(budgetBurst, b.bytes+now.Sub(b.at).Seconds()*budgetRate), now}
}

// forget drops the buckets that are full again. b.mu is held.
func (b *budgets) forget(now time.Time) {
	for owner, one := range b.of {
		if one.refilled(now).bytes >= budgetBurst {
			delete(b.of, owner)
		}
	}
}
