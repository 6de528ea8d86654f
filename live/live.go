// Package live binds the secrets of a project to a struct and follows their changes.
//
//	type Config struct {
//		Password myvault.Value   `vault:"prod/db/password"`
//		Pool     PoolSettings    `vault:"prod/db/pool,json"`
//		TLS      tls.Certificate `vault:"prod/tls,pem"`
//		Sentry   string          `vault:"prod/sentry,optional"`
//	}
//
//	config, err := live.Bind[Config](ctx, session, "newsbot")
//	defer config.Close()
//	password := config.Load().Password.Reveal()
//
// [Live.Load] returns one consistent set of values, from one atomic load. A changed set replaces
// the whole one before, or nothing of it: all fields are parsed, then the method Validate() error
// of the struct is called, if it has one. A set that fails is reported, and the one before remains.
//
// No error contains a value: errors of parsers are replaced, because they quote their input.
//
// # Tags
//
// A tag is a path in the project, and options. A field without a tag is left alone, unless it is a
// struct, whose fields are bound too. Without an option a field is a string, []byte,
// [myvault.Value], bool, number, [time.Duration] or [encoding.TextUnmarshaler].
//
//	json      the value is JSON, for a field of any type
//	pem       the value is PEM, for a tls.Certificate (certificates and key), []*x509.Certificate,
//	          *x509.CertPool or crypto.Signer
//	optional  without the secret the field is zero; other fields need theirs
//
// # Sources
//
// A source is a session or a client. With the cache of a [client.Client], a program starts without
// its server; cached values may then be of different moments. A change that the source reports is
// read at once: one listing, and a read of each secret that changed. If the store reports none, or
// the caller may not list, the secrets are read each [Config].Interval, one by one if they cannot
// be listed.
package live

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Source is a [*myvault.Session] or a client of one.
type Source interface {
	Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error)
	List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error]
}

var _ Source = (*myvault.Session)(nil)

// Config configures [BindConfig]. The zero Config is that of [Bind].
type Config struct {
	// Interval is how often the source is asked for changes while it reports none. 0: 30 seconds.
	Interval time.Duration
	// ReadInterval is how often all secrets are read, changed or not. It keeps the cache of a
	// client fresh and notices that a right to read was lost. 0: an hour.
	ReadInterval time.Duration
	// OnChange is called after each change of the set. Nil: no call.
	OnChange func()
	// OnError is called with each error after the first set: of the source, or of a set that is not
	// used. Nil: see [Live.Err].
	OnError func(error)
}

// The defaults of a Config.
const (
	defaultInterval     = 30 * time.Second
	defaultReadInterval = time.Hour
)

// Live is a set of values that follows its secrets. [Bind] returns one; it is safe for concurrent
// use.
type Live[T any] struct {
	current atomic.Pointer[T]
	config  Config
	plan    plan
	source  Source
	stop    context.CancelFunc
	ended   sync.WaitGroup

	turn     chan struct{} // holds one item while a round runs, which may use the following
	state    state         // as it was last read
	started  time.Time     // when the last round that read everything began
	complete time.Time     // when the last one began that had no error
	err      error         // of the last round
	errs     atomic.Pointer[error]
}

// Bind reads the secrets of project that the tags of T name, and follows them until Close. Ctx
// limits the first read only. ErrInvalid for a T with wrong tags; else the errors of the source and
// of the first set.
func Bind[T any](ctx context.Context, source Source, project string) (*Live[T], error) {
	return BindConfig[T](ctx, source, project, Config{})
}

// BindConfig is [Bind] with a Config.
func BindConfig[T any](ctx context.Context, source Source, project string, config Config) (*Live[T], error) {
	plan, err := planOf[T](project)
	switch {
	case err != nil:
		return nil, err
	case source == nil:
		return nil, fmt.Errorf("live: %w: the source is nil", myvault.ErrInvalid)
	case config.Interval < 0 || config.ReadInterval < 0:
		return nil, fmt.Errorf("live: %w: an interval is negative", myvault.ErrInvalid)
	}
	config.Interval = cmp.Or(config.Interval, defaultInterval)
	config.ReadInterval = cmp.Or(config.ReadInterval, defaultReadInterval)
	l := &Live[T]{config: config, plan: plan, source: source, turn: make(chan struct{}, 1)}
	if err := l.first(ctx); err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.ended.Go(func() { l.follow(following) })
	return l, nil
}

// Load returns the current set. It is never nil, and must not be changed. It does not change
// either: load it once for values that belong together.
func (l *Live[T]) Load() *T { return l.current.Load() }

// Err returns nil if the current set is as the source last had it, else why not.
func (l *Live[T]) Err() error {
	if err := l.errs.Load(); err != nil {
		return *err
	}
	return nil
}

// Refresh reads all secrets now. It returns once the set is as new as the call, or the error that
// prevents it. Calls that wait for each other share one read.
func (l *Live[T]) Refresh(ctx context.Context) error {
	called := time.Now()
	changed, err := l.locked(ctx, func() (bool, error) {
		if l.started.After(called) {
			return false, l.err
		}
		return l.round(ctx, true)
	})
	l.report(changed)
	return err
}

// locked calls f while no other round runs, unless ctx ends first.
func (l *Live[T]) locked(ctx context.Context, f func() (bool, error)) (bool, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-l.turn }()
	return f()
}

// report calls OnChange without a lock, so that it may call Refresh.
func (l *Live[T]) report(changed bool) {
	if changed && l.config.OnChange != nil {
		l.config.OnChange()
	}
}

// Close ends the following of changes. Load returns the last set. Later calls return nil.
func (l *Live[T]) Close() error {
	l.stop()
	l.ended.Wait()
	return nil
}

// first reads the first set.
func (l *Live[T]) first(ctx context.Context) error {
	l.started = time.Now()
	l.complete = l.started
	read, err := l.plan.readFirst(ctx, l.source)
	if err != nil {
		return err
	}
	set, err := build[T](l.plan, read)
	if err != nil {
		return err
	}
	l.state = read
	l.current.Store(set)
	return nil
}

// round reads what changed, or everything, and replaces the set. It reports whether it did. The
// caller has its turn.
func (l *Live[T]) round(ctx context.Context, everything bool) (replaced bool, err error) {
	began := time.Now()
	if everything {
		l.started = began
	}
	read, changed, err := l.plan.read(ctx, l.source, l.state, everything)
	if err == nil {
		l.state = read
		if everything {
			l.complete = began
		}
		if changed {
			replaced = l.replace()
		}
		err = l.state.failed
	}
	l.err = err
	l.errs.Store(&err)
	return replaced, err
}

// replace builds the set of l.state, and makes it the current one unless it cannot be used.
func (l *Live[T]) replace() bool {
	set, err := build[T](l.plan, l.state)
	if l.state.failed = err; err != nil {
		return false
	}
	l.current.Store(set)
	return true
}
