package rfc3339_test

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/rfc3339"
)

func TestFormat(t *testing.T) {
	is := is.New(t)
	is.Equal(rfc3339.Format(time.Time{}), "")
	is.Equal(rfc3339.Format(time.Date(2026, 1, 31, 12, 0, 0, 5e8, time.FixedZone("", 3600))), "2026-01-31T11:00:00.5Z")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"},
		{"2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.5Z"},
		{"2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.123456789Z"},
		{"2026-01-31T12:00:00.1234567899Z", "2026-01-31T12:00:00.123456789Z"},
		{"2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00Z"},
		{"2026-01-31T12:00:00.25-23:59", "2026-02-01T11:59:00.25Z"},
		{"2026-01-31T12:00:00-00:00", "2026-01-31T12:00:00Z"},
		{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"},
		{"2099-01-01T0:00:00Z", ""},
		{"2099-1-01T00:00:00Z", ""},
		{"2099-01-01T00:0:00Z", ""},
		{"2099-01-01T00:00:0Z", ""},
		{"2099-01-01T00:00:00,5Z", ""},
		{"2099-01-01T00:00:00.Z", ""},
		{"2099-01-01T00:00:00+24:00", ""},
		{"2099-01-01T00:00:00+23:60", ""},
		{"2099-01-01T00:00:00+99:99", ""},
		{"2099-01-01T00:00:00+1:00", ""},
		{"2099-01-01T00:00:00+0100", ""},
		{"2099-01-01T00:00:00+01", ""},
		{"2099-01-01t00:00:00Z", ""},
		{"2099-01-01T00:00:00z", ""},
		{"2099-01-01 00:00:00Z", ""},
		{"2099-01-01T00:00:00", ""},
		{"2099-01-01T00:00Z", ""},
		{"2099-01-01", ""},
		{"2026-12-31T23:59:60Z", ""}, // a leap second
		{"2026-12-31T24:00:00Z", ""},
		{"2026-02-29T00:00:00Z", ""},
		{"2026-00-01T00:00:00Z", ""},
		{"2026-13-01T00:00:00Z", ""},
		{"0000-01-01T00:00:00Z", ""},
		{"0001-01-01T00:00:00+00:01", ""}, // before the year 1
		{"9999-12-31T23:59:59-00:01", ""}, // after the year 9999
		{"10000-01-01T00:00:00Z", ""},
		{"+2026-01-31T12:00:00Z", ""},
		{" 2026-01-31T12:00:00Z", ""},
		{"2026-01-31T12:00:00Z ", ""},
		{"2026-01-31T12:00:00ZZ", ""},
		{"2026-01-31T12:00:00Z+01:00", ""},
		{"٢٠٢٦-01-31T12:00:00Z", ""},
		{"1769860800", ""},
		{"", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			is := is.New(t)
			got, err := rfc3339.Parse(c.text)
			if c.want == "" {
				is.True(err != nil)
				return
			}
			is.NoErr(err)
			is.Equal(got.Format(time.RFC3339Nano), c.want)
			is.Equal(got.Location(), time.UTC)
		})
	}
}

// FuzzParse checks that a parsed time is in range and survives formatting and parsing.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+01:00", "0001-01-01T00:00:00-23:59", "2099-01-01T0:00:00Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := rfc3339.Parse(text)
		if err != nil {
			return
		}
		again, err := rfc3339.Parse(got.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(got) || got.Year() < 1 || got.Year() > 9999 {
			t.Errorf("%q is read as %v, and that as %v, %v", text, got, again, err)
		}
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			t.Errorf("%q is read, and not by time.Parse: %v", text, err)
		}
	})
}
