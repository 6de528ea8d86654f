package run

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// mask writes text in pieces of a size.
func mask(text string, size int, values ...string) string {
	var patterns [][]byte
	for _, v := range values {
		patterns = append(patterns, []byte(v))
	}
	var out bytes.Buffer
	m := NewMasker(&out, NewPatterns(patterns...))
	for len(text) > 0 {
		n := min(size, len(text))
		_, _ = m.Write([]byte(text[:n]))
		text = text[n:]
	}
	_ = m.Close()
	return out.String()
}

// TestMaskAtEveryBorder divides outputs at every position and into every size of piece.
func TestMaskAtEveryBorder(t *testing.T) {
	is := is.New(t)
	for _, c := range []struct {
		values     []string
		text, want string
	}{
		{[]string{"hunter2"}, "a hunter2 b", "a ******** b"},
		{[]string{"hunter2"}, "hunter2hunter2", "****************"},
		{[]string{"hunter2"}, "hunter hunter", "hunter hunter"},
		{[]string{"hunter2"}, "hunthunter2", "hunt********"},
		{[]string{"hunter2", "hunter2000"}, "hunter2000 hunter2 hunter200", "******** ******** ********00"},
		{[]string{"aaaaaa"}, "aaaaaaaaa", "********"},
		{[]string{"hunter2", "2secret", "retire"}, "hunter2secretire x", "******** x"},
		{[]string{"hunter2", "unte"}, "hunter2 unter", "******** ********r"},
		{[]string{"hunter2", "r2d2"}, "hunter2d hunter2d2", "********d ********"},
		{[]string{"abcabd"}, "abcabcabd", "abc********"},
		{[]string{"line one\nline two"}, "x line one\r\nline two y", "x ********\r\n******** y"},
		{[]string{"line one\nline two"}, "x line one\nline two y", "x ******** y"},
		{[]string{"\x00\xff\x00\xff"}, "\x00\x00\xff\x00\xff\x00", "\x00********\x00"},
		{[]string{"abc"}, "abc", "abc"}, // too short
	} {
		for size := 1; size <= len(c.text); size++ {
			is.Equal(mask(c.text, size, c.values...), c.want) // in pieces of size
		}
	}
}

// TestMaskLongValues masks a value whose parts are masked one by one.
func TestMaskLongValues(t *testing.T) {
	is := is.New(t)
	random := rand.NewPCG(1, 2)
	long := make([]byte, 300<<10)
	for i := range long {
		long[i] = 'a' + byte(random.Uint64()%26)
	}
	for _, size := range []int{1, 1000, 4096, 1 << 20} {
		got := mask("<"+string(long)+">", size, string(long))
		is.Equal(strings.Trim(got, "<*>"), "") // nothing of the value is left
	}
}

// uncovered returns text without the bytes of any occurrence of the values.
func uncovered(text string, values ...string) string {
	covered := make([]bool, len(text))
	for i := range len(text) {
		for _, value := range values {
			if len(value) >= minMasked && strings.HasPrefix(text[i:], value) {
				for j := range len(value) {
					covered[i+j] = true
				}
			}
		}
	}
	var rest strings.Builder
	for i := range len(text) {
		if !covered[i] {
			rest.WriteByte(text[i])
		}
	}
	return rest.String()
}

// FuzzMask compares with a search over the whole output: no value is left, and nothing else is
// changed.
func FuzzMask(f *testing.F) {
	f.Add("hunter2", "hunter2000", "a hunter2000 hunter2 b", uint8(3))
	f.Add("hunter2", "2secret", "a hunter2secret hunter2secre b", uint8(3))
	f.Fuzz(func(t *testing.T, a, b, text string, size uint8) {
		if strings.ContainsAny(a+b, "\n\r*") || strings.Contains(text, "*") || len(a) > maxPattern || len(b) > maxPattern {
			return
		}
		got := mask(text, int(size)+1, a, b)
		if want := mask(text, len(text)+1, a, b); got != want {
			t.Errorf("%q in pieces, %q at once", got, want)
		}
		if plain := strings.ReplaceAll(got, "*", ""); plain != uncovered(text, a, b) {
			t.Errorf("%q became %q", text, got)
		}
		if len(a) < minMasked && len(b) < minMasked && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// BenchmarkMask masks 20 values in text like that of a program.
func BenchmarkMask(b *testing.B) {
	var values [][]byte
	for i := range 20 {
		values = append(values, fmt.Appendf(nil, "secret-%d-%x", i, rand.New(rand.NewPCG(uint64(i), 1)).Uint64()))
	}
	var text bytes.Buffer
	for i := 0; text.Len() < 1<<20; i++ {
		fmt.Fprintf(&text, "time=2026-11-30T22:%02d:00Z level=INFO msg=\"served a request\" n=%d secret=%s\n", i%60, i, values[i%20][:10])
		if i%50 == 0 {
			text.Write(values[i%20])
		}
	}
	m := NewMasker(io.Discard, NewPatterns(values...))
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for chunk := text.Bytes(); len(chunk) > 0; {
			n := min(32<<10, len(chunk))
			_, _ = m.Write(chunk[:n])
			chunk = chunk[n:]
		}
	}
}
