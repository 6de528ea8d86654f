package hashivault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// The states of a registration. One that is gone stays as a record that says so: every step is
// a write on condition, and the condition is a number that only grows.
const (
	registered = "registered"
	leaving    = "leaving" // registered, unless whoever deletes it finds it empty; see remove
	gone       = "gone"
)

// registration is what is stored of a project.
type registration struct {
	Description string `json:"description"`
	By          string `json:"by"`
	At          string `json:"at"`
	State       string `json:"state"`
	ID          string `json:"id"`           // drawn at random when it was registered
	Key         name   `json:"key,omitzero"` // the label of the KV secret
	Change      name   `json:"change"`
}

// entry is a registration as it was read.
type entry struct {
	registration
	version uint64    // of the KV secret, for a condition; 0: never registered
	since   time.Time // before it was read or written
}

func (e entry) exists() bool { return e.version > 0 && e.State != gone }

// author is who makes a change, and when.
type author struct {
	by string
	at time.Time
}

// register is the register of projects: a KV secret for each.
type register struct {
	store *Store
	max   int
	locks locks

	mu    sync.Mutex
	known map[string]time.Time // projects that were registered at that time
}

func newRegister(s *Store, most int) *register {
	return &register{store: s, max: most, known: map[string]time.Time{}}
}

// read gives what is stored of a project.
func (r *register) read(ctx context.Context, name string) (entry, error) {
	e := entry{since: time.Now()}
	type stored struct {
		Data struct {
			Data registration `json:"data"`
			Meta *metadata    `json:"metadata"`
		} `json:"data"`
	}
	key := r.store.kv.projectKey(name)
	a, found, err := r.store.kv.get(ctx, "data/"+key, "")
	if err != nil {
		return e, err
	}
	s, err := decode[stored](a)
	if err == nil {
		err = r.store.kv.checkAnswer(a, found, key, s.Data.Data.Key, s.Data.Meta)
	}
	if err == nil && s.Data.Meta != nil {
		e.registration, e.version = s.Data.Data, s.Data.Meta.Version
		if !found {
			e.State = gone // another program deleted it
		}
	}
	return e, err
}

// write stores the next step of a registration; cluster.ErrMismatch where somebody was faster.
func (r *register) write(ctx context.Context, name string, e entry) (entry, error) {
	since := time.Now()
	key := r.store.kv.projectKey(name)
	e.Key, e.Change = named(r.store.kv.label(key)), named(rand.Text())
	n, err := r.store.write(ctx, key, e.registration, e.Change.String(), int64(e.version))
	if err != nil {
		return e, err
	}
	e.version, e.since = uint64(n), since
	if e.State == registered {
		r.remember(name, since)
	}
	return e, nil
}

// create registers a project that is not.
func (r *register) create(ctx context.Context, name, description string, who author, e entry) (entry, error) {
	e.registration = registration{
		Description: description, By: who.by, At: who.at.UTC().Format(timeFormat),
		State: registered, ID: rand.Text(),
	}
	return r.write(ctx, name, e)
}

// admit gives ErrTooLarge where one more project would be too many. Who was admitted holds
// a lock until done is called, so that the limit is exact in this process.
func (r *register) admit(ctx context.Context) (done func(), err error) {
	// No project is named like that.
	done, err = r.locks.lock(ctx, "/")
	if err != nil {
		return nil, err
	}
	n, err := r.count(ctx)
	if err == nil && n >= r.max {
		err = fmt.Errorf("%w: %d projects are registered, which is the limit", myvault.ErrTooLarge, n)
	}
	if err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// count gives the number of projects. What is gone is among the names that Vault lists, so
// those are looked at, but only when they could be too many.
func (r *register) count(ctx context.Context) (int, error) {
	names, err := r.store.kv.list(ctx, r.store.kv.base+"/"+projectsFolder)
	if err != nil || len(names) < r.max {
		return len(names), err
	}
	n := 0
	for e, err := range ordered(ctx, len(names), func(ctx context.Context, i int) (entry, error) { return r.read(ctx, names[i]) }) {
		if err != nil {
			return 0, err
		}
		if e.exists() {
			n++
		}
	}
	return n, nil
}

// put registers or describes a project.
func (r *register) put(ctx context.Context, c myvault.Change, who author) error {
	name := c.Project.Name
	if reserved(name) {
		return fmt.Errorf("%w project name: it may not start with a dot", myvault.ErrInvalid)
	}
	unlock, err := r.locks.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		e, err := r.read(ctx, name)
		if err != nil {
			return err
		}
		if err := c.If.CheckProject(e.exists()); err != nil {
			return err
		}
		if e.exists() {
			e.Description, e.State = c.Project.Description, registered
			_, err = r.write(ctx, name, e)
		} else {
			err = r.createAdmitted(ctx, name, c.Project.Description, who, e)
		}
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
	}
}

func (r *register) createAdmitted(ctx context.Context, name, description string, who author, e entry) error {
	done, err := r.admit(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = r.create(ctx, name, description, who, e)
	return err
}

// Projects implements [myvault.Provider]: one request for the names, one for the default and
// one for each project, several at once.
func (s *Store) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		names, err := guarded(ctx, s, func() ([]string, error) {
			return s.kv.list(ctx, s.kv.base+"/"+projectsFolder)
		})
		var chosen pointer
		if err == nil && len(names) > 0 {
			chosen, err = guarded(ctx, s, func() (pointer, error) { return s.register.chosen(ctx) })
		}
		if err != nil {
			yield(myvault.Project{}, err)
			return
		}
		slices.Sort(names)
		begin, _ := slices.BinarySearch(names, from)
		names = names[begin:]
		i := -1
		for e, err := range ordered(ctx, len(names), func(ctx context.Context, i int) (entry, error) {
			return guarded(ctx, s, func() (entry, error) { return s.register.read(ctx, names[i]) })
		}) {
			if i++; err == nil && !e.exists() {
				continue
			}
			p := myvault.Project{
				Name: names[i], Description: e.Description, Default: e.ID == chosen.ID && e.ID != "",
				At: named(e.At).time(), By: e.By,
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// pointer tells which registration is the default one: by its ID, so that a project that
// was deleted and registered again is not.
type pointer struct {
	Project string `json:"project"`
	ID      string `json:"id"`
	Key     name   `json:"key,omitzero"` // the label of the KV secret
	Change  name   `json:"change"`
	version uint64
}

func (r *register) chosen(ctx context.Context) (pointer, error) {
	type stored struct {
		Data struct {
			Data pointer   `json:"data"`
			Meta *metadata `json:"metadata"`
		} `json:"data"`
	}
	key := r.store.kv.base + "/" + defaultKey
	a, found, err := r.store.kv.get(ctx, "data/"+key, "")
	if err != nil {
		return pointer{}, err
	}
	s, err := decode[stored](a)
	if err == nil {
		err = r.store.kv.checkAnswer(a, found, key, s.Data.Data.Key, s.Data.Meta)
	}
	if err != nil || s.Data.Meta == nil {
		return pointer{}, err
	}
	s.Data.Data.version = s.Data.Meta.Version
	return s.Data.Data, nil
}

// makeDefault makes a registered project the only default one.
func (r *register) makeDefault(ctx context.Context, name string) error {
	for {
		e, err := r.read(ctx, name)
		if err != nil {
			return err
		}
		if !e.exists() {
			return myvault.ErrNotFound
		}
		p, err := r.chosen(ctx)
		if err != nil || p.ID == e.ID {
			return err
		}
		key := r.store.kv.base + "/" + defaultKey
		p.Project, p.ID, p.Key, p.Change = name, e.ID, named(r.store.kv.label(key)), named(rand.Text())
		_, err = r.store.write(ctx, key, p, p.Change.String(), int64(p.version))
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// reserved reports whether the project is the vault's own; such are never registered.
func reserved(name string) bool { return strings.HasPrefix(name, ".") }
