.PHONY: test lint bench generate ci

test: ## the tests
	go test ./...

lint: ## format, vet, linters, go.mod
	bash .ci/lint

bench: ## the comparison with other stores
	cd bench && go run .

generate: ## the tables and listings in docs
	go generate ./...

ci: ## every check
	bash .ci/run
