package generate_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
)

var alphabetNames = []string{"alphanumeric", "hex", "base64url", "readable", "printable"}

// generated returns one value of g.
func generated(t *testing.T, g myvault.Generator) string {
	t.Helper()
	value, err := g(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return value.Reveal()
}

// Every letter of an alphabet is equally likely: checked on 400,000 letters of each alphabet, and
// of one whose size would make the bias of a remainder large. Chi-squared exceeds its mean by
// seven standard deviations about once in 10^9 runs.
func TestLettersAreEquallyLikely(t *testing.T) {
	const values, length = 100, generate.MaxLength
	for _, name := range append(alphabetNames, "") {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			alphabet := "日本語abc"
			if name != "" {
				var err error
				alphabet, err = generate.Alphabet(name)
				is.NoErr(err)
			}
			g, err := generate.Text(length, alphabet)
			is.NoErr(err)
			seen := make(map[rune]int)
			for range values {
				value := generated(t, g)
				is.Equal(utf8.RuneCountInString(value), length)
				for _, r := range value {
					seen[r]++
				}
			}
			size := utf8.RuneCountInString(alphabet)
			is.Equal(len(seen), size) // every letter occurred
			expected := float64(values*length) / float64(size)
			chi2 := 0.0
			for r, n := range seen {
				is.True(strings.ContainsRune(alphabet, r)) // no other character occurred
				chi2 += (float64(n) - expected) * (float64(n) - expected) / expected
			}
			free := float64(size - 1)
			t.Logf("%d letters, chi-squared %.1f at %.0f degrees of freedom", size, chi2, free)
			is.True(chi2 < free+7*math.Sqrt(2*free)) // some letters occur more often than others
		})
	}
}

// 100,000 values of the minimum entropy have no duplicates.
func TestValuesDiffer(t *testing.T) {
	is := is.New(t)
	text, err := generate.Text(16, generate.Hex)
	is.NoErr(err)
	raw, err := generate.Bytes(8)
	is.NoErr(err)
	seen := make(map[string]bool)
	for range 50_000 {
		for _, g := range []myvault.Generator{text, raw} {
			value := generated(t, g)
			is.True(!seen[value])
			seen[value] = true
		}
	}
}

func TestGuessableGeneratorsAreRefused(t *testing.T) {
	for name, least := range map[string]int{"alphanumeric": 11, "hex": 16, "base64url": 11, "readable": 13, "printable": 10} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			alphabet, err := generate.Alphabet(name)
			is.NoErr(err)
			size := float64(len(alphabet))
			is.True(float64(least)*math.Log2(size) >= generate.MinBits)
			is.True(float64(least-1)*math.Log2(size) < generate.MinBits)
			_, err = generate.Text(least-1, alphabet)
			is.True(errors.Is(err, myvault.ErrInvalid))
			g, err := generate.Text(least, alphabet)
			is.NoErr(err)
			is.Equal(len(generated(t, g)), least)
		})
	}
	for name, try := range map[string]func() error{
		"7 bytes":            func() error { _, err := generate.Bytes(7); return err },
		"4097 bytes":         func() error { _, err := generate.Bytes(generate.MaxLength + 1); return err },
		"4097 characters":    func() error { _, err := generate.Text(generate.MaxLength+1, "ab"); return err },
		"negative":           func() error { _, err := generate.Text(-1, generate.Hex); return err },
		"no alphabet":        func() error { _, err := generate.Text(64, ""); return err },
		"one letter":         func() error { _, err := generate.Text(64, "a"); return err },
		"63 bits":            func() error { _, err := generate.Text(63, "01"); return err },
		"a letter twice":     func() error { _, err := generate.Text(64, "abca"); return err },
		"a letter twice, 2":  func() error { _, err := generate.Text(64, "日本日"); return err },
		"not UTF-8":          func() error { _, err := generate.Text(64, "ab\xff"); return err },
		"an unknown name":    func() error { _, err := generate.Alphabet("ALPHANUMERIC"); return err },
		"no name":            func() error { _, err := generate.Alphabet(""); return err },
		"replacement, twice": func() error { _, err := generate.Text(64, "a\uFFFDb\uFFFD"); return err },
	} {
		t.Run(name, func(t *testing.T) { is.New(t).True(errors.Is(try(), myvault.ErrInvalid)) })
	}
}

// FuzzText checks that values have the requested length, consist of letters of the alphabet, and
// cannot be guessed.
func FuzzText(f *testing.F) {
	for _, alphabet := range []string{generate.Alphanumeric, "01", "aa", "日本", "\xff\xfe", ""} {
		f.Add(64, alphabet)
	}
	f.Fuzz(func(t *testing.T, length int, alphabet string) {
		is := is.New(t)
		g, err := generate.Text(length, alphabet)
		if err != nil {
			is.True(errors.Is(err, myvault.ErrInvalid))
			return
		}
		value := generated(t, g)
		is.Equal(utf8.RuneCountInString(value), length)
		is.True(float64(length)*math.Log2(float64(utf8.RuneCountInString(alphabet))) >= generate.MinBits)
		for _, r := range value {
			is.True(strings.ContainsRune(alphabet, r))
		}
	})
}
