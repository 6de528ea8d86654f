package myvault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

func TestRuleSpellingsMeanTheSame(t *testing.T) {
	for _, c := range []struct{ text, same string }{
		{"project:newsbot/prod/", "newsbot/prod/"},
		{"newsbot:prod/", "newsbot/prod/"},
		{"common:", "common/"},
		{"project:common/", "common/"},
		{"project:*/prod/", "*/prod/"},
		{"common/*/@read+write+delete+list", "common/*/@read+write+delete+list"}, // in a DENY not the same as none
		{"common/*/@list+read", "common/*/@read+list"},
		{"project/x", "project/x"},         // a project named project
		{"project:project/x", "project/x"}, // removed once
		{"newsbot/a:b", "newsbot/a:b"},     // the first / or : divides
		{"p/a@b@read", "p/a@b@read"},       // the last @ divides
		{"p/a@b@read+write+delete+list", "p/a@b@read+write+delete+list"},
		{"my project/the key", "my project/the key"},
	} {
		t.Run(c.text, func(t *testing.T) {
			is := is.New(t)
			r, err := myvault.ParseRule(c.text)
			is.NoErr(err)
			is.Equal(r.String(), c.same)
			again, err := myvault.ParseRule(r.String())
			is.NoErr(err)
			is.Equal(again, r)
		})
	}
}

var refusedRules = []string{
	"", "*", "newsbot", "project:newsbot", "project:newsbot:prod/", "/", ":", "/x", "//", "*//", "p//x", "p/x//", "p/**", "p/**/", "**/", "p/a**b",
	"p/@wrtie", "p/@", "p/@read+", "p/@+read", "p/@read,write", "p/@Read", "p/@read write", "p/ @read", "p/@all", "@read", "p/a@b",
	".x/", ".*/", "p/.", "p/../", "./", "p/a\u202E/", "p/cafe\u0301", "p/a b /", "p / x", "p/a?", "p/[ab]", "p/a;b",
	"p/1/2/3/4/5/6/7/8/9", "p/1/2/3/4/5/6/7/8/", "p/" + strings.Repeat("x", 129), "p:a:b@", "a*:b:c@x",
}

func TestRulesThatAreRefused(t *testing.T) {
	for _, text := range refusedRules {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			is := is.New(t)
			_, err := myvault.ParseRule(text)
			is.True(errors.Is(err, myvault.ErrInvalid))
		})
	}
}

func FuzzParseRule(f *testing.F) {
	for _, text := range refusedRules {
		f.Add(text)
	}
	f.Add("project:*/prod/@read+destroy")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := myvault.ParseRule(text)
		if err != nil {
			return
		}
		again, err := myvault.ParseRule(r.String())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(r) {
			t.Fatalf("%q is written %q, which reads as %v, %v", text, r, again, err)
		}
	})
}
