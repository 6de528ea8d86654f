package myvault_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/usage"
)

const errorTexts = "testdata/errors.golden"

// TestErrorTexts causes every error of the package and compares their texts with a
// file, so that they can be read in one place. -update writes it. A text in the source that none of
// them shows fails.
func TestErrorTexts(t *testing.T) {
	is := is.New(t)
	var texts []string
	for _, err := range everyError(t) {
		is.True(err != nil)
		for line := range strings.SplitSeq(err.Error(), "\n") {
			texts = append(texts, regexp.MustCompile(`U\+[0-9A-F]+`).ReplaceAllString(line, "U+...."))
		}
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	all := strings.Join(texts, "\n") + "\n"
	is.True(!strings.Contains(all, canary)) // no part of the input
	if *update {
		is.NoErr(os.MkdirAll("testdata", 0o755))
		is.NoErr(os.WriteFile(errorTexts, []byte(all), 0o644))
	}
	golden, err := os.ReadFile(errorTexts)
	is.NoErr(err)
	is.Equal(all, string(golden)) // go test . -run TestErrorTexts -update
	for where, format := range listing.ErrorTexts(t, "internal/credential", "internal/dotenv", "internal/pattern") {
		pattern := regexp.MustCompile(`%[a-z+]`).ReplaceAllString(regexp.QuoteMeta(format), ".*")
		if !regexp.MustCompile("(?m)" + pattern).MatchString(all) {
			t.Errorf("%s: no row of everyError shows %q", where, format)
		}
	}
}

// trailErrors are of filters that fit nothing.
func trailErrors(t *testing.T) []error {
	t.Helper()
	root := openVault(t, myvault.Config{}).As("root")
	return []error{
		first(root.Trail(t.Context(), myvault.TrailFilter{Action: canary})), first(root.Trail(t.Context(), myvault.TrailFilter{Outcome: canary})),
	}
}

// everyError causes the errors. Refused input contains the canary.
func everyError(t *testing.T) []error {
	t.Helper()
	var all []error
	for _, name := range refusedNames {
		_, err := myvault.ParseAddress(name)
		all = append(all, err)
	}
	for _, text := range refusedRules {
		_, err := myvault.ParseRule(text)
		all = append(all, err)
	}
	all = append(all, (myvault.Prefix{Path: canary}).Validate())
	_, err := myvault.ParseAction(canary)
	all = append(all, err)
	all = append(all, settingErrors(t)...)
	all = append(all, policyErrors(t)...)
	all = append(all, callErrors(t)...)
	all = append(all, trailErrors(t)...)
	all = append(all, recordErrors(t)...)
	return append(all, operatingErrors(t)...)
}

func settingErrors(t *testing.T) (all []error) {
	t.Helper()
	for _, text := range []string{
		canary, "A=1\nA=" + canary, "1=" + canary, "A='" + canary, "A='" + canary + "' x", `A="\` + canary + `"`, "A=\x01" + canary, "A=\xff" + canary,
		strings.Repeat("#", 1<<20+1), canary + "x=\n" + canary + "x=",
	} {
		_, err := myvault.ReadEnv(strings.NewReader(text))
		all = append(all, err)
	}
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte("ALOWED_SERVICES=a\nALLOW_a='"+canary+"\n'"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := myvault.ReadEnvFile(path)
	all = append(all, errors.New(strings.ReplaceAll(err.Error(), path, "<path>")))
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = myvault.ReadEnvFile(path)
	all = append(all, errors.New(strings.ReplaceAll(err.Error(), path, "<path>")))
	for _, settings := range []map[string]string{
		{},
		{"ALLOWED_SERVICES": "a,,b"},
		{"ALLOWED_SERVICES": "a,A,b c,d", "TOKEN_a": "", "TOKEN_d": "x", "TOKEN_e": canary, "ALLOW_a": canary + "//", "DENY_a": canary},
		{"ALLOWED_SERVICES": "a", "TOKEN_a": canary + " ,sha256:" + canary + "," + strings.Repeat("x", 513) + ",sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855," + canary + " " + canary},
	} {
		_, err := myvault.ParsePolicy(settings)
		all = append(all, err)
	}
	for _, line := range []string{"uri:x" + canary + " ", "dns:*." + canary, "cn:" + canary + "\x01", canary, "with:token", "dns:a,with:token"} {
		_, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "a", "CERT_a": line})
		all = append(all, err)
	}
	return all
}

func policyErrors(t *testing.T) (all []error) {
	t.Helper()
	for _, s := range []myvault.Service{
		{Name: "a b"}, {Name: "a", Allow: []myvault.Rule{{}}}, {Name: "a", Tokens: []string{"", canary + " " + canary}},
		{Name: "a", Tokens: slices.Repeat([]string{"0123456789abcdef"}, 17)},
		{Name: "a", Certificates: slices.Repeat([]string{"dns:a"}, 17)},
	} {
		_, err := myvault.NewPolicy(s)
		all = append(all, err)
	}
	_, err := myvault.NewPolicy(myvault.Service{Name: "a"}, myvault.Service{Name: "A"})
	return append(all, err)
}

// failing is a provider of which every call fails in one way.
type failing struct {
	*memory.Provider
	err error
}

func (p failing) Get(context.Context, myvault.Address, myvault.Version) (myvault.Secret, error) {
	return myvault.Secret{}, p.err
}

func callErrors(t *testing.T) (all []error) {
	t.Helper()
	ctx := t.Context()
	for _, kind := range []error{
		myvault.ErrNotFound, myvault.ErrDestroyed, myvault.ErrTampered, myvault.ErrWrongKey, myvault.ErrUnavailable, myvault.ErrUnknownOutcome, myvault.ErrClosed,
		myvault.ErrExists, myvault.ErrConflict, myvault.ErrNotEmpty, context.Canceled,
	} {
		_, err := vaultOf(t, failing{memory.New(memory.Config{}), kind}, myvault.Config{}).As("root").Get(ctx, db)
		all = append(all, err)
	}
	for _, build := range []func() (*myvault.Vault, error){
		func() (*myvault.Vault, error) { return myvault.New(nil, nil, myvault.Config{}) },
		func() (*myvault.Vault, error) {
			return myvault.New(memory.New(memory.Config{}), everything(t), myvault.Config{Reads: 9})
		},
		func() (*myvault.Vault, error) {
			return myvault.New(memory.New(memory.Config{}), everything(t), myvault.Config{Trail: myvault.NoTrail{}})
		},
		func() (*myvault.Vault, error) {
			return myvault.New(struct{ myvault.Provider }{memory.New(memory.Config{})}, everything(t), myvault.Config{})
		},
	} {
		_, err := build()
		all = append(all, err)
	}
	v := openVault(t, myvault.Config{})
	all = append(all, v.SetPolicy(nil))
	s := v.As("root")
	all = append(all, watchErrors(t, v)...)
	_, err := v.Login(ctx, myvault.Credentials{Service: canary, Token: canary})
	all = append(all, err)
	_, err = v.As("svc").Get(ctx, address(t, "billing/x"))
	all = append(all, err)
	all = append(all, argumentErrors(ctx, s)...)
	trail := &brokenTrail{}
	trail.fails.Store(true)
	_, err = vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail}).As("root").Put(ctx, db, myvault.Text(canary))
	all = append(all, err)
	_, err = s.Heads(ctx)
	all = append(all, err)
	_, err = vaultOf(t, vanishing{memory.New(memory.Config{})}, myvault.Config{}).As("root").PutProject(ctx, myvault.Project{Name: "p"})
	return append(all, err)
}

func operatingErrors(t *testing.T) []error {
	t.Helper()
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	_, unknown := usagePage(t.Context(), v, v.As("root"), usage.Options{}, 10)
	nobody, err := myvault.NewPolicy()
	if err != nil {
		t.Fatal(err)
	}
	v.SetPolicy(nobody)
	return []error{unknown, v.Ready(t.Context())}
}

// vanishing forgets every change.
type vanishing struct{ *memory.Provider }

func (vanishing) Apply(_ context.Context, c myvault.Commit) ([]myvault.Info, error) {
	return make([]myvault.Info, len(c.Changes)), nil
}

func watchErrors(t *testing.T, v *myvault.Vault) (all []error) {
	t.Helper()
	s := v.As("root")
	for _, r := range []myvault.WatchOptions{
		{BookmarkInterval: -1}, {After: canary}, {After: myvault.PositionAfter(v.Incarnation(), 1)}, {Prefix: myvault.Prefix{Project: canary + "/"}},
	} {
		all = append(all, first(s.Watch(t.Context(), r)))
	}
	plain := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: myvault.NoTrail{}})
	return append(all, first(plain.As("root").Watch(t.Context(), myvault.WatchOptions{})))
}

func argumentErrors(ctx context.Context, s *myvault.Session) (all []error) {
	v := myvault.Text(canary)
	for _, c := range []myvault.Change{
		{Op: 99},
		{Op: myvault.OpPut, Address: db},
		{Op: myvault.OpPut, Address: db, Value: myvault.Bytes(make([]byte, myvault.MaxValue+1))},
		{Op: myvault.OpPut, Address: db, Value: v, If: myvault.IfVersion(0)},
		{Op: myvault.OpDestroy, Address: db, Versions: []myvault.Version{0}},
		{Op: myvault.OpDestroy, Address: db, If: myvault.IfVersion(1)},
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p"}, If: myvault.IfVersion(1)},
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: "\xff"}},
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: "\n"}},
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: strings.Repeat("x", 1025)}},
	} {
		_, err := s.Apply(ctx, c)
		all = append(all, err)
	}
	_, err := s.Apply(ctx)
	all = append(all, err)
	_, err = s.Apply(ctx, make([]myvault.Change, 1001)...)
	all = append(all, err)
	_, err = s.Put(ctx, db, v, myvault.IfAbsent(), myvault.IfPresent())
	all = append(all, err)
	for _, draft := range badDrafts() {
		all = append(all, draft.Validate())
	}
	_, err = s.PutVersion(ctx, db, myvault.NewVersion{Generate: func(context.Context) (myvault.Value, error) { return v, errors.New("no entropy") }})
	all = append(all, err)
	_, err = s.ListPage(ctx, myvault.ListOptions{}, 0)
	all = append(all, err)
	_, err = s.GetPage(ctx, myvault.ListOptions{Deleted: true}, 1)
	all = append(all, err)
	_, encoding := v.MarshalText()
	_, credentials := myvault.Credentials{}.MarshalText()
	return append(all, encoding, credentials)
}
