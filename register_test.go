package myvault_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

func TestLifeOfAProject(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	s := v.As("root")
	p, err := s.PutProject(ctx, myvault.Project{Name: "newsbot", Description: "news", Default: true}, myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(p.Description, "news")
	is.Equal(p.By, "root")
	is.True(!p.Default) // SetDefault alone makes one
	_, err = s.PutProject(ctx, myvault.Project{Name: "newsbot"}, myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists))
	_, err = s.PutProject(ctx, myvault.Project{Name: "other"}, myvault.IfPresent())
	is.True(errors.Is(err, myvault.ErrNotFound))
	p, err = s.SetDefault(ctx, "newsbot")
	is.NoErr(err)
	is.True(p.Default)
	_, err = s.SetDefault(ctx, "other")
	is.True(errors.Is(err, myvault.ErrNotFound))
	p, err = s.PutProject(ctx, myvault.Project{Name: "newsbot", Description: "more news"}, myvault.IfPresent())
	is.NoErr(err)
	is.True(p.Default) // a description changes nothing else
	_, err = s.Put(ctx, db, myvault.Text("v"))
	is.NoErr(err)
	is.True(errors.Is(s.DeleteProject(ctx, "newsbot"), myvault.ErrNotEmpty))
	is.NoErr(s.Delete(ctx, db))
	is.NoErr(s.DeleteProject(ctx, "newsbot"))
	_, err = s.Project(ctx, "newsbot")
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = s.Undelete(ctx, db)
	is.NoErr(err) // registers it again
	_, err = s.Project(ctx, "newsbot")
	is.NoErr(err)
}

func TestProjectsThatAreVisible(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, "a/x", "b/x", "c/x", "d/x")
	v.SetPolicy(policyOf(t, []string{"a/prod/", "b/@list", "c/", "d/"}, []string{"c/", "d/prod/"}))
	var names []string
	for p, err := range v.As("svc").Projects(t.Context()) {
		is.NoErr(err)
		names = append(names, p.Name)
	}
	is.Equal(names, []string{"a", "b", "d"}) // c is denied as a whole
	_, err := v.As("svc").Project(t.Context(), "c")
	is.True(errors.Is(err, myvault.ErrDenied))
	_, err = v.As("svc").Project(t.Context(), "nowhere")
	is.True(errors.Is(err, myvault.ErrDenied)) // the same whether it exists or not
}

func TestDenyInsideKeepsTheProject(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	_, err := v.As("root").PutProject(ctx, myvault.Project{Name: "p"})
	is.NoErr(err)
	v.SetPolicy(policyOf(t, []string{"*/"}, []string{"p/billing/@read"}))
	is.True(errors.Is(v.As("svc").DeleteProject(ctx, "p"), myvault.ErrDenied))
	_, err = v.As("svc").SetDefault(ctx, "p")
	is.True(errors.Is(err, myvault.ErrDenied))
	v.SetPolicy(policyOf(t, []string{"*/"}, []string{"q/"}))
	_, err = v.As("svc").SetDefault(ctx, "p")
	is.NoErr(err)
	is.NoErr(v.As("svc").DeleteProject(ctx, "p"))
}
