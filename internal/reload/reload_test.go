package reload_test

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

	"github.com/myswiftagent/myvault/internal/reload"
)

const interval = time.Second

// step is a change of the files a and b, and the total number of loads two intervals later.
type step struct {
	name  string
	do    func(dir string) error
	loads int64
}

func ignore(error) {}

func write(name, text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

// Every way to change the contents of a file causes a load.
func TestChangesAreLoaded(t *testing.T) {
	inDir := func(do func(a, b string) error) func(string) error {
		return func(dir string) error { return do(filepath.Join(dir, "a"), filepath.Join(dir, "b")) }
	}
	steps := []step{
		{"nothing", func(string) error { return nil }, 0},
		{"in place", write("a", "second"), 1},
		{"the same contents", write("a", "second"), 1},
		{"the other file", write("b", "other"), 2},
		{"renamed over", inDir(func(a, _ string) error {
			return first(os.WriteFile(a+".new", []byte("third"), 0o600), os.Rename(a+".new", a))
		}), 3},
		{"another modification time", inDir(func(a, _ string) error { return os.Chtimes(a, time.Unix(1, 0), time.Unix(1, 0)) }), 3},
		{"another mode", inDir(func(a, _ string) error { return os.Chmod(a, 0o400) }), 4},
		{"removed", inDir(func(a, _ string) error { return os.Remove(a) }), 5},
		{"restored", write("a", "third"), 6},
		{"a directory", inDir(func(a, _ string) error { return first(os.Remove(a), os.Mkdir(a, 0o700)) }), 7},
		{"contents exchanged", inDir(func(a, b string) error {
			return first(os.Remove(a), os.WriteFile(a, []byte("other"), 0o600), os.WriteFile(b, []byte("third"), 0o600))
		}), 8},
		{"exchanged back", inDir(func(a, b string) error {
			return first(os.WriteFile(a, []byte("third"), 0o600), os.WriteFile(b, []byte("other"), 0o600))
		}), 9},
		{"one removed", inDir(func(_, b string) error { return os.Remove(b) }), 10},
		{"the other renamed to it", inDir(func(a, b string) error { return os.Rename(a, b) }), 11},
		{"a large file", inDir(func(a, _ string) error { return first(os.WriteFile(a, []byte("large"), 0o600), os.Truncate(a, 5<<20)) }), 12},
		{"a larger file", inDir(func(a, _ string) error { return os.Truncate(a, 5<<20+1) }), 13},
		{"a change after the part that is compared", inDir(func(a, _ string) error { return writeAt(a, "other", 5<<20-9) }), 13},
	}
	runSteps(t, t.TempDir(), []string{"a", "b"}, steps)
}

// record returns a load function that appends the contents of a file to loaded.
func record(path string, loaded *[]string) func() error {
	return func() error {
		text, err := os.ReadFile(path)
		*loaded = append(*loaded, string(text))
		return err
	}
}

// writeAt writes text into an existing file.
func writeAt(path, text string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), at)
	return first(err, f.Close())
}

// Kubernetes replaces a directory by changing a symbolic link.
func TestChangedLinksAreLoaded(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	link := func(to string) func(string) error {
		return func(dir string) error {
			return first(os.Symlink(to, filepath.Join(dir, "..tmp")), os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
		}
	}
	for _, version := range []string{"..v1", "..v2"} {
		is.NoErr(os.Mkdir(filepath.Join(dir, version), 0o700))
		is.NoErr(os.WriteFile(filepath.Join(dir, version, "env"), []byte(version), 0o600))
	}
	is.NoErr(link("..v1")(dir))
	is.NoErr(os.Symlink(filepath.Join("..data", "env"), filepath.Join(dir, "env")))
	runSteps(t, dir, []string{"env"}, []step{
		{"another target", link("..v2"), 1},
		{"the same target", link("..v2"), 1},
		{"a missing target", link("..v3"), 2},
		{"the first target", link("..v1"), 3},
	})
}

// runSteps takes the steps and counts loads.
func runSteps(t *testing.T, dir string, names []string, steps []step) {
	is := is.New(t)
	is.NoErr(first(write(names[0], "first")(dir)))
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name)
	}
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var loads atomic.Int64
		go reload.New(paths...).Run(t.Context(), interval, func() error { loads.Add(1); return nil }, ignore)
		synctest.Wait()
		for _, s := range steps {
			is.NoErr(s.do(dir)) // the step
			time.Sleep(2*interval + interval/2)
			synctest.Wait()
			if loads.Load() != s.loads {
				t.Fatalf("%s: loaded %d times, want %d", s.name, loads.Load(), s.loads)
			}
		}
	})
}

// A file that is being written is not loaded: half a policy may lack its deny rules.
func TestPartialFilesAreNotLoaded(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var loaded []string
		ctx, cancel := context.WithCancel(t.Context())
		files := reload.New(path)
		go files.Run(ctx, interval, record(path, &loaded), ignore)
		time.Sleep(interval / 2)
		for n := range 5 {
			is.NoErr(write("a", fmt.Sprint("half ", n))(dir))
			time.Sleep(interval)
		}
		is.NoErr(write("a", "whole")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(loaded, []string{"whole"})

		cancel()
		synctest.Wait()
		is.NoErr(write("a", "later")(dir))
		time.Sleep(5 * interval)
		is.Equal(loaded, []string{"whole"}) // no load after the end of ctx
	})
}

// A change between New and Run is loaded.
func TestChangeBeforeRun(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(write("a", "first")(dir))
	files := reload.New(filepath.Join(dir, "a"))
	is.NoErr(write("a", "second")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		loads := 0
		go files.Run(t.Context(), interval, func() error { loads++; return nil }, ignore)
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(loads, 1)
	})
}

// After a temporary error the files are loaded again without a change, and the error is reported
// once. After an error about the contents they are not.
func TestTemporaryErrors(t *testing.T) {
	full, denied := fmt.Errorf("reading: %w", syscall.EMFILE), fmt.Errorf("reading: %w", syscall.EACCES)
	for name, c := range map[string]struct {
		results  []error // of successive calls of load; then nil
		calls    int     // of load, in ten intervals
		reported []error
	}{
		"no error":                {nil, 1, []error{nil}},
		"contents":                {[]error{errBad}, 1, []error{errBad}},
		"temporary":               {[]error{full}, 2, []error{full, nil}},
		"temporary, longer":       {[]error{full, full, full}, 4, []error{full, nil}},
		"two errors":              {[]error{full, full, denied, full}, 5, []error{full, denied, full, nil}},
		"temporary, then content": {[]error{full, full, errBad}, 3, []error{full, errBad}},
		"forever":                 {slices.Repeat([]error{full}, 20), 9, []error{full}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			is.NoErr(write("a", "first")(dir))
			files := reload.New(filepath.Join(dir, "a"))
			is.NoErr(write("a", "second")(dir))
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				calls := 0
				var reported []error
				load := func() (err error) {
					if calls < len(c.results) {
						err = c.results[calls]
					}
					calls++
					return err
				}
				go files.Run(t.Context(), interval, load, func(err error) { reported = append(reported, err) })
				time.Sleep(10*interval + interval/2)
				synctest.Wait()
				is.Equal(calls, c.calls)
				is.Equal(reported, c.reported)
			})
		})
	}
}

var errBad = errors.New("line 4 is wrong")

// Files that return to their old contents after an error are loaded again.
func TestOldContentsAfterAnError(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var succeeded []bool
		load := func() error { _, err := os.ReadFile(path); return err }
		go reload.New(path).Run(t.Context(), interval, load, func(err error) { succeeded = append(succeeded, err == nil) })
		synctest.Wait()
		is.NoErr(os.Remove(path))
		time.Sleep(5*interval + interval/2)
		is.NoErr(write("a", "first")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(succeeded, []bool{false, true})
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

// WaitStable waits while a file is written ten times, every half interval.
func TestWaitStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		path := filepath.Join(t.TempDir(), "settings")
		is.NoErr(os.WriteFile(path, nil, 0o600))
		files := reload.New(path)
		var written atomic.Int64
		go func() {
			time.Sleep(time.Second / 4) // never while the file is read
			for n := range int64(10) {
				_ = os.WriteFile(path, fmt.Append(nil, "settings ", n), 0o600)
				written.Add(1)
				time.Sleep(time.Second / 2)
			}
		}()
		is.True(files.WaitStable(t.Context(), time.Second))
		is.Equal(written.Load(), int64(10))
		ended, end := context.WithCancel(t.Context())
		end()
		is.True(!files.WaitStable(ended, time.Second))
	})
}

// A file that changes during a load is loaded again, also if it has the old contents afterwards.
func TestChangeDuringALoad(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var loaded []string
		load := func() error {
			if len(loaded) == 0 { // another program has written half of the file
				is.NoErr(write("a", "second, hal")(dir))
			}
			return record(path, &loaded)()
		}
		go reload.New(path).Run(t.Context(), interval, load, ignore)
		synctest.Wait()
		is.NoErr(write("a", "second, half and half")(dir))
		time.Sleep(2*interval + interval/4)
		synctest.Wait()
		is.Equal(loaded, []string{"second, hal"})
		is.NoErr(write("a", "second, half and half")(dir))
		time.Sleep(5 * interval)
		synctest.Wait()
		is.Equal(loaded, []string{"second, hal", "second, half and half"})
	})
}

// Run knows about the calls of Load. It does not load the same contents again. It does load
// files that changed back, and tries again after a temporary error.
func TestLoadDuringRun(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	is.NoErr(write("a", "first")(dir))
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var loaded []string
		load := record(path, &loaded)
		files := reload.New(path)
		go files.Run(t.Context(), interval, load, ignore)
		time.Sleep(3*interval + interval/4)
		is.NoErr(write("a", "second")(dir))
		is.NoErr(files.Load(load))
		is.NoErr(write("a", "first")(dir))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(loaded, []string{"second", "first"})

		is.NoErr(write("a", "third")(dir))
		is.NoErr(files.Load(load))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(loaded, []string{"second", "first", "third"})

		is.True(errors.Is(files.Load(func() error { return syscall.EMFILE }), syscall.EMFILE))
		time.Sleep(3 * interval)
		synctest.Wait()
		is.Equal(loaded, []string{"second", "first", "third", "third"})
	})
}
