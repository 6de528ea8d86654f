package transfer_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

const canary = "s3cr3t-canary"

var db = myvault.Address{Project: "newsbot", Path: "prod/db"}

// restless is a source whose secrets change between the listing and the read.
type restless struct{ *memory.Provider }

func (p restless) Get(ctx context.Context, addr myvault.Address, _ myvault.Version) (myvault.Secret, error) {
	secret, err := p.Provider.Get(ctx, addr, 0)
	secret.At = secret.At.Add(time.Hour)
	return secret, err
}

// shared is a target that another client writes to at the same time.
type shared struct{ *memory.Provider }

func (p shared) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	infos, err := p.Provider.Apply(ctx, c)
	if err == nil {
		infos[0].Version++
	}
	return infos, err
}

var update = flag.Bool("update", false, "rewrite the golden file")

// TestErrorTexts compares the text of every error of the package with testdata/errors.golden.
// -update rewrites it. A text in the source that no error shows fails.
func TestErrorTexts(t *testing.T) {
	is := is.New(t)
	var texts []string
	for _, err := range everyError(t) {
		texts = append(texts, strings.Split(err.Error(), "\n")...)
	}
	slices.Sort(texts)
	all := strings.Join(slices.Compact(texts), "\n") + "\n"
	is.True(!strings.Contains(all, canary))
	if *update {
		is.NoErr(os.MkdirAll("testdata", 0o755))
		is.NoErr(os.WriteFile("testdata/errors.golden", []byte(all), 0o644))
	}
	golden, err := os.ReadFile("testdata/errors.golden")
	is.NoErr(err)
	is.Equal(all, string(golden)) // go test ./transfer -run TestErrorTexts -update
	for position, format := range listing.ErrorTexts(t) {
		pattern := regexp.MustCompile(`%[a-z+]`).ReplaceAllString(regexp.QuoteMeta(format), ".*")
		if !regexp.MustCompile("(?m)" + pattern).MatchString(all) {
			t.Errorf("%s: no row of everyError shows %q", position, format)
		}
	}
}

// everyError provokes the errors of Copy. The values db are the canary.
func everyError(t *testing.T) (all []error) {
	t.Helper()
	secret := func(t *testing.T) *memory.Provider {
		p := memory.New(memory.Config{})
		newHistory(t, p, 1).apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text(canary)})
		return p
	}
	empty := func() *memory.Provider { return memory.New(memory.Config{}) }
	add := func(t *testing.T, dst, src myvault.Provider, o transfer.Options) {
		t.Helper()
		_, err := transfer.Copy(t.Context(), dst, src, o)
		if err == nil {
			t.Error("no error")
		}
		all = append(all, err)
	}
	synctest.Test(t, func(t *testing.T) { // no waiting between tries
		add(t, nil, empty(), options)
		add(t, empty(), empty(), transfer.Options{By: "x", Trail: myvault.NoTrail{}})
		add(t, struct{ myvault.Provider }{empty()}, empty(), options)
		add(t, empty(), struct{ myvault.Provider }{restless{secret(t)}}, options)
		add(t, shared{empty()}, secret(t), options)
		add(t, secret(t), empty(), options)
		add(t, spoiling{empty(), func(c *myvault.Commit) { c.By = canary[:3] }}, secret(t), options)
		limit := limited{empty()}
		src := secret(t)
		for range 2 {
			newHistory(t, src, 1).apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text(canary)})
		}
		add(t, limit, src, options)
		o := options
		o.Progress = func(p transfer.Progress) {
			if p.Ended && p.Phase == transfer.Copying {
				newHistory(t, src, 1).apply("x", epoch, myvault.Change{Op: myvault.OpDelete, Address: db})
			}
		}
		add(t, empty(), src, o)
		add(t, empty(), struct{ myvault.Provider }{src}, options) // it is deleted now
	})
	return all
}

// TestCopyLeavesLateProjects checks that a secret is left to the next run if its project is
// registered only while the copy runs.
func TestCopyLeavesLateProjects(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	h := newHistory(t, src, 1)
	h.apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
	o := options
	o.Progress = func(p transfer.Progress) {
		if p.Ended && p.Phase == transfer.Surveying {
			h.apply("y", epoch.Add(1*time.Second), myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "late"}})
			late := myvault.Address{Project: "late", Path: "x"}
			h.apply("x", epoch.Add(2*time.Second), myvault.Change{Op: myvault.OpPut, Address: late, Value: myvault.Text("v")})
		}
	}
	r, err := transfer.Copy(t.Context(), dst, src, o)
	is.True(errors.Is(err, myvault.ErrConflict))
	is.True(r.SourceChanged)
	is.Equal(len(r.Different), 1)
	copyEqual(t, dst, src, options)
}
