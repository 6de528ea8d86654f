package httpapi

import (
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// failureSlots bounds the memory for counting. Pairs share a slot by chance, which can only
// make a wrong token meet 429 in place of 401 sooner.
const failureSlots = 4096

// failures counts failed log-ins of each pair of service and network address. Whether the
// service exists makes no difference, so that nobody learns it from here.
type failures struct {
	perMinute int
	seed      maphash.Seed

	mu    sync.Mutex
	slots map[uint64]*rate.Limiter
}

type failureKey struct{ service, remote string }

func newFailures(perMinute int) *failures {
	return &failures{perMinute: perMinute, seed: maphash.MakeSeed(), slots: make(map[uint64]*rate.Limiter)}
}

// exceed counts one more failure, and reports whether it is one too many.
func (f *failures) exceed(service, remote string) bool {
	slot := maphash.Comparable(f.seed, failureKey{service, remote}) % failureSlots
	f.mu.Lock()
	limiter := f.slots[slot]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(float64(f.perMinute)/time.Minute.Seconds()), f.perMinute)
		f.slots[slot] = limiter
	}
	f.mu.Unlock()
	return !limiter.Allow()
}

// retryAfter gives the whole seconds after which one more failure is free.
func (f *failures) retryAfter() string {
	return strconv.Itoa((60 + f.perMinute - 1) / f.perMinute)
}
