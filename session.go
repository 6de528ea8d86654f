package myvault

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Session is one service using a vault. Every method asks the policy in force, and records
// what was done or refused. A Session is small, needs no Close, and may be used by many
// goroutines.
//
// Every error is an [*Error]. Besides those that a method names, each may answer ErrInvalid
// (a malformed argument), ErrDenied, ErrUnauthenticated (what the caller proved itself with
// no longer holds), ErrTrail (no entry, so nothing happened), ErrUnavailable, ErrTampered, ErrClosed,
// or the context's error.
type Session struct {
	vault   *Vault
	service string
	label   string // service, as entries hold it
	via     string
	request string
	proof   Authentication                // ends the session once it no longer holds
	guards  []func(context.Context) error // so does each of these
	limits  []*grants                     // each restriction must allow too
}

// Service gives the name of the service.
func (s *Session) Service() string { return s.service }

// Via gives a session whose entries tell how the caller came in, and by which request.
func (s *Session) Via(how, request string) *Session {
	via := *s
	via.via, via.request = bounded(how), bounded(request)
	return &via
}

// Restrict gives a session that may do only what this one may and one of the rules
// covers. No rules: it may do nothing. A deny of the policy still wins. A project is registered,
// described or deleted only where one of the rules covers all of it, with write or delete, and made the
// default one only where a rule covers everything with write: rules for parts of a project are not about the project.
func (s *Session) Restrict(rules ...Rule) *Session {
	rules = slices.Clone(rules)
	restricted := *s
	limit := &grants{allow: rules, allowIndex: newMatcher(rules), denyIndex: newMatcher(nil)}
	restricted.limits = append(slices.Clip(s.limits), limit)
	return &restricted
}

// rights gives what the session may do now: the grants of its service, and its limits.
// It fails once the vault is closed or the session has ended.
func (s *Session) rights(ctx context.Context) (rights, error) {
	policy, err := s.stands(ctx)
	if err != nil {
		return rights{}, err
	}
	return rights{policy, policy.services[s.service], s.limits}, nil
}

// rights are the grants of a service in one policy, nil for a stranger, within some limits. A call
// takes them once: another policy may be set while it runs.
type rights struct {
	policy  *Policy
	granted *grants
	limits  []*grants
}

func (r rights) all(ok func(*grants) bool) bool {
	return r.granted != nil && ok(r.granted) && !slices.ContainsFunc(r.limits, func(g *grants) bool { return !ok(g) })
}

func (r rights) allows(a Action, addr Address) bool {
	if len(r.limits) == 0 {
		return r.granted != nil && r.granted.allows(a, addr)
	}
	return r.all(func(g *grants) bool { return g.allows(a, addr) })
}

func (r rights) below(a Action, prefix Prefix) bool {
	return r.all(func(g *grants) bool { return g.below(a, prefix) })
}

// permits decides a change.
func (r rights) permits(c Change) bool {
	project := c.Project.Name
	switch c.Op {
	case OpPut, OpUndelete:
		return r.allows(Write, c.Address)
	case OpDelete:
		return r.allows(Delete, c.Address)
	case OpDestroy:
		return r.allows(Destroy, c.Address)
	case OpPutProject:
		return r.granted != nil && r.granted.reaches(project)&Write != 0 && r.limited(Write, Prefix{Project: project})
	case OpDefaultProject:
		return r.granted != nil && r.granted.mayDefault(project) && r.limited(Write, Prefix{})
	case OpDeleteProject:
		return r.granted != nil && r.granted.mayDeleteProject(project) && r.limited(Delete, Prefix{Project: project})
	}
	return false
}

// limited reports whether each limit covers all of what prefix selects. Only then is what they
// have in common known to do so too: each may cover another part.
func (r rights) limited(a Action, prefix Prefix) bool {
	return !slices.ContainsFunc(r.limits, func(limit *grants) bool { return !limit.below(a, prefix) })
}

// entry starts an entry of the trail; its outcome is OutcomeOK until said otherwise.
func (s *Session) entry(action string, addr Address) Entry {
	now := now()
	return Entry{
		At: now, Service: s.label, Via: s.via, Request: s.request,
		Action: action, Address: addr, Outcome: OutcomeOK, Count: 1, First: now, Last: now,
	}
}

// refuse records that e ended with err.
func (s *Session) refuse(ctx context.Context, e Entry, err error) {
	if s.vault.closed.Load() {
		return
	}
	e.Outcome = OutcomeOf(err)
	s.vault.recorder.refuse(ctx, e)
}

// admit decides a call that is not a change: it gives the rights in force if ok holds for
// them, and else records the refusal and answers it.
func (s *Session) admit(ctx context.Context, e Entry, ok func(rights) bool) (rights, error) {
	r, err := s.rights(ctx)
	if err == nil && !ok(r) {
		err = ErrDenied
	}
	if err != nil {
		s.refuse(ctx, e, err)
	}
	return r, err
}

// ask is admit for a question that is answered at once: it is recorded as a read.
func (s *Session) ask(ctx context.Context, e Entry, ok func(rights) bool) (rights, error) {
	r, err := s.admit(ctx, e, ok)
	if err != nil {
		return r, err
	}
	return r, s.vault.recorder.read(ctx, e)
}

// anyone admits every service of the policy.
func anyone(r rights) bool { return r.granted != nil }

// now is the time of entries and versions: UTC, in whole microseconds, so that it comes
// back from every store as it went in.
func now() time.Time { return stored(time.Now()) }

func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// maxPage is the largest number of items of one page.
const maxPage = 1000

func validateLimit(limit int) error {
	if limit < 1 || limit > maxPage {
		return fmt.Errorf("%w limit: want 1 to %d", ErrInvalid, maxPage)
	}
	return nil
}
