package myvault

import (
	"sync"
	"time"
)

// What refusals with their details may take in the trail, for each service, and for all callers
// together that are not known. At the lasting rate 1 GiB is full in more than a year.
const (
	budgetBurst   = 256 << 10 // bytes
	budgetRate    = 32        // bytes a second
	budgetEntry   = 128       // bytes of an entry besides its texts
	budgetHolders = 4096      // whose budgets are remembered one by one
)

// budgets are token buckets of bytes, by holder.
type budgets struct {
	mu sync.Mutex
	of map[string]bucket
}

// bucket has bytes as of a time.
type bucket struct {
	bytes float64
	at    time.Time
}

// spend takes what e needs in the trail, written a number of times, from its holder's budget. It
// reports false, and takes nothing, if the budget does not have as much.
func (b *budgets) spend(e *Entry, times int) bool {
	w, _ := partsOf(e)
	holder, now := w.holder(), time.Now()
	cost := times * (budgetEntry + len(e.Service) + len(e.Via) + len(e.Request) + len(e.Remote) + len(e.Action) + len(e.Address.Project) + len(e.Address.Path))
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.of[holder]; !known && len(b.of) >= budgetHolders {
		b.forget(now)
		if len(b.of) >= budgetHolders {
			holder = "" // with the unknown callers: rather too little detail than too much memory
		}
	}
	if b.of == nil {
		b.of = make(map[string]bucket)
	}
	one := b.of[holder].refilled(now)
	enough := one.bytes >= float64(cost)
	if enough {
		one.bytes -= float64(cost)
	}
	b.of[holder] = one
	return enough
}

// refilled returns the bucket as it is at a time; the zero bucket is full.
func (b bucket) refilled(now time.Time) bucket {
	if b.at.IsZero() {
		return bucket{budgetBurst, now}
	}
	return bucket{min(budgetBurst, b.bytes+now.Sub(b.at).Seconds()*budgetRate), now}
}

// forget drops the buckets that are full again. b.mu is held.
func (b *budgets) forget(now time.Time) {
	for holder, one := range b.of {
		if one.refilled(now).bytes >= budgetBurst {
			delete(b.of, holder)
		}
	}
}
