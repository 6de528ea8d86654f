package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func extensionOf(t testing.TB, v *myvault.Vault) *myvault.Extension {
	t.Helper()
	records, err := v.Extend("marks")
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func paths(t testing.TB, infos iter.Seq2[myvault.Info, error]) (all []string) {
	t.Helper()
	for info, err := range infos {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Address.String())
	}
	return all
}

func TestRecords(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	records := extensionOf(t, v)
	by := v.As("svc").Via("capability", "req-7")

	_, err := records.GetRecord(ctx, "svc/1")
	is.True(errors.Is(err, myvault.ErrNotFound))
	info, err := records.PutRecord(ctx, by, "svc/1", myvault.Text(canary), myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(info.String(), ".marks/svc/1 version 1 live")
	_, err = records.PutRecord(ctx, by, "svc/1", myvault.Text("v"), myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists))
	_, err = records.PutRecord(ctx, by, "svc/1", myvault.Text("v"), myvault.IfVersion(2))
	is.True(errors.Is(err, myvault.ErrConflict))
	secret, err := records.GetRecord(ctx, "svc/1")
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), canary)
	_, err = records.PutRecord(ctx, by, "svc/2", myvault.Text("v"))
	is.NoErr(err)
	_, err = records.PutRecord(ctx, by, "svd", myvault.Text("v"))
	is.NoErr(err)
	is.Equal(paths(t, records.ListRecords(ctx, "", "")), []string{".marks/svc/1", ".marks/svc/2", ".marks/svd"})
	is.Equal(paths(t, records.ListRecords(ctx, "svc/", "svc/1")), []string{".marks/svc/2"})

	is.NoErr(records.DestroyRecord(ctx, by, "svc/1", 1))
	_, err = records.GetRecord(ctx, "svc/1")
	is.True(errors.Is(err, myvault.ErrNotFound))
	is.True(errors.Is(records.DestroyRecord(ctx, by, "svc/1", 7), myvault.ErrNotFound))
	info, err = records.PutRecord(ctx, by, "svc/1", myvault.Text("v"), myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(info.Version, myvault.Version(2)) // no number twice: a name with its version is unique
	other, err := v.Extend("other")
	is.NoErr(err)
	_, err = other.GetRecord(ctx, "svc/1")
	is.True(errors.Is(err, myvault.ErrNotFound)) // each kind for itself
}

// TestRecordsAreOnRecord: each change has its entry, which only who may audit everything sees.
func TestRecordsAreOnRecord(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	records := extensionOf(t, v)
	_, err := records.PutRecord(ctx, v.As("svc").Via("capability", "req-7"), "svc/1", myvault.Text(canary))
	is.NoErr(err)
	is.NoErr(records.DestroyRecord(ctx, v.As("svc"), "svc/1"))
	is.Equal(entriesOf(t, v), []string{
		"changes svc write .marks/svc/1 v1 ok x1",
		"changes svc destroy .marks/svc/1 v1 ok x1",
	})
	for allow, want := range map[string]int{"*/@audit": 2, "*/prod/@audit": 0, "newsbot/@audit": 0} {
		p, err := myvault.NewPolicy(myvault.Service{Name: "auditor", Allow: rules(t, allow)})
		is.NoErr(err)
		v.SetPolicy(p)
		seen := 0
		for e, err := range v.As("auditor").Trail(ctx, myvault.TrailFilter{Service: "svc"}) {
			is.NoErr(err)
			is.Equal(e.Address.Project, ".marks")
			seen++
		}
		is.Equal(seen, want)
	}
}

// TestRecordsAreNoSecrets: no session reaches a record, and none shows in a listing.
func TestRecordsAreNoSecrets(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	records := extensionOf(t, v)
	root := v.As("root")
	fill(t, v, "+before/a", "newsbot/prod/db", "rag/x")
	for n := range 10_001 { // more than a page looks at
		_, err := records.PutRecord(ctx, root, fmt.Sprintf("svc/%d", n), myvault.Text(canary))
		is.NoErr(err)
	}
	want := []string{"+before/a", "newsbot/prod/db", "rag/x"}
	is.Equal(paths(t, root.List(ctx, myvault.ListOptions{})), want)
	page, err := root.ListPage(ctx, myvault.ListOptions{}, 3)
	is.NoErr(err)
	is.Equal(len(page.Items), 3)
	is.True(!page.More) // hidden records do not count
	values, err := root.GetPage(ctx, myvault.ListOptions{After: myvault.Address{Project: "+before", Path: "a"}}, 2)
	is.NoErr(err)
	is.Equal(len(values.Items), 2)
	is.True(!values.More)
	is.Equal(len(paths(t, root.List(ctx, myvault.ListOptions{Deleted: true}))), 0)
	at := myvault.Address{Project: ".marks", Path: "svc/1"}
	_, err = root.Get(ctx, at)
	is.True(errors.Is(err, myvault.ErrInvalid))
	_, err = root.Put(ctx, at, myvault.Text("v"))
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.True(errors.Is(root.Destroy(ctx, at), myvault.ErrInvalid))
	for p, err := range root.Projects(ctx) {
		is.NoErr(err)
		is.True(!strings.HasPrefix(p.Name, "."))
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	for _, kind := range []string{"", "Marks", "a/b", ".a", "a.b", "a b", "a1", strings.Repeat("a", 33)} {
		_, err := v.Extend(kind)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	records := extensionOf(t, v)
	put := func(by *myvault.Session, path string, value myvault.Value, conditions ...myvault.Condition) error {
		_, err := records.PutRecord(ctx, by, path, value, conditions...)
		return err
	}
	root := v.As("root")
	is.NoErr(put(root, "a", myvault.Bytes(make([]byte, myvault.MaxRecord))))
	is.True(errors.Is(put(root, "a", myvault.Bytes(make([]byte, myvault.MaxRecord+1))), myvault.ErrTooLarge))
	is.True(errors.Is(put(root, "a", myvault.Value{}), myvault.ErrInvalid))
	is.True(errors.Is(put(root, "../a", myvault.Text("v")), myvault.ErrInvalid))
	is.True(errors.Is(put(root, "a", myvault.Text("v"), myvault.IfVersion(0)), myvault.ErrInvalid))
	is.True(errors.Is(put(nil, "a", myvault.Text("v")), myvault.ErrInvalid))
	is.True(errors.Is(put(openVault(t, myvault.Config{}).As("root"), "a", myvault.Text("v")), myvault.ErrInvalid))
	is.True(errors.Is(records.DestroyRecord(ctx, root, "a", 0), myvault.ErrInvalid))
	is.True(errors.Is(records.DestroyRecord(ctx, root, ""), myvault.ErrInvalid))
	is.True(errors.Is(first(records.ListRecords(ctx, "a//b", "")), myvault.ErrInvalid))
	is.True(errors.Is(first(records.ListRecords(ctx, "a//b", "c")), myvault.ErrInvalid))
	_, err := records.GetRecord(ctx, ".")
	is.True(errors.Is(err, myvault.ErrInvalid))
	ended, err := records.Resume("root", "embedded", func(context.Context) error { return myvault.ErrUnauthenticated })
	is.NoErr(err)
	is.True(errors.Is(put(ended, "b", myvault.Text("v")), myvault.ErrUnauthenticated))
	is.NoErr(v.Close())
	is.True(errors.Is(put(root, "b", myvault.Text("v")), myvault.ErrClosed))
	_, err = records.GetRecord(ctx, "a")
	is.True(errors.Is(err, myvault.ErrClosed))
	is.True(errors.Is(first(records.ListRecords(ctx, "", "")), myvault.ErrClosed))
}

// recordErrors returns the errors of extensions.
func recordErrors(t *testing.T) (all []error) {
	t.Helper()
	v := openVault(t, myvault.Config{})
	_, err := v.Extend(canary)
	all = append(all, err)
	_, err = extensionOf(t, v).Resume("svc", canary, nil)
	all = append(all, err)
	_, err = extensionOf(t, v).Authentication(t.Context(), v.As("svc").Restrict())
	all = append(all, err)
	_, err = extensionOf(t, v).PutRecord(t.Context(), v.As("root"), "a", myvault.Bytes(make([]byte, myvault.MaxRecord+1)))
	all = append(all, err)
	_, err = extensionOf(t, v).PutRecord(t.Context(), nil, "a", myvault.Text(canary))
	return append(all, err)
}

// TestNoEntryNoRecord: a record and its entry are one commit, or the entry comes first.
func TestNoEntryNoRecord(t *testing.T) {
	is := is.New(t)
	trail := &brokenTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
	records := extensionOf(t, v)
	trail.fails.Store(true)
	_, err := records.PutRecord(t.Context(), v.As("svc"), "a", myvault.Text("v"))
	is.True(errors.Is(err, myvault.ErrTrail))
	_, err = records.GetRecord(t.Context(), "a")
	is.True(errors.Is(err, myvault.ErrNotFound))
}

func TestResume(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	fill(t, v, "newsbot/prod/db")
	x := extensionOf(t, v)
	s, err := v.Login(ctx, myvault.Credentials{Service: "svc", Token: "svc-token-0123456789"})
	is.NoErr(err)
	for _, s := range []*myvault.Session{s, v.As("svc")} {
		text, err := x.Authentication(t.Context(), s)
		is.NoErr(err)
		resumed, err := x.Resume("svc", text, nil)
		is.NoErr(err)
		again, err := x.Authentication(t.Context(), resumed)
		is.NoErr(err)
		is.Equal(again, text)
		_, err = resumed.Get(ctx, db)
		is.NoErr(err)
	}
	embedded, err := x.Authentication(t.Context(), v.As("svc"))
	is.NoErr(err)
	is.Equal(embedded, "embedded")
	text, err := x.Authentication(t.Context(), s)
	is.NoErr(err)
	checked, err := x.Resume("svc", text, func(context.Context) error { return nil })
	is.NoErr(err)
	for _, narrowed := range []*myvault.Session{s.Restrict(rules(t, "*/")...), checked} {
		_, err := x.Authentication(t.Context(), narrowed)
		is.True(errors.Is(err, myvault.ErrDenied)) // the text would not say so
	}
	for _, foreign := range []*myvault.Session{nil, openVault(t, myvault.Config{}).As("svc")} {
		_, err := x.Authentication(t.Context(), foreign)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	_, err = x.Resume("root", text, nil)
	is.True(errors.Is(err, myvault.ErrUnauthenticated)) // another's token
	p, err := myvault.NewPolicy(myvault.Service{Name: "svc", Tokens: []string{"another-token-0123456"}, Allow: rules(t, "newsbot/")})
	is.NoErr(err)
	v.SetPolicy(p)
	_, err = checked.Get(ctx, db)
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
	_, err = x.Resume("svc", text, nil)
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
	for _, bad := range []string{"", "token:", text[1:], text + "0", text[:len(text)-1], strings.ToUpper(text), "token:" + strings.ToUpper(text[len("token:"):]), "Embedded", "token:" + strings.Repeat("G", 64)} {
		_, err := x.Resume("svc", bad, nil)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}

// TestEveryMethodAsksWhileTheSessionHolds: what ends a session ends it for every call.
func TestEveryMethodAsksWhileTheSessionHolds(t *testing.T) {
	eachCall(t, func(t *testing.T, call caller) {
		is := is.New(t)
		provider := &spy{Provider: memory.New(memory.Config{})}
		v := vaultOf(t, provider, myvault.Config{})
		fill(t, v, db.String())
		provider.reached = 0
		var ended error
		asked := 0
		s, err := extensionOf(t, v).Resume("root", "embedded", func(context.Context) error { asked++; return ended })
		is.NoErr(err)
		s = s.Via("capability", "r").Restrict(rules(t, "*/")...)
		for _, ended = range []error{myvault.ErrUnauthenticated, myvault.ErrUnavailable} {
			is.True(errors.Is(call(t.Context(), v, s), ended))
		}
		is.Equal(provider.reached, 0)
		is.Equal(asked, 2)
	})
}

// TestRefusedIsRecordedAsAFailedLogin keeps nothing of a caller that is not known.
func TestRefusedIsRecordedAsAFailedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		for _, service := range []string{"svc", canary} {
			err := extensionOf(t, v).RecordFailedLogin(t.Context(), "capability", myvault.Credentials{Service: service, Token: canary, Request: "r", Remote: "192.0.2.1"})
			is.True(errors.Is(err, myvault.ErrUnauthenticated))
			is.Equal(err.Error(), "myvault: login: not authenticated")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got := entriesOf(t, v)
		slices.Sort(got)
		is.Equal(got, []string{"access  login  v0 unauthenticated x1", "access svc login  v0 unauthenticated x1"})
	})
}

// TestAnEventIsTheEntryOfItsRecord: of the put, and of nothing else.
func TestAnEventIsTheEntryOfItsRecord(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	by, records := v.As("svc"), extensionOf(t, v)
	event := records.RecordAs("happened")
	_, err := event.PutRecord(ctx, by, "a", myvault.Text("v"), myvault.IfAbsent())
	is.NoErr(err)
	_, err = event.PutRecord(ctx, by, "a", myvault.Text("v"), myvault.IfAbsent())
	is.True(err != nil)
	_, err = records.PutRecord(ctx, by, "a", myvault.Text("v")) // as it was before
	is.NoErr(err)
	is.NoErr(event.DestroyRecord(ctx, by, "a"))
	var entries []string
	for e, err := range v.As("root").Trail(ctx, myvault.TrailFilter{Service: "svc"}) {
		is.NoErr(err)
		if e.Chain == myvault.ChainChanges {
			entries = append(entries, fmt.Sprint(e.Action, " ", e.Address, " ", e.Version))
		}
	}
	is.Equal(entries, []string{"destroy .marks/a 2", "write .marks/a 2", "happened .marks/a 1"})
}

func TestAnExtensionAsksTheRulesAlone(t *testing.T) {
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "newsbot,auditor", "ALLOW_newsbot": "newsbot/prod/@read+write", "ALLOW_auditor": "*/@audit"})
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	defer vault.Close()
	x, err := vault.Extend("kv")
	is.NoErr(err)
	s := vault.As("newsbot")
	db, other := myvault.Address{Project: "newsbot", Path: "prod/db"}, myvault.Address{Project: "newsbot", Path: "dev/db"}
	is.NoErr(x.Authorize(t.Context(), s, myvault.Write, db))
	is.True(errors.Is(x.Authorize(t.Context(), s, myvault.Write, other), myvault.ErrDenied))
	p, err := x.Permissions(t.Context(), s)
	is.NoErr(err)
	is.True(p.Allow(myvault.Read, db))
	is.True(!p.Allow(myvault.Read, other))
	is.True(p.AllowWithin(myvault.Read, myvault.Prefix{Project: "newsbot"}))
	is.True(!p.AllowWithin(myvault.Destroy, myvault.Prefix{Project: "newsbot"}))
	is.True(!p.AllowWithin(myvault.Read, myvault.Prefix{Project: "newsbot", Path: "dev/"}))
	is.True(!p.AllowWithin(myvault.Read, myvault.Prefix{Project: "not valid"}))
	nothing, err := x.Permissions(t.Context(), s.Restrict())
	is.NoErr(err)
	is.True(!nothing.Allow(myvault.Read, db)) // a restriction counts
	is.True(!nothing.AllowWithin(myvault.Read, myvault.Prefix{Project: "newsbot"}))
	unknown, err := x.Permissions(t.Context(), vault.As("stranger"))
	is.NoErr(err)
	is.True(!unknown.Allow(myvault.Read, db) && !unknown.AllowWithin(myvault.Read, myvault.Prefix{Project: "newsbot"}))
	_, err = x.Permissions(t.Context(), nil)
	is.True(errors.Is(err, myvault.ErrInvalid))
	digest, err := x.Authentication(t.Context(), s)
	is.NoErr(err)
	unsure, err := x.Resume("newsbot", digest, func(context.Context) error { return myvault.ErrUnavailable })
	is.NoErr(err)
	_, err = x.Permissions(t.Context(), unsure)
	is.True(errors.Is(err, myvault.ErrUnavailable)) // not a no
	is.True(errors.Is(x.RecordDenied(t.Context(), s, myvault.List, "elsewhere"), myvault.ErrDenied))
	is.True(errors.Is(x.RecordDenied(t.Context(), s, myvault.List, "a/b"), myvault.ErrDenied))
	var recorded []string
	for e, err := range vault.As("auditor").Trail(t.Context(), myvault.TrailFilter{Service: "newsbot"}) {
		is.NoErr(err)
		recorded = append(recorded, e.Action+" "+e.Address.String()+" "+string(e.Outcome))
	}
	is.Equal(recorded, []string{"list  denied", "list elsewhere denied", "write newsbot/dev/db denied"}) // refusals only
}
