package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
)

// Apply implements [myvault.Provider]. For a destroy it returns the newest destroyed version, for
// a change of a project an Info of version 0. A commit has an entry for each change, or none, in
// which case Apply derives the entries from the changes. It returns ErrInvalid for any other
// number of entries.
func (p *Provider) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Entries) != 0 && len(c.Entries) != len(c.Changes) {
		return nil, fmt.Errorf("%w commit: %d entries for %d changes; pass one each, or none",
			myvault.ErrInvalid, len(c.Entries), len(c.Changes))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := usable(ctx, p.closed); err != nil {
		return nil, err
	}
	tx := &transaction{p: p, by: c.By, at: instant(c.At), projects: p.projects}
	infos := make([]myvault.Info, 0, len(c.Changes))
	for i, change := range c.Changes {
		info, err := tx.apply(change)
		if err != nil {
			return nil, c.Failed(i, err)
		}
		infos = append(infos, info)
	}
	tx.publish()
	p.trail.addChanges(c, infos)
	return infos, nil
}

// transaction collects the effects of a commit. They are invisible until publish.
type transaction struct {
	p           *Provider
	by          string
	at          time.Time
	secrets     map[myvault.Address]*history // those that the commit changes
	projects    register
	ownRegister bool // projects is a copy that may be changed
}

// instant returns t as every provider stores times: in UTC and whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (tx *transaction) apply(c myvault.Change) (myvault.Info, error) {
	ofProject := myvault.Info{Address: myvault.Address{Project: c.Project.Name}}
	switch c.Op {
	case myvault.OpPut:
		return tx.put(c)
	case myvault.OpDelete:
		return tx.delete(c)
	case myvault.OpUndelete:
		return tx.undelete(c.Address)
	case myvault.OpDestroy:
		next, info, err := tx.history(c.Address).destroy(c.Versions)
		if err == nil {
			tx.set(c.Address, next)
		}
		return info, err
	case myvault.OpPutProject:
		return ofProject, tx.putProject(c)
	case myvault.OpDefaultProject:
		return ofProject, tx.defaultProject(c.Project.Name)
	case myvault.OpDeleteProject:
		return ofProject, tx.deleteProject(c.Project.Name)
	}
	return myvault.Info{}, fmt.Errorf("%w change: unknown %v", myvault.ErrInvalid, c.Op)
}

func (tx *transaction) put(c myvault.Change) (myvault.Info, error) {
	h := tx.history(c.Address)
	if err := c.If.Check(headOf(h)); err != nil {
		return myvault.Info{}, err
	}
	if err := tx.registerProject(c.Address.Project); err != nil {
		return myvault.Info{}, err
	}
	return tx.set(c.Address, h.put(myvault.Secret{
		Info: myvault.Info{
			Address: c.Address, State: myvault.Live, At: tx.at, By: tx.by,
			Expires: instant(c.Expires), RotateAfter: instant(c.RotateAfter),
		},
		Value: c.Value,
	})), nil
}

func (tx *transaction) delete(c myvault.Change) (myvault.Info, error) {
	h := tx.history(c.Address)
	if err := c.If.Check(headOf(h)); err != nil {
		return myvault.Info{}, err
	}
	if !h.live() {
		return myvault.Info{}, myvault.ErrNotFound
	}
	return tx.set(c.Address, h.mark(myvault.Deleted)), nil
}

func (tx *transaction) undelete(addr myvault.Address) (myvault.Info, error) {
	h := tx.history(addr)
	switch headOf(h).State {
	case myvault.Live:
		return myvault.Info{}, myvault.ErrConflict
	case myvault.Destroyed:
		return myvault.Info{}, myvault.ErrDestroyed
	case myvault.Deleted:
		if err := tx.registerProject(addr.Project); err != nil {
			return myvault.Info{}, err
		}
		return tx.set(addr, h.mark(myvault.Live)), nil
	}
	return myvault.Info{}, myvault.ErrNotFound
}

// history returns the history of an address with the changes of the commit so far, or nil if the
// address never had a version.
func (tx *transaction) history(addr myvault.Address) *history {
	if h, changed := tx.secrets[addr]; changed {
		return h
	}
	return tx.p.find(addr)
}

func (tx *transaction) set(addr myvault.Address, h *history) myvault.Info {
	if tx.secrets == nil {
		tx.secrets = map[myvault.Address]*history{}
	}
	tx.secrets[addr] = h
	return h.head.Info
}

// ownProjects returns a register that the transaction may change.
func (tx *transaction) ownProjects() *register {
	if !tx.ownRegister {
		tx.projects, tx.ownRegister = tx.projects.clone(), true
	}
	return &tx.projects
}

// anyLive reports whether the project has a live secret after the changes of the commit so far.
func (tx *transaction) anyLive(project string) bool {
	for addr, h := range tx.secrets {
		if addr.Project == project && h.live() {
			return true
		}
	}
	found := false
	of := spansOf(myvault.Prefix{Project: project})[0]
	tx.p.ordered.Ascend(of.from, func(key string, h *history) bool {
		if key >= of.end {
			return false
		}
		found = tx.history(h.head.Address).live()
		return !found
	})
	return found
}

// publish makes the effects visible. The caller holds p.mu.
func (tx *transaction) publish() {
	for _, h := range tx.secrets {
		tx.p.secrets[h.key] = h
		tx.p.ordered.Set(h.key, h)
	}
	tx.p.projects = tx.projects
}
