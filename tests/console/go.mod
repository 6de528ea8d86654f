module github.com/myswiftagent/myvault/tests/console

go 1.26.0

replace github.com/myswiftagent/myvault => ../..

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/matryer/is v1.4.1
	github.com/myswiftagent/myvault v0.0.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/ncruces/go-sqlite3 v0.37.0 // indirect
	github.com/ncruces/go-sqlite3-wasm/v6 v6.5.35401 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	gopkg.in/macaroon.v2 v2.1.0 // indirect
)
