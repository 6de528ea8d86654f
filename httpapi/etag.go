package httpapi

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// etag returns the entity tag of a version (RFC 9110 section 8.8.3). It contains the
// incarnation, so that a tag from before the restore of a backup does not match.
func (c *call) etag(version myvault.Version) string {
	return `"` + c.api.incarnation + "-" + strconv.FormatUint(uint64(version), 10) + `"`
}

// conditionals are the headers of conditional requests (RFC 9110 section 13.1), and Range,
// which If-Range refers to.
var conditionals = []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"}

// readConditions reads the conditional headers. It returns an error for those that the route does
// not evaluate or that are malformed: to the client, an ignored condition would look like one that
// was met.
func (c *call) readConditions() error {
	for _, name := range conditionals {
		lines := c.request.Header[name]
		if len(lines) == 0 {
			continue
		}
		if !slices.Contains(c.endpoint.Conditions, name) {
			return &problem.Problem{
				Status: http.StatusBadRequest, Code: "condition_not_supported",
				Detail: "this route does not support " + name + ": send the request without it",
			}
		}
		tags, err := parseTags(name, strings.Join(lines, ","))
		if err != nil {
			return err
		}
		if c.tags == nil {
			c.tags = make(map[string][]string)
		}
		c.tags[name] = tags
	}
	return nil
}

// precondition evaluates the conditions of a read in the order of RFC 9110 section 13.2.2:
// If-Match by strong comparison, then If-None-Match by weak comparison.
func (c *call) precondition(version myvault.Version) (unmodified bool, err error) {
	own := c.etag(version)
	tags, given := c.tags["If-Match"]
	if given && tags != nil && !slices.Contains(tags, own) {
		return false, preconditionFailed()
	}
	tags, given = c.tags["If-None-Match"]
	return given && tags == nil || slices.ContainsFunc(tags, func(tag string) bool { return strings.TrimPrefix(tag, "W/") == own }), nil
}

func preconditionFailed() error {
	return &problem.Problem{Status: http.StatusPreconditionFailed, Detail: "the secret has another version than If-Match: read it and retry"}
}

// noVersion never matches an existing version.
const noVersion myvault.Version = math.MaxInt64

// expected returns If-Match as a condition on the live secret. Tags compare strongly. If
// none of them can match, the condition fails in the vault, after the checks of the policy
// and of the existence.
func (c *call) expected() (condition myvault.Condition, given bool, err error) {
	tags, given := c.tags["If-Match"]
	if tags == nil {
		return myvault.IfPresent(), given, nil
	}
	expect := noVersion
	for _, tag := range tags {
		number, found := strings.CutPrefix(tag, `"`+c.api.incarnation+"-")
		version, err := strconv.ParseUint(strings.TrimSuffix(number, `"`), 10, 63)
		if !found || err != nil || version == 0 || c.etag(myvault.Version(version)) != tag {
			continue
		}
		if expect != noVersion && expect != myvault.Version(version) {
			return condition, true, badRequest("If-Match names several versions: send only the one that was read")
		}
		expect = myvault.Version(version)
	}
	return myvault.IfVersion(expect), true, nil
}

// afterCondition turns a conflict into a failed precondition if the client sent one.
func afterCondition(err error, given bool) error {
	if given && errors.Is(err, myvault.ErrConflict) && !errors.Is(err, myvault.ErrGenerator) {
		return preconditionFailed()
	}
	return err
}

// parseTags parses a header that is a list of entity tags, or "*": tags is then nil.
func parseTags(name, text string) (tags []string, err error) {
	if strings.Trim(text, " \t") == "*" {
		return nil, nil
	}
	for rest := text; ; {
		var tag string
		tag, rest = cutTag(strings.TrimLeft(rest, " \t,"))
		if tag == "" {
			return nil, badRequest("malformed " + name + ": use *, or quoted tags as in ETag")
		}
		tags = append(tags, tag)
		rest = strings.TrimLeft(rest, " \t")
		if strings.Trim(rest, " \t,") == "" {
			return tags, nil
		}
		if rest[0] != ',' {
			return nil, badRequest("malformed " + name + ": separate tags with commas")
		}
	}
}

// cutTag cuts the entity tag at the start of s, "" if there is none.
func cutTag(s string) (tag, rest string) {
	opaque, found := strings.CutPrefix(strings.TrimPrefix(s, "W/"), `"`)
	if !found {
		return "", s
	}
	end := strings.IndexByte(opaque, '"')
	if end < 0 || strings.ContainsFunc(opaque[:end], func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return "", s
	}
	size := len(s) - len(opaque) + end + 1
	return s[:size], s[size:]
}
