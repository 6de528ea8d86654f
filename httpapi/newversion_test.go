package httpapi_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
)

// withTimes returns the members with times of a request.
func withTimes(value, expires, rotate string) string {
	return fmt.Sprintf(`{"value":%q,"expires_at":%q,"rotate_after":%q}`, value, expires, rotate)
}

const (
	sentExpiry, shownExpiry     = "2099-06-01T09:00:00.1234567+09:00", "2099-06-01T00:00:00.123456Z"
	sentRotation, shownRotation = "2099-05-01T00:00:00Z", "2099-05-01T00:00:00.000000Z"
)

// TestTimesAreShownEverywhere: in each response about a version.
func TestTimesAreShownEverywhere(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	times := `,"expires_at":"` + sentExpiry + `","rotate_after":"` + sentRotation + `"}`
	shown := func(m map[string]any) {
		is.Helper()
		is.Equal(m["expires_at"], shownExpiry)
		is.Equal(m["rotate_after"], shownRotation)
		is.Equal(m["expired"], nil)
	}
	at := "/api/secrets/newsbot/prod/db"
	r := f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","value":"v"`+times)
	is.Equal(r.status, 201)
	shown(r.object(t))
	shown(f.as("admin", "PATCH", at, `{"value":"w"`+times).object(t))
	shown(f.as("admin", "GET", at, "").object(t))
	shown(f.as("admin", "GET", at+"?version=1", "").object(t))
	shown(f.as("admin", "GET", "/api/secrets", "").array(t)[0])
	shown(f.as("admin", "GET", "/api/secrets/newsbot", "").array(t)[0])
	for _, version := range f.as("admin", "GET", "/api/versions/newsbot/prod/db", "").array(t) {
		shown(version)
	}
	r = f.as("admin", "POST", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/new","value":"v"`+times+`]}`)
	is.Equal(r.status, 200)
	shown(r.array(t)[0])
}

// TestTheNextVersionHasItsOwnTimes: omitted or null means none.
func TestTheNextVersionHasItsOwnTimes(t *testing.T) {
	for name, body := range map[string]string{"left out": `{"value":"w"}`, "null": `{"value":"w","expires_at":null,"rotate_after":null,"generate":null}`} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			f.put(map[string]string{"newsbot/prod/db": "v"})
			is.Equal(f.as("admin", "PATCH", "/api/secrets/newsbot/prod/db", withTimes("v", sentExpiry, sentRotation)).status, 200)
			r := f.as("admin", "PATCH", "/api/secrets/newsbot/prod/db", body)
			is.Equal(r.status, 200)
			is.True(!strings.Contains(r.body, "expires_at") && !strings.Contains(r.body, "rotate_after"))
			history := f.as("admin", "GET", "/api/versions/newsbot/prod/db", "").array(t)
			is.Equal(history[0]["expires_at"], nil)
			is.Equal(history[1]["expires_at"], shownExpiry) // the version before keeps them
		})
	}
}

func TestTimesThatAreRefused(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	past := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	for name, body := range map[string]string{
		"a date":                    withTimes("w", "2099-06-01", sentRotation),
		"without a zone":            withTimes("w", "2099-06-01T00:00:00", sentRotation),
		"blank for T":               withTimes("w", "2099-06-01 00:00:00Z", sentRotation),
		"empty":                     withTimes("w", sentExpiry, ""),
		"seconds":                   `{"value":"w","expires_at":4084214400}`,
		"no such day":               withTimes("w", "2099-02-30T00:00:00Z", "2099-01-01T00:00:00Z"),
		"year 10000":                withTimes("w", "10000-01-01T00:00:00Z", sentRotation),
		"year 10000 in UTC":         `{"value":"w","expires_at":"9999-12-31T23:00:00-02:00"}`,
		"the zero time":             `{"value":"w","rotate_after":"0001-01-01T00:00:00Z"}`,
		"an hour of one digit":      withTimes("w", "2099-06-01T0:00:00Z", sentRotation),
		"a lower-case t":            withTimes("w", "2099-06-01t00:00:00Z", sentRotation),
		"a lower-case z":            withTimes("w", "2099-06-01T00:00:00z", sentRotation),
		"a comma":                   withTimes("w", "2099-06-01T00:00:00,5Z", sentRotation),
		"an offset of a day":        withTimes("w", "2099-06-01T00:00:00+24:00", sentRotation),
		"a leap second":             withTimes("w", "2099-06-30T23:59:60Z", sentRotation),
		"expired":                   `{"value":"w","expires_at":"` + past + `"}`,
		"rotation after the expiry": withTimes("w", sentRotation, sentExpiry),
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "PATCH", "/api/secrets/newsbot/prod/db", body)
			is.Equal(r.status, 422)
			checkProblem(is, r)
			r = f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/new",`+body[1:])
			is.Equal(r.status, 422)
			r = f.as("admin", "POST", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"prod/db",`+body[1:]+`]}`)
			is.Equal(r.status, 422)
			is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/prod/db", "").object(t)["version"], float64(1))
		})
	}
	t.Run("rotation that is due is taken", func(t *testing.T) {
		is := is.New(t)
		is.Equal(f.as("admin", "PATCH", "/api/secrets/newsbot/prod/db", `{"value":"w","rotate_after":"`+past+`"}`).status, 200)
	})
}

// expired serves a vault with a secret whose time has passed.
func expired(t *testing.T) *fixture {
	t.Helper()
	s := newStore(t)
	_, err := s.Apply(t.Context(), myvault.Commit{By: "admin", At: time.Now().Add(-time.Hour), Changes: []myvault.Change{{
		Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: "prod/old"}, Value: myvault.Text("hunter2"),
		Expires: time.Now().Add(-time.Minute),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, s, httpapi.Config{})
}

// TestWhatHasExpiredCanBeRead, and is marked as expired, even for a client that has it cached.
func TestWhatHasExpiredCanBeRead(t *testing.T) {
	is := is.New(t)
	f := expired(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	r := f.as("reader", "GET", "/api/secrets/newsbot/prod/old", "")
	is.Equal(r.status, 200)
	is.Equal(r.object(t)["value"], "hunter2")
	is.Equal(r.object(t)["expired"], true)
	again := f.as("reader", "GET", "/api/secrets/newsbot/prod/old", "", "If-None-Match: "+r.header.Get("Etag"))
	is.Equal(again.status, 200) // its tag is that of before the expiry
	is.Equal(again.object(t)["expired"], true)
	fresh := f.as("reader", "GET", "/api/secrets/newsbot/prod/db", "")
	is.Equal(f.as("reader", "GET", "/api/secrets/newsbot/prod/db", "", "If-None-Match: "+fresh.header.Get("Etag")).status, 304)
	is.Equal(fresh.object(t)["expired"], nil)
	is.Equal(f.as("admin", "GET", "/api/secrets?prefix=prod/old&project=newsbot", "").array(t)[0]["expired"], true)
}

// TestListsAreFilteredByTime, in pages, for a caller that sees a part.
func TestListsAreFilteredByTime(t *testing.T) {
	f := expired(t)
	f.put(map[string]string{"newsbot/prod/a": "v", "newsbot/prod/b": "v", "newsbot/dev/b": "v", "newsbot/prod/c": "v"})
	for _, path := range []string{"prod/b", "dev/b"} {
		is.New(t).Equal(f.as("admin", "PATCH", "/api/secrets/newsbot/"+path, withTimes("w", sentExpiry, sentRotation)).status, 200)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	for query, want := range map[string][]string{
		"":                                    {"prod/a", "prod/b", "prod/c", "prod/old"},
		"expires_before=" + now:               {"prod/old"},
		"expires_before=2100-01-01T00:00:00Z": {"prod/b", "prod/old"},
		"rotate_before=" + now:                nil,
		"rotate_before=2100-01-01T00:00:00Z":  {"prod/b"},
		"rotate_before=2099-05-01T00:00:00Z":  nil, // before, not at
		"rotate_before=2100-01-01T00:00:00Z&expires_before=" + now: nil,
		"rotate_before=2100-01-01T00:00:00Z&deleted=true":          nil,
	} {
		t.Run(query, func(t *testing.T) {
			is := is.New(t)
			var got []string
			for next := "/api/secrets?limit=1&" + query; next != ""; {
				r := f.as("reader", "GET", strings.TrimSuffix(next, "&"), "")
				is.Equal(r.status, 200)
				for _, item := range r.array(t) {
					got = append(got, item["path"].(string))
				}
				link := regexp.MustCompile(`^<([^>]+)>`).FindStringSubmatch(r.header.Get("Link"))
				if next = ""; link != nil {
					next = link[1]
				}
			}
			is.Equal(got, want)
		})
	}
	t.Run("a cursor is of its filter", func(t *testing.T) {
		is := is.New(t)
		r := f.as("reader", "GET", "/api/secrets?limit=1", "")
		link := regexp.MustCompile(`cursor=([^>&]+)`).FindStringSubmatch(r.header.Get("Link"))
		is.Equal(f.as("reader", "GET", "/api/secrets?limit=1&rotate_before=2100-01-01T00:00:00Z&cursor="+link[1], "").status, 400)
	})
	for _, bad := range []string{"rotate_before=soon", "expires_before=2099-06-01", "expires_before=0001-01-01T00:00:00Z"} {
		t.Run(bad, func(t *testing.T) { is.New(t).Equal(f.as("reader", "GET", "/api/secrets?"+bad, "").status, 400) })
	}
}

// TestValuesThatTheVaultMakes are in no answer but to a read, and not in the log.
func TestValuesThatTheVaultMakes(t *testing.T) {
	made := func(context.Context) (myvault.Value, error) { return myvault.Text(canary), nil }
	f := serveOn(t, newStore(t), httpapi.Config{Generators: map[string]myvault.Generator{"key pair": made}})
	for body, form := range map[string]string{
		`{}`:                                    `^[A-Za-z0-9]{32}$`,
		`{"length":16,"alphabet":"hex"}`:        `^[0-9a-f]{16}$`,
		`{"length":999,"alphabet":"readable"}`:  `^[a-hjkmnp-z2-9]{999}$`,
		`{"alphabet":"base64url"}`:              `^[A-Za-z0-9_-]{32}$`,
		`{"length":20,"alphabet":"printable"}`:  `^[!-~]{20}$`,
		`{"bytes":32,"encoding":"base64url"}`:   `^[A-Za-z0-9_-]{43}=$`,
		`{"bytes":32}`:                          `^[A-Za-z0-9_-]{43}=$`,
		`{"encoding":"base64url-unpadded"}`:     `^[A-Za-z0-9_-]{43}$`,
		`{"bytes":16,"encoding":"base64"}`:      `^[A-Za-z0-9+/]{22}==$`,
		`{"bytes":8,"encoding":"hex"}`:          `^[0-9a-f]{16}$`,
		`{"function":"key pair"}`:               `^` + canary + `$`,
		`{"function":"key pair","length":null}`: `^` + canary + `$`,
	} {
		t.Run(body, func(t *testing.T) {
			is := is.New(t)
			name := fmt.Sprintf("prod/%x", sha256.Sum256([]byte(body)))
			path := "/api/secrets/newsbot/" + name
			answers := []reply{f.as("writer", "POST", "/api/secrets", `{"project":"newsbot","path":"`+name+`","generate":`+body+`}`)}
			is.Equal(answers[0].status, 201)
			is.Equal(answers[0].header.Get("Location"), path)
			first := f.as("admin", "GET", path, "").object(t)["value"].(string)
			answers = append(answers, f.as("writer", "PATCH", path, `{"generate":`+body+`}`))
			second := f.as("admin", "GET", path, "").object(t)["value"].(string)
			is.Equal(answers[1].status, 200)
			if manyChanges {
				answers = append(answers, f.as("writer", "POST", "/api/changes", `{"changes":[{"op":"put","project":"newsbot","path":"`+name+`","generate":`+body+`}]}`))
				is.Equal(answers[2].status, 200)
			}
			is.True(first != second || first == canary)
			for _, value := range []string{first, second} {
				is.True(regexp.MustCompile(form).MatchString(value))
				is.True(!strings.Contains(f.logs.String(), value))
				for _, answer := range answers {
					is.True(!strings.Contains(answer.body, value) && !strings.Contains(answer.body, `"value"`))
				}
			}
			entries := f.as("admin", "GET", "/api/audit?project=newsbot&action=generate&prefix="+name, "").array(t)
			is.True(len(entries) >= len(answers)) // the trail says how they came about
		})
	}
}

func TestWhatIsNotGenerated(t *testing.T) {
	failing := func(context.Context) (myvault.Value, error) { return myvault.Value{}, errors.New("no " + canary) }
	f := serveOn(t, newStore(t), httpapi.Config{Generators: map[string]myvault.Generator{"failing": failing, "nil": nil}})
	f.put(map[string]string{"newsbot/prod/db": "v"})
	for body, status := range map[string]int{
		`{"generate":{},"value":"v"}`:                                   422,
		`{"generate":{},"encoding":"base64"}`:                           422,
		`{"generate":true}`:                                             422,
		`{"generate":{"length":"32"}}`:                                  422,
		`{"generate":{"length":10}}`:                                    422, // 59 bits
		`{"generate":{"length":-1}}`:                                    422,
		`{"generate":{"length":4097}}`:                                  422,
		`{"generate":{"alphabet":"` + canary + `"}}`:                    422,
		`{"generate":{"` + canary + `":1}}`:                             422,
		`{"generate":{"bytes":7}}`:                                      422,
		`{"generate":{"bytes":4097}}`:                                   422,
		`{"generate":{"bytes":32,"encoding":"` + canary + `"}}`:         422,
		`{"generate":{"bytes":32,"length":32}}`:                         422,
		`{"generate":{"alphabet":"hex","encoding":"hex"}}`:              422,
		`{"generate":{"function":"failing","bytes":32}}`:                422,
		`{"generate":{"function":"nil"}}`:                               422,
		`{"generate":{"function":"failing","length":32}}`:               422,
		`{"generate":{"function":"failing"},"expires_at":"2020-01-01"}`: 422,
		`{"generate":{"function":"failing"}}`:                           500,
		`{"generate":null}`:                                             422,
		`{}`:                                                            422,
	} {
		t.Run(body, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "PATCH", "/api/secrets/newsbot/prod/db", body)
			is.Equal(r.status, status)
			is.True(!strings.Contains(r.body, canary))
			is.Equal(f.as("admin", "GET", "/api/secrets/newsbot/prod/db", "").object(t)["version"], float64(1))
		})
	}
}

// TestTheDeniedMakeNoFunctionRun: it may be dear.
func TestTheDeniedMakeNoFunctionRun(t *testing.T) {
	is := is.New(t)
	ran := 0
	f := serveOn(t, newStore(t), httpapi.Config{Generators: map[string]myvault.Generator{
		"dear": func(context.Context) (myvault.Value, error) { ran++; return myvault.Text("v"), nil },
	}})
	is.Equal(f.as("reader", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/x","generate":{"function":"dear"}}`).status, 403)
	is.Equal(ran, 0)
	is.Equal(f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"prod/x","generate":{"function":"dear"}}`).status, 201)
	is.Equal(ran, 1)
}

// TestAGeneratorsOwnError does not become a problem of the store or of the client.
func TestAGeneratorsOwnError(t *testing.T) {
	for _, cause := range []error{
		myvault.ErrUnknownOutcome, myvault.ErrUnauthenticated, myvault.ErrDenied, myvault.ErrClosed, myvault.ErrTrail, myvault.ErrNotFound, myvault.ErrConflict,
		context.DeadlineExceeded, context.Canceled, errors.New("canary"),
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			is := is.New(t)
			fails := func(context.Context) (myvault.Value, error) { return myvault.Value{}, cause }
			f := serveOn(t, newStore(t), httpapi.Config{Generators: map[string]myvault.Generator{"f": fails}})
			f.put(map[string]string{"newsbot/prod/db": "hunter2"})
			etag := f.as("admin", "GET", db, "").header.Get("Etag")
			for _, r := range []reply{
				f.as("admin", "POST", "/api/secrets", `{"project":"newsbot","path":"other","generate":{"function":"f"}}`),
				f.as("admin", "PATCH", db, `{"generate":{"function":"f"}}`, "If-Match: "+etag),
			} {
				is.Equal(r.status, 500)
				is.True(strings.Contains(r.body, "could not be generated"))
			}
		})
	}
}
