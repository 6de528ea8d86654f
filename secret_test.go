package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func TestLifeOfASecret(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	s := v.As("root")

	info, err := s.Put(ctx, db, myvault.Text("one"), myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(info.Version, myvault.Version(1))
	is.Equal(info.By, "root")
	is.Equal(info.At.Location(), time.UTC)
	_, err = s.Put(ctx, db, myvault.Text("x"), myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists))
	info, err = s.Put(ctx, db, myvault.Text("two"), myvault.IfVersion(1), myvault.IfPresent())
	is.NoErr(err)
	is.Equal(info.Version, myvault.Version(2))
	_, err = s.Put(ctx, db, myvault.Text("x"), myvault.IfVersion(1))
	is.True(errors.Is(err, myvault.ErrConflict))

	old, err := s.GetVersion(ctx, db, 1)
	is.NoErr(err)
	is.Equal(old.Value.Reveal(), "one")
	is.NoErr(s.Delete(ctx, db, myvault.IfVersion(2)))
	_, err = s.Get(ctx, db)
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = s.GetVersion(ctx, db, 1)
	is.True(errors.Is(err, myvault.ErrNotFound)) // the whole address
	_, err = s.Undelete(ctx, db)
	is.NoErr(err)
	is.NoErr(s.Destroy(ctx, db, 1))
	_, err = s.GetVersion(ctx, db, 1)
	is.True(errors.Is(err, myvault.ErrDestroyed))
	secret, err := s.Get(ctx, db)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "two")

	var history []string
	for info, err := range s.Versions(ctx, db) {
		is.NoErr(err)
		history = append(history, fmt.Sprint(info.Version, info.State))
	}
	is.Equal(history, []string{"2 live", "1 destroyed"})
}

func TestErrorText(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	_, err := v.As("root").Get(t.Context(), db)
	is.Equal(err.Error(), "myvault: get newsbot/prod/db: not found")
	_, err = v.As("svc").Get(t.Context(), myvault.Address{Project: "billing", Path: "x"})
	is.Equal(err.Error(), "myvault: get billing/x: denied by policy")
	_, err = v.As("svc").Get(t.Context(), myvault.Address{Project: "p", Path: canary + "//"})
	is.Equal(err.Error(), "myvault: get: invalid path: segment 2 is empty")
	_, err = v.As("svc").Put(t.Context(), db, myvault.Value{})
	is.Equal(err.Error(), "myvault: put: invalid: the value is empty; a secret holds at least one byte")
	err = v.As("root").DeleteProject(t.Context(), "nowhere")
	is.Equal(err.Error(), "myvault: delete project nowhere: not found")
}

func TestBadArgumentsChangeNothing(t *testing.T) {
	v := openVault(t, myvault.Config{})
	s := v.As("root")
	ctx := t.Context()
	if _, err := s.Put(ctx, db, myvault.Text("v")); err != nil {
		t.Fatal(err)
	}
	before := state(t, v)
	bad := myvault.Address{Project: "newsbot", Path: "prod//db"}
	put := func(addr myvault.Address, value myvault.Value, c ...myvault.Condition) error {
		_, err := s.Put(ctx, addr, value, c...)
		return err
	}
	apply := func(c ...myvault.Change) error { _, err := s.Apply(ctx, c...); return err }
	project := func(p myvault.Project, c ...myvault.Condition) error {
		_, err := s.PutProject(ctx, p, c...)
		return err
	}
	good := myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: "new"}, Value: myvault.Text("v")}
	for name, err := range map[string]error{
		"name":               put(bad, myvault.Text("v")),
		"reserved":           put(myvault.Address{Project: ".vault", Path: "x"}, myvault.Text("v")),
		"empty value":        put(db, myvault.Text("")),
		"IfVersion(0)":       put(db, myvault.Text("v"), myvault.IfVersion(0)),
		"absent and present": put(db, myvault.Text("v"), myvault.IfAbsent(), myvault.IfPresent()),
		"two versions":       put(db, myvault.Text("v"), myvault.IfVersion(1), myvault.IfVersion(2)),
		"delete":             s.Delete(ctx, bad),
		"destroy version 0":  s.Destroy(ctx, db, 0),
		"apply nothing":      apply(),
		"apply second bad":   apply(good, myvault.Change{Op: myvault.OpDelete, Address: bad}),
		"apply no op":        apply(good, myvault.Change{Address: db}),
		"apply IfVersion(0)": apply(good, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v"), If: myvault.IfVersion(0)}),
		"destroy if":         apply(myvault.Change{Op: myvault.OpDestroy, Address: db, If: myvault.IfVersion(99)}),
		"undelete if":        apply(myvault.Change{Op: myvault.OpUndelete, Address: db, If: myvault.IfPresent()}),
		"default if":         apply(myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "newsbot"}, If: myvault.IfAbsent()}),
		"delete project if":  apply(myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "newsbot"}, If: myvault.IfAbsent()}),
		"project name":       project(myvault.Project{Name: "a/b"}),
		"reserved project":   project(myvault.Project{Name: ".b"}),
		"project version":    project(myvault.Project{Name: "b"}, myvault.IfVersion(1)),
		"description":        project(myvault.Project{Name: "b", Description: "a\nb"}),
		"description utf8":   project(myvault.Project{Name: "b", Description: "\xff"}),
		"prefix":             first(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Path: "x"}})),
		"page limit":         func() error { _, err := s.ListPage(ctx, myvault.ListOptions{}, 0); return err }(),
		"page limit high":    func() error { _, err := s.GetPage(ctx, myvault.ListOptions{}, 1001); return err }(),
		"page of deleted":    func() error { _, err := s.GetPage(ctx, myvault.ListOptions{Deleted: true}, 1); return err }(),
		"trail prefix":       first(s.Trail(ctx, myvault.TrailFilter{Prefix: myvault.Prefix{Project: "/"}})),
		"trail limit":        func() error { _, err := s.TrailPage(ctx, myvault.TrailFilter{}, 0); return err }(),
		"explain two":        func() error { _, err := s.Explain(ctx, "root", myvault.Read|myvault.List, db); return err }(),
		"who of nothing":     func() error { _, err := s.Who(ctx, 0, db); return err }(),
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.True(errors.Is(err, myvault.ErrInvalid))
			is.Equal(state(t, v), before)
		})
	}
	for name, err := range map[string]error{
		"value":       put(db, myvault.Bytes(make([]byte, myvault.MaxValue+1))),
		"description": project(myvault.Project{Name: "b", Description: strings.Repeat("x", myvault.MaxDescription+1)}),
		"changes":     apply(make([]myvault.Change, myvault.MaxChanges+1)...),
	} {
		t.Run("large "+name, func(t *testing.T) {
			is := is.New(t)
			is.True(errors.Is(err, myvault.ErrTooLarge))
			is.Equal(state(t, v), before)
		})
	}
}

func TestApplyIsDeniedAsAWhole(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	put := func(addr myvault.Address) myvault.Change {
		return myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text("v")}
	}
	_, err := v.As("svc").Apply(t.Context(), put(db), put(myvault.Address{Project: "billing", Path: "x"}))
	is.True(errors.Is(err, myvault.ErrDenied))
	is.Equal(len(state(t, v)), 0)
	infos, err := v.As("svc").Apply(t.Context(), put(db), myvault.Change{Op: myvault.OpDelete, Address: db}, put(db))
	is.NoErr(err)
	is.Equal(infos[2].Version, myvault.Version(2))
}

func TestRightsOfChanges(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		op   string
		need []string // with these rules alone it is allowed
		call func(*myvault.Session) error
	}{
		{"undelete", []string{"newsbot/prod/@write"}, func(s *myvault.Session) error { _, err := s.Undelete(ctx, db); return err }},
		{"destroy", []string{"newsbot/prod/db@destroy"}, func(s *myvault.Session) error { return s.Destroy(ctx, db) }},
		{"versions", []string{"newsbot/prod/@list"}, func(s *myvault.Session) error { return first(s.Versions(ctx, db)) }},
		{"put project", []string{"newsbot/prod/@write"}, method(ctx, "PutProject")},
		{"set default", []string{"*/prod/@write"}, method(ctx, "SetDefaultProject")},
		{"delete project", []string{"newsbot/@delete"}, method(ctx, "DeleteProject")},
		{"heads", []string{"*/@audit"}, method(ctx, "Heads")},
		{"who", []string{"newsbot/prod/db@audit"}, method(ctx, "Who")},
	} {
		t.Run(c.op, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			_, err := v.As("root").Put(ctx, db, myvault.Text("v"))
			is.NoErr(err)
			for _, less := range []string{"other/", "newsbot/prod/@read", "newsbot/dev/@list+destroy+audit"} {
				v.SetPolicy(policyOf(t, []string{less}, nil))
				is.True(errors.Is(c.call(v.As("svc")), myvault.ErrDenied))
			}
			v.SetPolicy(policyOf(t, c.need, nil))
			is.True(!errors.Is(c.call(v.As("svc")), myvault.ErrDenied)) // allowed with just this
			v.SetPolicy(policyOf(t, c.need, []string{"newsbot/@" + "read+write+delete+list+destroy+audit"}))
			is.True(errors.Is(c.call(v.As("svc")), myvault.ErrDenied)) // deny wins
		})
	}
}

// method returns the call for one session.
func method(ctx context.Context, name string) func(*myvault.Session) error {
	return func(s *myvault.Session) error { return calls[name](ctx, s) }
}

// single is a provider that is no trail and makes one change at a time.
type single struct{ myvault.Provider }

func (p *single) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Changes) > 1 {
		return nil, errors.ErrUnsupported
	}
	return p.Provider.Apply(ctx, c)
}

func TestProviderOfOneChangeAtATime(t *testing.T) {
	is := is.New(t)
	v := vaultOf(t, &single{Provider: memory.New(memory.Config{})}, myvault.Config{Trail: myvault.NoTrail{}})
	put := myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")}
	_, err := v.As("root").Apply(t.Context(), put)
	is.NoErr(err)
	_, err = v.As("root").Apply(t.Context(), put, put)
	is.True(errors.Is(err, errors.ErrUnsupported))
}
