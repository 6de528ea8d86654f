package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// verbs are the methods that a session and a client have in common.
type verbs interface {
	Apply(ctx context.Context, changes ...myvault.Change) ([]myvault.Info, error)
	Delete(ctx context.Context, addr myvault.Address, conditions ...myvault.Condition) error
	DeleteProject(ctx context.Context, name string) error
	Destroy(ctx context.Context, addr myvault.Address, versions ...myvault.Version) error
	Explain(ctx context.Context, service string, a myvault.Action, addr myvault.Address) (myvault.Decision, error)
	Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error)
	GetPage(ctx context.Context, r myvault.ListOptions, limit int) (myvault.Page[myvault.Secret, myvault.Address], error)
	GetVersion(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error)
	Heads(ctx context.Context) ([]myvault.Head, error)
	List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error]
	ListPage(ctx context.Context, r myvault.ListOptions, limit int) (myvault.Page[myvault.Info, myvault.Address], error)
	Project(ctx context.Context, name string) (myvault.Project, error)
	Projects(ctx context.Context) iter.Seq2[myvault.Project, error]
	ProjectsPage(ctx context.Context, after string, limit int) (myvault.Page[myvault.Project, string], error)
	Put(ctx context.Context, addr myvault.Address, value myvault.Value, conditions ...myvault.Condition) (myvault.Info, error)
	PutProject(ctx context.Context, p myvault.Project, conditions ...myvault.Condition) (myvault.Project, error)
	PutVersion(ctx context.Context, addr myvault.Address, n myvault.NewVersion, conditions ...myvault.Condition) (myvault.Info, error)
	Rights(ctx context.Context) (myvault.Rights, error)
	Service() string
	SetDefaultProject(ctx context.Context, name string) (myvault.Project, error)
	Trail(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error]
	TrailPage(ctx context.Context, r myvault.TrailFilter, limit int) (myvault.Page[myvault.Entry, myvault.Cursor], error)
	Undelete(ctx context.Context, addr myvault.Address) (myvault.Info, error)
	Versions(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Info, error]
	VersionsPage(ctx context.Context, addr myvault.Address, before myvault.Version, limit int) (myvault.Page[myvault.Info, myvault.Version], error)
	Who(ctx context.Context, a myvault.Action, addr myvault.Address) ([]string, error)
}

var (
	_ verbs = (*myvault.Session)(nil)
	_ verbs = (*client.Client)(nil)
)

// TestVerbs checks that verbs has every method of a session but those that make another session.
func TestVerbs(t *testing.T) {
	is := is.New(t)
	var missing []string
	common := reflect.TypeFor[verbs]()
	for m := range reflect.TypeFor[*myvault.Session]().Methods() {
		if _, found := common.MethodByName(m.Name); !found {
			missing = append(missing, m.Name)
		}
	}
	is.Equal(missing, []string{"Restrict", "Via"})
}

// A step is one call. Its result is compared as text: values are shown, times are not.
type step struct {
	name string
	as   string // the service; "": admin
	call func(context.Context, verbs) (any, error)
}

var (
	db      = myvault.Address{Project: "newsbot", Path: "prod/db"}
	other   = myvault.Address{Project: "newsbot", Path: "prod/ä key/it's (1)"}
	hidden  = myvault.Address{Project: "rag", Path: "dev/x"}
	wrong   = myvault.Address{Project: "newsbot", Path: "prod//db"}
	expires = time.Date(2090, 1, 2, 3, 4, 5, 678901000, time.UTC)
)

func put(name string, addr myvault.Address, value string, conditions ...myvault.Condition) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) {
		return v.Put(ctx, addr, myvault.Text(value), conditions...)
	}}
}

func get(name string, addr myvault.Address) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return v.Get(ctx, addr) }}
}

func getVersion(name string, addr myvault.Address, n myvault.Version) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return v.GetVersion(ctx, addr, n) }}
}

func remove(name string, addr myvault.Address, conditions ...myvault.Condition) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return nil, v.Delete(ctx, addr, conditions...) }}
}

func undelete(name string, addr myvault.Address) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return v.Undelete(ctx, addr) }}
}

func destroy(name string, addr myvault.Address, versions ...myvault.Version) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return nil, v.Destroy(ctx, addr, versions...) }}
}

func apply(name string, changes ...myvault.Change) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return v.Apply(ctx, changes...) }}
}

func list(name string, r myvault.ListOptions) step {
	return step{name: name, call: func(ctx context.Context, v verbs) (any, error) { return collect(v.List(ctx, r)) }}
}

func project(name string, call func(context.Context, verbs) (any, error)) step {
	return step{name: name, call: call}
}

func (s step) by(service string) step {
	s.name, s.as = s.name+" as "+service, service
	return s
}

// collect reads a sequence up to its first error.
func collect[T any](items iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for item, err := range items {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// pagesOf reads all pages of a listing.
func pagesOf[T, C any](first C, read func(C) ([]T, C, bool, error)) (any, error) {
	var all []T
	for at, more := first, true; more; {
		var items []T
		var err error
		if items, at, more, err = read(at); err != nil {
			return all, err
		}
		all = append(all, items...)
	}
	return all, nil
}

func putOf(addr myvault.Address, value string, condition myvault.Condition) myvault.Change {
	return myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(value), If: condition}
}

// binary is a value that is not UTF-8, and large one whose JSON would not fit into a body as text.
var (
	binary = "\xff\x00\x01"
	large  = strings.Repeat("\x01", myvault.MaxValue)
)

func steps() []step {
	return slices.Concat(secretSteps(), changeSteps(), listSteps(), projectSteps(), policySteps())
}

func secretSteps() []step {
	return []step{
		get("get nothing", db),
		put("put", db, "one"),
		get("get", db), get("get", db).by("reader"), get("get", db).by("writer"),
		put("put if absent", db, "two", myvault.IfAbsent()),
		put("put if present", db, "two", myvault.IfPresent()),
		put("put if version", db, "three", myvault.IfVersion(2)),
		put("put if old version", db, "four", myvault.IfVersion(2)),
		put("put if version of nothing", other, "x", myvault.IfVersion(1)),
		put("put if present nothing", other, "x", myvault.IfPresent()),
		put("put if absent nothing", other, "x", myvault.IfAbsent()),
		put("put with excluding conditions", db, "x", myvault.IfAbsent(), myvault.IfPresent()),
		put("put with joined conditions", db, "joined", myvault.IfPresent(), myvault.IfVersion(3)),
		put("put if version 0", db, "x", myvault.IfVersion(0)),
		put("put empty", db, ""), put("put too large", db, large+"x"), put("put at wrong address", wrong, "x"),
		put("put binary", other, binary), get("get binary", other),
		put("put large", other, large), get("get large", other),
		put("put", db, "denied").by("reader"), put("put", db, "by writer").by("writer"),
		{name: "put with times", call: func(ctx context.Context, v verbs) (any, error) {
			return v.PutVersion(ctx, db, myvault.NewVersion{Value: myvault.Text("timed"), Expires: expires, RotateAfter: expires})
		}},
		get("get with times", db),
		{name: "put in the past", call: func(ctx context.Context, v verbs) (any, error) {
			return v.PutVersion(ctx, db, myvault.NewVersion{Value: myvault.Text("timed"), Expires: time.Unix(1, 0)})
		}},
		{name: "put generated", call: func(ctx context.Context, v verbs) (any, error) {
			return v.PutVersion(ctx, db, myvault.NewVersion{Generate: func(context.Context) (myvault.Value, error) { return myvault.Text("made"), nil }})
		}},
		get("get generated", db),
		{name: "put with a failed generator", call: func(ctx context.Context, v verbs) (any, error) {
			return v.PutVersion(ctx, db, myvault.NewVersion{Generate: func(context.Context) (myvault.Value, error) { return myvault.Value{}, errors.New("no randomness") }})
		}},
		get("get wrong address", wrong), getVersion("get version 1", db, 1), getVersion("get current version", db, 0),
		getVersion("get missing version", db, 99), getVersion("get version 1", db, 1).by("writer"),
		remove("delete if old version", db, myvault.IfVersion(1)),
		remove("delete", db), get("get deleted", db), getVersion("get version of deleted", db, 1), remove("delete deleted", db),
		remove("delete", db).by("reader"), remove("delete nothing", hidden), remove("delete wrong address", wrong),
		undelete("undelete", db), undelete("undelete live", db), undelete("undelete nothing", hidden),
		remove("delete if version", db, myvault.IfVersion(7)), remove("delete if present", db, myvault.IfPresent()), undelete("undelete", db),
		destroy("destroy", db, 1, 2), getVersion("get destroyed", db, 1), destroy("destroy missing", db, 99),
		destroy("destroy version 0", db, 0), destroy("destroy", db).by("reader"), destroy("destroy", other).by("writer"),
		undelete("undelete destroyed", other),
	}
}

func changeSteps() []step {
	first, second := myvault.Address{Project: "batch", Path: "a"}, myvault.Address{Project: "batch", Path: "b"}
	return []step{
		apply("apply nothing"),
		apply("apply", putOf(first, "1", myvault.IfAbsent()), putOf(second, "2", myvault.Condition{})),
		apply("apply refused", putOf(first, "1", myvault.IfVersion(1)), putOf(second, "2", myvault.IfAbsent())),
		apply("apply one refused", putOf(second, "2", myvault.IfAbsent())),
		apply("apply denied", putOf(db, "1", myvault.Condition{}), putOf(hidden, "2", myvault.Condition{})).by("writer"),
		apply("apply wrong address", putOf(first, "1", myvault.Condition{}), putOf(wrong, "2", myvault.Condition{})),
		apply("apply delete", putOf(first, "1", myvault.IfVersion(1)), myvault.Change{Op: myvault.OpDelete, Address: second}),
		apply("apply undelete", myvault.Change{Op: myvault.OpUndelete, Address: second}),
		apply("apply destroy", myvault.Change{Op: myvault.OpDestroy, Address: second, Versions: []myvault.Version{1}}),
		apply("apply project", myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "applied"}}),
		apply("apply default", myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "applied"}}),
		apply("apply delete project", myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "applied"}}),
		apply("apply delete missing project", myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "applied"}}),
		apply("apply if present", putOf(first, "9", myvault.IfPresent())),
	}
}

func listSteps() []step {
	newsbot := myvault.Prefix{Project: "newsbot"}
	return []step{
		list("list", myvault.ListOptions{}), list("list", myvault.ListOptions{}).by("reader"), list("list", myvault.ListOptions{}).by("writer"),
		list("list project", myvault.ListOptions{Prefix: newsbot}), list("list prefix", myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/db"}}),
		list("list deleted", myvault.ListOptions{Deleted: true}), list("list after", myvault.ListOptions{After: myvault.Address{Project: "batch", Path: "a"}}),
		list("list wrong prefix", myvault.ListOptions{Prefix: myvault.Prefix{Path: "x"}}),
		list("list by expiry", myvault.ListOptions{ExpiresBefore: expires.Add(time.Second)}),
		{name: "pages of secrets", call: func(ctx context.Context, v verbs) (any, error) {
			return pagesOf(myvault.Address{}, func(at myvault.Address) ([]myvault.Info, myvault.Address, bool, error) {
				page, err := v.ListPage(ctx, myvault.ListOptions{After: at}, 1)
				return page.Items, page.Next, page.More, err
			})
		}},
		{name: "page after an address", call: func(ctx context.Context, v verbs) (any, error) {
			page, err := v.ListPage(ctx, myvault.ListOptions{After: myvault.Address{Project: "batch", Path: "a"}}, 1000)
			return page.Items, err
		}},
		{name: "pages of values", call: func(ctx context.Context, v verbs) (any, error) {
			return pagesOf(myvault.Address{}, func(at myvault.Address) ([]myvault.Secret, myvault.Address, bool, error) {
				page, err := v.GetPage(ctx, myvault.ListOptions{Prefix: newsbot, After: at}, 1)
				return page.Items, page.Next, page.More, err
			})
		}},
		{name: "page of deleted values", call: func(ctx context.Context, v verbs) (any, error) {
			page, err := v.GetPage(ctx, myvault.ListOptions{Prefix: newsbot, Deleted: true}, 1)
			return page.Items, err
		}},
		{name: "page of 0", call: func(ctx context.Context, v verbs) (any, error) {
			page, err := v.ListPage(ctx, myvault.ListOptions{}, 0)
			return page.Items, err
		}},
		{name: "versions", call: func(ctx context.Context, v verbs) (any, error) { return collect(v.Versions(ctx, db)) }},
		{name: "versions denied", as: "writer", call: func(ctx context.Context, v verbs) (any, error) { return collect(v.Versions(ctx, db)) }},
		{name: "versions of nothing", call: func(ctx context.Context, v verbs) (any, error) { return collect(v.Versions(ctx, hidden)) }},
		{name: "versions of a wrong address", call: func(ctx context.Context, v verbs) (any, error) { return collect(v.Versions(ctx, wrong)) }},
		{name: "pages of versions", call: func(ctx context.Context, v verbs) (any, error) {
			return pagesOf(myvault.Version(0), func(at myvault.Version) ([]myvault.Info, myvault.Version, bool, error) {
				page, err := v.VersionsPage(ctx, db, at, 3)
				return page.Items, page.Next, page.More, err
			})
		}},
	}
}

func projectSteps() []step {
	named := func(name, text string, conditions ...myvault.Condition) step {
		return project("put project "+name, func(ctx context.Context, v verbs) (any, error) {
			return v.PutProject(ctx, myvault.Project{Name: name, Description: text}, conditions...)
		})
	}
	return []step{
		named("rag", "retrieval", myvault.IfPresent()), named("rag", "retrieval", myvault.IfAbsent()), named("rag", "again", myvault.IfAbsent()),
		named("rag", "changed"), named("new", "registered"), named("rag", "", myvault.IfPresent()), named("a/b", "x"), named("rag", "bell\a"),
		named("rag", "x", myvault.IfVersion(1)), named("rag", "x").by("reader"),
		project("project", func(ctx context.Context, v verbs) (any, error) { return v.Project(ctx, "rag") }),
		project("missing project", func(ctx context.Context, v verbs) (any, error) { return v.Project(ctx, "missing") }),
		project("hidden project", func(ctx context.Context, v verbs) (any, error) { return v.Project(ctx, "rag") }).by("reader"),
		project("wrong project", func(ctx context.Context, v verbs) (any, error) { return v.Project(ctx, ".rag") }),
		project("default project", func(ctx context.Context, v verbs) (any, error) { return v.SetDefaultProject(ctx, "rag") }),
		project("missing default project", func(ctx context.Context, v verbs) (any, error) { return v.SetDefaultProject(ctx, "missing") }),
		project("projects", func(ctx context.Context, v verbs) (any, error) { return collect(v.Projects(ctx)) }),
		project("projects", func(ctx context.Context, v verbs) (any, error) { return collect(v.Projects(ctx)) }).by("reader"),
		project("pages of projects", func(ctx context.Context, v verbs) (any, error) {
			return pagesOf("", func(at string) ([]myvault.Project, string, bool, error) {
				page, err := v.ProjectsPage(ctx, at, 1)
				return page.Items, page.Next, page.More, err
			})
		}),
		project("delete project", func(ctx context.Context, v verbs) (any, error) { return nil, v.DeleteProject(ctx, "rag") }),
		project("delete missing project", func(ctx context.Context, v verbs) (any, error) { return nil, v.DeleteProject(ctx, "rag") }),
		project("delete full project", func(ctx context.Context, v verbs) (any, error) { return nil, v.DeleteProject(ctx, "newsbot") }),
		project("delete project", func(ctx context.Context, v verbs) (any, error) { return nil, v.DeleteProject(ctx, "newsbot") }).by("reader"),
	}
}

func policySteps() []step {
	rights := func(ctx context.Context, v verbs) (any, error) { return v.Rights(ctx) }
	explain := func(service string, a myvault.Action, addr myvault.Address) step {
		return step{name: "explain", call: func(ctx context.Context, v verbs) (any, error) { return v.Explain(ctx, service, a, addr) }}
	}
	who := func(a myvault.Action, addr myvault.Address) step {
		return step{name: "who", call: func(ctx context.Context, v verbs) (any, error) { return v.Who(ctx, a, addr) }}
	}
	trail := func(name string, r myvault.TrailFilter) step {
		return step{name: name, call: func(ctx context.Context, v verbs) (any, error) {
			return pagesOf(r.Before, func(at myvault.Cursor) ([]myvault.Entry, myvault.Cursor, bool, error) {
				next := r
				next.Before = at
				page, err := v.TrailPage(ctx, next, 5)
				return page.Items, page.Next, page.More, err
			})
		}}
	}
	return []step{
		{name: "service", call: func(_ context.Context, v verbs) (any, error) { return v.Service(), nil }},
		{name: "rights", call: rights}, {name: "rights", as: "reader", call: rights},
		explain("reader", myvault.Read, db), explain("reader", myvault.Write, db), explain("nobody", myvault.Read, db), explain("reader", myvault.Read, wrong),
		explain("admin", myvault.Read, db).by("reader"), explain("reader", myvault.Read, db).by("reader"), explain("reader", myvault.Read|myvault.List, db),
		who(myvault.Read, db), who(myvault.Destroy, db), who(myvault.Read, db).by("reader"), who(0, db),
		trail("pages of entries before", myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 9, myvault.ChainAccess: 1}}),
		trail("pages of changes", myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot"}, Action: "destroy"}),
		trail("trail of the reader", myvault.TrailFilter{}).by("reader"),
		trail("trail by a wrong action", myvault.TrailFilter{Action: "guess"}), trail("trail by a wrong outcome", myvault.TrailFilter{Outcome: "guess"}),
		{name: "trail", call: func(ctx context.Context, v verbs) (any, error) {
			return collect(v.Trail(ctx, myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot"}, Action: "delete", Outcome: myvault.OutcomeOK, Since: time.Unix(1, 0), Until: expires}))
		}},
		{name: "trail before", call: func(ctx context.Context, v verbs) (any, error) {
			return collect(v.Trail(ctx, myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 4, myvault.ChainAccess: 1}}))
		}},
		{name: "heads", call: func(ctx context.Context, v verbs) (any, error) {
			heads, err := v.Heads(ctx)
			for i := range heads { // the trails differ in times
				heads[i].At, heads[i].MAC, heads[i].Seq = time.Time{}, nil, 0
			}
			return heads, err
		}},
		{name: "heads", as: "reader", call: func(ctx context.Context, v verbs) (any, error) { return v.Heads(ctx) }},
	}
}

// TestSameAsSession makes the same calls with a session and, on another vault, with a client. Their
// results and errors must be equal.
func TestSameAsSession(t *testing.T) {
	for store := range stores {
		t.Run(store, func(t *testing.T) {
			compare(t, serve(t, store), serve(t, store))
		})
	}
}

// TestSameAsSessionOverVault is TestSameAsSession over a HashiCorp Vault, which makes one change at
// a time.
func TestSameAsSessionOverVault(t *testing.T) {
	real := vaultserver.Dev(t, vaultserver.Binary(t))
	served := func(base string) *server {
		trail, err := sqlite.OpenTrail(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
		if err != nil {
			t.Fatal(err)
		}
		store, err := hashivault.Open(t.Context(), hashivault.Config{
			Addresses: []string{real.Address}, Token: myvault.Text(real.Token), Base: "client/" + base,
		})
		if err != nil {
			t.Fatal(err)
		}
		return serveOn(t, "hashivault", store, trail)
	}
	compare(t, served("direct"), served("remote"))
}

// compare makes the same calls with a session of one vault and with a client of the other.
func compare(t *testing.T, direct, remote *server) {
	t.Helper()
	is := is.New(t)
	for n, s := range steps() {
		service := s.as
		if service == "" {
			service = "admin"
		}
		want, wantErr := s.call(t.Context(), direct.vault.As(service))
		got, gotErr := s.call(t.Context(), remote.as(t, service))
		if d := difference(got, want, gotErr, wantErr); d != "" {
			t.Errorf("step %d, %s: %s", n, s.name, d)
		}
	}
	is.True(len(steps()) > 100)
}

// difference returns how the results and errors of two calls differ, "" if they do not.
func difference(got, want any, gotErr, wantErr error) string {
	if g, w := describeErr(gotErr), describeErr(wantErr); g != w {
		return fmt.Sprintf("error\n got %s\nwant %s", g, w)
	}
	if g, w := describe(got), describe(want); wantErr == nil && g != w {
		return fmt.Sprintf("result\n got %.2000s\nwant %.2000s", g, w)
	}
	return ""
}

// kinds are the errors that callers match.
var kinds = []error{
	myvault.ErrInvalid, myvault.ErrUnauthenticated, myvault.ErrDenied, myvault.ErrNotFound, myvault.ErrExists, myvault.ErrConflict,
	myvault.ErrDestroyed, myvault.ErrNotEmpty, myvault.ErrTooLarge, myvault.ErrGenerator, myvault.ErrTampered, myvault.ErrWrongKey,
	myvault.ErrTrail, myvault.ErrUnavailable, myvault.ErrUnknownOutcome, myvault.ErrClosed, errors.ErrUnsupported,
}

// describeErr returns the kind, operation, address, index and text of an error. The texts of
// ErrUnsupported may differ.
func describeErr(err error) string {
	if err == nil {
		return "none"
	}
	var b strings.Builder
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			fmt.Fprintf(&b, "%v; ", kind)
		}
	}
	if e, ok := errors.AsType[*myvault.Error](err); ok {
		fmt.Fprintf(&b, "op %s at %v; ", e.Op, e.Address)
	}
	if e, ok := errors.AsType[*myvault.ChangeError](err); ok {
		fmt.Fprintf(&b, "index %d; ", e.Index)
	}
	if !errors.Is(err, errors.ErrUnsupported) {
		b.WriteString(err.Error())
	}
	return b.String()
}

// describe returns a result as text, without what two vaults cannot have in common.
func describe(result any) string {
	switch r := result.(type) {
	case myvault.Info:
		return fmt.Sprintf("%v by %s expires %v rotates %v", r, r.By, r.Expires, r.RotateAfter)
	case myvault.Secret:
		return describe(r.Info) + fmt.Sprintf(" %d %.40q", r.Value.Len(), r.Value.Reveal())
	case myvault.Project:
		return fmt.Sprintf("%s %q %v by %s", r.Name, r.Description, r.Default, r.By)
	case myvault.Entry:
		return fmt.Sprint(r.Chain, r.Service, r.Action, r.Address, r.Version, r.Destroyed, r.Outcome)
	case myvault.Rights:
		return fmt.Sprint(r.Allow, r.Deny, r.Limits)
	case myvault.Decision:
		return fmt.Sprint(r.Allowed, r.Rule, r.Reason)
	}
	v := reflect.ValueOf(result)
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(result)
	}
	lines := make([]string, v.Len())
	for i := range lines {
		lines[i] = describe(v.Index(i).Interface())
	}
	return strings.Join(lines, "\n")
}
