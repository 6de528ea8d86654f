package myvault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The families of settings that make a policy, and the list of services.
const (
	allowedServices = "ALLOWED_SERVICES"
	tokenFamily     = "TOKEN_"
	certFamily      = "CERT_"
	allowFamily     = "ALLOW_"
	denyFamily      = "DENY_"
)

// ParsePolicy makes a policy from settings: ALLOWED_SERVICES, and for each service TOKEN_<service>,
// CERT_<service>, ALLOW_<service> and DENY_<service>. All four are optional: a service without
// token and certificate cannot log in, and is for [Vault.As] alone. An empty setting is as good as
// none. CERT_ lists identities of client certificates, of which one suffices: uri:, dns: or cn: and
// the name in the certificate; the item with:token says that the token is needed too. Other
// settings are ignored. Everything that is wrong is reported at once, as ErrInvalid with the key
// and the number of the item, never with the text.
func ParsePolicy(settings map[string]string) (*Policy, error) {
	names, err := splitList(allowedServices, settings[allowedServices])
	if err != nil {
		return nil, err
	}
	wrong := strangers(settings, names)
	services := make([]Service, 0, len(names))
	for _, name := range names {
		s := Service{Name: name}
		if ValidateService(name) != nil {
			services = append(services, s) // NewPolicy says so
			continue
		}
		var errs [4]error
		s.Tokens, errs[0] = readTokens(settings, name)
		s.Allow, errs[1] = readRules(settings, allowFamily+name)
		s.Deny, errs[2] = readRules(settings, denyFamily+name)
		s.Certificates, s.CertificateAndToken, errs[3] = readIdentities(settings, certFamily+name)
		wrong = append(wrong, errs[:]...)
		services = append(services, s)
	}
	policy, err := NewPolicy(services...)
	if err := errors.Join(append(wrong, err)...); err != nil {
		return nil, err
	}
	return policy, nil
}

// cutFamily divides a key such as TOKEN_x into its family and the service.
func cutFamily(key string) (family, service string, found bool) {
	for _, family := range []string{tokenFamily, certFamily, allowFamily, denyFamily} {
		if service, found := strings.CutPrefix(key, family); found {
			return family, service, true
		}
	}
	return "", "", false
}

// given reports whether there is such a setting. Blanks are none.
func given(settings map[string]string, key string) bool {
	return strings.Trim(settings[key], " \t") != ""
}

// strangers finds settings for services that may not connect.
func strangers(settings map[string]string, names []string) []error {
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if _, service, found := cutFamily(key); found && given(settings, key) && !slices.Contains(names, service) {
			wrong = append(wrong, fmt.Errorf("%w setting %s: the service is not in %s", ErrInvalid, nameKey(key), allowedServices))
		}
	}
	return wrong
}

// readTokens gives the well-formed tokens, so that NewPolicy reports nothing twice.
func readTokens(settings map[string]string, service string) ([]string, error) {
	key := tokenFamily + service
	if !given(settings, key) {
		return nil, nil
	}
	return readItems(key, settings[key], func(item string) (string, error) {
		_, _, err := parseToken(item)
		return item, err
	})
}

// readIdentities gives the well-formed identities, and whether the token is needed too.
func readIdentities(settings map[string]string, key string) (identities []string, both bool, err error) {
	if !given(settings, key) {
		return nil, false, nil
	}
	items, err := readItems(key, settings[key], func(item string) (string, error) {
		if item == withToken {
			return item, nil
		}
		return item, parseIdentity(item)
	})
	identities = slices.DeleteFunc(slices.Clone(items), func(item string) bool { return item == withToken })
	asked := len(items) - len(identities)
	if err == nil && (asked > 1 || len(identities) == 0) {
		err = fmt.Errorf("%w setting %s: %s stands once, and beside an identity", ErrInvalid, nameKey(key), withToken)
	}
	return identities, asked > 0 && len(identities) > 0, err
}

func readRules(settings map[string]string, key string) ([]Rule, error) {
	if !given(settings, key) {
		return nil, nil
	}
	return readItems(key, settings[key], ParseRule)
}

// readItems reads a list, and reports each item that does not parse by its number.
func readItems[T any](key, text string, parse func(string) (T, error)) ([]T, error) {
	items, err := splitList(key, text)
	if err != nil {
		return nil, err
	}
	var parsed []T
	var wrong []error
	for n, item := range items {
		p, err := parse(item)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: item %d: %w", nameKey(key), n+1, err))
			continue
		}
		parsed = append(parsed, p)
	}
	return parsed, errors.Join(wrong...)
}

// splitList reads a comma-separated list; blanks around commas are trimmed.
func splitList(key, text string) ([]string, error) {
	if strings.Trim(text, " \t") == "" {
		return nil, fmt.Errorf("%w setting %s: it is missing or empty", ErrInvalid, nameKey(key))
	}
	items := strings.Split(text, ",")
	for n := range items {
		items[n] = strings.Trim(items[n], " \t")
		if items[n] == "" {
			return nil, fmt.Errorf("%w setting %s: item %d is empty", ErrInvalid, nameKey(key), n+1)
		}
	}
	return items, nil
}
