package httpapi

import (
	_ "embed" // for openapi.json
)

// description is the OpenAPI 3.1 document of the API (spec.openapis.org/oas/v3.1.1), written by
// hand. tests/openapi holds it against the routes and against every exchange of the tests.
//
//go:embed openapi.json
var description []byte

// describe answers the document as it stands in the source.
func (c *call) describe() (answer, error) {
	return answer{raw: description}, nil
}
