package myvault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

func TestNamesOfServices(t *testing.T) {
	is := is.New(t)
	for _, name := range []string{"a", "9", "commonUI", "my-api_2", strings.Repeat("x", 64)} {
		is.NoErr(myvault.ValidateService(name))
	}
	for _, name := range []string{"", "-a", "_a", "a b", "a.b", "ä", "a/b", "a\x00", "a@b", strings.Repeat("x", 65)} {
		is.True(errors.Is(myvault.ValidateService(name), myvault.ErrInvalid))
	}
}

func TestAddressesThatAreValid(t *testing.T) {
	for _, text := range []string{
		"newsbot/prod/db/password",
		"newsbot/OPENAI_API_KEY",
		"p/1/2/3/4/5/6/7/8",
		"ニュース・ボット/本番/パスワード",
		"my project/prod/the key",
		"p/a:b",
		"p/.env",
		"p/...",
		"p/._-~@+=()!'&",
		"प्रोजेक्ट/कुंजी",
		"p/٣",
		strings.Repeat("x", 128) + "/" + strings.Repeat("é", 64),
	} {
		t.Run(text, func(t *testing.T) {
			is := is.New(t)
			addr, err := myvault.ParseAddress(text)
			is.NoErr(err)
			is.Equal(addr.String(), text)
		})
	}
}

// refusedNames are the bad inputs that no route into the vault may accept.
var refusedNames = []string{
	"", "p", "/", "p/", "/x", "p//x", "p/x/", "p/a//b", "p/.", "p/..", "p/../x", "p/a/./b", "./x", "../x",
	".reserved/x", "p/a\x00b", "p/a\nb", "p/a\tb", "p/a\rb", "p/\x7F", "p/ a", "p/a ", "p/a  b", "p /x", " p/x",
	"p/a\\b", "p/a*", "p/a%2Fb", "p/%2e%2e", "p/a?b", "p/a#b", "p/a;b", "p/a,b", `p/a"b`, "p/a|b", "p/a<b", "p/a`b", "p/a$b", "p/a^b", "p/a{b", "p/a[b",
	"a:b/x",                                 // a colon divides rules, so no project holds one
	"p/cafe\u0301", "p/\u212B", "p/=\u0338", // not NFC
	"p/a\u200Bb", "p/a\u00ADb", "p/a\u202Eb", "p/a\u2066b", "p/\uFEFFa", "p/a\u200D", "p/a\u034Fb", "p/\u3164", "p/\u115F", "p/a\uFE0F", "p/a\u180B", "p/\U000E0041", // cannot be seen
	"p/a\u00A0b", "p/a\u3000b", "p/a\u2028b", "p/\uE000", "p/\U0010FFFD", "p/\uFFFF", "p/\u0085", // blanks, private, unassigned
	"p/½", "p/Ⅳ", "p/€", "p/a😀", "p/\u2044", "p/\u2215", "p/\uFF0F", // numbers that are no decimal digits, symbols, slashes in disguise
	"p/\xff", "p/\xc3", "p/\xed\xa0\x80", "p/\xc0\xaf", // not UTF-8
	"p/1/2/3/4/5/6/7/8/9",
	strings.Repeat("x", 129) + "/x", "p/" + strings.Repeat("x", 129),
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, text := range refusedNames {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			is := is.New(t)
			addr, err := myvault.ParseAddress(text)
			is.True(errors.Is(err, myvault.ErrInvalid)) // refused as invalid
			is.Equal(addr, myvault.Address{})           // and nothing is given
		})
	}
}

func TestInvalidNameIsNotRepeated(t *testing.T) {
	is := is.New(t)
	_, err := myvault.ParseAddress("p/sk-live-canary\u202E")
	is.True(err != nil)
	is.True(!strings.Contains(err.Error(), "canary")) // it may be a secret pasted by mistake
	is.True(strings.Contains(err.Error(), "U+202E"))  // but what is wrong is said
}

func TestPrefixSelectsWholeSegments(t *testing.T) {
	for _, c := range []struct {
		prefix myvault.Prefix
		addr   string
		want   bool
	}{
		{myvault.Prefix{}, "any/thing", true},
		{myvault.Prefix{Project: "p"}, "p/x", true},
		{myvault.Prefix{Project: "p"}, "pp/x", false},
		{myvault.Prefix{Project: "p", Path: "prod"}, "p/prod", true},
		{myvault.Prefix{Project: "p", Path: "prod"}, "p/prod/x", true},
		{myvault.Prefix{Project: "p", Path: "prod"}, "p/production", false},
		{myvault.Prefix{Project: "p", Path: "prod"}, "p/production/x", false},
		{myvault.Prefix{Project: "p", Path: "prod"}, "p/prod-x", false},
		{myvault.Prefix{Project: "p", Path: "prod/"}, "p/prod", false},
		{myvault.Prefix{Project: "p", Path: "prod/"}, "p/prod/x/y", true},
		{myvault.Prefix{Project: "p", Path: "prod"}, "q/prod", false},
	} {
		t.Run(myvault.Address(c.prefix).String()+" "+c.addr, func(t *testing.T) {
			is := is.New(t)
			addr, err := myvault.ParseAddress(c.addr)
			is.NoErr(err)
			is.NoErr(c.prefix.Validate())
			is.Equal(c.prefix.Contains(addr), c.want)
		})
	}
}

func TestPrefixesThatAreRefused(t *testing.T) {
	for _, p := range []myvault.Prefix{
		{Path: "prod"}, {Project: "p", Path: "/"}, {Project: "p", Path: "a//"}, {Project: "p", Path: "/a"}, {Project: ".p"}, {Project: "p", Path: "a/../"},
	} {
		t.Run(myvault.Address(p).String(), func(t *testing.T) {
			is := is.New(t)
			is.True(errors.Is(p.Validate(), myvault.ErrInvalid))
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range refusedNames {
		f.Add(text)
	}
	f.Add("ニュース・ボット/本番/パスワード")
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := myvault.ParseAddress(text)
		if err != nil {
			return
		}
		if addr.String() != text {
			t.Fatalf("%q became %q", text, addr)
		}
		if strings.ContainsAny(text, "\x00\n\\*%?#;,\"") || strings.Contains("/"+text+"/", "/../") || strings.Contains(text, "//") {
			t.Fatalf("accepted %q", text)
		}
	})
}
