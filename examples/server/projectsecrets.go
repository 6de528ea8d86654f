package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
)

// projectSecrets returns what MYVAULT_PROJECT_SECRETS makes in each new project. Its errors count
// items and show none: they may hold anything.
func (s settings) projectSecrets() (map[string]myvault.Generator, error) {
	if len(s.ProjectSecrets) > 0 && s.Provider == "hashivault" {
		return nil, errors.New("MYVAULT_PROJECT_SECRETS needs a store that makes several changes at once; with hashivault create such secrets by POST /api/secrets")
	}
	all := make(map[string]myvault.Generator, len(s.ProjectSecrets))
	for i, item := range s.ProjectSecrets {
		path, text, _ := strings.Cut(strings.TrimSpace(item), "=")
		made, err := generate.Parse(text)
		if err == nil {
			err = myvault.Address{Project: "p", Path: path}.Validate()
		}
		if err == nil && all[path] != nil {
			err = errors.New("the path is given twice")
		}
		if err != nil {
			return nil, fmt.Errorf("MYVAULT_PROJECT_SECRETS, item %d: %w; want one such as prod/key=bytes:32:base64url", i+1, err)
		}
		all[path] = made
	}
	return all, nil
}
