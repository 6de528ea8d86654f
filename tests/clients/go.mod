module github.com/myswiftagent/myvault/tests/clients

go 1.26.0

replace github.com/myswiftagent/myvault => ../..

require (
	github.com/matryer/is v1.4.1
	github.com/myswiftagent/myvault v0.0.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	gopkg.in/macaroon.v2 v2.1.0 // indirect
)
