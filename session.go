package myvault

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/myswiftagent/myvault/internal/credential"
)

// Session is a service using a vault. Every method that reads or changes anything checks the
// current policy. Changes and, unless [Config.Reads] says otherwise, reads are in the trail before
// it returns. A Session is small, needs no Close, and may be used by many goroutines.
//
// Every error is an [*Error]. Besides the errors that a method names, each may return ErrInvalid
// (a malformed argument), ErrDenied, ErrUnauthenticated (the session has ended), ErrTrail (the
// entry could not be written, so nothing was done), ErrUnavailable, ErrTampered, ErrClosed, or
// the error of its context.
type Session struct {
	vault          *Vault
	service        string
	label          string // service, as trail entries show it
	via            string
	request        string
	authentication credential.Authentication   // the session ends once the policy no longer accepts it
	check          func(context.Context) error // the session ends once it fails; nil: none
	limits         []*grants                   // of restrictions; each must allow an action
}

// As returns a session of service without authentication: the embedding program must know that
// the caller is that service. It never fails. A service that is not in the policy is denied on
// every call.
func (v *Vault) As(service string) *Session {
	return &Session{vault: v, service: service, label: bounded(service), via: "embedded"}
}

// Service returns the name of the service.
func (s *Session) Service() string { return s.service }

// Via returns a session whose trail entries record how the caller authenticated, and the ID of
// its request.
func (s *Session) Via(how, request string) *Session {
	via := *s
	via.via, via.request = bounded(how), bounded(request)
	return &via
}

// Restrict returns a session that may do an action if both this session and one of rules allow it.
// With no rules it allows nothing. Deny rules of the policy still apply. To register, describe or
// delete a project, one of rules must cover all of it, with write or delete; to make it the
// default one, a rule must cover everything with write.
func (s *Session) Restrict(rules ...Rule) *Session {
	restricted := *s
	restricted.limits = append(slices.Clip(s.limits), restriction(slices.Clone(rules)))
	return &restricted
}

// rights returns what the session may do now. It fails if the session has ended.
func (s *Session) rights(ctx context.Context) (rights, error) {
	if s.vault.closed.Load() {
		return rights{}, ErrClosed
	}
	if s.check != nil {
		if err := s.check(ctx); err != nil {
			return rights{}, err
		}
	}
	// Load the policy last: the check may block, and a stale policy must not be used.
	policy := s.vault.policy.Load()
	if !policy.accepts(s.authentication, s.service) {
		return rights{}, ErrUnauthenticated
	}
	return rights{policy, policy.services[s.service], s.limits}, nil
}

// authorize returns the session's rights if allowed accepts them. Otherwise it records the failure
// and returns its error.
func (s *Session) authorize(ctx context.Context, e Entry, allowed func(rights) bool) (rights, error) {
	r, err := s.rights(ctx)
	if err == nil && !allowed(r) {
		err = ErrDenied
	}
	if err != nil {
		s.recordFailure(ctx, e, err)
	}
	return r, err
}

// authorizeRead is authorize for a listing or an audit call: it writes the entry too. Get decides
// alone, in GetVersion of secret.go, because its entry names the version that was read.
func (s *Session) authorizeRead(ctx context.Context, e Entry, allowed func(rights) bool) (rights, error) {
	r, err := s.authorize(ctx, e, allowed)
	if err != nil {
		return r, err
	}
	return r, s.vault.recorder.read(ctx, e)
}

// anyService accepts every service of the policy.
func anyService(r rights) bool { return r.granted != nil }

// entry returns a new trail entry with OutcomeOK.
func (s *Session) entry(action string, addr Address, version Version) Entry {
	now := now()
	return Entry{
		At: now, Service: s.label, Via: s.via, Request: s.request,
		Action: action, Address: addr, Version: version, Outcome: OutcomeOK, Count: 1, First: now, Last: now,
	}
}

// recordFailure records that the action of e failed with err.
func (s *Session) recordFailure(ctx context.Context, e Entry, err error) {
	if s.vault.closed.Load() {
		return
	}
	e.Outcome = OutcomeOf(err)
	s.vault.recorder.recordFailure(ctx, e)
}

// now returns the time for entries and versions.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// stored returns t in UTC and whole microseconds, which every store returns unchanged.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// maxField is the size limit of a free text field of a trail entry, in bytes.
const maxField = 128

// bounded cuts a field of a trail entry to its limit and replaces unprintable characters.
func bounded(s string) string {
	if len(s) > maxField {
		s = s[:maxField]
	}
	printable := true
	for i := 0; i < len(s); i++ {
		printable = printable && s[i] >= ' ' && s[i] < 0x7F
	}
	if printable {
		return s
	}
	safe := make([]byte, 0, len(s))
	for _, r := range s {
		if r < ' ' || r >= utf8.RuneSelf || r == 0x7F {
			r = '?'
		}
		safe = append(safe, byte(r))
	}
	return string(safe)
}

// maxPage is the largest number of items of one page.
const maxPage = 1000

func validateLimit(limit int) error {
	if limit < 1 || limit > maxPage {
		return fmt.Errorf("%w limit: want 1 to %d", ErrInvalid, maxPage)
	}
	return nil
}
