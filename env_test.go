package myvault_test

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/envcases"
)

// seedEnv is the example of the document that the project was created from, to the letter.
//
//go:embed testdata/seed.env
var seedEnv string

func TestReadEnv(t *testing.T) {
	is := is.New(t)
	settings, err := myvault.ReadEnv(strings.NewReader("\uFEFF# c\r\nA=1\r\n\r\nexport B = two words \r\nTOKEN_my-api=x#y\nC='a # b \\ $D'  # comment\nD=\"q'q\" #c\nE=\nF=v # comment\nG=#c\nH=$A\n  I=base64:AAA=\n"))
	is.NoErr(err)
	is.Equal(settings, map[string]string{
		"A": "1", "B": "two words", "TOKEN_my-api": "x#y", "C": `a # b \ $D`, "D": "q'q", "E": "", "F": "v", "G": "#c", "H": "$A", "I": "base64:AAA=",
	})
}

// TestReadEnvOfTheTable: the console's reader is tested with the same cases.
func TestReadEnvOfTheTable(t *testing.T) {
	for _, c := range envcases.Table(t) {
		t.Run(fmt.Sprintf("%.30q", c.Text), func(t *testing.T) {
			is := is.New(t)
			is.True((c.Settings == nil) != (c.Wrong == nil)) // the case has one answer
			is.Equal(envcases.Read(c.Text), c.Result)
		})
	}
}

func TestReadEnvRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"no equals canary", "line 1: want KEY=VALUE"},
		{"\n\nA=1\nA=canary", "line 4: A is given twice"},
		{"1A=canary", "line 1: a key is letters"},
		{"A B=canary", "line 1: a key is letters"},
		{"A='canary", "line 1: A: the quote is not closed"},
		{"A='canary' canary", "line 1: A: text follows the closing quote"},
		{`A="canary\d"`, "line 1: A: a backslash in double quotes"},
		{`A="canary\`, "line 1: A: a backslash in double quotes"},
		{"A=canary\x00", "line 1: contains a control character"},
		{"A=canary\xff", "line 1: not valid UTF-8"},
		{"A='canary\nB=2", "line 1: A: the quote is not closed"},
		{"A='canary\nB='canary\nC D=1", "line 1: A: text follows the closing quote"},
		{"A='canary\n\x01'\n", "line 1: A: contains a control character"},
		// The second half of a broken key looks like a key; twice, it is named twice.
		{"jFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6canary=\njFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6canary=", "line 2: a key that does not look like a setting is given twice"},
		{strings.Repeat("#", 1<<20) + "\n", "larger than 1048576 bytes"},
	} {
		t.Run(fmt.Sprintf("%.20q", c.text), func(t *testing.T) {
			is := is.New(t)
			settings, err := myvault.ReadEnv(strings.NewReader(c.text))
			is.True(errors.Is(err, myvault.ErrInvalid))
			is.True(settings == nil)
			is.True(strings.Contains(err.Error(), c.want))    // says where and what
			is.True(!strings.Contains(err.Error(), "canary")) // and never the text
		})
	}
}

func TestParsePolicyOfTheSeed(t *testing.T) {
	is := is.New(t)
	settings, err := myvault.ReadEnv(strings.NewReader(seedEnv))
	is.NoErr(err)
	p, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	is.Equal(p.Services(), []string{"commonUI", "graphAiServer", "jobqueue", "myscheduler"})
	is.Equal(p.WeakTokens(), p.Services()) // its tokens are examples
	is.True(p.Allows("myscheduler", myvault.Read, address(t, "newsbot/prod/openai")))
	is.True(p.Allows("myscheduler", myvault.Write, address(t, "common/prod/openai")))
	is.True(!p.Allows("myscheduler", myvault.Read, address(t, "newsbot/dev/openai")))
	is.True(!p.Allows("jobqueue", myvault.Read, address(t, "common/prod/openai")))
	is.True(p.Allows("graphAiServer", myvault.Read, address(t, "rag/dev/index/key")))
	is.True(p.Allows("commonUI", myvault.Read, address(t, "anything/prod/x")))
	is.True(p.Allows("commonUI", myvault.Read, address(t, "common/any/x")))
	is.True(!p.Allows("commonUI", myvault.Read, address(t, "common/x")))
}

func TestParsePolicyRefuses(t *testing.T) {
	good := map[string]string{"ALLOWED_SERVICES": "a,b", "TOKEN_a": "token-canary", "TOKEN_b": "token-canary2", "ALLOW_a": "p/canary"}
	for _, c := range []struct{ key, value, want string }{
		{"ALLOWED_SERVICES", "", "setting ALLOWED_SERVICES: it is missing or empty"},
		{"ALLOWED_SERVICES", "a,,b", "setting ALLOWED_SERVICES: item 2 is empty"},
		{"ALLOWED_SERVICES", "a,b,a", "service a: it is named twice"},
		{"ALLOWED_SERVICES", "a,b,A", "differs from a only in case"},
		{"ALLOWED_SERVICES", "a", "setting TOKEN_b: the service is not in ALLOWED_SERVICES"},
		{"ALLOWED_SERVICES", "a,b,c d", "a name is [A-Za-z0-9]"},
		{"TOKEN_A", "x", "setting TOKEN_A: the service is not in ALLOWED_SERVICES"},
		{"ALLOW_c", "p/", "setting ALLOW_c: the service is not in ALLOWED_SERVICES"},
		{"DENY_c", "p/", "setting DENY_c: the service is not in ALLOWED_SERVICES"},
		{"TOKEN_a", ",", "setting TOKEN_a: item 1 is empty"},
		{"TOKEN_a", "x,,y", "setting TOKEN_a: item 2 is empty"},
		{"TOKEN_a", "canary canary", "TOKEN_a: item 1: invalid token: it may contain visible ASCII characters only"},
		{"TOKEN_a", "ok,sha256:canary", "TOKEN_a: item 2: invalid token: sha256: must be followed by 64 hex digits"},
		{"TOKEN_a", "sha256:" + strings.Repeat("ab", 31), "must be followed by 64 hex digits"},
		{"TOKEN_a", "sha256:" + strings.Repeat("ab", 33), "must be followed by 64 hex digits"},
		{"TOKEN_a", "canar\u00ff-canary-0123456789", "visible ASCII characters only"},
		{"TOKEN_a", "canary\x7fcanary", "visible ASCII characters only"},
		{"TOKEN_a", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "digest of an empty token"},
		{"TOKEN_a", strings.Repeat("canary", 100), "longer than 512 bytes"},
		{"CERT_b", "dns:b.internal,with:token", "it needs both a token and a certificate"},
		{"ALLOW_a", "p/, ,q/", "setting ALLOW_a: item 2 is empty"},
		{"ALLOW_a", "p/,canary/@wrtie", "ALLOW_a: item 2: invalid rule: after the last @"},
		{"ALLOW_a", "canary", "ALLOW_a: item 1: invalid rule: a project name needs a /"},
		{"DENY_a", "p/canary//", "DENY_a: item 1: invalid rule: path segment 2 is empty"},
	} {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			is := is.New(t)
			settings := map[string]string{c.key: c.value}
			for k, v := range good {
				if k != c.key && (k != "TOKEN_b" || c.key != "CERT_b") {
					settings[k] = v
				}
			}
			p, err := myvault.ParsePolicy(settings)
			is.True(errors.Is(err, myvault.ErrInvalid))
			is.True(p == nil)
			is.True(strings.Contains(err.Error(), c.want))
			is.True(!strings.Contains(err.Error(), "canary"))
		})
	}
}

func TestParsePolicyReportsEverythingAtOnce(t *testing.T) {
	is := is.New(t)
	_, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "a,b", "TOKEN_a": "x x", "ALLOW_a": "p,q", "TOKEN_c": "x",
	})
	is.True(err != nil)
	for _, want := range []string{"TOKEN_a: item 1", "ALLOW_a: item 1", "ALLOW_a: item 2", "TOKEN_c: the service is not"} {
		is.True(strings.Contains(err.Error(), want))
	}
	is.Equal(strings.Count(err.Error(), "\n")+1, 4) // each once
}

// TestParsePolicyWithoutTokens is for a program that only embeds: no client can log in as such a
// service.
func TestParsePolicyWithoutTokens(t *testing.T) {
	for _, token := range []string{"", " ", "missing"} {
		t.Run(token, func(t *testing.T) {
			is := is.New(t)
			settings := map[string]string{"ALLOWED_SERVICES": "newsbot", "ALLOW_newsbot": "newsbot/", "TOKEN_newsbot": token}
			if token == "missing" {
				delete(settings, "TOKEN_newsbot")
			}
			policy, err := myvault.ParsePolicy(settings)
			is.NoErr(err)
			v := openVault(t, myvault.Config{})
			v.SetPolicy(policy)
			_, err = v.As("newsbot").Put(t.Context(), myvault.Address{Project: "newsbot", Path: "x"}, myvault.Text("v"))
			is.NoErr(err)
			for _, presented := range []string{"", " ", "missing", "sha256:"} {
				_, err = v.Login(t.Context(), myvault.Credentials{Service: "newsbot", Token: presented})
				is.True(errors.Is(err, myvault.ErrUnauthenticated))
			}
		})
	}
}

// TestAnEmptySettingIsAbsent, as docker compose and shells write unset ones.
func TestAnEmptySettingIsAbsent(t *testing.T) {
	is := is.New(t)
	empty, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "a", "TOKEN_a": "0123456789abcdef", "CERT_a": "", "ALLOW_a": "p/", "DENY_a": " ", "ALLOW_gone": "", "TOKEN_gone": "",
	})
	is.NoErr(err)
	is.Equal(empty.Services(), []string{"a"})
	v := openVault(t, myvault.Config{})
	v.SetPolicy(empty)
	rights, err := v.As("a").Rights(t.Context())
	is.NoErr(err)
	is.Equal(rights, myvault.Rights{Allow: rules(t, "p/")})
	nothing, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "a", "TOKEN_a": "0123456789abcdef", "ALLOW_a": ""})
	is.NoErr(err)
	is.True(!nothing.Allows("a", myvault.Read, address(t, "p/x")))
}

// TestTheTokensOfTheDocumentsAreWeak: one that a document gains needs a line in token.go.
func TestTheTokensOfTheDocumentsAreWeak(t *testing.T) {
	is := is.New(t)
	readme, err := os.ReadFile("README.md")
	is.NoErr(err)
	_, block, _ := strings.Cut(string(readme), "```env\n")
	block, _, _ = strings.Cut(block, "```")
	example, err := os.ReadFile(".env.example")
	is.NoErr(err)
	for _, text := range []string{block, string(example), seedEnv} {
		settings, err := myvault.ReadEnv(strings.NewReader(text))
		is.NoErr(err)
		p, err := myvault.ParsePolicy(settings)
		is.NoErr(err)
		is.True(len(p.Services()) > 0)
		is.Equal(p.WeakTokens(), p.Services())
	}
}

// TestPublishedTokensAreWeak however they are written: everybody can read them in the documents.
func TestPublishedTokensAreWeak(t *testing.T) {
	is := is.New(t)
	settings := map[string]string{"ALLOWED_SERVICES": "own,own2", "TOKEN_own": "old-token-of-the-consoles", "TOKEN_own2": "sha256:" + strings.Repeat("ab", 32)}
	for n, token := range []string{
		"sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "old-token-of-the-console", "new-token-of-the-console",
		fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("new-token-of-the-console"))), fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("ui-xxxx"))),
	} {
		name := fmt.Sprintf("published%d", n)
		settings["ALLOWED_SERVICES"] += "," + name
		settings["TOKEN_"+name] = token
	}
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	is.Equal(policy.WeakTokens(), []string{"published0", "published1", "published2", "published3", "published4"})
}

func TestReadEnvFileFindsTypingErrors(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), ".env")
	is.NoErr(os.WriteFile(path, []byte(seedEnv), 0o600))
	settings, err := myvault.ReadEnvFile(path, "MSA_MASTER_KEY")
	is.NoErr(err)
	is.Equal(settings["TOKEN_commonUI"], "ui-xxxx")

	is.NoErr(os.WriteFile(path, []byte("ALLOWED_SERVICES=a\nALOW_X=1\nMSA_MASTERKEY=1\njFi1bkzTyKQ5canary="), 0o600))
	_, err = myvault.ReadEnvFile(path, "MSA_MASTER_KEY")
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.True(strings.Contains(err.Error(), "line 2: ALOW_X is not known"))
	is.True(strings.Contains(err.Error(), "line 3: MSA_MASTERKEY is not known"))
	is.True(strings.Contains(err.Error(), "line 4: a key that does not look like a setting"))
	is.True(!strings.Contains(err.Error(), "canary"))

	is.NoErr(os.WriteFile(path, []byte("ALLOWED_SERVICES=a\nTOKEN=x\nALLOW=y"), 0o600))
	_, err = myvault.ReadEnvFile(path)
	is.True(errors.Is(err, myvault.ErrInvalid)) // a family's name alone is no setting
	is.True(strings.Contains(err.Error(), "line 2: TOKEN is not known") && strings.Contains(err.Error(), "line 3: ALLOW is not known"))

	for _, line := range []string{`MSA_MASTER_KEY="C:\new"`, `MSA_MASTER_KEY="C:\temp"`, "MSA_MASTER_KEY='a\nDENY_a=x/\n'", "ALLOW_a='a\nDENY_a=x/\n'"} {
		is.NoErr(os.WriteFile(path, []byte(line), 0o600))
		_, err = myvault.ReadEnvFile(path, "MSA_MASTER_KEY")
		is.True(errors.Is(err, myvault.ErrInvalid)) // an open quote hides no DENY
		is.True(strings.Contains(err.Error(), "has a line break or a tab"))
	}

	is.NoErr(os.WriteFile(path, []byte(seedEnv), 0o600))
	is.NoErr(os.Chmod(path, 0o666))
	_, err = myvault.ReadEnvFile(path, "MSA_MASTER_KEY")
	is.True(runtime.GOOS == "windows" || errors.Is(err, myvault.ErrInvalid)) // another user could change the policy

	_, err = myvault.ReadEnvFile(path + "-none")
	is.True(errors.Is(err, fs.ErrNotExist))
}

func FuzzReadEnv(f *testing.F) {
	f.Add(seedEnv)
	f.Add("A='x'#\nB=\"")
	f.Add("A='x\r\ny' # c\nexport B=\"\\n\\\\\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := myvault.ReadEnv(strings.NewReader(text))
		if (settings == nil) == (err == nil) {
			t.Fatal("neither settings nor an error, or both")
		}
		for key, value := range settings {
			quoted := strings.ContainsAny(text, "\r\\")
			if strings.ContainsAny(key, "\r\n\x00") || strings.Contains(value, "\x00") || !quoted && !strings.Contains(text, value) {
				t.Fatalf("%q = %q is not of the text", key, value)
			}
		}
		var again strings.Builder
		escape := strings.NewReplacer("\\", `\\`, "\"", `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
		for key, value := range settings {
			fmt.Fprintf(&again, "%s=\"%s\" # c\n", key, escape.Replace(value))
		}
		if read, err := myvault.ReadEnv(strings.NewReader(again.String())); again.Len() < 1<<20 && (err != nil || !maps.Equal(read, settings)) {
			t.Fatalf("%q, written anew as %q, reads as %q, %v", text, again.String(), read, err)
		}
		_, _ = myvault.ParsePolicy(settings)
	})
}
