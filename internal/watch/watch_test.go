package watch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/watch"
)

const interval = time.Second

// step is something that happens to the files a and b, and how often changes were told two
// intervals later.
type step struct {
	what string
	do   func(dir string) error
	told int64
}

func ignore(error) {}

func write(name, text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

// TestChangesAreTold goes through the ways in which a file comes to hold something else.
func TestChangesAreTold(t *testing.T) {
	inDir := func(do func(a, b string) error) func(string) error {
		return func(dir string) error { return do(filepath.Join(dir, "a"), filepath.Join(dir, "b")) }
	}
	steps := []step{
		{"nothing", func(string) error { return nil }, 0},
		{"in place", write("a", "second"), 1},
		{"the same again", write("a", "second"), 1},
		{"the other file", write("b", "other"), 2},
		{"renamed over", inDir(func(a, _ string) error {
			return first(os.WriteFile(a+".new", []byte("third"), 0o600), os.Rename(a+".new", a))
		}), 3},
		{"another time of change", inDir(func(a, _ string) error { return os.Chtimes(a, time.Unix(1, 0), time.Unix(1, 0)) }), 3},
		{"another mode", inDir(func(a, _ string) error { return os.Chmod(a, 0o400) }), 4},
		{"gone", inDir(func(a, _ string) error { return os.Remove(a) }), 5},
		{"back", write("a", "third"), 6},
		{"a directory", inDir(func(a, _ string) error { return first(os.Remove(a), os.Mkdir(a, 0o700)) }), 7},
		{"contents exchanged", inDir(func(a, b string) error {
			return first(os.Remove(a), os.WriteFile(a, []byte("other"), 0o600), os.WriteFile(b, []byte("third"), 0o600))
		}), 8},
		{"and back", inDir(func(a, b string) error {
			return first(os.WriteFile(a, []byte("third"), 0o600), os.WriteFile(b, []byte("other"), 0o600))
		}), 9},
		{"one is gone", inDir(func(_, b string) error { return os.Remove(b) }), 10},
		{"and the other takes its name", inDir(func(a, b string) error { return os.Rename(a, b) }), 11},
		{"a large file", inDir(func(a, _ string) error { return first(os.WriteFile(a, []byte("large"), 0o600), os.Truncate(a, 5<<20)) }), 12},
		{"more at its end", inDir(func(a, _ string) error { return os.Truncate(a, 5<<20+1) }), 13},
		{"other text at its end, which is not looked at", inDir(func(a, _ string) error { return writeAt(a, "other", 5<<20-9) }), 13},
	}
	play(t, t.TempDir(), []string{"a", "b"}, steps)
}

// writeAt writes text into a file that is there.
func writeAt(path, text string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), at)
	return first(err, f.Close())
}

// TestLinksThatAreTurned: Kubernetes puts a new directory in the place of the old one by a link.
func TestLinksThatAreTurned(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	turn := func(to string) func(string) error {
		return func(dir string) error {
			return first(os.Symlink(to, filepath.Join(dir, "..tmp")), os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
		}
	}
	for _, version := range []string{"..v1", "..v2"} {
		is.NoErr(os.Mkdir(filepath.Join(dir, version), 0o700))
		is.NoErr(os.WriteFile(filepath.Join(dir, version, "env"), []byte(version), 0o600))
	}
	is.NoErr(turn("..v1")(dir))
	is.NoErr(os.Symlink(filepath.Join("..data", "env"), filepath.Join(dir, "env")))
	play(t, dir, []string{"env"}, []step{
		{"turned", turn("..v2"), 1},
		{"turned to the same", turn("..v2"), 1},
		{"turned to nothing", turn("..v3"), 2},
		{"turned back", turn("..v1"), 3},
	})
}

// play takes the steps and looks at what was told.
func play(t *testing.T, dir string, names []string, steps []step) {
	is := is.New(t)
	is.NoErr(first(write(names[0], "first")(dir)))
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name)
	}
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var told atomic.Int64
		go watch.New(paths...).Run(t.Context(), interval, func() error { told.Add(1); return nil }, ignore)
		synctest.Wait()
		for _, s := range steps {
			is.NoErr(s.do(dir)) // the step
			time.Sleep(2*interval + interval/2)
			synctest.Wait()
			if told.Load() != s.told {
				t.Fatalf("%s: told %d times, want %d", s.what, told.Load(), s.told)
			}
		}
	})
}

// TestWhatIsBeingWrittenIsNotTold: half a policy may lack the rule that denies.
func TestWhatIsBeingWrittenIsNotTold(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var held []string
		ctx, cancel := context.WithCancel(t.Context())
		files := watch.New(path)
		go files.Run(ctx, interval, func() error {
			text, err := os.ReadFile(path)
			held = append(held, string(text))
			return err
		}, ignore)
		time.Sleep(interval / 2)
		for n := range 5 {
			is.NoErr(write("a", fmt.Sprint("half ", n))(dir))
			time.Sleep(interval)
		}
		is.NoErr(write("a", "whole")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(held, []string{"whole"})

		cancel()
		synctest.Wait()
		is.NoErr(write("a", "later")(dir))
		time.Sleep(5 * interval)
		is.Equal(held, []string{"whole"}) // nothing once ctx has ended
	})
}

// TestAChangeBeforeRun: what came between the reading of a file and Run is told.
func TestAChangeBeforeRun(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(write("a", "first")(dir))
	files := watch.New(filepath.Join(dir, "a"))
	is.NoErr(write("a", "second")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		told := 0
		go files.Run(t.Context(), interval, func() error { told++; return nil }, ignore)
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(told, 1)
	})
}

// TestWhatPassesIsTriedAgain: the files stay as they are, and so nothing else would bring it about.
// It is told once. What lies in the files is not tried again.
func TestWhatPassesIsTriedAgain(t *testing.T) {
	full, denied := fmt.Errorf("reading: %w", syscall.EMFILE), fmt.Errorf("reading: %w", syscall.EACCES)
	for name, c := range map[string]struct {
		gives []error // by one call of load after the other; then nil
		calls int     // of load, in ten intervals
		told  []error
	}{
		"well":             {nil, 1, []error{nil}},
		"in the files":     {[]error{errBad}, 1, []error{errBad}},
		"passing":          {[]error{full}, 2, []error{full, nil}},
		"passing later":    {[]error{full, full, full}, 4, []error{full, nil}},
		"two kinds":        {[]error{full, full, denied, full}, 5, []error{full, denied, full, nil}},
		"then in the file": {[]error{full, full, errBad}, 3, []error{full, errBad}},
		"for ever":         {slices.Repeat([]error{full}, 20), 9, []error{full}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			is.NoErr(write("a", "first")(dir))
			files := watch.New(filepath.Join(dir, "a"))
			is.NoErr(write("a", "second")(dir))
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				calls := 0
				var told []error
				load := func() (err error) {
					if calls < len(c.gives) {
						err = c.gives[calls]
					}
					calls++
					return err
				}
				go files.Run(t.Context(), interval, load, func(err error) { told = append(told, err) })
				time.Sleep(10*interval + interval/2)
				synctest.Wait()
				is.Equal(calls, c.calls)
				is.Equal(told, c.told)
			})
		})
	}
}

var errBad = errors.New("line 4 is wrong")

// TestWhatIsAsBeforeAgain is told after an error, though it was loaded once.
func TestWhatIsAsBeforeAgain(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var told []bool
		load := func() error { _, err := os.ReadFile(path); return err }
		go watch.New(path).Run(t.Context(), interval, load, func(err error) { told = append(told, err == nil) })
		synctest.Wait()
		is.NoErr(os.Remove(path))
		time.Sleep(5*interval + interval/2)
		is.NoErr(write("a", "first")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(told, []bool{false, true})
	})
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSettleWaitsForTheEndOfWriting: every half interval something is written, ten times.
func TestSettleWaitsForTheEndOfWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		path := filepath.Join(t.TempDir(), "settings")
		is.NoErr(os.WriteFile(path, nil, 0o600))
		files := watch.New(path)
		var written atomic.Int64
		go func() {
			time.Sleep(time.Second / 4) // never while it is looked at
			for n := range int64(10) {
				_ = os.WriteFile(path, fmt.Append(nil, "settings ", n), 0o600)
				written.Add(1)
				time.Sleep(time.Second / 2)
			}
		}()
		is.True(files.Settle(t.Context(), time.Second))
		is.Equal(written.Load(), int64(10))
		ended, end := context.WithCancel(t.Context())
		end()
		is.True(!files.Settle(ended, time.Second))
	})
}

// TestWhatIsReadBetweenTwoLooks: what load met is not what the looks around it saw, and the files hold
// afterwards what they held before.
func TestWhatIsReadBetweenTwoLooks(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var held []string
		load := func() error {
			if len(held) == 0 { // somebody writes the same once more, and is half done
				is.NoErr(write("a", "second, hal")(dir))
			}
			text, err := os.ReadFile(path)
			held = append(held, string(text))
			return err
		}
		go watch.New(path).Run(t.Context(), interval, load, ignore)
		synctest.Wait()
		is.NoErr(write("a", "second, half and half")(dir))
		time.Sleep(2*interval + interval/4)
		synctest.Wait()
		is.Equal(held, []string{"second, hal"})
		is.NoErr(write("a", "second, half and half")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(held, []string{"second, hal", "second, half and half"})
	})
}

// TestALoadBesideRun: Run knows of it. What was loaded so and then taken back within an interval is loaded again, what is
// still there is not, and what could not be read for a reason that passes is tried again.
func TestALoadBesideRun(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var held []string
		load := func() error {
			text, err := os.ReadFile(path)
			held = append(held, string(text))
			return err
		}
		files := watch.New(path)
		go files.Run(t.Context(), interval, load, ignore)
		time.Sleep(3*interval + interval/4)
		is.NoErr(write("a", "second")(dir))
		is.NoErr(files.Load(load))
		is.NoErr(write("a", "first")(dir))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(held, []string{"second", "first"})

		is.NoErr(write("a", "third")(dir))
		is.NoErr(files.Load(load))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(held, []string{"second", "first", "third"})

		is.True(errors.Is(files.Load(func() error { return syscall.EMFILE }), syscall.EMFILE))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(held, []string{"second", "first", "third", "third"})
	})
}
