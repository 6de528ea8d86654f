module github.com/myswiftagent/myvault/tests/openapi

go 1.26.0

replace github.com/myswiftagent/myvault => ../..

require (
	github.com/getkin/kin-openapi v0.153.0
	github.com/matryer/is v1.4.1
	github.com/myswiftagent/myvault v0.0.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/go-openapi/jsonpointer v0.22.5 // indirect
	github.com/go-openapi/swag/jsonname v0.25.5 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	gopkg.in/macaroon.v2 v2.1.0 // indirect
)
