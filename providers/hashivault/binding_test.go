package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// mixer is a proxy that forwards every request. While it mixes, it answers a request with the
// answer to the one before it.
type mixer struct {
	next http.Handler

	mu   sync.Mutex
	last *httptest.ResponseRecorder
	left int // how many requests get a wrong answer; negative: all
}

func (m *mixer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := httptest.NewRecorder()
	m.next.ServeHTTP(own, r)
	m.mu.Lock()
	answer := own
	if m.left != 0 && m.last != nil {
		answer = m.last
		m.left--
	}
	m.last = own
	m.mu.Unlock()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// mix makes the next n requests get a wrong answer, or all of them if n is negative.
func (m *mixer) mix(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = n
}

// mixed is a store behind a mixer, and one that reaches the same Vault directly.
type mixed struct {
	*mixer
	through, direct *hashivault.Store
	n               int
}

func (m *mixed) put(t *testing.T, s *hashivault.Store, addr, by string, c ...myvault.Condition) error {
	t.Helper()
	change := put(addr, "value of "+by, c...)
	_, err := s.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{change}, By: by, At: began})
	return err
}

// fill writes two versions of an address and a separate project, and returns the name.
func (m *mixed) fill(t *testing.T) string {
	t.Helper()
	is := is.New(t)
	m.n++
	name := fmt.Sprintf("p%d", m.n)
	do(t, m.direct, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: name, Description: "about " + name}})
	is.NoErr(m.put(t, m.direct, name+"/a", name))
	is.NoErr(m.put(t, m.direct, name+"/a", name))
	return name
}

// before are the requests whose answers the next caller gets. They are about another project.
var before = map[string]func(ctx context.Context, s *hashivault.Store, theirs string) error{
	"a value": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := s.Get(ctx, at(p+"/a"), 0)
		return err
	},
	"a version": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := s.Get(ctx, at(p+"/a"), 1)
		return err
	},
	"nothing": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, _ = s.Get(ctx, at(p+"/no"), 0)
		return nil
	},
	"a history": func(ctx context.Context, s *hashivault.Store, p string) error {
		return first(s.Versions(ctx, at(p+"/a"), 0))
	},
	"a listing": func(ctx context.Context, s *hashivault.Store, p string) error {
		return last(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: p}}))
	},
	"the projects": func(ctx context.Context, s *hashivault.Store, _ string) error { return last(s.Projects(ctx, "")) },
	"a write": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := apply(ctx, s, put(p+"/a", "3"))
		return err
	},
	"a first write": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := apply(ctx, s, put(p+"/b", "1"))
		return err
	},
	"a refusal": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, _ = apply(ctx, s, put(p+"/a", "x", myvault.IfVersion(1)))
		return nil
	},
	"a deletion": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := apply(ctx, s, change(myvault.OpDelete, p+"/a"))
		return err
	},
	"a destruction": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := apply(ctx, s, change(myvault.OpDestroy, p+"/a"))
		return err
	},
	"a project": func(ctx context.Context, s *hashivault.Store, p string) error {
		_, err := apply(ctx, s, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: p, Description: "changed"}})
		return err
	},
	"a ping": func(ctx context.Context, s *hashivault.Store, _ string) error { return s.Ping(ctx) },
}

// first returns the error that comes with the first item.
func first[T any](seq iter.Seq2[T, error]) error {
	for _, err := range seq {
		return err
	}
	return nil
}

// lines returns what a method yields, one text for each item, and the error that ended it.
func lines[T any](seq iter.Seq2[T, error], describe func(T) string) (all []string, err error) {
	for item, err := range seq {
		if err != nil {
			return all, err
		}
		all = append(all, describe(item))
	}
	return all, nil
}

func ofInfo(i myvault.Info) string { return fmt.Sprintf("%v by %s at %v", i, i.By, i.At) }

func ofSecret(s myvault.Secret) string { return ofInfo(s.Info) + ": " + s.Value.Reveal() }

func projectLine(p myvault.Project) string {
	return fmt.Sprintf("%s %q default %t by %s", p.Name, p.Description, p.Default, p.By)
}

// reads are the methods that read. The result is what they return about the project ours.
var reads = map[string]func(ctx context.Context, s *hashivault.Store, ours string) ([]string, error){
	"get": func(ctx context.Context, s *hashivault.Store, p string) ([]string, error) {
		secret, err := s.Get(ctx, at(p+"/a"), 0)
		if err != nil {
			return nil, err
		}
		return []string{ofSecret(secret)}, nil
	},
	"get a version": func(ctx context.Context, s *hashivault.Store, p string) ([]string, error) {
		secret, err := s.Get(ctx, at(p+"/a"), 1)
		if err != nil {
			return nil, err
		}
		return []string{ofSecret(secret)}, nil
	},
	"versions": func(ctx context.Context, s *hashivault.Store, p string) ([]string, error) {
		return lines(s.Versions(ctx, at(p+"/a"), 0), ofInfo)
	},
	"history": func(ctx context.Context, s *hashivault.Store, p string) ([]string, error) {
		return lines(s.History(ctx, at(p+"/a")), ofSecret)
	},
	"list": func(ctx context.Context, s *hashivault.Store, p string) ([]string, error) {
		return lines(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: p}}), ofInfo)
	},
	"list all": func(ctx context.Context, s *hashivault.Store, _ string) ([]string, error) {
		return lines(s.List(ctx, myvault.ListOptions{}), ofInfo)
	},
	"projects": func(ctx context.Context, s *hashivault.Store, _ string) ([]string, error) {
		return lines(s.Projects(ctx, ""), projectLine)
	},
}

// writes are the changes. made reports whether one was made.
var writes = map[string]struct {
	prepare func(p string) []myvault.Change
	change  func(p string) myvault.Change
	made    func(t *testing.T, s *hashivault.Store, p string) bool
}{
	"put":            {change: func(p string) myvault.Change { return put(p+"/a", "new") }, made: holds("a", "new")},
	"put a version":  {change: func(p string) myvault.Change { return put(p+"/a", "new", myvault.IfVersion(2)) }, made: holds("a", "new")},
	"put if present": {change: func(p string) myvault.Change { return put(p+"/a", "new", myvault.IfPresent()) }, made: holds("a", "new")},
	"put if absent":  {change: func(p string) myvault.Change { return put(p+"/c", "new", myvault.IfAbsent()) }, made: holds("c", "new")},
	"first put":      {change: func(p string) myvault.Change { return put(p+"/c", "new") }, made: holds("c", "new")},
	"first put of a project": {change: func(p string) myvault.Change { return put("of-"+p+"/c", "new") },
		made: func(t *testing.T, s *hashivault.Store, p string) bool { return holds("c", "new")(t, s, "of-"+p) }},
	"delete": {change: func(p string) myvault.Change { return change(myvault.OpDelete, p+"/a") },
		made: func(t *testing.T, s *hashivault.Store, p string) bool {
			return slices.Contains(states(t, s, p+"/a"), "2 deleted")
		}},
	"undelete": {prepare: func(p string) []myvault.Change { return []myvault.Change{change(myvault.OpDelete, p+"/a")} },
		change: func(p string) myvault.Change { return change(myvault.OpUndelete, p+"/a") },
		made: func(t *testing.T, s *hashivault.Store, p string) bool {
			return slices.Contains(states(t, s, p+"/a"), "2 live")
		}},
	"destroy": {change: func(p string) myvault.Change { return change(myvault.OpDestroy, p+"/a") },
		made: func(t *testing.T, s *hashivault.Store, p string) bool {
			return slices.Equal(states(t, s, p+"/a"), []string{"2 destroyed", "1 destroyed"})
		}},
	"describe": {change: func(p string) myvault.Change {
		return myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: p, Description: "new"}}
	}, made: projectIs(`"new"`)},
	"make default": {change: func(p string) myvault.Change {
		return myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: p}}
	}, made: projectIs("default true")},
}

func holds(name, value string) func(t *testing.T, s *hashivault.Store, p string) bool {
	return func(t *testing.T, s *hashivault.Store, p string) bool {
		secret, err := s.Get(t.Context(), at(p+"/"+name), 0)
		return err == nil && secret.Value.Reveal() == value
	}
}

func projectIs(part string) func(t *testing.T, s *hashivault.Store, p string) bool {
	return func(t *testing.T, s *hashivault.Store, p string) bool {
		all, err := lines(s.Projects(t.Context(), ""), projectLine)
		return err == nil && slices.ContainsFunc(all, func(line string) bool {
			return strings.HasPrefix(line, p+" ") && strings.Contains(line, part)
		})
	}
}

// eachMix runs a test for every kind of answer that may come too late: once for one answer, and
// once for all that follow.
func eachMix(t *testing.T, test func(t *testing.T, m *mixed, mix func())) {
	for _, count := range []int{1, -1} {
		for about, ask := range before {
			t.Run(fmt.Sprintf("%d after %s", count, about), func(t *testing.T) {
				inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
					m := &mixed{mixer: &mixer{next: fake}, direct: opened(t, config)}
					m.through = opened(t, hashivault.Over(config, fakevault.Serve(t, m.mixer)))
					test(t, m, func() {
						is.New(t).NoErr(ask(t.Context(), m.through, m.fill(t)))
						m.mix(count)
					})
				})
			})
		}
	}
}

// TestReadsOfMixedAnswers: for any answer, a read returns nothing of another record.
func TestReadsOfMixedAnswers(t *testing.T) {
	eachMix(t, func(t *testing.T, m *mixed, mix func()) {
		for about, read := range reads {
			is := is.New(t)
			ours := m.fill(t)
			mix()
			got, err := read(t.Context(), m.through, ours)
			m.mix(0)
			want, failed := read(t.Context(), m.direct, ours)
			is.NoErr(failed)
			for _, line := range got {
				if !slices.Contains(want, line) {
					t.Errorf("%s returns %s, which is not among %s", about, line, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "value of") {
				t.Errorf("%s: the error shows a value", about)
			}
		}
	})
}

// TestWritesOfMixedAnswers: for any answer, a change is acknowledged only if it was made.
func TestWritesOfMixedAnswers(t *testing.T) {
	eachMix(t, func(t *testing.T, m *mixed, mix func()) {
		for about, w := range writes {
			ours := m.fill(t)
			if w.prepare != nil {
				do(t, m.direct, w.prepare(ours)...)
			}
			do(t, m.through, put(ours+"/near", "1"))            // the project is known, so the write comes first
			_, _ = m.through.Get(t.Context(), at(ours+"/a"), 0) // the version is known, so a Put on a condition is a patch
			mix()
			_, err := apply(t.Context(), m.through, w.change(ours))
			m.mix(0)
			made := w.made(t, m.direct, ours)
			if err == nil && !made {
				t.Errorf("%s is acknowledged, and was not made", about)
			}
			if made && err != nil && !errors.Is(err, myvault.ErrUnknownOutcome) {
				t.Errorf("%s was made, and reported as %v", about, err)
			}
		}
	})
}

// TestAMixedAnswerOfARealServer: it is reported as such, and the next answer is right again.
func TestAMixedAnswerOfARealServer(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		target, err := url.Parse(server.Address)
		is.NoErr(err)
		m := &mixer{next: httputil.NewSingleHostReverseProxy(target)}
		front := httptest.NewServer(m)
		t.Cleanup(front.Close)
		s := opened(t, fresh(front.URL, server.Token))
		do(t, s, put("newsbot/a", "of a"), put("newsbot/b", "of b"), put("newsbot/b", "of b"))
		get := func(addr string) (string, error) {
			secret, err := s.Get(t.Context(), at(addr), 0)
			return secret.Value.Reveal(), err
		}
		_, err = get("newsbot/b")
		is.NoErr(err)
		m.mix(1)
		value, err := get("newsbot/a")
		is.True(errors.Is(err, myvault.ErrTampered) && value == "")
		is.True(strings.Contains(err.Error(), "another record"))
		value, err = get("newsbot/a")
		is.NoErr(err)
		is.Equal(value, "of a")
		_, err = get("newsbot/b")
		is.NoErr(err)
		m.mix(1)
		is.True(errors.Is(last(s.Versions(t.Context(), at("newsbot/a"), 0)), myvault.ErrTampered))
		m.mix(1)
		info := do(t, s, put("newsbot/a", "2")) // it gets the answer to a read, and its outcome is looked up
		is.Equal(info.Version, myvault.Version(2))
	})
}
