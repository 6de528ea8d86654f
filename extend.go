package myvault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/myswiftagent/myvault/internal/credential"
	"github.com/myswiftagent/myvault/internal/pattern"
)

// maxRecord is the size limit of a record, in bytes.
const maxRecord = 16 << 10

// Extension is what a package that extends the vault needs beyond [Session]: the packages tokens,
// due, usage, httpapi and vaultapi are extensions. Programs do not need it. Its methods check no
// policy unless they say so.
//
// Each extension has records: small sealed values beside the secrets, on every provider. They
// are kept in a project whose name starts with a dot, so no session, rule, listing or route
// reaches them. A change of a record has a trail entry in the same commit, as that of a secret
// does; sessions that may audit everything see it. Reads of records are not recorded. Records
// move with the secrets to another provider. A record that must not outlive its store therefore
// contains the store's [Vault.Incarnation].
type Extension struct {
	vault   *Vault
	project string
	action  string // of the entries of puts; empty: that of the change
}

// Extend returns the extension of that name, which its records and trail entries show: 1 to 32
// lower-case letters and hyphens. Any other name is ErrInvalid.
func (v *Vault) Extend(name string) (*Extension, error) {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }
	if name == "" || len(name) > 32 || strings.ContainsFunc(name, other) {
		return nil, fail("extend", Address{}, fmt.Errorf("%w extension name: want 1 to 32 lower-case letters and hyphens", ErrInvalid))
	}
	return &Extension{vault: v, project: "." + name}, nil
}

// RecordAs returns an extension whose PutRecord writes its trail entries with that action in
// place of "write". A [TrailFilter] of this vault accepts the action from then on. It is for a
// few fixed names.
func (x *Extension) RecordAs(action string) *Extension {
	renamed := *x
	renamed.action = bounded(action)
	x.vault.extraActions.Store(renamed.action, true)
	return &renamed
}

func (x *Extension) recordAddress(path string) (Address, error) {
	return Address{Project: x.project, Path: path}, validatePath(path)
}

// GetRecord returns a record. Its path is valid if that of a secret would be. ErrNotFound if
// there is no such record.
func (x *Extension) GetRecord(ctx context.Context, path string) (Secret, error) {
	addr, err := x.recordAddress(path)
	if err != nil {
		return Secret{}, fail("get record", Address{}, err)
	}
	if x.vault.closed.Load() {
		return Secret{}, fail("get record", addr, ErrClosed)
	}
	secret, err := x.vault.provider.Get(ctx, addr, 0)
	return secret, fail("get record", addr, err)
}

// PutRecord writes the next version of a record; earlier versions stay until they are destroyed.
// The trail entry names the service of by, which must not have ended; its rights are not checked.
// Conditions and errors are those of [Session.Put]; ErrTooLarge for a value over 16 KiB.
func (x *Extension) PutRecord(ctx context.Context, by *Session, path string, value Value, conditions ...Condition) (Info, error) {
	addr, err := x.recordAddress(path)
	if err == nil && value.Len() > maxRecord {
		err = fmt.Errorf("%w: a record has at most %d bytes", ErrTooLarge, maxRecord)
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
	info, err := x.change(ctx, by, Change{Op: OpPut, Address: addr, Value: value, If: condition})
	return info, fail("put record", addr, err)
}

// DestroyRecord removes the values of versions of a record, or of all versions if none is named.
// The record is not found once its newest version is destroyed. ErrNotFound for a version that
// was never made.
func (x *Extension) DestroyRecord(ctx context.Context, by *Session, path string, versions ...Version) error {
	addr, err := x.recordAddress(path)
	if err == nil {
		err = validateVersions(versions)
	}
	if err != nil {
		return fail("destroy record", Address{}, err)
	}
	_, err = x.change(ctx, by, Change{Op: OpDestroy, Address: addr, Versions: versions})
	return fail("destroy record", addr, err)
}

// change makes one change in the name of by.
func (x *Extension) change(ctx context.Context, by *Session, c Change) (Info, error) {
	if err := x.checkOwner(by); err != nil {
		return Info{}, err
	}
	commit := by.commitOf([]Change{c})
	if c.Op == OpPut && x.action != "" {
		commit.Entries[0].Action = x.action
	}
	if _, err := by.rights(ctx); err != nil {
		by.recordFailure(ctx, commit.Entries[0], err)
		return Info{}, err
	}
	infos, err := by.perform(ctx, commit)
	if err != nil {
		return Info{}, err
	}
	return infos[0], nil
}

// ListRecords yields the records at and below path as [Prefix] selects them, in order and
// without values. An empty path selects all. After is exclusive; if it is empty the listing
// begins at the first record.
func (x *Extension) ListRecords(ctx context.Context, path, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		in := ListOptions{Prefix: Prefix{Project: x.project, Path: path}}
		var err error
		if path != "" {
			err = validatePath(strings.TrimSuffix(path, "/"))
		}
		if err == nil && after != "" {
			in.After, err = x.recordAddress(after)
		}
		if err == nil && x.vault.closed.Load() {
			err = ErrClosed
		}
		if err != nil {
			yield(Info{}, fail("list records", Address{}, err))
			return
		}
		for info, err := range x.vault.provider.List(ctx, in) {
			if !yield(info, fail("list records", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// Authentication describes how s authenticated, as text for [Extension.Resume]: "embedded", or
// "token:" and the hexadecimal SHA-256 of the token, or "certificate:", the end of the
// certificate in Unix seconds, ":" and its identity, or "both:", the digest, ":", the end, ":"
// and the identity. ErrInvalid for a session of another vault. ErrDenied for a session made by
// [Session.Restrict], or by Resume with a check, because the text does not carry these limits; the
// trail records that as a denied write.
func (x *Extension) Authentication(ctx context.Context, s *Session) (string, error) {
	err := x.checkOwner(s)
	if err == nil && (len(s.limits) > 0 || s.check != nil) {
		err = fmt.Errorf("%w: the session is restricted", ErrDenied)
		s.recordFailure(ctx, s.entry(Write.String(), Address{}, 0), err)
	}
	if err != nil {
		return "", fail("authentication", Address{}, err)
	}
	return s.authentication.String(), nil
}

// Resume returns a session of service that ends when one with that authentication would, and when
// the service leaves the policy. The embedding program must have established that the caller is
// the service, as for [Vault.As]. ErrInvalid if the text is not one of [Extension.Authentication],
// ErrUnauthenticated if the session has ended already. Nothing is recorded.
//
// If check is not nil, each call of the session begins with it, possibly on many goroutines at
// once, and returns its error. Check wraps ErrUnauthenticated if the session has ended and
// ErrUnavailable if it cannot find out. Resume does not call it.
func (x *Extension) Resume(service, authentication string, check func(context.Context) error) (*Session, error) {
	a, err := credential.ParseAuthentication(authentication)
	if err != nil {
		return nil, fail("resume", Address{}, invalid("authentication", err))
	}
	if x.vault.closed.Load() {
		return nil, fail("resume", Address{}, ErrClosed)
	}
	if !x.vault.Policy().accepts(a, service) {
		return nil, fail("resume", Address{}, ErrUnauthenticated)
	}
	s := x.vault.As(service)
	s.authentication, s.check = a, check
	return s, nil
}

// Authorize returns nil if s may do a with addr. The rules alone decide, without the store, so the
// answer reveals nothing about what exists. ErrDenied otherwise, or the error of a session that
// has ended; the trail records that as a refusal of a. A permission is not recorded: the call that
// follows is.
func (x *Extension) Authorize(ctx context.Context, s *Session, a Action, addr Address) error {
	err := cmp.Or(x.checkOwner(s), addr.Validate())
	if err != nil {
		return fail("authorize", Address{}, err)
	}
	_, err = s.authorize(ctx, s.entry(a.String(), addr, 0), func(r rights) bool { return r.allows(a, addr) })
	return fail("authorize", addr, err)
}

// Permissions answer what a session may do, by the rules alone, as of one moment. Nothing is
// recorded. They are for one goroutine.
type Permissions struct {
	rights rights
	common *pattern.Intersection // nil: not asked yet
}

// Permissions returns what s may do now. It returns the error of a session that has ended, and
// ErrUnavailable if that cannot be found out.
func (x *Extension) Permissions(ctx context.Context, s *Session) (*Permissions, error) {
	err := x.checkOwner(s)
	if err != nil {
		return nil, fail("permissions", Address{}, err)
	}
	r, err := s.rights(ctx)
	return &Permissions{rights: r}, fail("permissions", Address{}, err)
}

// Allow reports whether the session may do a with addr.
func (p *Permissions) Allow(a Action, addr Address) bool { return p.rights.allows(a, addr) }

// AllowWithin reports whether the session may do a with some address that prefix selects. It is
// also true if only several deny rules together forbid all of prefix, and once its questions took
// more work than one call of a session may.
func (p *Permissions) AllowWithin(a Action, prefix Prefix) bool {
	if p.rights.granted == nil || prefix.Validate() != nil {
		return false
	}
	if p.common == nil {
		p.common = p.rights.intersection()
	}
	_, some := p.rights.scopeOf(a, prefix, p.common)
	return some
}

// RecordDenied records that s may not do a in project, and returns ErrDenied. The entry has no
// project if its name is invalid: that may be anything.
func (x *Extension) RecordDenied(ctx context.Context, s *Session, a Action, project string) error {
	if err := x.checkOwner(s); err != nil {
		return fail("authorize", Address{}, err)
	}
	addr := Address{Project: project}
	if validateProject(project) != nil {
		addr = Address{}
	}
	s.recordFailure(ctx, s.entry(a.String(), addr, 0), ErrDenied)
	return fail("authorize", addr, ErrDenied)
}

// checkOwner returns ErrInvalid if s is not a session of this vault.
func (x *Extension) checkOwner(s *Session) error {
	if s == nil || s.vault != x.vault {
		return fmt.Errorf("%w session: it is of another vault", ErrInvalid)
	}
	return nil
}

// RecordFailedLogin records a failed log-in as [Vault.Login] does, shortly afterwards, and
// returns the error for the caller, which wraps ErrUnauthenticated. Via names the way of logging
// in. The token and the certificates of c are ignored.
func (x *Extension) RecordFailedLogin(ctx context.Context, via string, c Credentials) error {
	return x.vault.recordFailedLogin(ctx, via, c)
}

// AccessEntries yields the entries of the trail's access chain with sequences below before, or
// all if before is 0, newest first. Pending reads are written first. [errors.ErrUnsupported] if
// this vault does not record reads.
func (x *Extension) AccessEntries(ctx context.Context, before uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		v := x.vault
		if _, none := v.trail.(NoTrail); none || v.recorder.mode == ReadsOff {
			yield(Entry{}, fail("access entries", Address{}, fmt.Errorf("this vault does not record reads: %w", errors.ErrUnsupported)))
			return
		}
		if err := v.recorder.reads.Flush(ctx); err != nil {
			yield(Entry{}, fail("access entries", Address{}, err))
			return
		}
		filter := TrailFilter{Before: Cursor{ChainChanges: 1}} // no changes
		if before != 0 {
			filter.Before[ChainAccess] = before
		}
		for e, err := range v.trail.Entries(ctx, filter) {
			if !yield(e, fail("access entries", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// AuditPage returns up to limit (1 to 1000) of the live secrets in r that s may audit and that
// selected accepts. It checks the policy, records the access and bounds its work as
// [Session.ListPage] does. Once s is known to be allowed, prepare is called; an error of it is
// that of AuditPage. The page is one state of the store if the provider is a [Snapshotter].
func (x *Extension) AuditPage(ctx context.Context, s *Session, r ListOptions, limit int, prepare func() error, selected func(Info) bool) (Page[Info, Address], error) {
	page, err := x.auditPage(ctx, s, r, limit, prepare, selected)
	return page, fail("audit page", Address{}, err)
}

func (x *Extension) auditPage(ctx context.Context, s *Session, r ListOptions, limit int, prepare func() error, selected func(Info) bool) (page Page[Info, Address], err error) {
	if err := cmp.Or(x.checkOwner(s), validateLimit(limit)); err != nil {
		return page, err
	}
	visible, some, err := s.open(ctx, "audit", r.Prefix, Audit)
	if err != nil || !some {
		return page, err
	}
	if err := prepare(); err != nil {
		return page, err
	}
	err = x.vault.snapshot(ctx, func(store Reader) (err error) {
		page, err = collect(visible.secrets(ctx, store, r), limit, func(info Info) (Info, bool, bool) {
			return info, visible.allows(Audit, info.Address), selected(info)
		})
		return err
	})
	return page, err
}
