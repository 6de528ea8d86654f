package myvault_test

import (
	"fmt"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

// TestAnEventIsTheEntryOfItsRecord: of the put, and of nothing else.
func TestAnEventIsTheEntryOfItsRecord(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	by, records := v.As("svc"), extensionOf(t, v)
	event := records.RecordAs("happened")
	_, err := event.PutRecord(ctx, by, "a", myvault.Text("v"), myvault.IfAbsent())
	is.NoErr(err)
	_, err = event.PutRecord(ctx, by, "a", myvault.Text("v"), myvault.IfAbsent())
	is.True(err != nil)
	_, err = records.PutRecord(ctx, by, "a", myvault.Text("v")) // as it was before
	is.NoErr(err)
	is.NoErr(event.DestroyRecord(ctx, by, "a"))
	var entries []string
	for e, err := range v.As("root").Trail(ctx, myvault.TrailFilter{Service: "svc"}) {
		is.NoErr(err)
		if e.Chain == myvault.ChainChanges {
			entries = append(entries, fmt.Sprint(e.Action, " ", e.Address, " ", e.Version))
		}
	}
	is.Equal(entries, []string{"destroy .marks/a 2", "write .marks/a 2", "happened .marks/a 1"})
}
