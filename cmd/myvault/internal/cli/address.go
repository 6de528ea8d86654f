package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// parseAddress reads "project/path".
func parseAddress(text string) (myvault.Address, error) {
	addr, err := myvault.ParseAddress(text)
	if err != nil {
		return addr, usageError{err}
	}
	return addr, nil
}

// parsePrefix reads "project", "project/" or "project/path", as the HTTP API does.
func parsePrefix(text string) (myvault.Prefix, error) {
	project, path, _ := strings.Cut(text, "/")
	prefix := myvault.Prefix{Project: project, Path: path}
	if project == "" {
		return prefix, usagef("want a project, or a folder such as newsbot/prod/")
	}
	if err := prefix.Validate(); err != nil {
		return prefix, usageError{err}
	}
	return prefix, nil
}

// optionalPrefix returns the prefix of the first argument, if there is one.
func optionalPrefix(args []string) (myvault.Prefix, error) {
	if len(args) == 0 {
		return myvault.Prefix{}, nil
	}
	return parsePrefix(args[0])
}

func parseVersion(text string) (myvault.Version, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usagef("a version is a number from 1")
	}
	return myvault.Version(n), nil
}

// parseTime reads a time, a date, or a duration from now such as 90d or 1h30m. If back is set, a
// duration counts backwards.
func parseTime(flag, text string, back bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	d, err := parseDuration(text)
	if err != nil {
		return time.Time{}, usagef("--%s: want a duration such as 90d or 1h30m, a date, or a time such as 2027-01-31T12:00:00Z", flag)
	}
	if back {
		d = -d
	}
	return time.Now().Add(d), nil
}

// parseDuration reads a duration, also in days.
func parseDuration(text string) (time.Duration, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = fmt.Errorf("negative duration")
	}
	return d, err
}
