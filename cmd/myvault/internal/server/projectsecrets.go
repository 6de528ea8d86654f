package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
)

// projectSecrets returns the generators of MYVAULT_PROJECT_SECRETS by path. Its errors have the
// number of an item, but not its text.
func (s settings) projectSecrets() (map[string]myvault.Generator, error) {
	if len(s.ProjectSecrets) > 0 && s.Provider == "hashivault" {
		return nil, errors.New("MYVAULT_PROJECT_SECRETS needs a store that can make several changes at once; with hashivault, create these secrets with POST /api/secrets")
	}
	all := make(map[string]myvault.Generator, len(s.ProjectSecrets))
	for i, item := range s.ProjectSecrets {
		path, text, _ := strings.Cut(strings.TrimSpace(item), "=")
		generator, err := generate.Parse(text)
		if err == nil {
			err = myvault.Address{Project: "p", Path: path}.Validate()
		}
		if err == nil && all[path] != nil {
			err = errors.New("duplicate path")
		}
		if err != nil {
			return nil, fmt.Errorf("MYVAULT_PROJECT_SECRETS, item %d: %w; want an item such as prod/key=bytes:32:base64url", i+1, err)
		}
		all[path] = generator
	}
	return all, nil
}
