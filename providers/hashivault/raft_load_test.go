//go:build unix

package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

const (
	loadWriters = 16
	writesEach  = 50 // to one address, before the next: Vault writes the list of its versions with each
	loadPause   = 10 * time.Millisecond
)

// story holds the results that the only writer of an address got.
type story struct {
	addr    myvault.Address
	made    map[myvault.Version]string // acknowledged
	maybe   map[string]bool            // of unknown outcome
	refused map[string]error           // reported as not made
	last    myvault.Version            // acknowledged
	found   int                        // versions
	reads   int
	failed  int // reads
}

// load is many callers of sessions, each with its own addresses.
type load struct {
	session *myvault.Session
	outages *outages
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	stories []*story
	wrong   []string
}

// startLoad writes and reads until stop is called.
func startLoad(t *testing.T, vault *myvault.Vault, o *outages) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{session: vault.As("newsbot"), outages: o, cancel: cancel}
	for w := range loadWriters {
		l.running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.write(ctx, w, n)
			}
		})
	}
	t.Cleanup(l.stop)
	return l
}

// stop lets each caller finish its call.
func (l *load) stop() {
	l.cancel()
	l.running.Wait()
}

func (l *load) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// write writes and reads one address: each value once, every third on a condition.
func (l *load) write(ctx context.Context, writer, n int) {
	s := &story{
		addr: at(fmt.Sprintf("newsbot/prod/w-%d/%d", writer, n)),
		made: map[myvault.Version]string{}, maybe: map[string]bool{}, refused: map[string]error{},
	}
	l.mu.Lock()
	l.stories = append(l.stories, s)
	l.mu.Unlock()
	for i := 0; i < writesEach && ctx.Err() == nil; i++ {
		ok := l.put(writer, s, fmt.Sprintf("value %d of %d-%d", i, writer, n), i%3 == 2)
		ok = l.get(s) && ok
		time.Sleep(loadPause)
		if !ok {
			time.Sleep(retryPause)
		}
	}
}

// put records the result of a write. It is never canceled, because a canceled caller gets no
// result.
func (l *load) put(writer int, s *story, value string, conditional bool) bool {
	var conditions []myvault.Condition
	if conditional && s.last > 0 {
		conditions = append(conditions, myvault.IfVersion(s.last))
	}
	begun := time.Now()
	info, err := l.session.Put(context.Background(), s.addr, myvault.Text(value), conditions...)
	switch {
	case err == nil && s.made[info.Version] != "":
		l.fault("version %d of %v was given twice", info.Version, s.addr)
	case err == nil:
		s.made[info.Version], s.last = value, info.Version
		if writer < bareWriters { // as many as there are writers of Vault's own API
			l.outages.succeeded(begun)
		}
	case errors.Is(err, myvault.ErrUnknownOutcome):
		s.maybe[value] = true
	case errors.Is(err, myvault.ErrUnavailable):
		s.refused[value] = err
	case errors.Is(err, myvault.ErrConflict) && len(conditions) > 0 && len(s.maybe) > 0:
		s.refused[value] = err // one of unknown outcome was made
	default:
		l.fault("put: %v", err)
	}
	return err == nil
}

// get reads the last acknowledged value, or one of unknown outcome that followed it.
func (l *load) get(s *story) bool {
	secret, err := l.session.Get(context.Background(), s.addr)
	s.reads++
	switch {
	case errors.Is(err, myvault.ErrUnavailable):
		s.failed++
		return false
	case errors.Is(err, myvault.ErrNotFound) && s.last == 0:
	case err != nil:
		l.fault("get: %v", err)
	case secret.Version == s.last && secret.Value.Reveal() == s.made[s.last]:
	case secret.Version > s.last && s.maybe[secret.Value.Reveal()]:
		s.last = secret.Version
	default:
		l.fault("get of %v gave version %d, and %d was acknowledged", s.addr, secret.Version, s.last)
	}
	return true
}

// check compares every address with the results of its writer, and logs the counts.
func (l *load) check(t *testing.T) {
	t.Helper()
	is := is.New(t)
	var all sync.WaitGroup
	turn := make(chan struct{}, loadWriters)
	for _, s := range l.stories {
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			l.compare(s)
		})
	}
	all.Wait()
	var made, maybe, refused, found, reads, failed int
	for _, s := range l.stories {
		made, maybe, refused = made+len(s.made), maybe+len(s.maybe), refused+len(s.refused)
		found, reads, failed = found+s.found, reads+s.reads, failed+s.failed
	}
	t.Logf("%d writes acknowledged, %d of unknown outcome, of which %d were made, %d refused; %d reads, %d refused",
		made, maybe, found-made, refused, reads, failed)
	is.True(made > 0)
	for _, wrong := range l.wrong[:min(len(l.wrong), 10)] {
		t.Error(wrong)
	}
	is.Equal(len(l.wrong), 0)
}

// compare reads every version of an address.
func (l *load) compare(s *story) {
	found := map[string]bool{}
	for info, err := range l.session.Versions(context.Background(), s.addr) {
		if errors.Is(err, myvault.ErrNotFound) && len(s.made) == 0 {
			return
		}
		if err != nil {
			l.fault("versions: %v", err)
			return
		}
		secret, err := l.session.GetVersion(context.Background(), s.addr, info.Version)
		if err != nil {
			l.fault("get version: %v", err)
			return
		}
		value := secret.Value.Reveal()
		acknowledged, was := s.made[info.Version]
		if was && value != acknowledged || !was && !s.maybe[value] {
			l.fault("version %d of %v holds %q, acknowledged was %q; of it was said: %v", info.Version, s.addr, value, acknowledged, s.refused[value])
		}
		if found[value] {
			l.fault("%q was made twice", value)
		}
		found[value] = true
	}
	s.found = len(found)
	for version, value := range s.made {
		if !found[value] {
			l.fault("version %d of %v is lost", version, s.addr)
		}
	}
}
