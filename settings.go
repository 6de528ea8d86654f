package myvault

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/credential"
)

// The settings of a policy: the list of services, and the prefixes of those for each service.
const (
	allowedServices = "ALLOWED_SERVICES"
	tokenFamily     = "TOKEN_"
	certFamily      = "CERT_"
	allowFamily     = "ALLOW_"
	denyFamily      = "DENY_"
)

// withToken in CERT_ requires the token as well.
const withToken = "with:token"

// ParsePolicy returns a policy from settings: ALLOWED_SERVICES, and for each service
// TOKEN_<service>, CERT_<service>, ALLOW_<service> and DENY_<service>. All four are optional, and
// an empty setting counts as none. A service with neither token nor certificate cannot log in; only
// [Vault.As] opens its sessions.
//
// CERT_ lists identities of client certificates: uri:, dns: or cn: and the name in the
// certificate. One of them is enough. The item with:token requires the token as well. Other
// settings are ignored. The error is ErrInvalid and names the key and the number of every item
// that is wrong, never its text.
func ParsePolicy(settings map[string]string) (*Policy, error) {
	names, err := splitList(allowedServices, settings[allowedServices])
	if err != nil {
		return nil, err
	}
	wrong := unlisted(settings, names)
	services := make([]Service, 0, len(names))
	for _, name := range names {
		s := Service{Name: name}
		if ValidateService(name) != nil {
			services = append(services, s) // NewPolicy reports it
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

// cutFamily splits a key such as TOKEN_x into its prefix and the service.
func cutFamily(key string) (family, service string, found bool) {
	for _, family := range []string{tokenFamily, certFamily, allowFamily, denyFamily} {
		if service, found := strings.CutPrefix(key, family); found {
			return family, service, true
		}
	}
	return "", "", false
}

// isSet reports whether a setting has more than blanks.
func isSet(settings map[string]string, key string) bool {
	return strings.Trim(settings[key], " \t") != ""
}

// unlisted returns errors for the settings of services that are not in ALLOWED_SERVICES.
func unlisted(settings map[string]string, names []string) []error {
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if _, service, found := cutFamily(key); found && isSet(settings, key) && !slices.Contains(names, service) {
			wrong = append(wrong, fmt.Errorf("%w setting %s: the service is not in %s", ErrInvalid, nameKey(key), allowedServices))
		}
	}
	return wrong
}

// readTokens returns the valid tokens, so that NewPolicy reports nothing twice.
func readTokens(settings map[string]string, service string) ([]string, error) {
	key := tokenFamily + service
	if !isSet(settings, key) {
		return nil, nil
	}
	return readItems(key, settings[key], func(item string) (string, error) {
		_, _, err := credential.ParseToken(item)
		return item, invalid("token", err)
	})
}

// readIdentities returns the valid identities, and whether the token is required as well.
func readIdentities(settings map[string]string, key string) (identities []string, both bool, err error) {
	if !isSet(settings, key) {
		return nil, false, nil
	}
	items, err := readItems(key, settings[key], func(item string) (string, error) {
		if item == withToken {
			return item, nil
		}
		return item, invalid("certificate identity", credential.CheckIdentity(item))
	})
	identities = slices.DeleteFunc(slices.Clone(items), func(item string) bool { return item == withToken })
	asked := len(items) - len(identities)
	if err == nil && (asked > 1 || len(identities) == 0) {
		err = fmt.Errorf("%w setting %s: %s is given once, and beside an identity", ErrInvalid, nameKey(key), withToken)
	}
	return identities, asked > 0 && len(identities) > 0, err
}

// invalid wraps err as ErrInvalid of that kind; nil stays nil.
func invalid(kind string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w %s: %w", ErrInvalid, kind, err)
}

func readRules(settings map[string]string, key string) ([]Rule, error) {
	if !isSet(settings, key) {
		return nil, nil
	}
	return readItems(key, settings[key], ParseRule)
}

// readItems reads a list. Its error names each item that does not parse by its number.
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

// splitList splits a list at its commas and trims blanks.
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
