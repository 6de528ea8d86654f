package formats

import (
	"bytes"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// identity names variables by their paths, so that round trips keep them.
var identity = Options{Name: "app", Variable: func(path string) string { return path }}

// FuzzRoundTrip writes two entries in every format that can be read, and reads them back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hunter2"), []byte("line\nline\r\n\ttab \"quoted\" $HOME \\ 'single'"))
	f.Add([]byte("# no comment"), []byte(" blanks "))
	f.Add([]byte("\x00\xff"), []byte("007"))
	f.Add([]byte("null"), []byte("1.10"))
	f.Add([]byte("\r`"), []byte("`line\r\nline"))
	f.Add([]byte("`line\n\ttab \\ $HOME \" #"), []byte("'`"))
	f.Add([]byte("\u2028\u0085\ufeff"), []byte("=<<: *a"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		entries := []Entry{{"A_1", a}, {"B.x", b}}
		for _, name := range []string{"dotenv", "json", "yaml", "vault", "k8s"} {
			text, problems, err := Encode(name, entries, identity)
			if err != nil {
				t.Fatal(name, err)
			}
			read, unread, err := Decode(name, text)
			if err != nil {
				t.Fatalf("%s: %v in %q", name, err, text)
			}
			refused := make(map[string]bool)
			for _, p := range append(problems, unread...) {
				refused[p.Where] = true
			}
			got := make(map[string][]byte)
			for _, e := range read {
				got[e.Path] = e.Value
			}
			for _, e := range entries {
				value, there := got[e.Path]
				if there == refused[e.Path] || there && !bytes.Equal(value, e.Value) {
					t.Errorf("%s: %q became %q (problems %v)", name, e.Value, value, append(problems, unread...))
				}
				if len(e.Value) > 0 && !there && (name == "json" || name == "yaml" || name == "k8s") {
					t.Errorf("%s: %q is lost", name, e.Value)
				}
			}
		}
	})
}

// FuzzDecode reads any text in every format. No error or problem may contain a part of a value.
func FuzzDecode(f *testing.F) {
	f.Add("a: &x {b: *x}\n")
	f.Add(`{"data":{"data":{"a":"hunter2"}}}`)
	f.Add("kind: Secret\ndata: {a: '%hunter2'}\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, read := Names()
		for _, name := range read {
			_, _, _ = Decode(name, []byte(text))
		}
	})
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, format, text string
		want               string // path=value lines, then "!" and problems
	}{
		{"dotenv", "dotenv", "A=1\nexport B='two' # comment\nC=\nD", "A=1 B=two !line 4: want KEY=VALUE !C: the value is empty, and a secret cannot be"},
		{"nested", "json", `{"a":"1","b":{"c":2,"d":{"e":true}},"f":null,"g":[1,{"h":2}],"i":12345678901234567890}`, "a=1 b/c=2 b/d/e=true i=12345678901234567890 !f: null cannot be a value !g: an array cannot be a value: write it as a string"},
		{"twice", "json", `{"a":"1","a":"2"}`, "a=1 !a: it occurs twice"},
		{"binary", "json", `{"a":{"$base64":"/wABAg=="},"b":{"$base64":"%"}}`, "a=\xff\x00\x01\x02 !b: the value is not base64"},
		{"as written", "yaml", "a: 007\nb: 1.10\nc: yes\nd: {e: 2026-01-01}\nf: ~\ng: [1]\n", "a=007 b=1.10 c=yes d/e=2026-01-01 !line 5, f: null cannot be a value !line 6, g: a sequence cannot be a value: write it as a string"},
		{"alias", "yaml", "a: &x hunter2\nb: *x\n", "a=hunter2 b=hunter2"},
		{"version 2", "vault", `{"request_id":"x","data":{"data":{"a":"1","n":2},"metadata":{"version":3}}}`, "a=1 n=2"},
		{"version 1", "vault", `{"data":{"a":"1"}}`, "a=1"},
		{"secret", "k8s", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: aHVudGVyMg==}\nstringData: {b: two}\n", "a=hunter2 b=two"},
		{"secret as JSON", "k8s", `{"kind":"Secret","data":{"a":"aHVudGVyMg=="}}`, "a=hunter2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			entries, problems, err := Decode(c.format, []byte(c.text))
			is.NoErr(err)
			var got []string
			for _, e := range entries {
				got = append(got, e.Path+"="+string(e.Value))
			}
			for _, p := range problems {
				got = append(got, "!"+p.String())
			}
			is.Equal(strings.Join(got, " "), c.want) // entries and problems
		})
	}
}

// TestDecodeRefusesFiles checks the errors of whole files: they name no value.
func TestDecodeRefusesFiles(t *testing.T) {
	for _, c := range []struct{ format, text string }{
		{"json", `["hunter2"]`}, {"json", `{"a":"hunter2"`}, {"json", `{} {"a":"hunter2"}`},
		{"yaml", "- hunter2"}, {"yaml", "a: hunter2\n---\nb: 1"}, {"yaml", "a: \"hunter2"},
		{"vault", `{"a":"hunter2"}`}, {"vault", `hunter2`},
		{"k8s", "kind: ConfigMap\ndata: {a: hunter2}"}, {"shell", "export A=hunter2"}, {"nosuch", "hunter2"},
	} {
		is := is.New(t)
		_, _, err := Decode(c.format, []byte(c.text))
		is.True(err != nil)
		is.True(!strings.Contains(err.Error(), "hunter2"))
	}
}

func TestEncodeShell(t *testing.T) {
	is := is.New(t)
	text, problems, err := Encode("shell", []Entry{{"b", []byte("it's\n$HOME")}, {"a", []byte("\x00")}}, identity)
	is.NoErr(err)
	is.Equal(string(text), "export b='it'\\''s\n$HOME'\n")
	is.Equal(len(problems), 1)
}
