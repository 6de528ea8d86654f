package transfer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// TestCopyOverwritesNothing checks that every conflict in the target is listed and left unchanged.
func TestCopyOverwritesNothing(t *testing.T) {
	at := func(path string) myvault.Address { return myvault.Address{Project: "p", Path: path} }
	put := func(path, value string) myvault.Change {
		return myvault.Change{Op: myvault.OpPut, Address: at(path), Value: myvault.Text(value)}
	}
	mark := func(op myvault.Op, path string, versions ...myvault.Version) myvault.Change {
		return myvault.Change{Op: op, Address: at(path), Versions: versions}
	}
	src := memory.New(memory.Config{})
	h := newHistory(t, src, 1)
	for i, c := range []myvault.Change{put("a", "1"), put("a", "2"), put("b", "1"), put("c", "1"), put("c", "2"), mark(myvault.OpDelete, "b")} {
		h.apply("x", epoch.Add(time.Duration(i)), c)
	}
	for name, c := range map[string]struct {
		changes []myvault.Change
		by      string
		reason  string
	}{
		"another secret":       {[]myvault.Change{put("z", "1")}, "x", "p/z: the source does not have it"},
		"another value":        {[]myvault.Change{put("a", "other")}, "x", "p/a: version 1 has another value"},
		"of a deleted one":     {[]myvault.Change{put("b", "other"), mark(myvault.OpDelete, "b")}, "x", "p/b: version 1 has another value"},
		"another author":       {[]myvault.Change{put("a", "1")}, "y", "p/a: version 1 of the target has another author or time"},
		"more versions":        {[]myvault.Change{put("b", "1"), put("b", "2")}, "x", "p/b: the target has more versions than the source"},
		"destroyed here alone": {[]myvault.Change{put("a", "1"), mark(myvault.OpDestroy, "a", 1)}, "x", "p/a: version 1 is destroyed in the target and not in the source"},
		"deleted and followed": {[]myvault.Change{put("c", "1"), mark(myvault.OpDelete, "c"), put("c", "2")}, "x", "p/c: version 1 is deleted in the target and live in the source, and a later version exists"},
		"another project":      {[]myvault.Change{{Op: myvault.OpPutProject, Project: myvault.Project{Name: "q"}}}, "x", "q: the source does not have this project; delete it in the target"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dst := memory.New(memory.Config{})
			for _, change := range c.changes {
				newHistory(t, dst, 1).apply(c.by, epoch, change)
			}
			before := dump(t, dst)
			for _, dry := range []bool{true, false} {
				o := options
				o.DryRun = dry
				r, err := transfer.Copy(t.Context(), dst, src, o)
				is.True(errors.Is(err, myvault.ErrConflict))
				is.True(slices.ContainsFunc(r.Conflicts, func(p transfer.Problem) bool { return p.String() == c.reason }))
				is.True(strings.Contains(r.String(), c.reason))
				is.Equal(dump(t, dst), before)
			}
		})
	}
}

// odd is a source with names and authors that stores cannot represent.
type odd struct{ *memory.Provider }

func (o odd) add(t *testing.T, addr myvault.Address, by string, size int) {
	t.Helper()
	_, err := o.Apply(t.Context(), myvault.Commit{By: by, At: epoch, Changes: []myvault.Change{
		{Op: myvault.OpPut, Address: addr, Value: myvault.Bytes(make([]byte, size))},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// limited is a target with small limits of versions and projects.
type limited struct{ *memory.Provider }

func (limited) Limits() (projects, versions int) { return 2, 2 }

func TestCopyRefusesWhatDoesNotFit(t *testing.T) {
	is := is.New(t)
	src, dst := odd{memory.New(memory.Config{})}, memory.New(memory.Config{})
	src.add(t, myvault.Address{Project: "p", Path: "large"}, "x", myvault.MaxValue+1)
	src.add(t, myvault.Address{Project: "p", Path: "a//b"}, "x", 1)
	src.add(t, myvault.Address{Project: "p", Path: "author"}, strings.Repeat("x", 129), 1)
	src.add(t, myvault.Address{Project: "q", Path: "many"}, "x", 1)
	src.add(t, myvault.Address{Project: "q", Path: "many"}, "x", 1)
	src.add(t, myvault.Address{Project: "q", Path: "many"}, "x", 1)
	src.add(t, myvault.Address{Project: "r", Path: "x"}, "x", 1)
	r, err := transfer.Copy(t.Context(), limited{dst}, src, options)
	is.True(errors.Is(err, myvault.ErrInvalid))
	var got []string
	for _, p := range r.Unfit {
		got = append(got, p.String())
	}
	is.Equal(got, []string{
		"p/a//b: invalid path: segment 2 is empty",
		"p/author version 1: its author is longer than 128 bytes or not printable text",
		"p/large version 1: too large: the value has 524289 bytes and the limit is 524288",
		"q/many: it has 3 versions and the target keeps 2",
		"there are 3 projects, and the target registers 2",
	})
	is.Equal(len(dump(t, dst)), 0)
}
