package guard

import (
	"hash/maphash"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// failureSlots bounds the memory for counting, of each kind. Keys may share a slot by
// chance: a wrong token is then answered 429 instead of 401 sooner.
const failureSlots = 4096

// An address and a service may have more failures than a pair of both: many services are
// behind the address of a proxy, and clients of a service are at many addresses.
const (
	addressFactor = 5
	serviceFactor = 50
)

// failures counts failed log-ins of each pair of service and network address, of each
// address and of each service. It makes no difference whether the service exists, so that a
// 429 does not reveal it.
type failures struct {
	perMinute                  int
	pairs, addresses, services *limits
}

type failureKey struct{ service, remote string }

func newFailures(perMinute int) *failures {
	return &failures{
		perMinute: perMinute,
		pairs:     newLimits(perMinute),
		addresses: newLimits(addressFactor * perMinute),
		services:  newLimits(serviceFactor * perMinute),
	}
}

// limits has a limiter for each slot, created when it is needed.
type limits struct {
	perMinute int
	seed      maphash.Seed

	mu    sync.Mutex
	slots map[uint64]*rate.Limiter
}

func newLimits(perMinute int) *limits {
	return &limits{perMinute: perMinute, seed: maphash.MakeSeed(), slots: make(map[uint64]*rate.Limiter)}
}

// exceed counts a failure, and reports whether it is over any of the limits.
func (f *failures) exceed(service, remote string) bool {
	pair := f.pairs.exceed(failureKey{service, remote})
	address := f.addresses.exceed(failureKey{remote: remote})
	all := f.services.exceed(failureKey{service: service})
	return pair || address || all
}

func (l *limits) exceed(key failureKey) bool {
	slot := maphash.Comparable(l.seed, key) % failureSlots
	l.mu.Lock()
	limiter := l.slots[slot]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(float64(l.perMinute)/time.Minute.Seconds()), l.perMinute)
		l.slots[slot] = limiter
	}
	l.mu.Unlock()
	return !limiter.Allow()
}

// retryAfter returns the whole seconds until one more failure is within the limit.
func (f *failures) retryAfter() string {
	return strconv.Itoa((60 + f.perMinute - 1) / f.perMinute)
}

// LoginFailed counts a failed log-in as service from the network address remote. It returns
// an error if there were too many. The response is then 429.
func (g *Guard) LoginFailed(service, remote string) error {
	if !g.failures.exceed(service, remote) {
		return nil
	}
	return &problem.Problem{
		Status: http.StatusTooManyRequests,
		Detail: "too many failed log-ins: correct the service and its token; a correct identity always passes",
		Retry:  g.failures.retryAfter(),
	}
}
