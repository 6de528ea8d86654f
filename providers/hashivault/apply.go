package hashivault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// Apply implements [myvault.Provider] for one change. For more it returns errors.ErrUnsupported,
// because Vault has no transactions. Trail entries are ignored: a Store is no trail.
func (s *Store) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if err := s.calls.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.end()
	if s.readOnly {
		return nil, fmt.Errorf("%w: the store is open read-only", errors.ErrUnsupported)
	}
	switch len(c.Changes) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("%w: several changes at once; HashiCorp Vault has no transactions", errors.ErrUnsupported)
	}
	info, err := s.apply(ctx, c)
	if u := (cluster.Uncertain{}); errors.As(err, &u) {
		err = unknown(u.Cause)
	}
	if err != nil {
		return nil, err
	}
	return []myvault.Info{info}, nil
}

// author is the author of a change, and its time.
type author struct {
	by string
	at time.Time
}

func (s *Store) apply(ctx context.Context, c myvault.Commit) (myvault.Info, error) {
	change := c.Changes[0]
	who := author{by: c.By, at: c.At}
	ofProject := myvault.Info{Address: myvault.Address{Project: change.Project.Name}}
	switch change.Op {
	case myvault.OpPut:
		return s.put(ctx, change, who)
	case myvault.OpDelete:
		return s.delete(ctx, change)
	case myvault.OpUndelete:
		return s.undelete(ctx, change.Address, who)
	case myvault.OpDestroy:
		return s.destroy(ctx, change)
	case myvault.OpPutProject:
		return ofProject, s.projects.put(ctx, change, who)
	case myvault.OpDefaultProject:
		return ofProject, s.projects.makeDefault(ctx, change.Project.Name)
	case myvault.OpDeleteProject:
		return ofProject, s.projects.remove(ctx, change.Project.Name)
	}
	return myvault.Info{}, fmt.Errorf("%w change: there is no %v", myvault.ErrInvalid, change.Op)
}

// put stores a new version. The project is registered before it. Its presence shows whether it
// has to be looked at again afterwards.
func (s *Store) put(ctx context.Context, c myvault.Change, who author) (myvault.Info, error) {
	if err := c.Value.Validate(); err != nil {
		return myvault.Info{}, err
	}
	var p presence
	var n myvault.Version
	var err error
	d := record.NewData(c, who.by, who.at)
	d.Key = record.Member(s.kv.recordName(s.kv.secretKey(c.Address)))
	if c.If == (myvault.Condition{}) {
		if p, err = s.projects.ensure(ctx, c.Address.Project, who); err == nil {
			n, err = s.write(ctx, s.kv.secretKey(c.Address), d, d.Change.String(), anyVersion)
		}
	} else {
		n, p, err = s.putIf(ctx, c, d, who)
	}
	if err != nil {
		return myvault.Info{}, err
	}
	s.recent.add(s.kv.secretKey(c.Address), n, &d)
	if err := s.projects.confirm(ctx, p, who); err != nil {
		return myvault.Info{}, unknown(err)
	}
	m := record.Metadata{Version: uint64(n)}
	return m.Info(c.Address, &d), nil
}

// putIf stores a new version on a condition. Vault's check-and-set compares version numbers
// alone, those of deleted versions too, so the current version is read before.
func (s *Store) putIf(ctx context.Context, c myvault.Change, d record.Data, who author) (myvault.Version, presence, error) {
	unlock, err := s.locks.lock(ctx, c.Address.String())
	if err != nil {
		return 0, presence{}, err
	}
	defer unlock()
	key := s.kv.secretKey(c.Address)
	fetched := s.projects.prefetch(ctx, c.Address.Project)
	defer fetched()
	if n, p, done, err := s.patchIf(ctx, c, d, fetched); done {
		return n, p, err
	}
	for {
		_, m, err := s.kv.stat(ctx, key, newest)
		if err != nil {
			return 0, presence{}, err
		}
		current := infoOf(c.Address, m, nil)
		if err := c.If.Check(current); err != nil {
			return 0, presence{}, err
		}
		fetched()
		p, err := s.projects.ensure(ctx, c.Address.Project, who)
		if err != nil {
			return 0, presence{}, err
		}
		n, err := s.write(ctx, key, d, d.Change.String(), int64(current.Version))
		if !errors.Is(err, cluster.ErrMismatch) {
			return n, p, err
		}
		if err := ctx.Err(); err != nil {
			return 0, presence{}, err
		}
	}
}

// patchIf stores a new version in one request, if the condition holds for one version only and
// that version is cached: Vault patches no version that is deleted. done is false if nothing
// was done, and the current version has to be read.
func (s *Store) patchIf(ctx context.Context, c myvault.Change, d record.Data, fetched func()) (n myvault.Version, p presence, done bool, err error) {
	key := s.kv.secretKey(c.Address)
	known, found := s.recent.match(key, c.If)
	if !found || !s.patches.Load() {
		return 0, presence{}, false, nil
	}
	fetched()
	// A project that does not exist is not registered here: the condition has not been checked.
	p, registered := s.projects.present(c.Address.Project)
	if !registered {
		return 0, presence{}, false, nil
	}
	cas := int64(known.version)
	n, err = s.writeBy(ctx, key, d.Change.String(), cas, func(ctx context.Context) (written, error) {
		return s.kv.patch(ctx, key, known.patchTo(d), cas)
	})
	if errors.Is(err, ErrRights) {
		s.patches.Store(false)
	}
	return n, p, err == nil || errors.Is(err, myvault.ErrUnknownOutcome), err
}

// infoOf returns the current version for a condition. It is zero if there never was one.
func infoOf(addr myvault.Address, m *record.Metadata, d *record.Data) myvault.Info {
	if m == nil {
		return myvault.Info{}
	}
	return m.Info(addr, d)
}
