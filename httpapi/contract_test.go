package httpapi_test

import (
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"testing"

	"github.com/matryer/is"
)

// TestWhatClientsOfThePythonServiceReliedOn walks through what a client that was written
// for the Python service does.
func TestWhatClientsOfThePythonServiceReliedOn(t *testing.T) {
	is := is.New(t)
	f := serve(t)
	call := func(method, path, body string, status int) reply {
		t.Helper()
		r := f.as("admin", method, path, body)
		if r.status != status {
			t.Fatalf("%s %s: status %d, want %d: %s", method, path, r.status, status, r.body)
		}
		return r
	}

	// It asks whether the service works, and whether its token does.
	is.Equal(f.do("GET", "/health", "").body, `{"status":"healthy","service":"myVault"}`)
	tested := call("POST", "/api/secrets/test", "", 200).object(t)
	is.Equal(tested, map[string]any{"status": "ok", "message": "Authentication successful for service 'admin'"})

	// It finds the default project in the list.
	call("POST", "/api/projects", `{"name":"expertAgent","description":"of the agent"}`, 201)
	call("POST", "/api/projects", `{"name":"マイ プロジェクト"}`, 201)
	call("PUT", "/api/projects/expertAgent/set-default", "", 200)
	projects := call("GET", "/api/projects", "", 200).array(t)
	is.Equal(len(projects), 2)
	is.Equal(projects[0]["name"], "expertAgent")
	is.Equal(projects[0]["is_default"], true)
	is.Equal(projects[0]["description"], "of the agent")
	is.Equal(projects[0]["created_by"], "admin")
	is.Equal(projects[1]["is_default"], false)

	// It updates a secret, and creates it when that answers 404.
	call("PATCH", "/api/secrets/expertAgent/OPENAI_API_KEY", `{"value":"one"}`, 404)
	made := call("POST", "/api/secrets", `{"project":"expertAgent","path":"OPENAI_API_KEY","value":"one"}`, 201).object(t)
	is.Equal(made["version"], 1.0)
	is.Equal(made["value"], "one")
	changed := call("PATCH", "/api/secrets/expertAgent/OPENAI_API_KEY", `{"value":"two"}`, 200).object(t)
	is.Equal(changed["version"], 2.0)
	is.Equal(changed["id"], made["id"])
	is.Equal(changed["updated_by"], "admin")

	// An error has a detail that is a string.
	conflict := call("POST", "/api/secrets", `{"project":"expertAgent","path":"OPENAI_API_KEY","value":"x"}`, 409).object(t)
	_, isString := conflict["detail"].(string)
	is.True(isString)

	// It reads all secrets of a project by path and value.
	call("POST", "/api/secrets", `{"project":"expertAgent","path":"GOOGLE_API_KEY","value":"g"}`, 201)
	values := map[any]any{}
	for _, s := range call("GET", "/api/secrets/expertAgent", "", 200).array(t) {
		values[s["path"]] = s["value"]
	}
	is.Equal(values, map[any]any{"OPENAI_API_KEY": "two", "GOOGLE_API_KEY": "g"})

	// It lists a project without values.
	listed := call("GET", "/api/secrets?project=expertAgent", "", 200).array(t)
	is.Equal(len(listed), 2)
	_, hasValue := listed[0]["value"]
	is.True(!hasValue)

	// Names hold Unicode and blanks.
	call("POST", "/api/secrets", `{"project":"マイ プロジェクト","path":"本番/キー 1","value":"v"}`, 201)
	call("GET", "/api/secrets/%E3%83%9E%E3%82%A4%20%E3%83%97%E3%83%AD%E3%82%B8%E3%82%A7%E3%82%AF%E3%83%88/%E6%9C%AC%E7%95%AA/%E3%82%AD%E3%83%BC%201", "", 200)

	// A project with secrets stays; an empty one goes, and can be registered again.
	call("DELETE", "/api/projects/expertAgent", "", 400)
	call("DELETE", "/api/secrets/expertAgent/OPENAI_API_KEY", "", 204)
	call("DELETE", "/api/secrets/expertAgent/GOOGLE_API_KEY", "", 204)
	call("DELETE", "/api/projects/expertAgent", "", 204)
	call("DELETE", "/api/projects/expertAgent", "", 404)
	call("POST", "/api/projects", `{"name":"expertAgent"}`, 201)
}

func TestTimesAndIdentifiers(t *testing.T) {
	is := is.New(t)
	f := serve(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	id := func(text string) float64 {
		sum := sha256.Sum256([]byte(text))
		return float64(binary.BigEndian.Uint64(sum[:8]) >> 11)
	}
	s := f.as("admin", "GET", db, "").object(t)
	is.Equal(s["id"], id("newsbot\x00prod/db"))
	p := f.as("admin", "GET", "/api/projects/newsbot", "").object(t)
	is.Equal(p["id"], id("newsbot\x00"))
	micros := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)
	is.True(micros.MatchString(s["updated_at"].(string)))
	is.True(micros.MatchString(p["created_at"].(string)))
}
