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

// failureSlots bounds the memory for counting, of each kind. Keys share a slot by chance, which can
// only make a wrong token meet 429 in place of 401 sooner.
const failureSlots = 4096

// How much more often a network address, and a service, may fail than a pair of both: many
// services stand behind the address of a proxy, and clients of a service at many.
const (
	addressShare = 5
	serviceShare = 50
)

// failures counts failed log-ins: of each pair of service and network address, of each address
// and of each service. Whether the service exists makes no difference, so that nobody learns it from here.
type failures struct {
	perMinute                 int
	pairs, addresses, service limits
}

// limits are as many limiters as there are slots, made as they are needed.
type limits struct {
	perMinute int
	seed      maphash.Seed

	mu    sync.Mutex
	slots map[uint64]*rate.Limiter
}

type failureKey struct{ service, remote string }

func newFailures(perMinute int) *failures {
	return &failures{perMinute: perMinute,
		pairs:     limits{perMinute: perMinute, seed: maphash.MakeSeed()},
		addresses: limits{perMinute: addressShare * perMinute, seed: maphash.MakeSeed()},
		service:   limits{perMinute: serviceShare * perMinute, seed: maphash.MakeSeed()},
	}
}

// exceed counts one more failure, and reports whether it is one too many by any count.
func (f *failures) exceed(service, remote string) bool {
	pair := f.pairs.exceed(failureKey{service, remote})
	address := f.addresses.exceed(failureKey{remote: remote})
	whole := f.service.exceed(failureKey{service: service})
	return pair || address || whole
}

func (l *limits) exceed(key failureKey) bool {
	slot := maphash.Comparable(l.seed, key) % failureSlots
	l.mu.Lock()
	if l.slots == nil {
		l.slots = make(map[uint64]*rate.Limiter)
	}
	limiter := l.slots[slot]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(float64(l.perMinute)/time.Minute.Seconds()), l.perMinute)
		l.slots[slot] = limiter
	}
	l.mu.Unlock()
	return !limiter.Allow()
}

// retryAfter gives the whole seconds after which one more failure is free.
func (f *failures) retryAfter() string {
	return strconv.Itoa((60 + f.perMinute - 1) / f.perMinute)
}

// LoginFailed counts a failed log-in as service from the network address remote. It returns an error
// if there were too many: the answer is then 429.
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
