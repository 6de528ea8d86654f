package record_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

// TestMember: it is an object with one member, or null. Values of members are ignored.
func TestMember(t *testing.T) {
	is := is.New(t)
	for _, m := range []record.Member{"", "commonUI", `a"b\c`, "日本語"} {
		text, err := json.Marshal(m)
		is.NoErr(err)
		var got record.Member
		is.NoErr(json.Unmarshal(text, &got))
		is.Equal(got, m)
	}
	for text, want := range map[string]record.Member{`{"a":null}`: "a", `{}`: "", `null`: "", `{"b":"","a":""}`: "b"} {
		var got record.Member
		is.NoErr(json.Unmarshal([]byte(text), &got))
		is.Equal(got, want)
	}
	for _, text := range []string{`"a"`, `{"a":1}`, `["a"]`, `{"a":"","a":""}`} {
		is.True(json.Unmarshal([]byte(text), new(record.Member)) != nil)
	}
}

// FuzzTombstones: entries that parse keep their meaning if they are written again.
func FuzzTombstones(f *testing.F) {
	f.Add("1,abc,commonUI,,")
	f.Add("2,,a%2Cb,zz,1;3,abc,,,")
	f.Add("1;2,,,,;99999999999999999999,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		is := is.New(t)
		all := record.ReadTombstones(map[string]string{"myvault-00": text})
		added := myvault.Info{Version: 1 << 40, By: "newsbot", At: time.Unix(1, 0).UTC()}
		changes := all.Add(map[string]string{"myvault-00": text}, []myvault.Info{added})
		custom := map[string]string{}
		for name, value := range changes {
			if value != nil {
				is.True(len(*value) <= 512)
				custom[name] = *value
			}
		}
		if _, kept := changes["myvault-00"]; !kept {
			custom["myvault-00"] = text
		}
		again := record.ReadTombstones(custom)
		for n, i := range again {
			want, found := all[n]
			if !found {
				want = added
			}
			is.True(i.At.Equal(want.At) && i.Expires.Equal(want.Expires) && (i.By == want.By || i.By == ""))
		}
	})
}
