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
	"github.com/myswiftagent/myvault/providers/hashivault/internal/parallel"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// The states of a registration. That of a deleted project stays as a record: each write has a
// version number as its condition, and the number only grows.
const (
	registered = "registered"
	deleting   = "leaving" // counts as registered; see remove
	deleted    = "gone"
)

// registration is what is stored of a project.
type registration struct {
	Description string        `json:"description"`
	By          string        `json:"by"`
	At          string        `json:"at"`
	State       string        `json:"state"`
	ID          string        `json:"id"`           // random, of each registration
	Key         record.Member `json:"key,omitzero"` // names the record
	Change      record.Member `json:"change"`
}

// project is a registration as it was read or written.
type project struct {
	registration
	version uint64    // of the KV secret; 0: never registered
	since   time.Time // a time before it was read or written
}

func (p project) exists() bool { return p.version > 0 && p.State != deleted }

// projects is the register of projects, with a KV secret for each.
type projects struct {
	store *Store
	max   int
	locks locks

	mu    sync.Mutex
	known map[string]time.Time // when each project was last seen registered
}

func newProjects(s *Store, most int) *projects {
	return &projects{store: s, max: most, known: map[string]time.Time{}}
}

// read returns what is stored of a project.
func (r *projects) read(ctx context.Context, name string) (project, error) {
	p := project{since: time.Now()}
	type stored struct {
		Data struct {
			Data registration     `json:"data"`
			Meta *record.Metadata `json:"metadata"`
		} `json:"data"`
	}
	key := r.store.kv.projectKey(name)
	a, found, err := r.store.kv.get(ctx, "data/"+key, "")
	if err != nil {
		return p, err
	}
	s, err := decode[stored](a)
	if err == nil {
		err = r.store.kv.checkAnswer(a, found, key, s.Data.Data.Key, s.Data.Meta)
	}
	if err == nil && s.Data.Meta != nil {
		p.registration, p.version = s.Data.Data, s.Data.Meta.Version
		if !found {
			p.State = deleted // by another program
		}
	}
	return p, err
}

// write stores the next state of a registration. It returns ErrMismatch if another writer was
// faster.
func (r *projects) write(ctx context.Context, name string, p project) (project, error) {
	since := time.Now()
	key := r.store.kv.projectKey(name)
	p.Key, p.Change = record.Member(r.store.kv.recordName(key)), record.Member(rand.Text())
	n, err := r.store.write(ctx, key, p.registration, p.Change.String(), int64(p.version))
	if err != nil {
		return p, err
	}
	p.version, p.since = uint64(n), since
	if p.State == registered {
		r.remember(name, since)
	}
	return p, nil
}

// create registers a project that does not exist.
func (r *projects) create(ctx context.Context, name, description string, who author, p project) (project, error) {
	p.registration = registration{
		Description: description, By: who.by, At: who.at.UTC().Format(record.TimeFormat),
		State: registered, ID: rand.Text(),
	}
	return r.write(ctx, name, p)
}

// createLimited is create. It returns ErrTooLarge if there are too many projects. Among the
// callers of this process the limit is exact.
func (r *projects) createLimited(ctx context.Context, name, description string, who author, p project) error {
	unlock, err := r.locks.lock(ctx, "/") // which is no project's name
	if err != nil {
		return err
	}
	defer unlock()
	n, err := r.count(ctx)
	if err == nil && n >= r.max {
		err = fmt.Errorf("%w: the limit of %d projects is reached", myvault.ErrTooLarge, n)
	}
	if err != nil {
		return err
	}
	_, err = r.create(ctx, name, description, who, p)
	return err
}

// count returns the number of projects. Vault lists the names of deleted ones too, so each is
// read, but only if there may be too many.
func (r *projects) count(ctx context.Context) (int, error) {
	names, err := r.store.kv.list(ctx, r.store.kv.base+"/"+projectsFolder)
	if err != nil || len(names) < r.max {
		return len(names), err
	}
	n := 0
	for p, err := range parallel.Map(ctx, len(names), func(ctx context.Context, i int) (project, error) { return r.read(ctx, names[i]) }) {
		if err != nil {
			return 0, err
		}
		if p.exists() {
			n++
		}
	}
	return n, nil
}

// put registers a project or changes its description.
func (r *projects) put(ctx context.Context, c myvault.Change, who author) error {
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
		p, err := r.read(ctx, name)
		if err != nil {
			return err
		}
		if err := c.If.CheckProject(p.exists()); err != nil {
			return err
		}
		if p.exists() {
			p.Description, p.State = c.Project.Description, registered
			_, err = r.write(ctx, name, p)
		} else {
			err = r.createLimited(ctx, name, c.Project.Description, who, p)
		}
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
	}
}

// Projects implements [myvault.Provider]: one request for the names, one for the default
// project and one for each project, several at a time.
func (s *Store) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		names, err := whileOpen(ctx, s, func() ([]string, error) {
			return s.kv.list(ctx, s.kv.base+"/"+projectsFolder)
		})
		var chosen defaultProject
		if err == nil && len(names) > 0 {
			chosen, err = whileOpen(ctx, s, func() (defaultProject, error) { return s.projects.readDefault(ctx) })
		}
		if err != nil {
			yield(myvault.Project{}, err)
			return
		}
		slices.Sort(names)
		begin, _ := slices.BinarySearch(names, from)
		names = names[begin:]
		i := -1
		for p, err := range parallel.Map(ctx, len(names), func(ctx context.Context, i int) (project, error) {
			return whileOpen(ctx, s, func() (project, error) { return s.projects.read(ctx, names[i]) })
		}) {
			if i++; err == nil && !p.exists() {
				continue
			}
			found := myvault.Project{
				Name: names[i], Description: p.Description, Default: p.ID == chosen.ID && p.ID != "",
				At: record.Member(p.At).Time(), By: p.By,
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

// defaultProject names the default project by its ID, so that a project that was deleted and
// registered again is not the default.
type defaultProject struct {
	Project string        `json:"project"`
	ID      string        `json:"id"`
	Key     record.Member `json:"key,omitzero"` // names the record
	Change  record.Member `json:"change"`
	version uint64
}

func (r *projects) readDefault(ctx context.Context) (defaultProject, error) {
	type stored struct {
		Data struct {
			Data defaultProject   `json:"data"`
			Meta *record.Metadata `json:"metadata"`
		} `json:"data"`
	}
	key := r.store.kv.base + "/" + defaultKey
	a, found, err := r.store.kv.get(ctx, "data/"+key, "")
	if err != nil {
		return defaultProject{}, err
	}
	s, err := decode[stored](a)
	if err == nil {
		err = r.store.kv.checkAnswer(a, found, key, s.Data.Data.Key, s.Data.Meta)
	}
	if err != nil || s.Data.Meta == nil {
		return defaultProject{}, err
	}
	s.Data.Data.version = s.Data.Meta.Version
	return s.Data.Data, nil
}

// makeDefault makes a registered project the only default one.
func (r *projects) makeDefault(ctx context.Context, name string) error {
	for {
		p, err := r.read(ctx, name)
		if err != nil {
			return err
		}
		if !p.exists() {
			return myvault.ErrNotFound
		}
		d, err := r.readDefault(ctx)
		if err != nil || d.ID == p.ID {
			return err
		}
		key := r.store.kv.base + "/" + defaultKey
		d.Project, d.ID, d.Key, d.Change = name, p.ID, record.Member(r.store.kv.recordName(key)), record.Member(rand.Text())
		_, err = r.store.write(ctx, key, d, d.Change.String(), int64(d.version))
		if !errors.Is(err, cluster.ErrMismatch) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// reserved reports whether the project is the vault's own. Such projects are never registered.
func reserved(name string) bool { return strings.HasPrefix(name, ".") }
