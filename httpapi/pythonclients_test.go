package httpapi_test

import (
	"crypto/sha256"
	"encoding/binary"
	"net/url"
	"regexp"
	"testing"

	"github.com/matryer/is"
)

// What clients that were written for the Python service rely on, one habit a test.

// must calls as admin and wants the status.
func (f *fixture) must(status int, method, path, body string) reply {
	f.t.Helper()
	r := f.as("admin", method, path, body)
	if r.status != status {
		f.t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.body)
	}
	return r
}

func TestPythonClientsAskForHealthAndWhetherTheirTokenWorks(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	health := f.do("GET", "/health", "")
	is.Equal(health.status, 200)
	is.Equal(health.body, `{"status":"healthy","service":"myVault"}`)
	tested := f.must(200, "POST", "/api/secrets/test", "").object(t)
	is.Equal(tested, map[string]any{"status": "ok", "message": "Authentication successful for service 'admin'"})
}

func TestPythonClientsFindTheDefaultProjectInTheList(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.must(201, "POST", "/api/projects", `{"name":"expertAgent","description":"of the agent"}`)
	f.must(201, "POST", "/api/projects", `{"name":"other"}`)
	f.must(200, "PUT", "/api/projects/expertAgent/set-default", "")
	projects := f.must(200, "GET", "/api/projects", "").array(t)
	is.Equal(len(projects), 2)
	is.Equal(projects[0]["name"], "expertAgent")
	is.Equal(projects[0]["is_default"], true)
	is.Equal(projects[0]["description"], "of the agent")
	is.Equal(projects[0]["created_by"], "admin")
	is.Equal(projects[1]["is_default"], false)
}

func TestPythonClientsUpdateAndCreateWhenThatIs404(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	const key = "/api/secrets/expertAgent/OPENAI_API_KEY"
	f.must(404, "PATCH", key, `{"value":"one"}`)
	made := f.must(201, "POST", "/api/secrets", `{"project":"expertAgent","path":"OPENAI_API_KEY","value":"one"}`).object(t)
	is.Equal(made["version"], 1.0)
	is.Equal(made["value"], "one")
	changed := f.must(200, "PATCH", key, `{"value":"two"}`).object(t)
	is.Equal(changed["version"], 2.0)
	is.Equal(changed["value"], "two")
	is.Equal(changed["id"], made["id"])
	is.Equal(changed["updated_by"], "admin")
	again := f.must(409, "POST", "/api/secrets", `{"project":"expertAgent","path":"OPENAI_API_KEY","value":"x"}`).object(t)
	_, isString := again["detail"].(string)
	is.True(isString) // as in every error of a FastAPI service
}

func TestPythonClientsReadAProjectByPathAndValue(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"expertAgent/OPENAI_API_KEY": "o", "expertAgent/GOOGLE_API_KEY": "g", "other/KEY": "x"})
	values := map[any]any{}
	for _, s := range f.must(200, "GET", "/api/secrets/expertAgent", "").array(t) {
		values[s["path"]] = s["value"]
	}
	is.Equal(values, map[any]any{"OPENAI_API_KEY": "o", "GOOGLE_API_KEY": "g"})
	for _, s := range f.must(200, "GET", "/api/secrets?project=expertAgent", "").array(t) {
		_, has := s["value"]
		is.True(!has) // a listing has no values
	}
}

func TestPythonClientsUseUnicodeAndBlanksInNames(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.must(201, "POST", "/api/projects", `{"name":"マイ プロジェクト"}`)
	f.must(201, "POST", "/api/secrets", `{"project":"マイ プロジェクト","path":"本番/キー 1","value":"v"}`)
	s := f.must(200, "GET", "/api/secrets/"+url.PathEscape("マイ プロジェクト")+"/"+url.PathEscape("本番")+"/"+url.PathEscape("キー 1"), "")
	is.Equal(s.object(t)["path"], "本番/キー 1")
}

func TestPythonClientsRegisterAProjectAgainAfterDeletingIt(t *testing.T) {
	f := newFixture(t)
	f.must(201, "POST", "/api/projects", `{"name":"expertAgent"}`)
	f.put(map[string]string{"expertAgent/KEY": "v"})
	f.must(400, "DELETE", "/api/projects/expertAgent", "")
	f.must(204, "DELETE", "/api/secrets/expertAgent/KEY", "")
	f.must(204, "DELETE", "/api/projects/expertAgent", "")
	f.must(404, "DELETE", "/api/projects/expertAgent", "")
	f.must(201, "POST", "/api/projects", `{"name":"expertAgent"}`)
	f.must(201, "POST", "/api/secrets", `{"project":"expertAgent","path":"KEY","value":"v"}`)
}

func TestTimesAndIdentifiers(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	id := func(text string) float64 {
		sum := sha256.Sum256([]byte(text))
		return float64(binary.BigEndian.Uint64(sum[:8]) >> 11)
	}
	s := f.must(200, "GET", db, "").object(t)
	is.Equal(s["id"], id("newsbot\x00prod/db"))
	p := f.must(200, "GET", "/api/projects/newsbot", "").object(t)
	is.Equal(p["id"], id("newsbot\x00"))
	micros := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
	is.True(micros.MatchString(s["updated_at"].(string)))
	is.True(micros.MatchString(p["created_at"].(string)))
}
