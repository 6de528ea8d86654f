package client

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// errMalformed is the error of an answer that is no answer of the API.
var errMalformed = fmt.Errorf("%w: the answer is malformed", myvault.ErrUnavailable)

// errUnreadable is the error of such an answer to a change.
var errUnreadable = fmt.Errorf("%w: the answer is malformed", myvault.ErrUnknownOutcome)

// item is a secret of an answer, with its value if the route answers values.
type item struct {
	Project     string  `json:"project"`
	Path        string  `json:"path"`
	Value       *string `json:"value"`
	Encoding    string  `json:"encoding"`
	Version     uint64  `json:"version"`
	State       string  `json:"state"`
	UpdatedAt   string  `json:"updated_at"`
	UpdatedBy   string  `json:"updated_by"`
	ExpiresAt   string  `json:"expires_at"`
	RotateAfter string  `json:"rotate_after"`
}

// states are the states of versions by name. An answer omits that of a live one.
var states = map[string]myvault.State{
	"": myvault.Live, "live": myvault.Live, "deleted": myvault.Deleted, "destroyed": myvault.Destroyed,
}

// info returns the version that i describes.
func (i item) info() (myvault.Info, error) {
	info := myvault.Info{
		Address: myvault.Address{Project: i.Project, Path: i.Path},
		Version: myvault.Version(i.Version), State: states[i.State], By: i.UpdatedBy,
	}
	if info.Address.Validate() != nil || info.Version == 0 || info.State == 0 {
		return myvault.Info{}, errMalformed
	}
	err := parseTimes(
		timeMember{i.UpdatedAt, &info.At}, timeMember{i.ExpiresAt, &info.Expires}, timeMember{i.RotateAfter, &info.RotateAfter},
	)
	return info, err
}

// secret returns the secret that i describes.
func (i item) secret() (myvault.Secret, error) {
	info, err := i.info()
	if err != nil || i.Value == nil {
		return myvault.Secret{}, errMalformed
	}
	value := myvault.Text(*i.Value)
	if i.Encoding != "" {
		raw, err := base64.StdEncoding.DecodeString(*i.Value)
		if err != nil || i.Encoding != base64Encoding {
			return myvault.Secret{}, errMalformed
		}
		value = myvault.Bytes(raw)
		clear(raw)
	}
	if value.Validate() != nil {
		return myvault.Secret{}, errMalformed
	}
	return myvault.Secret{Info: info, Value: value}, nil
}

const base64Encoding = "base64"

// timeMember is a time of an answer, and where it belongs.
type timeMember struct {
	text string
	to   *time.Time
}

// parseTimes sets the times of an answer.
func parseTimes(members ...timeMember) (err error) {
	for _, m := range members {
		if *m.to, err = parseTime(m.text); err != nil {
			return err
		}
	}
	return nil
}

// parseTime returns a time of an answer, zero for "".
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := rfc3339.Parse(text)
	if err != nil {
		return t, errMalformed
	}
	return t, nil
}

// timeText returns the text of a time in a request, "" for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// infos returns the versions of a page.
func infos(items []item) ([]myvault.Info, error) {
	all := make([]myvault.Info, len(items))
	for n, i := range items {
		var err error
		if all[n], err = i.info(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
