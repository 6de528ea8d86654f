package myvault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// MaxRecord is the size limit of a record, in bytes.
const MaxRecord = 16 << 10

// Records are the vault's own: small sealed values that packages which extend it keep
// beside the secrets, on every provider. Each kind has a project to itself, whose name starts
// with a dot, so no session, rule, listing or route reaches it. They are for such packages
// alone, each under its own kind: who has the Vault is not asked for any right here.
//
// A change of a record has its entry in the trail as that of a secret has, in the same
// commit, under the record's address; whoever may audit everything sees it. Reading one has none: what
// it means is for the package to record. Copy carries records as it does secrets, so one that
// must not outlive its store holds the store's [Vault.Incarnation].
type Records struct {
	vault   *Vault
	project string
	action  string // of the entries of puts, in place of that of the change
}

// Records gives the records of one kind, which is named after the package that keeps them:
// 1 to 32 lower-case letters and hyphens, else ErrInvalid.
func (v *Vault) Records(kind string) (*Records, error) {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }
	if kind == "" || len(kind) > 32 || strings.ContainsFunc(kind, other) {
		return nil, fail("records", Address{}, fmt.Errorf("%w kind: want 1 to 32 lower-case letters and hyphens", ErrInvalid))
	}
	return &Records{vault: v, project: "." + kind}, nil
}

// RecordAs gives the same records, whose Put stands in the trail as action in place of "write":
// the record and the event that it remembers are one commit. It is for a few fixed names, by which a [TrailFilter] may then ask this vault.
func (r *Records) RecordAs(action string) *Records {
	event := *r
	event.action = bounded(action)
	r.vault.events.Store(event.action, true)
	return &event
}

// address gives where a record stands.
func (r *Records) address(path string) (Address, error) {
	return Address{Project: r.project, Path: path}, validatePath(path)
}

// Get reads a record; its path is like that of a secret. ErrNotFound where there is none.
func (r *Records) Get(ctx context.Context, path string) (Secret, error) {
	addr, err := r.address(path)
	if err != nil {
		return Secret{}, fail("get record", Address{}, err)
	}
	if r.vault.closed.Load() {
		return Secret{}, fail("get record", addr, ErrClosed)
	}
	secret, err := r.vault.provider.Get(ctx, addr, 0)
	return secret, fail("get record", addr, err)
}

// Put writes the next version of a record; earlier ones stay until they are destroyed. by is
// whose doing it is in the trail: it must not have ended, and its rights are not asked.
// Conditions and errors are those of [Session.Put]; ErrTooLarge over [MaxRecord].
func (r *Records) Put(ctx context.Context, by *Session, path string, value Value, conditions ...Condition) (Info, error) {
	addr, err := r.address(path)
	if err == nil && value.Len() > MaxRecord {
		err = fmt.Errorf("%w: a record has at most %d bytes", ErrTooLarge, MaxRecord)
	}
	if err != nil {
		return Info{}, fail("put record", Address{}, err)
	}
	condition, err := both(conditions)
	if err == nil {
		err = condition.validate()
	}
	if err == nil {
		err = value.Validate()
	}
	if err != nil {
		return Info{}, fail("put record", addr, err)
	}
	info, err := r.change(ctx, by, Change{Op: OpPut, Address: addr, Value: value, If: condition})
	return info, fail("put record", addr, err)
}

// Destroy removes versions of a record for good, or all of them where none is named; the record
// is not found once its newest version is gone. ErrNotFound where a version was never made.
func (r *Records) Destroy(ctx context.Context, by *Session, path string, versions ...Version) error {
	addr, err := r.address(path)
	if err == nil {
		err = validateVersions(versions)
	}
	if err != nil {
		return fail("destroy record", Address{}, err)
	}
	_, err = r.change(ctx, by, Change{Op: OpDestroy, Address: addr, Versions: versions})
	return fail("destroy record", addr, err)
}

// change makes one change in the name of by.
func (r *Records) change(ctx context.Context, by *Session, c Change) (Info, error) {
	if by == nil || by.vault != r.vault {
		return Info{}, fmt.Errorf("%w session: it is of another vault", ErrInvalid)
	}
	commit := by.commitOf([]Change{c})
	if c.Op == OpPut && r.action != "" {
		commit.Entries[0].Action = r.action
	}
	if _, err := by.stands(ctx); err != nil {
		by.refuse(ctx, commit.Entries[0], err)
		return Info{}, err
	}
	infos, err := by.perform(ctx, commit)
	if err != nil {
		return Info{}, err
	}
	return infos[0], nil
}

// List yields the records at and below a path as [Prefix] selects them, all for "", in order,
// without their values; after is exclusive, and "" begins at the first.
func (r *Records) List(ctx context.Context, path, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		in := ListOptions{Prefix: Prefix{Project: r.project, Path: path}}
		var err error
		if path != "" {
			err = validatePath(strings.TrimSuffix(path, "/"))
		}
		if err == nil && after != "" {
			in.After, err = r.address(after)
		}
		if err == nil && r.vault.closed.Load() {
			err = ErrClosed
		}
		if err != nil {
			yield(Info{}, fail("list records", Address{}, err))
			return
		}
		for info, err := range r.vault.provider.List(ctx, in) {
			if !yield(info, fail("list records", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// reservedProject reports whether a project is the vault's own.
func reservedProject(name string) bool { return strings.HasPrefix(name, ".") }

// afterReserved comes behind every project whose name starts with a dot, and before every
// other that sorts behind them: '/' follows '.', and no name has it.
var afterReserved = Address{Project: "/"}

// secrets lists what the store has in the part of the range that is in scope, the vault's own
// records left out. They are skipped at once, so that their number neither shows in a page nor
// costs its reader anything.
func (s scope) secrets(ctx context.Context, store Reader, r ListOptions) iter.Seq2[Info, error] {
	r.Prefix = s.prefix
	r = r.asStored()
	if s.only {
		return single(ctx, store, r)
	}
	return func(yield func(Info, error) bool) {
		for again := true; again; {
			again = false
			for info, err := range store.List(ctx, r) {
				if err == nil && reservedProject(info.Address.Project) {
					r.After, again = afterReserved, true
					break
				}
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// single lists the secret that the prefix names, if the range selects it. It does not look at
// addresses below it.
func single(ctx context.Context, store Reader, r ListOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if Address(r.Prefix).Compare(r.After) <= 0 {
			return
		}
		for info, err := range store.Versions(ctx, Address(r.Prefix), 0) {
			if !errors.Is(err, ErrNotFound) && (err != nil || (info.State == Live) != r.Deleted) {
				yield(info, err)
			}
			return
		}
	}
}
