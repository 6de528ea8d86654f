package httpapi_test

import "strings"

// queryRows are the routes whose address is in the query.
var queryRows = []row{
	{"GET /api/secret", "reader", dbByQuery, "", 200, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=prod%2Fdb&version=1", "", 200, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=dev/db", "", 403, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=prod/none", "", 404, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=prod/burnt&version=1", "", 410, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot", "", 400, ""},
	{"GET /api/secret", "reader", "/api/secret?path=prod/db", "", 400, ""},
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=prod%252Fdb", "", 400, ""}, // decoded once
	{"GET /api/secret", "reader", "/api/secret?project=newsbot&path=/prod/db", "", 400, ""},
	{"GET /api/secret", "reader", "/api/secret?project=.vault&path=x", "", 400, ""},
	{"PATCH /api/secret", "admin", dbByQuery, `{"value":"new"}`, 200, ""},
	{"PATCH /api/secret", "reader", dbByQuery, `{"value":"new"}`, 403, ""},
	{"PATCH /api/secret", "admin", dbByQuery, `{"value":"new"}`, 412, `If-Match: "x-1"`},
	{"DELETE /api/secret", "admin", dbByQuery, "", 204, ""},
	{"DELETE /api/secret", "reader", dbByQuery, "", 403, ""},
	{"GET /api/versions", "reader", "/api/versions?project=newsbot&path=prod/db&limit=1", "", 200, ""},
	{"GET /api/versions", "writer", "/api/versions?project=newsbot&path=prod/db", "", 403, ""},
	{"GET /api/versions", "reader", "/api/versions", "", 400, ""},
	{"POST /api/versions", "admin", "/api/versions?project=newsbot&path=prod/gone", `{"op":"undelete"}`, 200, ""},
	{"POST /api/versions", "reader", "/api/versions?project=newsbot&path=prod/db", `{"op":"destroy","all":true}`, 403, ""},
}

const dbByQuery = "/api/secret?project=newsbot&path=prod/db"

// sample returns a path that fits the pattern.
func sample(pattern string) string {
	if pattern == "/api/secret" || pattern == "/api/versions" {
		return pattern + "?project=newsbot&path=prod/db"
	}
	if pattern == "/api/watch" {
		return pattern + "?wait=0" // a stream would not end
	}
	return strings.NewReplacer("{project}", "newsbot", "{path...}", "prod/db", "{id}", "reader.1.1").Replace(pattern)
}
