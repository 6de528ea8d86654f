package formats_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/formats"
)

// TestDotenvRunsNothing checks values that a shell would run in double quotes.
func TestDotenvRunsNothing(t *testing.T) {
	is := is.New(t)
	o := formats.Options{Variable: func(path string) string { return path }}
	out, problems, err := formats.Encode("dotenv", []formats.Entry{{Path: "A", Value: []byte("`id`")}, {Path: "B", Value: []byte("`'`")}}, o)
	is.NoErr(err)
	is.Equal(string(out), "A='`id`'\n")
	is.Equal(len(problems), 1)
	o.Reserved = func(string, string) string { return "reserved" }
	_, problems, err = formats.Encode("shell", []formats.Entry{{Path: "A", Value: []byte("x")}}, o)
	is.NoErr(err)
	is.Equal(len(problems), 1)
}
