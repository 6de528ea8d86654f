module github.com/myswiftagent/myvault/tests/linearizable

go 1.26.0

replace github.com/myswiftagent/myvault => ../..

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/matryer/is v1.4.1
	github.com/myswiftagent/myvault v0.0.0
)

require (
	github.com/ncruces/go-sqlite3 v0.37.0 // indirect
	github.com/ncruces/go-sqlite3-wasm/v6 v6.5.35401 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
)
