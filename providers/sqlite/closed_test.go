package sqlite_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// noErrClosed lists the methods that may be called after Close, and why.
var noErrClosed = map[string]string{
	"Close":       "a second call returns nil",
	"Incarnation": "a constant",
	"Limits":      "a constant",
	"Metrics":     "returns no error",
}

// TestEveryMethodAfterClose checks that every method of a closed store or trail returns ErrClosed,
// and not ErrUnavailable.
func TestEveryMethodAfterClose(t *testing.T) {
	dir, key := t.TempDir(), crypto.NewKey()
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err == nil {
		_, err = storetest.Apply(s, storetest.Put("p/a", "one"))
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	trail, err := sqlite.OpenTrail(t.Context(), t.TempDir(), sqlite.StaticKey(key), sqlite.TrailConfig{})
	if err == nil {
		err = trail.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	methods, called := declared(t), 0
	for _, closed := range []any{s, trail} {
		v := reflect.ValueOf(closed)
		for i := range v.NumMethod() {
			name := v.Type().Method(i).Name
			full := v.Elem().Type().Name() + "." + name
			if noErrClosed[name] != "" || !methods[full] {
				continue
			}
			called++
			t.Run(full, func(t *testing.T) {
				is := is.New(t)
				err := lastError(t, v.Method(i).Call(arguments(t, v.Method(i).Type())))
				is.True(errors.Is(err, myvault.ErrClosed))
				is.True(!errors.Is(err, myvault.ErrUnavailable))
			})
		}
	}
	is.New(t).True(called >= 22) // the methods were found
}

// declared returns the methods of the package as Type.Method, without those added by tests.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func \(\w+ \*(Store|Trail)\) ([A-Z]\w*)`).FindAllStringSubmatch(string(text), -1) {
			methods[found[1]+"."+found[2]] = true
		}
	}
	return methods
}

// arguments returns valid arguments for a method.
func arguments(t *testing.T, of reflect.Type) (values []reflect.Value) {
	t.Helper()
	for i := range of.NumIn() {
		if of.IsVariadic() && i == of.NumIn()-1 {
			break
		}
		values = append(values, argument(t, of.In(i)))
	}
	return values
}

func argument(t *testing.T, of reflect.Type) reflect.Value {
	t.Helper()
	for _, known := range []any{
		filepath.Join(t.TempDir(), "new"), storetest.Addr("p/a"), crypto.NewKey(),
		myvault.Commit{By: "svc", Changes: []myvault.Change{storetest.Put("p/a", "two")}},
		sqlite.VersionLimit{Keep: 1}, sqlite.AccessLimit{Before: time.Now()},
	} {
		if reflect.TypeOf(known) == of {
			return reflect.ValueOf(known)
		}
	}
	if of == reflect.TypeFor[context.Context]() {
		return reflect.ValueOf(t.Context())
	}
	return reflect.Zero(of)
}

// lastError returns the error among results, or the one that an iterator yields.
func lastError(t *testing.T, results []reflect.Value) error {
	t.Helper()
	if len(results) == 0 {
		t.Fatal("no result")
	}
	switch last := results[len(results)-1].Interface().(type) {
	case error:
		return last
	case iter.Seq2[myvault.Info, error]:
		return yielded(last)
	case iter.Seq2[myvault.Project, error]:
		return yielded(last)
	case iter.Seq2[myvault.Entry, error]:
		return yielded(last)
	case iter.Seq2[myvault.Secret, error]:
		return yielded(last)
	case nil:
		return nil
	default:
		t.Fatalf("unexpected result %T", last)
		return nil
	}
}

func yielded[T any](seq iter.Seq2[T, error]) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}
